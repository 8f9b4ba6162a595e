"""Reads slices or DICOM, and writes boxes, grades and a table for each study into a folder."""

import contextlib
import dataclasses
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfspine.errors import ConfigError, DicomError
from tfspine.manifest import MEMBERS_FOLDER
from tfspine.progress import Track, silent
from tfspine.workflows.ingest import IngestOptions, ingest
from tfspine.workflows.read_studies import ReadingOptions, StudyReadings, read_studies
from tfspine.workflows.salts import OWN_SALT, SaltChoice

if TYPE_CHECKING:
    from tfspine.structures import SliceReading, StudyResult

logger = logging.getLogger(__name__)

SLICES_FOLDER = "slices"
"""Folder in which `predict_dicom` keeps its slices, as `ingest` writes them."""


@dataclass(frozen=True)
class PredictOptions:
    """Which models read which studies.

    Attributes:
        reading: models and requests; with `has_members` a table for each member is written, too.
        splits: table that `split` wrote; required with the option `split`.
        split: read only the studies of this split.
        ingest: how `predict_dicom` makes slices.
    """

    reading: ReadingOptions = ReadingOptions()
    splits: Path | None = None
    split: str | None = None
    ingest: IngestOptions = IngestOptions()


@dataclass(frozen=True)
class PredictSummary:
    """What was read, and written into `folder`.

    Attributes:
        folder: folder with `predictions.csv`, `studies/` and `labels/`.
        results: a table for each study.
        source: where the models are.
        models: the version of each model, by its name.
        split: the split that was read; None: all studies.
        slices: number of slices that were read.
        detections: number of boxes on them.
        below_operating_point: number of these boxes that are not findings.
        has_operating_point: whether the models have an operating point.
        members: number of members whose tables were written; 0 if they were not requested.
    """

    folder: Path
    results: "tuple[StudyResult, ...]"
    source: str
    models: Mapping[str, int]
    split: str | None
    slices: int
    detections: int
    below_operating_point: int
    has_operating_point: bool
    members: int

    @property
    def details(self) -> dict[str, Any]:
        """The details in the manifest."""
        return {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name not in ("folder", "results")
        }


def predict(
    slices: Path, out: Path, options: PredictOptions = PredictOptions(), *, track: Track = silent
) -> PredictSummary:
    """Read the studies of a folder of slices.

    Args:
        slices: folder that `ingest` wrote.
        out: folder to write.
        options: which models read which studies.
        track: counts the slices.

    Raises:
        ConfigError: there is nothing to read, or the options contradict one another.
        ServerError: the models cannot be reached, give invalid answers, or changed meanwhile.
        OutputError: `out` holds something else.
    """
    return _predict(slices, lambda folder: slices, out, options, track=track)


def predict_dicom(
    dicom: Path, out: Path, options: PredictOptions = PredictOptions(), *, track: Track = silent
) -> PredictSummary:
    """Ingest studies and read them; `out` keeps the slices in `slices/`, where reports and heatmaps find them.

    Args:
        dicom: folder with DICOM files at any depth and with any file names, zip archive, or DICOMDIR.
        out: folder to write.
        options: which models read which studies, and how they are ingested.
        track: counts the headers, studies and slices.

    Raises:
        DicomError: there is no usable study.
        ConfigError, ServerError, OutputError: as for `predict`.
    """
    from tfspine.formats.refused_csv import REFUSED_FILE

    def ingested(folder: Path) -> Path:
        slices = folder / SLICES_FOLDER
        _ingest(dicom, slices, out, options.ingest, track=track)
        shutil.copyfile(slices / REFUSED_FILE, folder / REFUSED_FILE)
        return slices

    return _predict(dicom, ingested, out, options, track=track)


def _ingest(dicom: Path, slices: Path, out: Path, options: IngestOptions, *, track: Track) -> None:
    """Ingest into a folder within `out`, with the secret salt beside `out`, so that it is not shared with it."""
    from tfspine.dicom.deidentify.pseudonyms import own_salt

    with contextlib.ExitStack() as stack:
        if options.salt.named is None:
            path = out.resolve().with_name(OWN_SALT)
            stack.enter_context(own_salt(path))
            options = dataclasses.replace(options, salt=SaltChoice(path))
        try:
            ingested = ingest(dicom, slices, options, track=track)
        except DicomError as error:
            raise DicomError(str(error).replace(str(slices), "the output of tfspine ingest")) from None
    for warning in ingested.warnings:
        logger.warning("warning: %s", warning)


