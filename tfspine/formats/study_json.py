"""``studies/STUDY.json``: the results of one study, one row for each region, level and side.

Grades are words, or null if nothing was found. `level_doubt` says why its levels may be miscounted; `slices` has the
level of every axial slice.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfspine.errors import FormatError
from tfspine.labels import Grade, Level, Region, Side
from tfspine.outputs import write_text
from tfspine.structures import RegionResult, SliceLevel, StudyResult

STUDIES_FOLDER = "studies"


def write_study(folder: Path, result: StudyResult) -> None:
    """Write the study into `folder/studies`.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [
        dataclasses.asdict(row) | {"grade": row.grade.word if row.grade is not None else None} for row in result.rows
    ]
    slices = [dataclasses.asdict(slice_) for slice_ in result.slices]
    content = {"study": result.study, "level_doubt": result.level_doubt, "rows": rows, "slices": slices}
    write_text(folder / STUDIES_FOLDER / f"{result.study}.json", json.dumps(content, indent=2) + "\n")


def study_files(folder: Path) -> list[Path]:
    """Return the files of all studies that ``tfspine predict`` wrote into a folder, in the order of their names."""
    return sorted((folder / STUDIES_FOLDER).glob("*.json"))


def read_study_files(folder: Path) -> list[StudyResult]:
    """Read all studies of a folder that ``tfspine predict`` wrote.

    Raises:
        FormatError: no study is found, or as in `read_study`.
    """
    files = study_files(folder)
    if not files:
        raise FormatError(f"{folder}: no studies/*.json; expected the folder that tfspine predict wrote")
    return [read_study(path) for path in files]


def read_study(path: Path) -> StudyResult:
    """Read one study.

    Raises:
        FormatError: the file cannot be read, or contains invalid values.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not readable: {error}; make it with tfspine predict") from None
    try:
        return StudyResult(
            content["study"],
            tuple(_row(row) for row in content["rows"]),
            content.get("level_doubt", ""),
            tuple(_slice(slice_) for slice_ in content.get("slices", ())),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise FormatError(f"{path}: not a study of tfspine predict: {error!r}; make it again") from None


def _row(row: Mapping[str, Any]) -> RegionResult:
    box = row["box"]
    return RegionResult(
        region=Region(row["region"]),
        side=Side(row["side"]) if row["side"] else None,
        level=Level(row["level"]),
        grade=Grade[row["grade"].upper()] if row["grade"] is not None else None,
        probability=row["probability"],
        slice_key=row["slice_key"],
        box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])) if box is not None else None,
    )


def _slice(slice_: Mapping[str, Any]) -> SliceLevel:
    level = Level(slice_["level"]) if slice_["level"] else None
    return SliceLevel(slice_["slice_key"], level, bool(slice_["is_certain"]))
