"""Checkpoints measured on validation slices: networks with known answers, and which checkpoint is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfspine.config import Experiment
from tfspine.labels import DETECTOR_CLASSES, Plane, Region
from tfspine.models.detector import Detections
from tfspine.records.folder import RecordFolder
from tfspine.training import detector_validation
from tfspine.training.detector_validation import CheckpointValidation
from tfspine.training.validation_pictures import FOUND_RGB, LABELLED_RGB

LABELLED = tf.constant([[8, 8, 24, 24], [8, 40, 24, 56], [40, 8, 56, 24], [40, 40, 56, 56]], tf.float32)
"""The four canals of every slice of `records`."""

FAR = tf.constant([[0, 24, 8, 40]], tf.float32)
CANAL_CLASS = next(entry.class_id for entry in DETECTOR_CLASSES[Plane.AXIAL] if entry.region is Region.CENTRAL_CANAL)


class Answers:
    """In place of a detector: finds the first `right` canals, and one false box with a higher score if asked to."""

    def __init__(self, right: int, *, with_false_box: bool) -> None:
        self.network = None
        self._boxes = tf.concat([FAR[: int(with_false_box)], LABELLED[:right]], 0)

    def __call__(self, images: tf.Tensor) -> Detections:
        count = self._boxes.shape[0]
        scores = tf.range(0.9, 0.9 - 0.1 * count, -0.1)[tf.newaxis, :count]
        classes = tf.fill([1, count], CANAL_CLASS)
        return Detections(self._boxes[tf.newaxis], classes, scores, tf.constant([count]))


@pytest.fixture
def measure(
    records: RecordFolder, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, float]]:
    """Measure a checkpoint of a step, whose network answers as given."""
    monkeypatch.setattr(detector_validation.garden, "load_newest", lambda network, folder: None)

    def measure(step: int, right: int, *, with_false_box: bool = False) -> dict[str, float]:
        answers = Answers(right, with_false_box=with_false_box)
        monkeypatch.setattr(detector_validation, "Detector", lambda *_: answers)
        for ending in ("index", "data-00000-of-00001"):
            (tmp_path / f"ckpt-{step}.{ending}").write_text(f"{right} found")
        (row,) = CheckpointValidation(records, Plane.AXIAL, experiment, tmp_path).measure(step)
        assert (row.step, row.region, row.images, row.boxes) == (step, Region.CENTRAL_CANAL, 4, 16)
        return {"recall": row.recall, "average_precision": row.average_precision}

    return measure


@pytest.fixture
def experiment(tiny: Callable[..., Experiment]) -> Experiment:
    return tiny("records.shards=2", "detector.validation_images=10", "evaluation.false_boxes_per_image=0.25")


def test_recall_and_precision_by_hand(measure: Callable[..., dict[str, float]]) -> None:
    assert measure(1, 4) == {"recall": 1.0, "average_precision": pytest.approx(1.0)}
    assert measure(2, 2) == {"recall": 0.5, "average_precision": pytest.approx(0.5)}
    # Each slice has a false box before all others: one per image is more than a quarter, so that nothing is found at
    # that rate; precision over all scores is at best 4 of 5.
    assert measure(3, 4, with_false_box=True) == {"recall": 0.0, "average_precision": pytest.approx(4 / 5)}


def test_tensorboard_shows_curves_and_slices_with_their_boxes(
    measure: Callable[..., dict[str, float]], tmp_path: Path
) -> None:
    measure(7, 2)
    [events] = (tmp_path / "validation").glob("events.*")
    written = {
        value.tag: tf.make_ndarray(value.tensor)
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if event.step == 7
    }
    assert written["recall/central_canal"] == 0.5
    assert set(written) == {
        *("recall/central_canal", "average_precision/central_canal"),
        *(f"slice_{number}" for number in range(4)),
    }
    picture = tf.io.decode_png(written["slice_0"][2]).numpy()
    # TensorFlow draws the edges of y = 8 and 40 at the next smaller pixel.
    found, missed = picture[7, 16].tolist(), picture[39, 16].tolist()
    assert found == pytest.approx([255 * part for part in FOUND_RGB], abs=1)
    assert missed == pytest.approx([255 * part for part in LABELLED_RGB], abs=1)


def test_the_best_checkpoint_is_kept(measure: Callable[..., dict[str, float]], tmp_path: Path) -> None:
    for step, right in ((1, 2), (2, 3), (3, 1)):
        measure(step, right)
        best = min(step, 2)
        assert sorted(path.name for path in (tmp_path / "best").glob("ckpt-*")) == [
            f"ckpt-{best}.data-00000-of-00001",
            f"ckpt-{best}.index",
        ]
        assert Path(tf.train.latest_checkpoint(str(tmp_path / "best"))).name == f"ckpt-{best}"
    assert (tmp_path / "best" / "ckpt-2.index").read_text() == "3 found"


def test_a_measured_step_is_not_measured_again_until_it_is_forgotten(
    measure: Callable[..., dict[str, float]], records: RecordFolder, experiment: Experiment, tmp_path: Path
) -> None:
    assert measure(1, 4)["recall"] == measure(1, 1)["recall"] == 1.0
    measure(2, 2)
    CheckpointValidation(records, Plane.AXIAL, experiment, tmp_path).follow(0)
    assert not np.isclose(measure(1, 1)["recall"], 1.0)
