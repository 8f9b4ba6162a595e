"""The plan of the full study, and a tiny one from beginning to end."""

import inspect
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from step_arguments import arguments_of
from tests_settings import TINY

from tfspine.cli.main import main
from tfspine.config import Experiment, PhantomConfig, Prevalence, Vendors
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.phantom.panel import PANEL
from tfspine.project_files import project_file
from tfspine.workflows.demo import SALT_FILE
from tfspine.workflows.evaluation.inputs import EvaluateInputs
from tfspine.workflows.export import ExportOptions
from tfspine.workflows.paper_study import plan
from tfspine.workflows.steps import Step, paths_of

PAPER_STUDY = project_file("experiments/paper_study.toml")

SETTINGS = (
    *TINY,
    "phantom.studies=10",
    "phantom.matrix_px=64",
    "paper_study.external_studies=3",
    'paper_study.members="2x1"',
    "paper_study.workers=1",
    "split.validation=0.3",
    "split.test=0.3",
    "detector.steps=2",
    "detector.score_threshold=0.02",
    "evaluation.replicates=50",
)


@pytest.fixture
def steps(tmp_path: Path) -> tuple[Step, ...]:
    return plan(tmp_path / "study", load_experiment(PAPER_STUDY, []))


def cohort(name: str, *settings: str) -> PhantomConfig:
    """Return the patients that a step simulates when the user gives some settings."""
    step = next(step for step in plan(Path("study"), load_experiment(PAPER_STUDY, settings)) if step.name == name)
    (experiment,) = experiments_of(step)
    return experiment.phantom


def experiments_of(step: Step) -> list[Experiment]:
    found = [getattr(value, "experiment", value) for value in arguments_of(step)]
    return [value for value in found if isinstance(value, Experiment)]


def test_every_call_of_the_plan_is_one(tmp_path: Path) -> None:
    for step in plan(tmp_path / "study", load_experiment(PAPER_STUDY, ["seed=2"])):
        inspect.signature(step.call.func).bind(*step.call.args, **step.call.keywords)
        assert all(experiment.seed == 2 for experiment in experiments_of(step)), step.name


def test_a_step_reads_only_what_earlier_steps_wrote(steps: tuple[Step, ...], tmp_path: Path) -> None:
    written: list[Path] = [tmp_path / "study" / SALT_FILE]
    for step in steps:
        for path in paths_of(step):
            own = [output for output in step.outputs if output == path or path in output.parents]
            assert own or any(path == old or old in path.parents for old in written), f"{step.name} reads {path}"
        written += step.outputs
        # One folder holds the models of both planes, and is served whole.
        written += [output.parent for output in step.outputs if step.name.startswith("export-")]
        done = [other.name for other in steps[: steps.index(step)]]
        assert set(step.needs) <= set(done), step.name


@given(studies=st.integers(1, 999), first=st.integers(1, 999), external=st.integers(1, 999))
def test_nobody_is_a_patient_of_both_hospitals(studies: int, first: int, external: int) -> None:
    settings = (
        f"phantom.studies={studies}",
        f"phantom.first_study={first}",
        f"paper_study.external_studies={external}",
    )
    here, there = cohort("phantom", *settings), cohort("phantom-external", *settings)
    assert (here.studies, there.studies) == (studies, external)
    numbers = [set(range(one.first_study, one.first_study + one.studies)) for one in (here, there)]
    assert not numbers[0] & numbers[1]


def test_the_other_hospital_has_other_scanners_and_the_papers_grades() -> None:
    assert cohort("phantom").vendor is Vendors.INTERNAL
    there = cohort("phantom-external", "phantom.vendor=siemens")
    assert (there.vendor, there.prevalence) == (Vendors.EXTERNAL, Prevalence.EXTERNAL)
    assert cohort("phantom-external", "phantom.prevalence=balanced").prevalence is Prevalence.BALANCED


