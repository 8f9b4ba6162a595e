"""The CSV files of RSNA 2024 (LumbarDISC), read with their quirks (docs/public_data.md).

``train.csv`` grades 25 regions per study in three grades, some empty; ``train_series_descriptions.csv`` describes each
series, and a study may lack a kind of series or have several; ``train_label_coordinates.csv`` marks a region by one
point on one picture. Left and right are the patient's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfspine.compat import StrEnum
from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.csv_files import TextRow, read_numbered_rows
from tfspine.labels import LEVELS, Level, Region, Side
from tfspine.structures import Refusal

GRADES_FILE = "train.csv"
SERIES_FILE = "train_series_descriptions.csv"
POINTS_FILE = "train_label_coordinates.csv"


class Grade3(StrEnum):
    """The three grades. Normal and mild are one grade, which cannot be separated."""

    NORMAL_MILD = "normal_mild"
    MODERATE = "moderate"
    SEVERE = "severe"


GRADE_WORDS: Mapping[str, Grade3] = {
    "Normal/Mild": Grade3.NORMAL_MILD,
    "Moderate": Grade3.MODERATE,
    "Severe": Grade3.SEVERE,
}

CONDITIONS: Mapping[str, tuple[Region, Side | None]] = {
    "Spinal Canal Stenosis": (Region.CENTRAL_CANAL, None),
    "Left Neural Foraminal Narrowing": (Region.NEURAL_FORAMEN, Side.LEFT),
    "Right Neural Foraminal Narrowing": (Region.NEURAL_FORAMEN, Side.RIGHT),
    "Left Subarticular Stenosis": (Region.LATERAL_RECESS, Side.LEFT),
    "Right Subarticular Stenosis": (Region.LATERAL_RECESS, Side.RIGHT),
}
LEVEL_WORDS: Mapping[str, Level] = {level.value.replace("-", "/"): level for level in LEVELS}

SERIES_OF_REGION: Mapping[Region, str] = {
    Region.CENTRAL_CANAL: "Sagittal T2/STIR",
    Region.NEURAL_FORAMEN: "Sagittal T1",
    Region.LATERAL_RECESS: "Axial T2",
}
"""On which series the readers were to mark a region."""


@dataclass(frozen=True)
class StudyRegion:
    """One region of one study; `study_id` as the data set writes it."""

    study_id: str
    region: Region
    side: Side | None
    level: Level


@dataclass(frozen=True)
class Point:
    """One mark: the picture ``STUDY/SERIES/INSTANCE.dcm``, `x_px` its column and `y_px` its row."""

    line: int
    place: StudyRegion
    series_id: str
    instance_number: int
    x_px: float
    y_px: float

    @property
    def file(self) -> Path:
        """The picture below ``train_images``."""
        return Path(self.place.study_id, self.series_id, f"{self.instance_number}.dcm")


@dataclass(frozen=True)
class RsnaTables:
    """Grades of every region of every study (None where it has none), usable points, and what was refused.

    `series` holds the description of each series, by study and series as the data set numbers them.
    """

    grades: Mapping[StudyRegion, Grade3 | None]
    points: tuple[Point, ...]
    refused: tuple[Refusal, ...]
    series: Mapping[tuple[str, str], str] = field(default_factory=dict)


def read_tables(folder: Path) -> RsnaTables:
    """Read the three files and refuse every row that contradicts the others.

    Raises:
        FormatError: a file is missing or lacks a column.
    """
    refused: list[Refusal] = []
    grades = _read_grades(folder / GRADES_FILE, refused)
    series = _read_series(folder / SERIES_FILE, refused)
    with_series = {study for study, _ in series}
    for study in dict.fromkeys(place.study_id for place in grades):
        if study not in with_series:
            refused.append(Refusal(GRADES_FILE, f"study {study} has no series in {SERIES_FILE}"))
    points = _read_points(folder / POINTS_FILE, grades, series, refused)
    return RsnaTables(grades, points, tuple(refused), series)


def grade_column(condition: str, level: str) -> str:
    """Return the column of ``train.csv``: ``Left Subarticular Stenosis`` and ``L1/L2`` as the files spell them."""
    return f"{condition.lower().replace(' ', '_')}_{level.lower().replace('/', '_')}"


def _read_grades(path: Path, refused: list[Refusal]) -> dict[StudyRegion, Grade3 | None]:
    columns = {
        grade_column(condition, word): (region, side, level)
        for condition, (region, side) in CONDITIONS.items()
        for word, level in LEVEL_WORDS.items()
    }
    grades: dict[StudyRegion, Grade3 | None] = {}
    lines: dict[str, int] = {}
    for line, row in read_numbered_rows(path, ("study_id", *columns)):
        study = row["study_id"]
        if study in lines:
            refused.append(Refusal(GRADES_FILE, f"study {study} is repeated, first on line {lines[study]}", line=line))
            continue
        lines[study] = line
        for column, (region, side, level) in columns.items():
            word = row[column]
            grades[StudyRegion(study, region, side, level)] = GRADE_WORDS.get(word)
            if word not in GRADE_WORDS:
                reason = f'"{word}"; expected one of {", ".join(GRADE_WORDS)}' if word else "no grade"
                refused.append(Refusal(GRADES_FILE, f"{column}: {reason}; kept without a grade", line=line))
    return grades


def _read_series(path: Path, refused: list[Refusal]) -> dict[tuple[str, str], str]:
    series: dict[tuple[str, str], str] = {}
    for line, row in read_numbered_rows(path, ("study_id", "series_id", "series_description")):
        key = row["study_id"], row["series_id"]
        description = row["series_description"]
        if description not in SERIES_OF_REGION.values():
            expected = ", ".join(SERIES_OF_REGION.values())
            refused.append(Refusal(SERIES_FILE, f'description "{description}"; expected one of {expected}', line=line))
        elif series.setdefault(key, description) != description:
            refused.append(
                Refusal(SERIES_FILE, f"series {key[1]} is repeated as {description}; first {series[key]}", line=line)
            )
    return series


def _read_points(
    path: Path,
    grades: Mapping[StudyRegion, Grade3 | None],
    series: Mapping[tuple[str, str], str],
    refused: list[Refusal],
) -> tuple[Point, ...]:
    points: list[Point] = []
    seen: dict[tuple[StudyRegion, str, int], Point] = {}
    columns = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")
    for line, row in read_numbered_rows(path, columns):
        try:
            point = _point(line, row)
            if point.place not in grades:
                raise AnnotationError(f"study {point.place.study_id} is not in {GRADES_FILE}")
            _check_series(point, series)
            former = seen.setdefault((point.place, point.series_id, point.instance_number), point)
            if former is not point:
                raise AnnotationError(f"marks the same region on the same picture as line {former.line}")
        except FormatError as error:
            refused.append(Refusal(POINTS_FILE, str(error), line=line))
            continue
        points.append(point)
    return tuple(points)


def _point(line: int, row: TextRow) -> Point:
    if row["condition"] not in CONDITIONS:
        raise AnnotationError(f'condition "{row["condition"]}"; expected one of {", ".join(CONDITIONS)}')
    if row["level"] not in LEVEL_WORDS:
        raise AnnotationError(f'level "{row["level"]}"; expected one of {", ".join(LEVEL_WORDS)}')
    region, side = CONDITIONS[row["condition"]]
    instance = _number(row, "instance_number")
    if instance != int(instance) or instance < 0:
        raise AnnotationError(f'instance_number "{row["instance_number"]}"; expected a whole number')
    place = StudyRegion(row["study_id"], region, side, LEVEL_WORDS[row["level"]])
    return Point(line, place, row["series_id"], int(instance), _number(row, "x"), _number(row, "y"))


def _check_series(point: Point, series: Mapping[tuple[str, str], str]) -> None:
    description = series.get((point.place.study_id, point.series_id))
    if description is None:
        raise AnnotationError(f"series {point.series_id} of study {point.place.study_id} is not in {SERIES_FILE}")
    wanted = SERIES_OF_REGION[point.place.region]
    if description != wanted:
        raise AnnotationError(f"{point.place.region} marked on a series {description}; expected {wanted}")


def _number(row: TextRow, column: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise AnnotationError(f'{column} "{row[column]}"; expected a number')
    return number
