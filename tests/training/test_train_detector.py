"""Training the detector: it steps, resumes, refuses what it cannot start from, and two workers agree."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_settings import TINY

from tfspine.cli.main import main
from tfspine.config import Experiment
from tfspine.errors import ModelError
from tfspine.formats.loaded_csv import read_loaded
from tfspine.formats.progress_jsonl import read_progress
from tfspine.formats.validated_csv import ValidatedRow, best_step, read_validated
from tfspine.labels import Plane, Region

SIZE = 64


def command(records: Path, out: Path, *words: str) -> list[str]:
    settings = [word for setting in (*TINY, "records.shards=1", *words) for word in ("--set", setting)]
    return ["train", "detector", "--plane", "axial", "--records", str(records), "--out", str(out), *settings]


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


def check_progress(run: Path, measured: list[ValidatedRow]) -> None:
    """The lines for machines: an interval, its validation, the next interval, and so on."""
    first, validated, second, _ = read_progress(run)
    assert [first["step"], validated["step"], second["step"]] == [2, 2, 4]
    # Half a cosine from 0.01 to 0 over four steps.
    assert first["learning_rate"] == pytest.approx(0.01 / 2)
    assert second["learning_rate"] == pytest.approx(0.0, abs=1e-9)
    for line in (first, second):
        assert 0.0 < line["input_wait_share"] < 1.0
        assert 0.0 < line["images_per_s"] < 1000.0
        # TensorFlow alone takes more than 200 MB, and no machine of this kind has a terabyte.
        assert 2e8 < line["memory_bytes"] < 1e12
    # The graph is built in the first interval.
    assert second["images_per_s"] > first["images_per_s"]
    assert validated["recall"] == {str(row.region): row.recall for row in measured if row.step == 2}


@pytest.mark.slow
def test_a_run_without_its_manifest_goes_on_from_its_checkpoint(
    detector_records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    steps = ("detector.steps=4", "detector.steps_between_summaries=2", "detector.steps_between_checkpoints=2")
    steps += ("detector.validation_images=1",)
    words = command(detector_records, run, *steps)
    assert main(words) == 0
    assert steps_of(run) == [2, 4]
    assert json.loads((run / "manifest.json").read_text())["details"] == {
        "kind": "detector",
        "plane": "axial",
        "steps": 4,
        "devices": 1,
        "images_per_device": 2,
        "best_step": best_step(read_validated(run)),
    }
    measured = read_validated(run)
    assert [(row.step, row.region) for row in measured] == [
        (step, region) for step in (2, 4) for region in (Region.CENTRAL_CANAL, Region.LATERAL_RECESS)
    ]
    assert {(row.images, row.boxes) for row in measured} == {(1, 1)}
    check_progress(run, measured)
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
    assert [row.step for row in read_validated(run)] == [2, 2, 4, 4]


@pytest.mark.slow
def test_a_resumed_run_still_tells_what_it_began_with(detector_records: Path, tmp_path: Path) -> None:
    donor, run = tmp_path / "donor", tmp_path / "run"
    once = ("detector.steps=1", "detector.steps_between_summaries=1", "detector.validation_images=0")
    assert main(command(detector_records, donor, *once)) == 0
    assert not (donor / "loaded.csv").exists()
    words = command(detector_records, run, *once, f"detector.checkpoint={donor}")
    assert main(words) == 0
    rows = read_loaded(run)
    assert {(row.part, row.left_out_because) for row in rows} == {("backbone", "")}
    # As an interruption before the manifest leaves it.
    (run / "manifest.json").unlink()
    assert main(words) == 0
    loaded = json.loads((run / "manifest.json").read_text())["details"]["loaded"]
    assert loaded == [f"backbone {len(rows)} of {len(rows)} tensors"]


def test_a_checkpoint_that_is_not_there_is_one_line(tiny: Callable[..., Experiment], tmp_path: Path) -> None:
    from tfspine.training.detector import train_detector

    experiment = tiny('detector.checkpoint="no/such/ckpt"')
    with pytest.raises(ModelError, match=r'detector\.checkpoint = "no/such/ckpt": no such checkpoint'):
        train_detector(None, plane=Plane.AXIAL, experiment=experiment, run_folder=tmp_path)  # type: ignore[arg-type]
