"""Frozen data passed between the stages, and the columns of the tables in which it is written."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfspine.geometry import SliceGeometry
from tfspine.labels import Grade, Level, Plane, Region, Side

Box = tuple[float, float, float, float]
"""(ymin, xmin, ymax, xmax) in pixels, far edge excluded: see `boxes.py`."""

Probabilities = tuple[float, float, float, float]
"""Of normal, mild, moderate and severe; they sum to 1."""


@dataclass(frozen=True)
class SliceImage:
    """One slice ready for reading: `pixels` is uint8 [rows, columns], read-only.

    Positions of slices can be compared where `frame_of_reference_uid` is the same; it is empty where nobody said.
    """

    key: str
    study: str
    plane: Plane
    geometry: SliceGeometry
    pixels: NDArray[np.uint8] = field(repr=False)
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        self.pixels.setflags(write=False)


@dataclass(frozen=True)
class Annotation:
    """One box drawn by a person or by the phantom. `grade` and `level` are None where nobody said."""

    box: Box
    region: Region
    side: Side | None
    grade: Grade | None = None
    level: Level | None = None


@dataclass(frozen=True)
class AnnotatedSlice:
    """Everything that one label file says. `size_px` is (rows, columns) of its image."""

    key: str
    size_px: tuple[int, int]
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True)
class Detection:
    """One box found by a model, with its score and the probabilities of the four grades, all in 0 to 1.

    `side` of a foramen and `level` are None until the study is assembled: one slice alone cannot tell them.
    `is_level_certain` is False where the levels of the study may be miscounted: the level is then a guess. `members`
    holds what each of several members of the grader said, whose mean `probabilities` is; it is empty of one member.
    `score_threshold` is the model's operating point for the region, None where it has none.
    """

    box: Box
    region: Region
    side: Side | None
    score: float
    probabilities: Probabilities
    level: Level | None = None
    is_level_certain: bool = False
    members: tuple[Probabilities, ...] = ()
    score_threshold: float | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the box is a finding: its score reaches the operating point."""
        return self.score_threshold is None or self.score >= self.score_threshold

    @property
    def grade(self) -> Grade:
        """The most probable grade; of equals the milder."""
        return Grade(int(np.argmax(self.probabilities)))


@dataclass(frozen=True)
class SliceReading:
    """What a model found on one slice; `frame_of_reference_uid` is that of its `SliceImage`."""

    key: str
    study: str
    plane: Plane
    geometry: SliceGeometry
    detections: tuple[Detection, ...]
    frame_of_reference_uid: str = ""


@dataclass(frozen=True)
class RegionResult:
    """One row of a report: a region at a level and side, graded from the worst of its sure boxes.

    `grade`, `probability` and `slice_key` are None where nothing was found; nothing found is not "normal".
    """

    region: Region
    side: Side | None
    level: Level
    grade: Grade | None
    probability: float | None
    slice_key: str | None
    box: Box | None


@dataclass(frozen=True)
class SliceLevel:
    """The level of one axial slice, None where it lies far from every disc."""

    slice_key: str
    level: Level | None
    is_certain: bool


@dataclass(frozen=True)
class StudyResult:
    """A whole study: 5 canals, 10 recesses and 10 foramina, found or not.

    `level_doubt` says why its levels may be miscounted, and is empty where they are sure. `slices` holds every axial
    slice.
    """

    study: str
    rows: tuple[RegionResult, ...]
    level_doubt: str = ""
    slices: tuple[SliceLevel, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """One file, or one line of a table, that was left out, and why: a row of `refused.csv`.

    `file` is a name below what was read, or stands for a series or study by its pseudonym; `line` counts from 1, the
    header of the table, and is None where all of the file is meant.
    """

    file: str
    reason: str
    line: int | None = None

    def __post_init__(self) -> None:
        for name in ("file", "reason"):
            object.__setattr__(self, name, writable(getattr(self, name)))


def writable(text: str) -> str:
    """Return a text that UTF-8 can hold: bytes of a file name that are none (PEP 383) stand as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def pseudonym(identifier: str) -> str:
    """Return ten hexadecimal digits that stand for an identifier such as StudyInstanceUID in keys and file names.

    It is no secret: whoever tries identifiers finds the one. It shortens what `slices.csv` or `sources.csv` gives in
    full beside it, UIDs and the numbers of published data sets. A patient's pseudonym is salted (`Salt.patient`).
    """
    return hashlib.sha256(identifier.encode()).hexdigest()[:10]


def slice_key(study: str, plane: Plane, number: int) -> str:
    """Return the key of a slice, also the stem of its PNG and label file: ``3f0a91c2de-axial-07``; numbers from 1."""
    return f"{study}-{plane}-{number:02d}"


def study_of(key: str) -> str:
    """Return the study that the key of a slice begins with."""
    return key.rsplit("-", 2)[0]
