"""Tables of boxes (`BOX_COLUMNS`): from labels, from model output, from and to CSV.

In memory, `side`, `level` and `grade` are words or the empty string, and missing scores and probabilities are NaN, so
that a table is the same before it is written and after it is read.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfspine.errors import FormatError
from tfspine.formats.csv_files import read_csv_file
from tfspine.formats.csv_numbers import numbers_of
from tfspine.grading_box import is_counted
from tfspine.labels import GRADE_WORDS, LEVELS, Plane, Region, Side
from tfspine.outputs import write_text
from tfspine.structures import AnnotatedSlice, Box, SliceReading

PREDICTIONS_FILE = "predictions.csv"
REFERENCE_FILE = "reference.csv"

BOX_COLUMNS: tuple[str, ...] = (
    "study", "slice", "plane", "region", "side", "level", "ymin", "xmin", "ymax", "xmax", "grade", "score",
    "p_normal", "p_mild", "p_moderate", "p_severe", "level_certain", "score_threshold",
)  # fmt: skip
"""Columns of every table of boxes: reference, reader or model (`reference.csv`, `predictions.csv`).

`side`, `level` and `grade` are words or empty; `score` and the four probabilities are empty for human readers.
`level_certain` is yes or no if the level was counted (`study.levels`); it is empty without a level and for human
readers. `score_threshold` is the model's operating point for the region: a box with a lower score is not a finding, and
is listed only for the free-response curve. Empty means that every box counts.
"""

OPTIONAL_BOX_COLUMNS: tuple[str, ...] = (
    "score",
    "p_normal",
    "p_mild",
    "p_moderate",
    "p_severe",
    "level_certain",
    "score_threshold",
)
"""Columns that may be missing in tables of human readers and of older models; they are read as empty."""

CORNER_COLUMNS = ("ymin", "xmin", "ymax", "xmax")
PROBABILITY_COLUMNS = ("p_normal", "p_mild", "p_moderate", "p_severe")
NUMBER_COLUMNS = (*CORNER_COLUMNS, "score", *PROBABILITY_COLUMNS, "score_threshold")
WORD_COLUMNS = tuple(name for name in BOX_COLUMNS if name not in NUMBER_COLUMNS)

YES_NO = {True: "yes", False: "no"}

WORDS_OF_COLUMN: Mapping[str, tuple[str, ...]] = {
    "plane": tuple(plane.value for plane in Plane),
    "region": tuple(region.value for region in Region),
    "side": (*(side.value for side in Side), ""),
    "level": (*(level.value for level in LEVELS), ""),
    "grade": (*GRADE_WORDS, ""),
    "level_certain": (*YES_NO.values(), ""),
}
"""The words that a column may have."""

Where = Callable[[int], str]
"""Gives the place of a row, counted from 0, for a message."""

_SLICE_NAMES = ("key", "study", "plane")

PROBABILITY_TOLERANCE = 1.001e-3
"""Tolerance of the sum of the four probabilities (1), and of the probability of the grade (the largest one): a float32
softmax may have been rounded to three decimals when it was written as text."""


def annotated_rows(annotated: AnnotatedSlice, *, study: str, plane: Plane) -> list[dict[str, Any]]:
    """Return one row of `BOX_COLUMNS` for every box that a person drew on a slice."""
    return [
        {
            "study": study,
            "slice": annotated.key,
            "plane": plane.value,
            "region": annotation.region.value,
            "side": annotation.side or "",
            "level": annotation.level or "",
            **dict(zip(CORNER_COLUMNS, annotation.box, strict=True)),
            "grade": "" if annotation.grade is None else annotation.grade.word,
            "level_certain": "",
        }
        for annotation in annotated.annotations
    ]


def readings_table(readings: Iterable[SliceReading]) -> pd.DataFrame:
    """Return the boxes that a model detected, with score and grade probabilities."""
    return box_table(
        {
            "study": reading.study,
            "slice": reading.key,
            "plane": reading.plane.value,
            "region": detection.region.value,
            "side": detection.side or "",
            "level": detection.level or "",
            **dict(zip(CORNER_COLUMNS, detection.box, strict=True)),
            "grade": detection.grade.word,
            "score": detection.score,
            **dict(zip(PROBABILITY_COLUMNS, detection.probabilities, strict=True)),
            "level_certain": "" if detection.level is None else YES_NO[detection.is_level_certain],
            "score_threshold": detection.score_threshold,
        }
        for reading in readings
        for detection in reading.detections
    )


def read_boxes(path: Path) -> pd.DataFrame:
    """Read a table of boxes and check every value. Tables of human readers may lack `OPTIONAL_BOX_COLUMNS`.

    Raises:
        FormatError: the file cannot be read, lacks a column, or contains an invalid value; the message gives the line
            (the header is line 1).
    """
    needed = [name for name in BOX_COLUMNS if name not in OPTIONAL_BOX_COLUMNS]
    read = read_csv_file(path, needed, optional=OPTIONAL_BOX_COLUMNS)
    table = pd.DataFrame(list(read.rows), columns=list(BOX_COLUMNS), dtype="str")
    table = table.assign(**numbers_of(read, NUMBER_COLUMNS)).astype(dict.fromkeys(NUMBER_COLUMNS, "float64"))
    for name, words in WORDS_OF_COLUMN.items():
        known = {word.lower(): word for word in words}
        table[name] = table[name].map(lambda word, known=known: known.get(word.lower(), word)).astype("str")
    _check_words(read.where, table)
    for name in ("study", "slice"):
        _require(read.where, table, name, table[name] != "", "the name of one")
    _check_relations(read.where, table)
    _check_probabilities(read.where, table)
    return table


def checked_boxes(table: pd.DataFrame, *, name: str) -> pd.DataFrame:
    """Return a table from memory as `read_boxes` gives it, with its other columns; rows are numbered from 0.

    Whether columns fit each other is not checked: readings of other programs need not be possible.

    Args:
        table: `BOX_COLUMNS`, of which `OPTIONAL_BOX_COLUMNS` may be missing; missing values may be None or NaN.
        name: of the table, for messages.

    Raises:
        FormatError: a column is missing, or a word, number or box is invalid; the message gives the row as a line of a
            file (the header is line 1).
    """
    missing = [column for column in BOX_COLUMNS if column not in table.columns and column not in OPTIONAL_BOX_COLUMNS]
    if missing:
        raise FormatError(f"{name}: no column {', '.join(missing)}; expected {', '.join(BOX_COLUMNS)}")
    given = table.assign(**{column: np.nan for column in OPTIONAL_BOX_COLUMNS if column not in table})
    given = given.reset_index(drop=True)
    words = {column: given[column].fillna("").astype(str) for column in WORD_COLUMNS}
    numbers = {column: pd.to_numeric(given[column], errors="coerce") for column in NUMBER_COLUMNS}
    checked = given.assign(**words, **numbers)

    def where(row: int) -> str:
        return f"{name}: row {row + 2}"

    _check_words(where, checked)
    for column in NUMBER_COLUMNS:
        is_number = checked[column].notna() | given[column].isna() | (given[column] == "")
        _require(where, given, column, is_number, "a number or nothing")
    for column in CORNER_COLUMNS:
        _require(where, checked, column, np.isfinite(checked[column]), "a number: a box has four")
    return checked


def counted_boxes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes that are findings, without those of a model below its operating point."""
    return table[is_counted(table["score"], table["score_threshold"])].reset_index(drop=True)


