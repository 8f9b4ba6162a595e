"""One file for own data: its plan, what it refuses, and tiny projects with labels and without."""

import hashlib
from pathlib import Path

import pytest
from step_arguments import arguments_of
from tests_settings import TINY

from tfspine.cli.main import main
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.project_files import project_file
from tfspine.workflows.project import plan
from tfspine.workflows.steps import Step, paths_of

SETTINGS = (
    *TINY,
    "split.validation=0.3",
    "split.test=0.3",
    "detector.steps=2",
    "detector.score_threshold=0.02",
    "evaluation.replicates=50",
    "explain.steps=4",
    "explain.regions=1",
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's folder: DICOM and labels beside the project file."""
    for name in ("dicom", "labels", "model"):
        (tmp_path / name).mkdir()
    return tmp_path


def project(folder: Path, text: str) -> Path:
    path = folder / "project.toml"
    path.write_text(text)
    return path


def names(path: Path, *settings: str) -> list[str]:
    return [step.name for step in steps_of(path, *settings)]


def steps_of(path: Path, *settings: str) -> tuple[Step, ...]:
    return plan(path, path.parent / "out", load_experiment(path, settings))


def test_with_labels_networks_are_trained_and_measured(own: Path) -> None:
    path = project(own, '[data]\ndicom = "dicom"\nlabels = "labels"\n')
    assert names(path) == [
        *("ingest", "samples", "check", "split", "records", "detector-axial", "detector-sagittal"),
        *("grader-central_canal", "grader-lateral_recess", "grader-neural_foramen", "export-axial", "export-sagittal"),
        *("predict", "evaluate", "explain", "report"),
    ]
    assert names(path, "data.exclude=true")[2:5] == ["check", "exclude", "split"]


def test_splits_that_are_there_are_used(own: Path) -> None:
    (own / "splits.csv").write_text("patient,study,split\n")
    path = project(own, '[data]\ndicom = "dicom"\nlabels = "labels"\nsplits = "splits.csv"\n')
    assert "split" not in names(path)
    records = next(step for step in steps_of(path) if step.name == "records")
    assert own / "splits.csv" in paths_of(records)


@pytest.mark.parametrize("serving", ['model = "model"', 'server = "grpc://127.0.0.1:8500"'])
def test_without_labels_a_model_reads(serving: str, own: Path) -> None:
    path = project(own, f'[data]\ndicom = "dicom"\n[serving]\n{serving}\n')
    assert names(path) == ["ingest", "samples", "predict", "report"]


def test_a_pacs_is_asked_first(own: Path) -> None:
    text = '[data]\npacs = "https://pacs/dicom-web"\npacs_date = "20240101-"\n[serving]\nmodel = "model"\n'
    fetch, ingest, *_ = steps_of(project(own, text))
    assert (fetch.name, ingest.needs) == ("fetch", ("fetch",))
    assert "https://pacs/dicom-web" in arguments_of(fetch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"project.toml: no data; give their place in \[data\]: dicom = FOLDER, or pacs = URL"),
        ('[data]\ndicom = "dicom"\n', r"nothing to read the studies with; give labels = FOLDER in \[data\]"),
        (
            '[data]\ndicom = "elsewhere"\nlabels = "labels"\n',
            'data.dicom = "elsewhere": not found; paths are relative to',
        ),
        ('[data]\ndicom = "dicom"\npacs = "https://x"\npacs_limit = 1\n', "beside data.dicom; expected one of them"),
        ('[data]\npacs = "https://x"\n', "set data.pacs_date or data.pacs_limit"),
        ('[data]\npacs = "https://x"\npacs_date = "2024"\n', "expected YYYYMMDD-YYYYMMDD"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(text: str, message: str, own: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        steps_of(project(own, text))


def test_the_template_is_a_project_file_to_fill_in(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--template"]) == 0
    printed = capsys.readouterr().out
    assert printed == project_file("experiments/project.toml").read_text()
    path = project(own, printed.replace('dicom = ""', 'dicom = "dicom"').replace('labels = ""', 'labels = "labels"'))
    assert names(path)[-1] == "report"
    with pytest.raises(ConfigError, match="no data"):
        steps_of(project(own, printed))


def run(path: Path, out: Path) -> int:
    return main(["run", str(path), "--out", str(out), *(word for setting in SETTINGS for word in ("--set", setting))])


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
@pytest.mark.usefixtures("steps_here")
def test_tiny_projects_with_labels_and_then_with_the_model_that_came_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    small = [word for setting in ("phantom.studies=8", "phantom.matrix_px=64") for word in ("--set", setting)]
    assert main(["phantom", "--out", str(own / "hospital"), *small]) == 0
    before = digest(own)
    data = '[data]\ndicom = "hospital/dicom"\n'
    trained = project(own, f'{data}labels = "hospital/labels"\n')
    assert run(trained, tmp_path / "trained") == 0
    assert f"report: {tmp_path / 'trained' / 'report.html'}" in capsys.readouterr().out.splitlines()[-1]
    assert (tmp_path / "trained" / "evaluation" / "summary.txt").is_file()
    assert run(trained, tmp_path / "trained") == 0
    assert capsys.readouterr().err.count("already done") == 16

    (own / "models").symlink_to(tmp_path / "trained" / "exported")
    read = project(own, f'{data}[serving]\nmodel = "models"\n')
    assert run(read, tmp_path / "read") == 0
    assert (tmp_path / "read" / "report.html").is_file()
    assert not (tmp_path / "read" / "runs").exists()
    after = {name: value for name, value in digest(own).items() if "models" not in name and "project" not in name}
    assert after == before
