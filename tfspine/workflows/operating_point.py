"""The operating point of an export: score thresholds of boxes, chosen with the detector on validation slices."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.errors import ModelError
from tfspine.labels import Region

if TYPE_CHECKING:
    from tfspine.config import EvaluationConfig
    from tfspine.evaluation.boxes.score_threshold import ScoreThreshold
    from tfspine.saved_model.plane_model import PlaneModel
    from tfspine.structures import SliceImage

VALIDATION = "validation"


def choose_thresholds(
    model: "PlaneModel",
    slices: "Sequence[SliceImage]",
    *,
    folder: Path,
    labels: Path,
    splits: Path,
    settings: "EvaluationConfig",
) -> "Mapping[Region, ScoreThreshold]":
    """Return the thresholds of the model's regions for `settings.false_boxes_per_image` on labelled validation slices.

    A region without labels there, or that the detector did not find, has no threshold.

    Args:
        model: model of one plane.
        slices: slices of that plane.
        folder: folder that ingest wrote, which the slices are from.
        labels: folder of LabelImg XML files; a file without boxes means that there is nothing to find.
        splits: table that ``tfspine split`` wrote.
        settings: IoU and false boxes per image.

    Raises:
        ModelError: no slice of a validation study has a label.
        FormatError: labels or splits cannot be read.
    """
    import pandas as pd

    from tfspine.annotations.label_folder import label_files
    from tfspine.annotations.labelled_boxes import labels_table
    from tfspine.evaluation.boxes.score_threshold import score_thresholds
    from tfspine.formats.splits_csv import read_splits
    from tfspine.saved_model.validation import validation_boxes

    studies = {study for study, split in read_splits(splits).items() if split == VALIDATION}
    labelled = set(label_files(labels))
    chosen = [slice_ for slice_ in slices if slice_.study in studies and slice_.key in labelled]
    if not chosen:
        raise ModelError(
            f"{labels}: no {model.plane} slice of a validation study of {splits} has a label; an operating point needs "
            "some: leave out --labels and --splits to export without one"
        )
    covered = pd.DataFrame(
        [(item.study, item.key, item.plane.value) for item in chosen], columns=["study", "slice", "plane"]
    )
    reference = labels_table(labels, folder)
    # A single sagittal slice does not determine the side of its foramina.
    is_foramen = reference["region"] == Region.NEURAL_FORAMEN.value
    return score_thresholds(
        reference.assign(side=reference["side"].where(~is_foramen, "")),
        validation_boxes(model, chosen),
        iou=settings.iou,
        allowed=settings.false_boxes_per_image,
        covered=covered,
    )


def require_split(splits: Path, trained_on: str) -> None:
    """Refuse to choose on studies that may have trained the model.

    Args:
        splits: table that ``tfspine split`` wrote.
        trained_on: `formats.splits_csv.split_hash` of the division that the runs were trained on, "" if unknown.

    Raises:
        ModelError: the runs were trained on another division.
    """
    from tfspine.formats.splits_csv import read_splits, split_hash

    split = split_hash(read_splits(splits))
    if trained_on and split != trained_on:
        raise ModelError(
            f"{splits}: another split ({split[:12]}) than the runs were trained on ({trained_on[:12]}): its validation "
            "studies may have trained them; name the splits.csv that their records were made with"
        )


def manifest_entry(thresholds: "Mapping[Region, ScoreThreshold]", *, allowed: float) -> dict[str, Any] | None:
    """Return the operating point in a manifest, None if it has no such entry."""
    if not thresholds:
        return None
    return {
        "false_boxes_per_image": allowed,
        "regions": {str(region): asdict(found) for region, found in thresholds.items()},
    }