def _predict(
    source: Path, slices_in: Callable[[Path], Path], out: Path, options: PredictOptions, *, track: Track
) -> PredictSummary:
    """Read the slices that `slices_in` finds, or makes in the given folder, and write the results."""
    from tfspine.manifest import write_manifest
    from tfspine.outputs import new_folder

    if (options.splits is None) != (options.split is None):
        raise ConfigError("--splits and --split belong together: give both, or neither to read every study")
    reading = options.reading
    inputs = [source, *(path for path in (options.splits, reading.model) if path is not None)]
    with new_folder(out, command="predict", inputs=inputs) as folder:
        slices = slices_in(folder)
        if options.splits is not None:
            reading = dataclasses.replace(reading, studies=_studies(options.splits, str(options.split)))
            _warn_of_another_split(options)
        read = read_studies(slices, reading, track=track)
        _write(folder, read)
        members = _write_members(folder, read.readings) if reading.has_members else 0
        summary = _summary(out, read, options, members=members)
        write_manifest(folder, command="predict", inputs=inputs, details=summary.details)
    return summary


def _studies(splits: Path, split: str) -> tuple[str, ...]:
    """Return the studies of a split.

    Raises:
        ConfigError: the split has no studies.
    """
    from tfspine.formats.splits_csv import read_splits

    studies = tuple(study for study, of in read_splits(splits).items() if of == split)
    if not studies:
        raise ConfigError(f"{splits}: no slice to read in split {split}")
    return studies


def _warn_of_another_split(options: PredictOptions) -> None:
    """Warn if test patients may have been training patients; a server does not report its model's training data."""
    from tfspine.formats.splits_csv import read_splits, split_hash
    from tfspine.manifest import split_of
    from tfspine.signatures import MODEL_NAMES

    if options.reading.model is None or options.splits is None:
        return
    split = split_hash(read_splits(options.splits))
    for name in MODEL_NAMES.values():
        versions = [int(folder.name) for folder in (options.reading.model / name).glob("*") if folder.name.isdecimal()]
        folder = options.reading.model / name / str(max(versions, default=0))
        trained = split_of(folder)
        if trained and trained != split:
            logger.warning(
                "%s: trained on another split (%s) than that of %s (%s): studies called %s there may be among its "
                "training data",
                *(folder, trained[:12], options.splits, split[:12], options.split),
            )


def _write(folder: Path, read: StudyReadings) -> None:
    from tfspine.formats.boxes_csv import PREDICTIONS_FILE, readings_table, write_boxes
    from tfspine.formats.labelimg_xml import LABELS_FOLDER, write_label
    from tfspine.formats.study_json import write_study
    from tfspine.structures import AnnotatedSlice, Annotation

    write_boxes(folder / PREDICTIONS_FILE, readings_table(read.readings))
    for result in read.results:
        write_study(folder, result)
    for reading in read.readings:
        # A slice without boxes gets a file too: read and nothing found is not the same as not read.
        boxes = tuple(
            # Label files become training data, so a level that may be miscounted is left out.
            Annotation(item.box, item.region, item.side, item.grade, item.level if item.is_level_certain else None)
            for item in reading.detections
            if item.is_counted
        )
        write_label(folder / LABELS_FOLDER, AnnotatedSlice(reading.key, reading.geometry.size_px, boxes))


def _write_members(folder: Path, readings: "Sequence[SliceReading]") -> int:
    """Write one table for each member, with the boxes of `predictions.csv` in the same order; return their number."""
    from tfspine.formats.boxes_csv import readings_table, write_boxes

    count = next(len(item.members) for reading in readings for item in reading.detections)
    for member in range(count):
        table = readings_table(_of_member(reading, member) for reading in readings)
        write_boxes(folder / MEMBERS_FOLDER / f"m{member + 1}.csv", table)
    return count


def _of_member(reading: "SliceReading", member: int) -> "SliceReading":
    """Return a reading with the grades of one member, numbered from 0."""
    detections = (dataclasses.replace(item, probabilities=item.members[member]) for item in reading.detections)
    return dataclasses.replace(reading, detections=tuple(detections))


def _summary(out: Path, read: StudyReadings, options: PredictOptions, *, members: int) -> PredictSummary:
    from tfspine.signatures import MODEL_NAMES

    boxes = [item for reading in read.readings for item in reading.detections]
    return PredictSummary(
        out,
        read.results,
        options.reading.source,
        {MODEL_NAMES[plane]: version for plane, version in read.versions.items()},
        options.split,
        slices=len(read.readings),
        detections=len(boxes),
        below_operating_point=sum(not item.is_counted for item in boxes),
        has_operating_point=all(item.score_threshold is not None for item in boxes),
        members=members,
    )