def line_of_row(path: Path, row: int) -> int:
    """Return the line in the file of a row of `read_boxes`; rows count from 0, and the header is line 1."""
    return read_csv_file(path, ("study",)).lines[row]


def require_known_slices(path: Path, boxes: pd.DataFrame, slices: pd.DataFrame, *, folder: Path) -> None:
    """Refuse boxes whose slice does not exist or belongs to another study or plane: the table is of another cohort.

    Args:
        path: the file of the boxes, for the message.
        boxes: all rows of `read_boxes`, in their order.
        slices: `slices.csv`, with key, study and plane.
        folder: the folder of `slices.csv`, for the message.

    Raises:
        FormatError: there is such a box; the message gives its line.
    """
    known = {key: (study, plane) for key, study, plane in zip(*(slices[c] for c in _SLICE_NAMES), strict=True)}
    rows = zip(boxes["slice"], boxes["study"], boxes["plane"], strict=True)
    for row, (key, study, plane) in enumerate(rows):
        if known.get(key) != (study, plane):
            found = f"is {known[key][1]}, of study {known[key][0]}" if key in known else "is not there"
            raise FormatError(
                f"{path}: line {line_of_row(path, row)}: {plane} slice {key} of study {study}; in {folder} it {found}: "
                "expected boxes of the same ingest"
            )


