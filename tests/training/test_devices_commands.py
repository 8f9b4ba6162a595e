"""Every command that computes, on a machine with two GPUs: none sets its devices too late, none ends in a traceback.

Steps mirrored over several are not taken here: replicas that one processor computes wait for one another for ever now
and then (collective operations want devices of their own). `test_devices.py` goes as far as the mirrored strategy.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests_settings import HANG_S, TINY

from tfspine.annotations.labelled_boxes import labels_table
from tfspine.cli.main import main
from tfspine.formats.boxes_csv import write_boxes

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
SETTINGS = (
    *TINY, "records.shards=1", "split.validation=0.25", "split.test=0.25", "explain.regions=1", "explain.steps=4",
    "phantom.studies=6", "phantom.matrix_px=128", "phantom.prevalence=balanced", "phantom.workers=1",
    "detector.steps=2", "detector.steps_between_summaries=1", "training.precision=auto",
)  # fmt: skip
SWEEP = '[tuner]\nkind = "random"\ntrials = 1\nepochs = 1\n[space]\n"grader.dropout" = {values = [0.1, 0.2]}\n'
SERVED = 'model_config_list { config { name: "tfspine_axial" base_path: "%s" model_platform: "tensorflow" } }'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slices, records and boxes of six simulated patients, two of them in each split."""
    root = tmp_path_factory.mktemp("two_gpus")
    settings = [word for value in SETTINGS for word in ("--set", value)]
    assert main(["phantom", "--out", str(root / "phantom"), *settings]) == 0
    assert main(["ingest", str(root / "phantom" / "dicom"), "--out", str(root / "slices")]) == 0
    boxes = labels_table(root / "phantom" / "labels", root / "slices")
    write_boxes(root / "boxes.csv", boxes)
    lines = ["patient,study,split"]
    for study, split in zip(sorted(set(boxes["study"])), ("train", "validation", "test") * 2, strict=True):
        lines.append(f"{study},{study},{split}")
    (root / "splits.csv").write_text("\n".join(lines) + "\n")
    words = ["--slices", root / "slices", "--labels", root / "phantom" / "labels", "--splits", root / "splits.csv"]
    assert main(["records", *map(str, words), "--out", str(root / "records"), *settings]) == 0
    return root


def command(*words: str | Path, gpus: int = 2) -> list[str]:
    return [sys.executable, str(TESTS / "fake_gpus.py"), str(gpus), *map(str, words)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}


def run(folder: Path, *words: str | Path, gpus: int = 2, experiment: bool = True) -> str:
    settings = [word for value in SETTINGS for word in ("--set", value)] if experiment else []
    done = subprocess.run(
        command(*words, *settings, gpus=gpus),
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert "devices remain as TensorFlow has initialized them" not in done.stderr
    return done.stderr


def train_detector(folder: Path, strategy: str, *, gpus: int) -> Path:
    out = f"runs/{strategy}{gpus}"
    words = ("--records", "records", "--out", out, "--strategy", strategy)
    run(folder, "train", "detector", "--plane", "axial", *words, gpus=gpus)
    return folder / out


@pytest.fixture(scope="module")
def detector(folder: Path) -> Path:
    """A detector that was trained on one GPU of two."""
    return train_detector(folder, "one", gpus=2)


@pytest.fixture(scope="module")
def exported(folder: Path, detector: Path) -> Path:
    """The whole pipeline to a SavedModel: the detector, graders of both regions in two members."""
    for region in ("central_canal", "lateral_recess"):
        members = ("--members", "1x2", "--splits", "splits.csv")
        run(
            folder,
            *("train", "grader", "--region", region, *members, "--records", "records", "--out", f"runs/{region}"),
        )
    graders = ("--grader", "runs/central_canal", "--grader", "runs/lateral_recess", "--take", "selected")
    run(folder, "export", "--detector", detector, *graders, "--slices", "slices", experiment=False)
    return folder / "exported"


def test_the_detector_trains_on_one_gpu_by_each_strategy(folder: Path, detector: Path) -> None:
    others = [train_detector(folder, strategy, gpus=1) for strategy in ("auto", "mirrored")]
    for trained in (detector, *others):
        assert (trained / "manifest.json").is_file()


def test_a_batch_that_eight_cannot_share_is_one_line(folder: Path) -> None:
    words = ("--records", "records", "--out", "runs/uneven", "--strategy", "mirrored")
    settings = [word for value in SETTINGS for word in ("--set", value)]
    done = subprocess.run(
        command("train", "detector", "--plane", "axial", *words, *settings, gpus=8),
        env=environment(), cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "detector.batch_size = 2: 8 devices cannot share it evenly; expected a multiple of 8" in done.stderr


def test_a_sweep_sets_its_devices_first(folder: Path) -> None:
    (folder / "sweep.toml").write_text(SWEEP)
    run(folder, "tune", "sweep.toml", "--records", "records", "--region", "central_canal", "--out", "sweep")


def test_explaining_and_serving_set_their_devices_first(folder: Path, exported: Path) -> None:
    run(folder, "explain", "--model", "exported", "--slices", "slices", "--boxes", "boxes.csv", "--out", "explained")
    (folder / "models.config").write_text(SERVED % (exported / "tfspine_axial"))
    words = ("serve", "--model-config-file", "models.config", "--port", "0", "--rest-api-port", "0")
    with subprocess.Popen(
        command(*words), env=environment(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        line = server.stdout.readline() if server.stdout else ""
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=HANG_S)
    assert '"grpc"' in line, told
    assert "Traceback" not in told
