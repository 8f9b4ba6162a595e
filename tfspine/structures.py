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
"""Probabilities of normal, mild, moderate and severe; they sum to 1."""


@dataclass(frozen=True)
class SliceImage:
    """One slice ready for reading: `pixels` is uint8 [rows, columns], read-only.

    Positions of slices can be compared if `frame_of_reference_uid` is the same; it is empty if unknown.
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
    """One box drawn by a person or by the phantom. `grade` and `level` are None if they were not given."""

    box: Box
    region: Region
    side: Side | None
    grade: Grade | None = None
    level: Level | None = None


@dataclass(frozen=True)
class AnnotatedSlice:
    """The content of one label file. `size_px` is (rows, columns) of its image."""

    key: str
    size_px: tuple[int, int]
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True)
class Detection:
    """One box found by a model, with its score and the probabilities of the four grades, all in 0 to 1.

    `side` of a foramen and `level` are None until the study is assembled, as a single slice does not determine them.
    `is_level_certain` is False if the levels of the study may be miscounted: the level is then a guess. `members`
    holds the probabilities of each member of the grader, and `probabilities` is their mean; it is empty for a single
    member. `score_threshold` is the model's operating point for the region, or None.
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
        """The most probable grade; in a tie, the milder one."""
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
    """One row of a report: a region at a level and side, graded by the worst of its boxes with a sufficient score.

    `grade`, `probability` and `slice_key` are None if nothing was found, which does not mean "normal".
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
    """The level of one axial slice, None if it lies far from every disc."""

    slice_key: str
    level: Level | None
    is_certain: bool


@dataclass(frozen=True)
class StudyResult:
    """A whole study: 5 canals, 10 recesses and 10 foramina, found or not.

    `level_doubt` gives the reason why its levels may be miscounted, and is empty if they are certain. `slices` holds
    every axial slice.
    """

    study: str
    rows: tuple[RegionResult, ...]
    level_doubt: str = ""
    slices: tuple[SliceLevel, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """One file, or one line of a table, that was left out, and the reason: a row of `refused.csv`.

    `file` is a path relative to the input, or the pseudonym of a series or study; `line` counts from 1, which is the
    header of the table, and is None if the whole file was left out.
    """

    file: str
    reason: str
    line: int | None = None

    def __post_init__(self) -> None:
        for name in ("file", "reason"):
            object.__setattr__(self, name, writable(getattr(self, name)))


def writable(text: str) -> str:
    """Return a text that UTF-8 can encode: undecodable bytes of a file name (PEP 383) become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def pseudonym(identifier: str) -> str:
    """Return ten hexadecimal digits that stand for an identifier such as StudyInstanceUID in keys and file names.

    It does not protect the identifier, which can be found by trying. It only shortens UIDs and the numbers of published
    data sets, which `slices.csv` or `sources.csv` give in full. A patient's pseudonym is salted (`Salt.patient`).
    """
    return hashlib.sha256(identifier.encode()).hexdigest()[:10]


def slice_key(study: str, plane: Plane, number: int) -> str:
    """Return the key of a slice, also the stem of its PNG and label file: ``3f0a91c2de-axial-07``; numbered from 1."""
    return f"{study}-{plane}-{number:02d}"


def study_of(key: str) -> str:
    """Return the study that the key of a slice begins with."""
    return key.rsplit("-", 2)[0]
