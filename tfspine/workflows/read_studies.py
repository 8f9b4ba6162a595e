"""Reads studies with a model server or SavedModels in this process: boxes, grades, levels and sides, in memory."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.errors import ConfigError, ServerError
from tfspine.labels import Plane
from tfspine.progress import Track, silent

if TYPE_CHECKING:
    import pandas as pd

    from tfspine.client import Predictor
    from tfspine.structures import SliceImage, SliceReading, StudyResult

DEFAULT_SERVER = "grpc://127.0.0.1:8500"


@dataclass(frozen=True)
class ReadingOptions:
    """Which models read, and how.

    Attributes:
        server: ``grpc://HOST:PORT`` or ``http://HOST:PORT``.
        model: folder that `export` wrote; its SavedModels are used in this process, without a server.
        studies: read only these; None: all.
        has_members: require graders with several members, the same number in both planes.
        batch_size: images per request.
        timeout_s: how long to wait for an answer, in seconds.
    """

    server: str = DEFAULT_SERVER
    model: Path | None = None
    studies: tuple[str, ...] | None = None
    has_members: bool = False
    batch_size: int = 8
    timeout_s: float = 60.0

    @property
    def source(self) -> str:
        """Where the models are."""
        return str(self.model or self.server)


@dataclass(frozen=True)
class StudyReadings:
    """The readings: a result for each study, every slice with its boxes, and the version of each plane's model."""

    results: "tuple[StudyResult, ...]"
    readings: "tuple[SliceReading, ...]"
    versions: Mapping[Plane, int]

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each level and side of every study, 25 per study; the grade is missing if nothing was found.

        Columns: study, level, region, side (of the patient; empty for canals), grade, probability (of the grade), slice
        (that graded it), and level_doubt (why levels may be miscounted; empty if they are certain).
        """
        import pandas as pd

        rows = [
            (
                *(result.study, str(row.level), str(row.region), str(row.side or "")),
                *(row.grade.word if row.grade is not None else None, row.probability, row.slice_key),
                result.level_doubt,
            )
            for result in self.results
            for row in result.rows
        ]
        names = ("study", "level", "region", "side", "grade", "probability", "slice", "level_doubt")
        return pd.DataFrame(rows, columns=list(names))

    @property
    def boxes(self) -> "pd.DataFrame":
        """Every box, findings or not, with the columns of `predictions.csv`."""
        from tfspine.formats.boxes_csv import readings_table

        return readings_table(self.readings)


def read_studies(slices: Path, options: ReadingOptions = ReadingOptions(), *, track: Track = silent) -> StudyReadings:
    """Read every study of a folder of slices.

    Args:
        slices: folder that `ingest` wrote.
        options: which models read, and how.
        track: counts the slices.

    Raises:
        ConfigError: there is nothing to read, or a slice has no position in the patient.
        ServerError: the models cannot be reached, give invalid answers, or changed meanwhile.
    """
    from tfspine.client.reading import readings_of_slices
    from tfspine.study.assembly import assemble

    images = _load_slices(slices, options)
    predictors = _connect(options)
    versions = _versions(predictors)
    found = readings_of_slices(predictors, images, batch_size=options.batch_size)
    checked = _with_members(found, options) if options.has_members else found
    readings = list(track(checked, "reading slices", total=len(images)))
    if _versions(predictors) != versions:
        raise ServerError(f"{options.server}: a new model version was published while reading; run predict again")
    assembled = [assemble(group) for group in _by_study(readings)]
    return StudyReadings(
        tuple(result for _, result in assembled),
        tuple(reading for completed, _ in assembled for reading in completed),
        versions,
    )


def _load_slices(folder: Path, options: ReadingOptions) -> "list[SliceImage]":
    """Return the slices of the requested studies."""
    from tfspine.dicom.slices import load_slices

    slices = load_slices(folder, studies=options.studies)
    if not slices:
        raise ConfigError(f"{folder}: no slice to read" + (" of the studies asked for" if options.studies else ""))
    unplaced = [slice_.key for slice_ in slices if not math.isfinite(slice_.geometry.position_mm[0])]
    if unplaced:
        # Without positions every foramen would come out on the same side.
        raise ConfigError(
            f"{folder / 'slices.csv'}: slice {unplaced[0]} has no position in the patient; expected slices that "
            "tfspine ingest wrote from DICOM, since sides and levels follow from positions"
        )
    return slices


def _connect(options: ReadingOptions) -> "dict[Plane, Predictor]":
    """Return one predictor per plane: connections to the server, or SavedModels loaded here."""
    from tfspine.signatures import MODEL_NAMES

    if options.model is None:
        from tfspine.client import connect

        return {
            plane: connect(options.server, name, timeout_s=options.timeout_s) for plane, name in MODEL_NAMES.items()
        }
    from tfspine.server.in_process import open_predictor

    return {plane: open_predictor(options.model / name) for plane, name in MODEL_NAMES.items()}


def _versions(predictors: "Mapping[Plane, Predictor]") -> dict[Plane, int]:
    return {plane: predictor.model_version() for plane, predictor in predictors.items()}


def _with_members(readings: "Iterator[SliceReading]", options: ReadingOptions) -> "Iterator[SliceReading]":
    """Yield the readings, but refuse the models at the first box whose grader does not have several members."""
    counts: dict[str, int] = {}
    for reading in readings:
        counts |= {str(reading.plane): len(item.members) for item in reading.detections}
        if len(set(counts.values())) > 1 or 0 in counts.values():
            raise _no_members(options, ", ".join(f"{plane} {count or 1}" for plane, count in counts.items()))
        yield reading
    if not counts:
        raise _no_members(options, "no box was found to decide it")


def _no_members(options: ReadingOptions, told: str) -> ConfigError:
    return ConfigError(
        f"--members: members of the graders of {options.source}: {told}; expected several, and "
        "as many in both planes: export runs that tfspine train grader --members wrote, or leave out --members"
    )


def _by_study(readings: "Sequence[SliceReading]") -> "Iterator[list[SliceReading]]":
    studies: dict[str, list[SliceReading]] = {}
    for reading in readings:
        studies.setdefault(reading.study, []).append(reading)
    yield from studies.values()