def write_boxes(path: Path, table: pd.DataFrame) -> None:
    """Write a table of boxes as CSV at full precision.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, table[list(BOX_COLUMNS)].to_csv(index=False))


def box_of(row: Mapping[str, Any]) -> Box:
    """Return the box of a row, from numbers or their text.

    Raises:
        ValueError: a corner is not a number.
    """
    ymin, xmin, ymax, xmax = (float(row[name]) for name in CORNER_COLUMNS)
    return ymin, xmin, ymax, xmax


def box_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table of boxes with text and number columns; values that a row lacks are empty."""
    table = pd.DataFrame(list(rows), columns=list(BOX_COLUMNS))
    return table.astype(dict.fromkeys(WORD_COLUMNS, "str") | dict.fromkeys(NUMBER_COLUMNS, "float64"))


def _check_words(where: Where, table: pd.DataFrame) -> None:
    for column, words in WORDS_OF_COLUMN.items():
        expected = f"one of {', '.join(word or 'nothing' for word in words)}"
        _require(where, table, column, table[column].isin(words), expected)


def _check_relations(where: Where, table: pd.DataFrame) -> None:
    """Check the columns that depend on each other."""
    box = table[list(CORNER_COLUMNS)]
    # A detector's corner may lie slightly outside after scaling in float32.
    inside = ((box > -0.5) & (box < np.inf)).all(axis=1)
    _require(where, table, "ymin", inside, "four corners, none of them above or left of the image")
    _require(where, table, "ymax", box["ymin"] < box["ymax"], "more than ymin")
    _require(where, table, "xmax", box["xmin"] < box["xmax"], "more than xmin")
    plane = table["region"].map({region.value: region.plane.value for region in Region})
    _require(where, table, "region", plane == table["plane"], "a region of the row's plane")
    canal = table["region"] == Region.CENTRAL_CANAL
    _require(where, table, "side", ~canal | (table["side"] == ""), "nothing for the canal")
    recess = table["region"] == Region.LATERAL_RECESS
    _require(where, table, "side", ~recess | (table["side"] != ""), "left or right for a recess")


def _check_probabilities(where: Where, table: pd.DataFrame) -> None:
    """Check that the probabilities are valid, and that the grade is the most probable one."""
    for name in ("score", *PROBABILITY_COLUMNS):
        share = table[name]
        _require(where, table, name, share.isna() | ((share >= 0) & (share <= 1)), "a share in 0 to 1")
    shares = table[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)
    missing = np.isnan(shares)
    complete = missing.all(axis=1) | (np.abs(shares.sum(axis=1) - 1) <= PROBABILITY_TOLERANCE)
    _require(where, table, "p_normal", pd.Series(complete), "four probabilities that sum to 1, or none")
    graded = (table["grade"] != "").to_numpy() & ~missing.any(axis=1)
    codes = table["grade"].map({word: code for code, word in enumerate(GRADE_WORDS)}).fillna(0).to_numpy(int)
    own = np.take_along_axis(shares, codes[:, None], axis=1)[:, 0]
    agrees = ~graded | (own >= shares.max(axis=1) - PROBABILITY_TOLERANCE)
    _require(where, table, "grade", pd.Series(agrees), "the grade of the largest of the row's four probabilities")


def _require(where: Where, table: pd.DataFrame, column: str, valid: "pd.Series[bool]", expected: str) -> None:
    if not valid.all():
        row = int(np.flatnonzero(~valid.to_numpy())[0])
        raise FormatError(f'{where(row)}: {column} "{table[column].iloc[row]}"; expected {expected}')
