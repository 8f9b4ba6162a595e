"""Writes TFRecords from slices, labels and splits."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.config import Experiment, as_dict
from tfspine.progress import Track, silent

if TYPE_CHECKING:
    from tfspine.records.examples import RecordExample

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordsInputs:
    """Folder that `ingest` wrote, folder of LabelImg XML files, and `splits.csv`."""

    slices: Path
    labels: Path
    splits: Path

    @property
    def paths(self) -> list[Path]:
        """All input paths."""
        return [self.slices, self.labels, self.splits]


@dataclass(frozen=True)
class RecordsSummary:
    """The hash of the records' split, and the number of images of each plane and split."""

    split: str
    images: Mapping[str, Mapping[str, int]]


def make_records(inputs: RecordsInputs, out: Path, experiment: Experiment, *, track: Track = silent) -> RecordsSummary:
    """Write the records of both planes.

    Args:
        inputs: slices, labels and splits.
        out: folder for the records.
        experiment: `[records]`, and the seed.
        track: counts the labels and records.

    Raises:
        AnnotationError: a label has an error that `check` reports, or splits belong to other studies.
        RecordError: a split has no image.
        OutputError: `out` may not be written.
    """
    from tfspine.formats.splits_csv import read_splits, split_hash
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder
    from tfspine.ownership import require_folder
    from tfspine.records.folder import COMPARED_SECTIONS, class_table

    require_folder(out, command="records", inputs=inputs.paths)
    splits = read_splits(inputs.splits)
    examples, counts = _examples(inputs, splits, experiment=experiment, track=track)

    # Imported late, so that an invalid label is reported before the ten seconds of TensorFlow's import.
    from tfspine.records.writer import write_records

    split = split_hash(splits)
    with new_folder(out, command="records", inputs=inputs.paths) as folder:
        details = write_records(folder, examples, experiment=experiment, track=track)
        write_manifest(
            folder,
            command="records",
            config={"name": experiment.name, "seed": experiment.seed}
            | {name: as_dict(getattr(experiment, name)) for name in COMPARED_SECTIONS},
            inputs=inputs.paths,
            details=details | {"classes": class_table(), "split": split} | counts,
        )
    return RecordsSummary(split, details["images"])


def _examples(
    inputs: RecordsInputs, splits: Mapping[str, str], *, experiment: Experiment, track: Track
) -> "tuple[list[RecordExample], dict[str, Any]]":
    """Return what is written as records, and what is left out."""
    from tfspine.annotations.checks import require_no_errors
    from tfspine.annotations.label_folder import label_files
    from tfspine.formats.labelimg_xml import read_voc
    from tfspine.formats.slices_csv import IMAGES_FOLDER, read_slice_rows
    from tfspine.formats.splits_csv import EXCLUDED
    from tfspine.records.examples import join_labels, thin_empty

    slices = read_slice_rows(inputs.slices)
    excluded = {key for key, slice_ in slices.items() if splits.get(slice_.study) == EXCLUDED}
    kept = [slice_ for key, slice_ in slices.items() if key not in excluded]
    if excluded:
        logger.info("%d slices of excluded studies left out (%s)", len(excluded), inputs.splits)
    require_no_errors(inputs.labels, slices, left_out=excluded)
    files = {key: path for key, path in label_files(inputs.labels).items() if key not in excluded}
    labels = {key: read_voc(path) for key, path in track(files.items(), "reading labels", len(files))}
    examples, left_out = join_labels(kept, labels=labels, splits=splits, image_folder=inputs.slices / IMAGES_FOLDER)
    for series in left_out:
        logger.warning("%s: no label on any slice; left out of the records", series)
    examples, thinned = thin_empty(examples, experiment.records.empty_slices)
    if thinned:
        logger.info("%d training slices without a box left out (records.empty_slices)", len(thinned))
    return examples, {"left_out": left_out, "thinned": thinned}
