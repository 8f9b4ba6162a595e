"""Find the label files in a folder, or explain what the folder contains instead."""

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from tfspine.errors import AnnotationError

LABEL_SUFFIX = ".xml"
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")

_YOLO_LINE = re.compile(r"\d+( -?\d+(\.\d+)?){4}")
"""Class, then x, y, width and height as shares of the image, the YOLO format that LabelImg can save."""


def label_files(folder: Path) -> dict[str, Path]:
    """Return the label files of a folder by slice key, in the order of their names.

    The file name extension may be in capitals, as on some systems.

    Raises:
        AnnotationError: there is no such folder, no label file in it, or two for one slice. If it contains something
            else, such as labels in another format, the message says what.
    """
    if not folder.is_dir():
        raise AnnotationError(f"{folder}: no such folder; name the one that LabelImg saves to")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == LABEL_SUFFIX)
    if not paths:
        raise AnnotationError(f"{folder}: no label files (*.xml); {_what_is_there(folder)}")
    files: dict[str, Path] = {}
    for path in paths:
        if path.stem in files:
            raise AnnotationError(f"{path}: a second label file of {path.stem}; keep this or {files[path.stem].name}")
        files[path.stem] = path
    return files


def labels_below(folder: Path) -> Iterator[Path]:
    """Yield the label files of a folder and its subfolders, whatever the case of their extensions."""
    yield from (path for path in folder.rglob("*") if path.suffix.lower() == LABEL_SUFFIX)


def labels_of_slices(folder: Path, keys: Collection[str]) -> dict[str, Path]:
    """Return the label files of a folder, at least one of which must belong to the slices.

    Args:
        folder: the folder to which LabelImg saves.
        keys: the keys of all slices of one ingest.

    Raises:
        AnnotationError: as in `label_files`, or no file is named after a slice.
    """
    files = label_files(folder)
    if not any(key in keys for key in files):
        first = next(iter(files.values())).name
        raise AnnotationError(
            f"{folder}: none of {len(files)} label files, the first {first}, is named after one of {len(keys)} slices: "
            "labels of another ingest or de-identification; name the slices they were drawn on, or carry them over "
            "with tfspine labels rename --key"
        )
    return files


def _what_is_there(folder: Path) -> str:
    """Return which files in a folder may have been mistaken for label files, and what to do."""
    paths = sorted(folder.rglob("*"))
    below = sorted({path.parent for path in labels_below(folder)})
    if below:
        return f"they lie in {below[0]}" + (f" and {len(below) - 1} more folders" if below[1:] else "") + "; name it"
    yolo = [path for path in paths if path.suffix == ".txt" and _is_yolo(path)]
    if yolo:
        return f"{len(yolo)} YOLO files, the first {yolo[0].name}; save as PascalVOC, or use tfspine import yolo"
    tables = [path for path in paths if path.suffix == ".json" and _format_of(path)]
    if tables:
        other = ", or use tfspine import coco" if _format_of(tables[0]) == "COCO" else ""
        return f"{tables[0].name} is a {_format_of(tables[0])} file; save as PascalVOC in LabelImg{other}"
    pictures = [path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES]
    if pictures:
        return f"{len(pictures)} pictures and no labels; draw boxes with LabelImg, or name the folder that it saves to"
    files = sum(path.is_file() for path in paths)
    return f"{files or 'no'} other files; name the folder that LabelImg saves to"


def _is_yolo(path: Path) -> bool:
    try:
        lines = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return bool(_YOLO_LINE.fullmatch(lines[0].strip()))


def _format_of(path: Path) -> str:
    """Return the name of the format of a JSON file with boxes, or an empty text."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return ""
    if isinstance(content, dict):
        return "COCO" if {"images", "annotations"} <= set(content) else ""
    is_create_ml = isinstance(content, list) and bool(content) and isinstance(content[0], dict)
    return "CreateML" if is_create_ml and "annotations" in content[0] else ""
