"""Validation of a detector during its training: every checkpoint reads the same slices, and the best one is kept.

The checkpoint is loaded into a network of its own. It is measured as it would be exported, and no worker of a cluster
has to take part.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from tfspine.config import Experiment
from tfspine.evaluation.boxes.detection_curves import DetectionCurve, average_precision, detection_curve, recall_at
from tfspine.evaluation.boxes.score_threshold import choose_score_threshold
from tfspine.formats.boxes_csv import CORNER_COLUMNS, box_table
from tfspine.formats.validated_csv import ValidatedRow, best_step, read_validated, write_validated
from tfspine.labels import DETECTOR_CLASSES, Plane, Region
from tfspine.models import garden
from tfspine.models.detector import Detector
from tfspine.records.folder import RecordFolder
from tfspine.records.order import examples_in_turn
from tfspine.records.parsing import parse_example
from tfspine.training.runs import BEST_FOLDER
from tfspine.training.validation_pictures import SHOWN, ShownSlice, write_summaries

_log = logging.getLogger(__name__)

SPLIT = "validation"

LEAST_SCORE = 0.01
"""Boxes down to this score are ranked, whatever score the experiment asks for."""


class CheckpointValidation:
    """Measures the newest checkpoint of a run on validation slices, and keeps the best of all.

    `validated.csv` of the run has the results, and its folder `best/` the best checkpoint (`validated_csv.best_step`).

    Args:
        records: the records of the plane; the first `detector.validation_images` of the split "validation" are read,
            which lie in a random order.
        plane: of the detector.
        experiment: of the run.
        run_folder: with the checkpoints.
    """

    def __init__(self, records: RecordFolder, plane: Plane, experiment: Experiment, run_folder: Path) -> None:
        self._records, self._plane, self._run_folder = records, plane, run_folder
        self._experiment = replace(experiment, detector=replace(experiment.detector, score_threshold=LEAST_SCORE))

    def follow(self, step: int) -> None:
        """Forget what was measured after `step`, from which the run continues."""
        rows = read_validated(self._run_folder)
        kept = [row for row in rows if row.step <= step]
        if len(kept) < len(rows):
            write_validated(self._run_folder, kept)

    def measure(self, step: int) -> tuple[ValidatedRow, ...]:
        """Measure the newest checkpoint, of `step`, unless that is done; return the result for each region.

        A region without a label on these slices has no result.
        """
        rows = read_validated(self._run_folder)
        if any(row.step == step for row in rows) or not self._slices:
            return tuple(row for row in rows if row.step == step)
        garden.load_newest(self._detector.network, self._run_folder)
        found = box_table(row for slice_ in self._slices for row in self._found_on(slice_))
        curves = dict(self._curves(found))
        allowed = self._experiment.evaluation.false_boxes_per_image
        measured = tuple(
            ValidatedRow(
                step,
                region,
                images=curve.images,
                boxes=curve.references,
                recall=recall_at(curve, (allowed,))[0],
                average_precision=average_precision(curve),
            )
            for region, curve in curves.items()
        )
        if measured and best_step([*rows, *measured]) == step:
            _keep(self._run_folder, step)
        write_validated(self._run_folder, [*rows, *measured])
        counted = pd.concat(_counted(found, region, curve, allowed) for region, curve in curves.items())
        write_summaries(self._run_folder, step, measured, list(self._shown(counted)))
        return measured

    def _curves(self, found: pd.DataFrame) -> Iterator[tuple[Region, DetectionCurve]]:
        iou, images = self._experiment.evaluation.iou, len(self._slices)
        for region in sorted({Region(name) for name in self._labelled["region"]}):
            left, right = (_of_region(table, region) for table in (self._labelled, found))
            yield region, detection_curve(left, right, iou=iou, images=images)

    def _shown(self, counted: pd.DataFrame) -> Iterator[ShownSlice]:
        for slice_ in self._slices[:SHOWN]:
            of_slice = (
                table.loc[table["slice"] == slice_.key, list(CORNER_COLUMNS)].to_numpy(np.float32)
                for table in (self._labelled, counted)
            )
            yield ShownSlice(slice_.image, *of_slice)

    @cached_property
    def _labelled(self) -> pd.DataFrame:
        return box_table(row for slice_ in self._slices for row in slice_.rows(self._plane))

    @cached_property
    def _slices(self) -> tuple["_Slice", ...]:
        if not self._records.count(SPLIT):
            _log.warning("%s: no validation slice; the last checkpoint is kept, not the best", self._records.folder)
            return ()
        examples = examples_in_turn(self._records.files(SPLIT))
        taken = examples.take(self._experiment.detector.validation_images).map(parse_example)
        return tuple(_Slice.of(example) for example in taken.as_numpy_iterator())

    @cached_property
    def _detector(self) -> Detector:
        return Detector(self._experiment, self._plane)

    @cached_property
    def _detect(self) -> Any:
        images = tf.TensorSpec([1, None, None, 1], tf.uint8)
        return tf.function(self._detector, input_signature=[images])

    def _found_on(self, slice_: "_Slice") -> Iterator[dict[str, Any]]:
        found = self._detect(tf.constant(slice_.image[np.newaxis]))
        classes = {entry.class_id: entry for entry in DETECTOR_CLASSES[self._plane]}
        count = int(found.count[0])
        columns = (values[0, :count].numpy().tolist() for values in (found.boxes_yxyx_px, found.classes, found.scores))
        for box, class_id, score in zip(*columns, strict=True):
            entry = classes[class_id]
            yield _row(slice_.key, self._plane, str(entry.region), str(entry.side or ""), box) | {"score": score}


@dataclass(frozen=True)
class _Slice:
    """A validation slice, its image uint8 [H, W, 1], with the region, side and corners (y, x, y, x) of its labels."""

    key: str
    image: NDArray[np.uint8]
    labels: tuple[tuple[str, str, tuple[float, ...]], ...]

    @classmethod
    def of(cls, example: Mapping[str, Any]) -> "_Slice":
        """Return the slice of an example as `parse_example` gives it."""
        names = ([text.decode() for text in example[name]] for name in ("region", "side"))
        boxes = (tuple(box) for box in example["boxes_yxyx_px"].tolist())
        return cls(example["key"].decode(), example["image"], tuple(zip(*names, boxes, strict=True)))

    def rows(self, plane: Plane) -> Iterator[dict[str, Any]]:
        """Yield the labels as rows of a table of boxes; a single slice does not show the side of its foramina."""
        for region, side, box in self.labels:
            yield _row(self.key, plane, region, "" if region == Region.NEURAL_FORAMEN else side, box)


def _row(key: str, plane: Plane, region: str, side: str, box: Sequence[float]) -> dict[str, Any]:
    named = {"study": key, "slice": key, "plane": plane.value, "region": region, "side": side}
    return named | dict(zip(CORNER_COLUMNS, box, strict=True))


def _of_region(table: pd.DataFrame, region: Region) -> pd.DataFrame:
    return table[table["region"] == region].reset_index(drop=True)


def _counted(found: pd.DataFrame, region: Region, curve: DetectionCurve, allowed: float) -> pd.DataFrame:
    """Return the boxes of a region that count at the allowed number of false boxes per image."""
    chosen = choose_score_threshold(curve, allowed=allowed)
    boxes = _of_region(found, region)
    return boxes[boxes["score"] >= chosen.threshold] if chosen else boxes


def _keep(run_folder: Path, step: int) -> None:
    """Make the checkpoint of `step` the one in the folder of the best; an interruption leaves the former one there."""
    folder, name = run_folder / BEST_FOLDER, f"ckpt-{step}"
    folder.mkdir(exist_ok=True)
    for path in run_folder.glob(f"{name}.*"):
        shutil.copyfile(path, folder / path.name)
    tf.compat.v1.train.update_checkpoint_state(str(folder), name, all_model_checkpoint_paths=[name])
    for former in folder.glob("ckpt-*"):
        if not former.name.startswith(f"{name}."):
            former.unlink()
