"""The plan of the full study, and a tiny one from beginning to end."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests_settings import TINY

from tfspine.cli.main import build_parser
from tfspine.cli.options import project_file
from tfspine.cli.steps import Step
from tfspine.cli.study import plan
from tfspine.experiment_file import load_experiment

PAPER_STUDY = project_file("experiments/paper_study.toml")

SETTINGS = (
    *TINY,
    "phantom.studies=10",
    "phantom.matrix_px=64",
    "study.external_studies=3",
    'study.versions="2x1"',
    "split.validation=0.3",
    "split.test=0.3",
    "detector.steps=2",
    "detector.score_threshold=0.02",
    "evaluation.replicates=50",
)


@pytest.fixture
def steps(tmp_path: Path) -> tuple[Step, ...]:
    return plan(tmp_path / "study", load_experiment(PAPER_STUDY, []))


def test_every_command_of_the_plan_is_one(steps: tuple[Step, ...]) -> None:
    for step in steps:
        words = [str(word) for word in step.arguments]
        build_parser(words[0]).parse_args(words)


def test_a_step_reads_only_what_earlier_steps_wrote(steps: tuple[Step, ...], tmp_path: Path) -> None:
    written: list[Path] = []
    for step in steps:
        named = [path for word in step.arguments for path in re.findall(rf"{tmp_path}[^,]*", str(word))]
        for path in map(Path, named):
            own = [output for output in step.outputs if output == path or path in output.parents]
            assert own or any(path == old or old in path.parents for old in written), f"{step.name} reads {path}"
        written += step.outputs
        done = [other.name for other in steps[: steps.index(step)]]
        assert set(step.needs) <= set(done), step.name


def test_nobody_is_a_patient_of_both_hospitals(steps: tuple[Step, ...]) -> None:
    external = next(step for step in steps if step.name == "phantom-external")
    experiment = load_experiment(PAPER_STUDY, [])
    assert f"phantom.first_study={experiment.phantom.studies + 1}" in external.arguments
    assert "phantom.vendor=external" in external.arguments


def test_nine_versions_are_averaged(steps: tuple[Step, ...]) -> None:
    words = [str(word) for word in steps[-1].arguments]
    assert words[words.index("--average") + 1] == "model=v1,v2,v3,v4,v5,v6,v7,v8,v9"


@pytest.mark.slow
def test_a_tiny_study_gives_the_papers_tables_and_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "study"
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    command = [sys.executable, "-m", "tfspine", "study", "--out", str(out), *words]
    first = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert first.returncode == 0, first.stderr[-3000:]
    patients = [set(pd.read_csv(folder / "slices" / "slices.csv").patient) for folder in (out, out / "external")]
    assert not patients[0] & patients[1]
    for table in ("cohort", "reference", "recall", "agreement_four", "agreement_two", "accuracy", "repeat"):
        assert (out / "evaluation" / f"{table}.md").is_file(), table
    readers = set(pd.read_csv(out / "evaluation" / "recall.csv").reader)
    assert {"model", "radiologist_1", "radiologist_2"} <= readers
    assert (out / "evaluation" / "flow.png").is_file()

    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert again.returncode == 0
    assert again.stderr.count("done before") == len(list((out / "steps").iterdir()))
