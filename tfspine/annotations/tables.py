"""Tables of boxes: one format for the reference, for readers and for models (`structures.BOX_COLUMNS`)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from tfspine.annotations.voc import read_voc
from tfspine.errors import AnnotationError
from tfspine.labels import GRADE_WORDS, LEVELS, Plane, Region, Side
from tfspine.outputs import write_text
from tfspine.structures import BOX_COLUMNS, SliceReading

WORDS: dict[str, tuple[str, ...]] = {
    "plane": tuple(Plane),
    "region": tuple(Region),
    "side": ("", *Side),
    "level": ("", *LEVELS),
    "grade": ("", *GRADE_WORDS),
}
"""What the columns of words may hold; empty where nobody said."""

NUMBERS = ("ymin", "xmin", "ymax", "xmax", "score", "p_normal", "p_mild", "p_moderate", "p_severe")
TEXTS: dict[str, type[str]] = {name: str for name in BOX_COLUMNS if name not in NUMBERS}


def labels_table(labels: Path, slices_csv: Path) -> pd.DataFrame:
    """Return every object of every label file in a folder.

    Args:
        labels: folder of LabelImg XML files named after their slice.
        slices_csv: the table that ``tfspine ingest`` wrote; it tells study and plane of each slice.

    Raises:
        AnnotationError: the folder holds no label, or a label has no slice.
    """
    slices = _read_csv(slices_csv, {"key": str, "study": str})
    studies = dict(zip(slices["key"], zip(slices["study"], slices["plane"], strict=True), strict=True))
    files = sorted(labels.glob("*.xml"))
    if not files:
        raise AnnotationError(f"{labels}: no label file (*.xml); name the folder that LabelImg saves to")
    rows: list[dict[str, Any]] = []
    for path in files:
        annotated = read_voc(path)
        if path.stem not in studies:
            raise AnnotationError(f"{path}: no slice {path.stem} in {slices_csv}; remove the label or ingest its study")
        study, plane = studies[path.stem]
        for item in annotated.annotations:
            rows.append(
                {"study": study, "slice": path.stem, "plane": plane, "region": str(item.region)}
                | {"side": str(item.side or ""), "level": str(item.level or "")}
                | dict(zip(("ymin", "xmin", "ymax", "xmax"), item.box, strict=True))
                | {"grade": item.grade.word if item.grade is not None else ""}
            )
    return _table(rows)


def readings_table(readings: Iterable[SliceReading]) -> pd.DataFrame:
    """Return what a model found, one row a detection, with score and probabilities."""
    rows = [
        {"study": reading.study, "slice": reading.key, "plane": str(reading.plane), "region": str(item.region)}
        | {"side": str(item.side or ""), "level": str(item.level or "")}
        | dict(zip(("ymin", "xmin", "ymax", "xmax"), item.box, strict=True))
        | {"grade": item.grade.word, "score": item.score}
        | {f"p_{word}": share for word, share in zip(GRADE_WORDS, item.probabilities, strict=True)}
        for reading in readings
        for item in reading.detections
    ]
    return _table(rows)


def read_boxes(path: Path) -> pd.DataFrame:
    """Read a table of boxes and check every value.

    Raises:
        AnnotationError: the file is missing, lacks a column, or holds a value that its column cannot.
    """
    table = _read_csv(path, TEXTS)
    missing = [name for name in BOX_COLUMNS if name not in table]
    if missing:
        raise AnnotationError(f"{path}: no column {missing[0]}; expected {', '.join(BOX_COLUMNS)}")
    table = table[list(BOX_COLUMNS)].fillna(dict.fromkeys(TEXTS, ""))
    for name, words in WORDS.items():
        wrong = table.index[~table[name].isin(words)]
        if len(wrong):
            line, value = int(wrong[0]) + 2, table.loc[wrong[0], name]
            raise AnnotationError(
                f'{path}: line {line}: {name} "{value}"; expected one of {", ".join(filter(None, words))}'
            )
    for name in NUMBERS:
        try:
            table[name] = pd.to_numeric(table[name]).astype(float)
        except ValueError as error:
            raise AnnotationError(f"{path}: {name}: {error}; expected numbers") from None
    empty = table.index[~((table["ymax"] > table["ymin"]) & (table["xmax"] > table["xmin"]))]
    if len(empty):
        raise AnnotationError(
            f"{path}: line {int(empty[0]) + 2}: box without area; expected ymin < ymax and xmin < xmax"
        )
    return table


def write_boxes(path: Path, table: pd.DataFrame) -> None:
    """Write a table of boxes as CSV."""
    write_text(path, table[list(BOX_COLUMNS)].to_csv(index=False))


def _read_csv(path: Path, types: dict[str, type[str]]) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=types, keep_default_na=True)
    except FileNotFoundError:
        raise AnnotationError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: not a readable CSV table: {error}") from None


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(BOX_COLUMNS))
    return table.fillna(dict.fromkeys(TEXTS, ""))
