"""The whole pipeline with tiny networks: the demo, then again, then with one setting changed."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from step_arguments import arguments_of
from tests_settings import TINY

from tfspine.cli.main import main
from tfspine.config import Experiment
from tfspine.dicom.deidentify.pseudonyms import read_salt
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane
from tfspine.project_files import project_file
from tfspine.workflows.demo import KNOWN_S, SALT_FILE, begin, plan, quick_plan, training_plan
from tfspine.workflows.steps import paths_of
from tfspine.workflows.train import DetectorOptions

SETTINGS = (
    *TINY,
    "phantom.studies=8",
    "phantom.matrix_px=64",
    "split.validation=0.3",
    "split.test=0.3",
    "detector.steps=2",
    "detector.score_threshold=0.02",
    "explain.steps=4",
    "explain.regions=1",
)


def test_one_plane_needs_nothing_of_the_other(tmp_path: Path) -> None:
    steps = training_plan(tmp_path, Experiment(), [Plane.SAGITTAL])
    names = [step.name for step in steps]
    assert names[-3:] == ["detector-sagittal", "grader-neural_foramen", "export-sagittal"]
    assert "axial" not in " ".join(str(value) for step in steps for value in arguments_of(step))
    assert {need for step in steps for need in step.needs} <= set(names)


def test_both_planes_share_what_the_first_detector_has_learned(tmp_path: Path) -> None:
    sagittal = next(step for step in plan(tmp_path, Experiment()) if step.name == "detector-sagittal")
    (options,) = (value for value in arguments_of(sagittal) if isinstance(value, DetectorOptions))
    assert options.experiment.detector.checkpoint == str(tmp_path / "runs" / "axial")
    assert "detector-axial" in sagittal.needs


def test_simulated_patients_have_the_same_pseudonyms_in_every_demo(tmp_path: Path) -> None:
    """Who is tested depends on pseudonyms, and the figures of a demo on who is tested."""
    salts = []
    for out in (tmp_path / "one", tmp_path / "two"):
        path = Path("experiments/demo.toml")
        begin(out, command="demo", experiment=load_experiment(path), inputs=[path])
        ingest = next(step for step in plan(out, Experiment()) if step.name == "ingest")
        assert out / SALT_FILE in paths_of(ingest)
        salts.append(read_salt(out / SALT_FILE).secret)
    assert salts[0] == salts[1]


def test_every_step_of_the_demo_counts_for_what_it_took(tmp_path: Path) -> None:
    assert {step.name: step.known_s for step in plan(tmp_path, Experiment())} == KNOWN_S


def test_a_quick_demo_says_that_its_network_means_nothing(tmp_path: Path) -> None:
    experiment = load_experiment(project_file("experiments/demo_quick.toml"))
    report = quick_plan(tmp_path, experiment)[-1]
    notice = f"A tiny network, trained for {experiment.detector.steps} steps in this demo; its grades mean nothing."
    assert any(notice in str(value) for value in arguments_of(report))


@pytest.mark.slow
def test_the_quick_demo_opens_the_same_page(tmp_path: Path) -> None:
    out = tmp_path / "quick"
    command = [sys.executable, "-m", "tfspine", "demo", "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (out / "report.html").read_text()
    assert "its grades mean nothing" in page
    assert "http" not in page.split("</style>")[1]
    assert done.stdout.splitlines()[-1].startswith(f"report: {out / 'report.html'}")


@pytest.mark.slow
@pytest.mark.usefixtures("steps_here")
def test_the_whole_way_then_nothing_to_do_then_only_what_a_setting_reaches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    words = ["demo", "--jobs", "1", "--out", str(out), *(word for setting in SETTINGS for word in ("--set", setting))]
    assert main(words) == 0
    assert f"report: {out / 'report.html'}" in capsys.readouterr().out
    assert len(list((out / "samples").glob("*.png"))) == 6
    assert "http" not in (out / "report.html").read_text().split("</style>")[1]
    slices = pd.read_csv(out / "slices" / "slices.csv")
    splits = pd.read_csv(out / "splits.csv")
    studies = set(splits[splits.split == "test"].study)
    read = {path.stem for path in (out / "predictions" / "labels").glob("*.xml")}
    assert read == set(slices[slices.study.isin(studies)].key)  # every test slice was read, none of another split
    manifest = json.loads((out / "exported" / "tfspine_axial" / "1" / "manifest.json").read_text())
    assert manifest["details"]["largest_difference"] <= 1e-4

    assert main(words) == 0
    assert capsys.readouterr().err.count("already done") == len(list((out / "steps").iterdir()))

    assert main([*words, "--set", "explain.steps=5"]) == 0
    told = capsys.readouterr().err.splitlines()
    redone = [line.split("] ")[1].split(":")[0] for line in told if ": tfspine " in line]
    assert redone == ["explain", "report"]
