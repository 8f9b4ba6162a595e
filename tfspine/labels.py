"""Disc levels, regions, sides, grades and detector classes, defined here only.

Sides are the patient's. On an axial slice in radiological display the patient's right lies at the image's left, so
detector class 1, which the original authors call ``left``, is the patient's *right* recess.

An annotated object is named ``[SIDE_]REGION[:GRADE]``, for example ``left_lateral_recess:moderate``.
"""

from dataclasses import dataclass
from enum import IntEnum

from tfspine.compat import StrEnum
from tfspine.errors import AnnotationError


class Plane(StrEnum):
    """Orientation of a series: axial T2-weighted or sagittal T1-weighted."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"


class Region(StrEnum):
    """A kind of anatomical region that is graded."""

    CENTRAL_CANAL = "central_canal"
    LATERAL_RECESS = "lateral_recess"
    NEURAL_FORAMEN = "neural_foramen"

    @property
    def plane(self) -> Plane:
        """The plane in which the region is boxed and graded."""
        return Plane.SAGITTAL if self is Region.NEURAL_FORAMEN else Plane.AXIAL

    @property
    def is_paired(self) -> bool:
        """Whether the region exists once on each side of the patient."""
        return self is not Region.CENTRAL_CANAL


class Side(StrEnum):
    """The patient's side."""

    LEFT = "left"
    RIGHT = "right"


class Level(StrEnum):
    """Lumbar disc levels, from head to feet."""

    L1_L2 = "L1-L2"
    L2_L3 = "L2-L3"
    L3_L4 = "L3-L4"
    L4_L5 = "L4-L5"
    L5_S1 = "L5-S1"


class Grade(IntEnum):
    """Degree of stenosis. Two-grade statistics call `MODERATE` and `SEVERE` positive."""

    NORMAL = 0
    MILD = 1
    MODERATE = 2
    SEVERE = 3

    @property
    def word(self) -> str:
        """The grade in lower case, as written in files."""
        return self.name.lower()

    @classmethod
    def of_word(cls, word: str) -> "Grade":
        """Return the grade of a word in lower case.

        Raises:
            ValueError: it is not one of `GRADE_WORDS`.
        """
        if word not in GRADE_WORDS:
            raise ValueError(f'grade "{word}"; expected one of {", ".join(GRADE_WORDS)}')
        return GRADES[GRADE_WORDS.index(word)]

    @property
    def is_positive(self) -> bool:
        """Whether the grade counts as stenosis in two-grade statistics (docs/paper.md, Results)."""
        return self >= Grade.MODERATE


LEVELS: tuple[Level, ...] = tuple(Level)
GRADES: tuple[Grade, ...] = tuple(Grade)
GRADE_WORDS: tuple[str, ...] = tuple(grade.word for grade in Grade)


@dataclass(frozen=True)
class DetectorClass:
    """One foreground class of a detector; class 0 is the background.

    `side` is None for the canal, which has none, and for the foramen, whose side follows from where its sagittal
    slice lies in the patient.
    """

    class_id: int
    plane: Plane
    region: Region
    side: Side | None


DETECTOR_CLASSES: dict[Plane, tuple[DetectorClass, ...]] = {
    Plane.AXIAL: (
        DetectorClass(1, Plane.AXIAL, Region.LATERAL_RECESS, Side.RIGHT),
        DetectorClass(2, Plane.AXIAL, Region.CENTRAL_CANAL, None),
        DetectorClass(3, Plane.AXIAL, Region.LATERAL_RECESS, Side.LEFT),
    ),
    Plane.SAGITTAL: (DetectorClass(1, Plane.SAGITTAL, Region.NEURAL_FORAMEN, None),),
}

MIRRORED_SIDE = Side.RIGHT
"""Lateral recesses of this side are mirrored before grading, so that one grader serves both sides."""


def detector_class(plane: Plane, region: Region, side: Side | None) -> DetectorClass:
    """Return the class that a detector of `plane` has for `region` of `side`.

    Raises:
        AnnotationError: the plane has no such class.
    """
    for candidate in DETECTOR_CLASSES[plane]:
        if candidate.region is region and candidate.side in (side, None):
            return candidate
    raise AnnotationError(f"{object_name(region, side)}: not a class of the {plane} detector")


def object_name(region: Region, side: Side | None, grade: Grade | None = None) -> str:
    """Name an annotated object: ``central_canal``, ``left_neural_foramen:mild``."""
    name = f"{side}_{region}" if side else str(region)
    return name if grade is None else f"{name}:{grade.word}"


def parse_object_name(name: str) -> tuple[Region, Side | None, Grade | None]:
    """Parse an object name; the inverse of `object_name`.

    Raises:
        AnnotationError: the name is not valid; the message lists the valid names.
    """
    head, colon, grade_word = name.strip().partition(":")
    if head not in _OBJECTS:
        raise AnnotationError(f'label "{name}"; expected one of {", ".join(_OBJECTS)}, and optionally ":GRADE"')
    if colon and grade_word not in GRADE_WORDS:
        raise AnnotationError(f'label "{name}": grade "{grade_word}"; expected one of {", ".join(GRADE_WORDS)}')
    region, side = _OBJECTS[head]
    return region, side, Grade[grade_word.upper()] if colon else None


_OBJECTS: dict[str, tuple[Region, Side | None]] = {
    object_name(region, side): (region, side)
    for region in Region
    for side in ((Side.LEFT, Side.RIGHT) if region.is_paired else (None,))
}
