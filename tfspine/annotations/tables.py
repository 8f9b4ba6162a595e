"""Tables of boxes (`structures.BOX_COLUMNS`): from labels, from readings, from and to CSV.

In memory `side`, `level` and `grade` are words or the empty string, and `score` and the probabilities NaN where nobody
gave them, so that a table is the same before it is written and after it is read.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfspine.annotations.voc import find_labels, read_voc
from tfspine.errors import AnnotationError
from tfspine.labels import GRADE_WORDS, LEVELS, Plane, Region, Side
from tfspine.outputs import write_text
from tfspine.structures import BOX_COLUMNS, SLICE_COLUMNS, AnnotatedSlice, SliceReading

CORNER_COLUMNS = ("ymin", "xmin", "ymax", "xmax")
PROBABILITY_COLUMNS = ("p_normal", "p_mild", "p_moderate", "p_severe")
NUMBER_COLUMNS = (*CORNER_COLUMNS, "score", *PROBABILITY_COLUMNS)
WORD_COLUMNS = tuple(name for name in BOX_COLUMNS if name not in NUMBER_COLUMNS)

YES_NO = {True: "yes", False: "no"}

OPTIONAL_COLUMNS = ("level_certain",)
"""What tables of people, and of models before levels could be in doubt, need not have: read as empty."""

PROBABILITY_TOLERANCE = 1e-3
"""How far four probabilities may sum from 1: they come from a float32 softmax and through text."""


def labels_table(labels: Path, slices_csv: Path) -> pd.DataFrame:
    """Return the boxes of every label file of a folder; study and plane come from `slices.csv`.

    Raises:
        AnnotationError: a label file is wrong, has no slice, or was drawn on an image of another size.
    """
    slices = {str(row["key"]): row for row in read_slices_csv(slices_csv).to_dict("records")}
    rows: list[dict[str, Any]] = []
    for path in find_labels(labels):
        annotated = read_voc(path)
        if annotated.key not in slices:
            raise AnnotationError(f"{path}: no slice {annotated.key} in {slices_csv}; name the labels after the slices")
        slice_ = slices[annotated.key]
        expected_px = (int(slice_["rows"]), int(slice_["columns"]))
        if annotated.size_px != expected_px:
            raise AnnotationError(
                f"{path}: image of {annotated.size_px[0]} rows x {annotated.size_px[1]} columns; expected "
                f"{expected_px[0]} x {expected_px[1]} as in {slices_csv}; label the PNG that ingest wrote"
            )
        rows += annotated_rows(annotated, study=str(slice_["study"]), plane=Plane(slice_["plane"]))
    return _table(rows)


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
    """Return the boxes that a model found, with score and grade probabilities."""
    return _table(
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
        }
        for reading in readings
        for detection in reading.detections
    )


def read_boxes(path: Path) -> pd.DataFrame:
    """Read a table of boxes and check every value.

    Raises:
        AnnotationError: the file cannot be read, lacks a column, or holds a value that no box can have; the message
            names the line (the header is line 1).
    """
    table = read_table_of_words(path, BOX_COLUMNS, optional=OPTIONAL_COLUMNS)
    for name in NUMBER_COLUMNS:
        numbers = pd.to_numeric(table[name].replace("", "nan"), errors="coerce").astype("float64")
        _require(path, table, name, numbers.notna() | table[name].str.lower().isin(("", "nan")), "a number or nothing")
        table[name] = numbers
    for name, words in (
        ("plane", tuple(Plane)),
        ("region", tuple(Region)),
        ("side", (*Side, "")),
        ("level", (*LEVELS, "")),
        ("grade", (*GRADE_WORDS, "")),
        ("level_certain", (*YES_NO.values(), "")),
    ):
        _require(path, table, name, table[name].isin(words), f"one of {', '.join(word or 'nothing' for word in words)}")
    _check_relations(path, table)
    return table


def write_boxes(path: Path, table: pd.DataFrame) -> None:
    """Write a table of boxes as CSV at full precision.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, table[list(BOX_COLUMNS)].to_csv(index=False))


def read_slices_csv(path: Path) -> pd.DataFrame:
    """Read `slices.csv` with every value as text.

    Raises:
        AnnotationError: the file cannot be read or is no `slices.csv`.
    """
    return read_table_of_words(path, SLICE_COLUMNS)


def _table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=list(BOX_COLUMNS))
    return table.astype(dict.fromkeys(WORD_COLUMNS, "str") | dict.fromkeys(NUMBER_COLUMNS, "float64"))


def read_table_of_words(path: Path, columns: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read some columns of a CSV as text: pseudonyms such as ``0123456789`` or ``12345e6789`` must not become numbers.

    Raises:
        AnnotationError: the file cannot be read or lacks a column.
    """
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise AnnotationError(f"{path}: not a readable CSV file: {reason}; expected {', '.join(columns)}") from None
    table = table.assign(**{name: "" for name in optional if name not in table.columns})
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise AnnotationError(f"{path}: no column {missing[0]}; expected the columns {', '.join(columns)}")
    return table[list(columns)]


def _check_relations(path: Path, table: pd.DataFrame) -> None:
    """Check what only two columns together can get wrong."""
    box = table[list(CORNER_COLUMNS)]
    # A detector's corner may lie a hair outside after scaling in float32.
    inside = ((box > -0.5) & (box < np.inf)).all(axis=1)
    _require(path, table, "ymin", inside, "four corners, none of them above or left of the image")
    _require(path, table, "ymax", box["ymin"] < box["ymax"], "more than ymin")
    _require(path, table, "xmax", box["xmin"] < box["xmax"], "more than xmin")
    plane = table["region"].map({region.value: region.plane.value for region in Region})
    _require(path, table, "region", plane == table["plane"], "a region of the row's plane")
    canal = table["region"] == Region.CENTRAL_CANAL
    _require(path, table, "side", ~canal | (table["side"] == ""), "nothing for the canal")
    recess = table["region"] == Region.LATERAL_RECESS
    _require(path, table, "side", ~recess | (table["side"] != ""), "left or right for a recess")
    shares = table[["score", *PROBABILITY_COLUMNS]]
    _require(path, table, "score", (shares.isna() | ((shares >= 0) & (shares <= 1))).all(axis=1), "shares in 0 to 1")
    probabilities = table[list(PROBABILITY_COLUMNS)]
    sums = probabilities.sum(axis=1, skipna=False)
    complete = probabilities.isna().all(axis=1) | ((sums - 1).abs() <= PROBABILITY_TOLERANCE)
    _require(path, table, "p_normal", complete, "four probabilities that sum to 1, or none")


def _require(path: Path, table: pd.DataFrame, column: str, valid: "pd.Series[bool]", expected: str) -> None:
    if not valid.all():
        index = int(np.flatnonzero(~valid.to_numpy())[0])
        raise AnnotationError(f'{path}: line {index + 2}: {column} "{table[column].iloc[index]}"; expected {expected}')
