"""Training the detector: it steps, resumes, refuses what it cannot start from, and two workers agree."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from record_samples import write_records_folder
from tests_settings import HANG_S, TINY

from tfspine.cli.main import main
from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.labels import Grade, Plane, Region, Side
from tfspine.records.examples import RecordExample
from tfspine.structures import Annotation

SIZE = 64


@pytest.fixture(scope="module")
def detector_records(tiny: Callable[..., Experiment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight slices with a bright canal and two grey recesses."""
    root = tmp_path_factory.mktemp("detector")
    examples = [_example(root, number, split) for number, split in enumerate(["train"] * 6 + ["validation", "test"])]
    return write_records_folder(root / "records", examples, tiny("records.shards=1"))


def _example(root: Path, number: int, split: str) -> RecordExample:
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, (SIZE, SIZE), np.uint8)
    top, left = rng.integers(20, 28, 2)
    pixels[top : top + 16, left : left + 16] = 230
    canal = (float(top), float(left), float(top + 16), float(left + 16))
    path = root / f"{number}.png"
    Image.fromarray(pixels).save(path)
    boxes = (
        Annotation(canal, Region.CENTRAL_CANAL, None, Grade.NORMAL),
        Annotation((canal[0], canal[1] - 12, canal[2], canal[1]), Region.LATERAL_RECESS, Side.RIGHT, Grade.MILD),
    )
    return RecordExample(path.stem, Plane.AXIAL, split, path, (SIZE, SIZE), boxes)


def command(records: Path, out: Path, *words: str) -> list[str]:
    settings = [word for setting in (*TINY, "records.shards=1", *words) for word in ("--set", setting)]
    return ["train", "detector", "--plane", "axial", "--records", str(records), "--out", str(out), *settings]


WORKER = """
import hashlib, sys
from official.core import train_lib
from tfspine.cli.main import main

class Kept(train_lib.OrbitExperimentRunner):
    def __init__(self, **settings):
        super().__init__(**settings)
        runners.append(self)

runners = []
train_lib.OrbitExperimentRunner = Kept
code = main(sys.argv[1:])
weights = [variable.numpy() for variable in runners[0].trainer.model.trainable_variables]
print("weights", len(weights), hashlib.sha256(b"".join(values.tobytes() for values in weights)).hexdigest())
sys.exit(code)
"""
"""Trains as one worker of several, and says which weights it ends with."""


def start(words: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *words],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, error[-3000:]
    return out


def steps_of(run: Path) -> list[int]:
    with (run / "history.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_the_global_batches_of_two_workers_are_those_of_one(
    detector_records: Path, tiny: Callable[..., Experiment]
) -> None:
    """Through the Model Garden's own reader and parser: no image is seen by both, and none is left out."""
    import tensorflow as tf

    from tfspine.models import garden
    from tfspine.records.folder import open_records
    from tfspine.records.order import training_order

    experiment = tiny("records.shards=1", "detector.batch_size=2")
    files = open_records(detector_records, plane=Plane.AXIAL, experiment=experiment).files("train")
    data = garden.to_experiment(experiment, Plane.AXIAL, train_files=files).task

    def batches(workers: int, index: int) -> list[list[float]]:
        """Return for each of six global batches, two passes over six images, the mean of each image of this worker."""
        context = tf.distribute.InputContext(workers, index, num_replicas_in_sync=workers)
        task = garden.DetectorTask(
            data, detector=experiment.detector, examples=lambda: training_order(files, seed=1, shuffle_buffer=3)
        )
        inputs = task.build_inputs(data.train_data, context).take(6)
        return [tf.reduce_mean(images, axis=(1, 2, 3)).numpy().tolist() for images, _ in inputs]

    together = [sorted(first + second) for first, second in zip(batches(2, 0), batches(2, 1), strict=True)]
    alone = [sorted(batch) for batch in batches(1, 0)]
    assert together == alone
    assert len({image for batch in alone[:3] for image in batch}) == 6


@pytest.mark.slow
def test_a_run_without_its_manifest_goes_on_from_its_checkpoint(
    detector_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    steps = ("detector.steps=4", "detector.steps_between_summaries=2", "detector.steps_between_checkpoints=2")
    words = command(detector_records, run, *steps)
    assert main(words) == 0
    assert steps_of(run) == [2, 4]
    assert json.loads((run / "manifest.json").read_text())["details"] == {
        "kind": "detector",
        "plane": "axial",
        "steps": 4,
    }
    capsys.readouterr()
    assert main(words) == 0
    assert "already complete" in capsys.readouterr().out

    # As an interruption between steps 2 and 4 leaves it.
    (run / "manifest.json").unlink()
    for path in run.glob("ckpt-4.*"):
        path.unlink()
    (run / "checkpoint").write_text('model_checkpoint_path: "ckpt-2"\nall_model_checkpoint_paths: "ckpt-2"\n')
    assert main(words) == 0
    # Step 4 was trained again, and stands there once.
    assert steps_of(run) == [2, 4]


@pytest.mark.slow
def test_two_workers_on_loopback_train_equal_weights(detector_records: Path, tmp_path: Path) -> None:
    """Both end with the same trainable weights, and only the chief writes."""
    import socket

    import tensorflow as tf

    sockets = [socket.socket() for _ in range(2)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{item.getsockname()[1]}" for item in sockets]
    for item in sockets:
        item.close()
    runs = [tmp_path / f"worker{index}" for index in range(2)]
    words = ("detector.steps=2", "training.strategy=multiworker")
    processes = [
        start(
            command(detector_records, run, *words),
            TF_CONFIG=json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
        )
        for index, run in enumerate(runs)
    ]
    weights = {finished(process).splitlines()[-1] for process in processes}
    assert len(weights) == 1, weights
    assert int(weights.pop().split()[1]) > 40  # kernels and biases of a network of that depth
    newest = tf.train.latest_checkpoint(str(runs[0]))
    assert newest.endswith("ckpt-2")
    assert not list(runs[1].glob("ckpt-*")), "only the chief keeps checkpoints"


def test_a_checkpoint_that_is_not_there_is_one_line(tiny: Callable[..., Experiment], tmp_path: Path) -> None:
    from tfspine.training.detector import train_detector

    experiment = tiny('detector.checkpoint="no/such/ckpt"')
    with pytest.raises(ModelError, match=r'detector\.checkpoint = "no/such/ckpt": no such checkpoint'):
        train_detector(None, plane=Plane.AXIAL, experiment=experiment, run_folder=tmp_path)  # type: ignore[arg-type]