def test_it_is_of_the_papers_size() -> None:
    """docs/paper.md, Data: 446 studies of one hospital, 100 of another; nine members of each grader."""
    experiment = load_experiment(PAPER_STUDY, [])
    assert (experiment.phantom.studies, experiment.paper_study.external_studies) == (446, 100)
    assert experiment.paper_study.members == "3x3"


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_exports_are_calibrated_as_wanted_now_and_not_as_when_the_detector_was_trained(wanted: str) -> None:
    steps = plan(Path("study"), load_experiment(PAPER_STUDY, [f"export.calibrate={wanted}"]))
    exports = [value for step in steps for value in arguments_of(step) if isinstance(value, ExportOptions)]
    assert len(exports) == 2
    assert all(options.settings[-1] == f"export.calibrate={wanted}" for options in exports)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('paper_study.members="1x1"', 'paper_study.members = "1x1": one member has no average'),
        ("paper_study.workers=0", r"paper_study.workers = 0; expected 1 or more"),
        ("paper_study.external_studies=0", r"paper_study.external_studies = 0; expected 1 or more"),
        ("evaluation.margin=5.0", r"evaluation.margin = 5.0; expected a share between 0 and 1"),
        ("evaluation.replicates=1", r"evaluation.replicates = 1; expected 2 or more"),
    ],
)
def test_what_would_fail_after_hours_is_refused_at_once(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(Path("study"), load_experiment(PAPER_STUDY, [setting]))


def test_the_readers_are_those_that_the_phantom_has(steps: tuple[Step, ...]) -> None:
    """Two read as well as the model, the third is a second reading by the reference."""
    words = [str(word) for word in paths_of(steps[-1])]
    named = {word.rpartition("/")[2] for word in words if "/readers/" in word}
    assert named == set(PANEL)
    assert sum("/readers/" in word for word in words) == len(PANEL) + 2, "two of them read in both hospitals"


def test_nine_members_are_averaged(steps: tuple[Step, ...]) -> None:
    (inputs,) = (value for value in arguments_of(steps[-1]) if isinstance(value, EvaluateInputs))
    assert dict(inputs.averages) == {"model": tuple(f"m{number}" for number in range(1, 10))}


def test_its_former_name_is_told_the_new_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["study"])
    assert 'unknown "study"; did you mean "paper-study"?' in capsys.readouterr().err
    former = tmp_path / "former.toml"
    former.write_text("[study]\nworkers = 2\n")
    with pytest.raises(ConfigError, match='unknown key "study"; did you mean "paper_study"'):
        load_experiment(former, [])


@pytest.mark.slow
@pytest.mark.usefixtures("steps_here")
def test_a_tiny_study_gives_the_papers_tables_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "study"
    words = ["paper-study", "--out", str(out), *(word for setting in SETTINGS for word in ("--set", setting))]
    assert main(words) == 0
    printed = capsys.readouterr().out
    patients = [set(pd.read_csv(folder / "slices" / "slices.csv").patient) for folder in (out, out / "external")]
    assert not patients[0] & patients[1]
    assert len(patients[1]) == 3
    flow = pd.read_csv(out / "flow" / "flow.csv")
    assert flow.loc[flow.step == "external test", "studies"].tolist() == [3]
    for table in ("cohort", "reference", "recall", "agreement_four", "agreement_two", "accuracy", "repeat"):
        assert (out / "evaluation" / f"{table}.md").is_file(), table
    readers = set(pd.read_csv(out / "evaluation" / "recall.csv").reader)
    assert {"model", "model_ensemble", "m1", "m2", "radiologist_1", "radiologist_2"} <= readers
    sets = pd.read_csv(out / "evaluation" / "recall.csv").groupby("set").reader.unique()
    assert set(sets["internal"]) == set(sets["external"])
    assert set(pd.read_csv(out / "evaluation" / "repeat.csv").reader) == {"reference"}
    assert "A human reference agrees with itself" in printed
    assert "a model may exceed the ceiling" in printed
    assert (out / "evaluation" / "flow.png").is_file()

    assert main(words) == 0
    assert capsys.readouterr().err.count("already done") == len(list((out / "steps").iterdir()))
