"""YOLO text files, one per image: ``class x_center y_center width height``, fractions of the image's width and height.

The format: https://docs.ultralytics.com/datasets/detect. Classes count from 0; their names are in `classes.txt`
(LabelImg), `obj.names` (CVAT, Darknet) or under `names` in `data.yaml` (Ultralytics). The grade is part of the name.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from tfspine.annotations.exchange.drawn import Drawn, DrawnBox, DrawnImage, slice_of, texts_of
from tfspine.errors import AnnotationError, FormatError
from tfspine.structures import Refusal

EXPECTED = "a folder or zip archive with *.txt and the names of the classes in classes.txt, obj.names or data.yaml"
NAME_FILES = ("classes.txt", "obj.names")
OTHER_FILES = ("train.txt", "test.txt", "valid.txt", "val.txt", "notes.txt")
"""Lists of images, and Label Studio's notes, which hold no boxes; `obj.data` and others do not end in .txt."""

NO_SLICE = (1, 1)
"""Size of an image that is not a slice: its boxes are only counted when it is refused."""


def read_yolo(path: Path, sizes_px: Mapping[str, tuple[int, int]]) -> Iterator[Drawn]:
    """Yield the images of a folder, and a refusal for each line that is not a box.

    Args:
        path: folder or zip archive.
        sizes_px: (rows, columns) by the stem of an image's name: the files have fractions and no sizes.

    Raises:
        AnnotationError: the folder cannot be read, or has no names of the classes.
    """
    files = dict(texts_of(path, _is_wanted, expected=EXPECTED))
    classes = _class_names(path, files)
    for name, text in files.items():
        file = PurePosixPath(name.replace("\\", "/")).name.lower()
        if not file.endswith(".txt") or file in (*NAME_FILES, *OTHER_FILES):
            continue
        yield from _image(name, text, classes, sizes_px.get(slice_of(name, sizes_px)))


def _is_wanted(file: str) -> bool:
    return file.endswith((".txt", ".names", ".yaml", ".yml"))


def _image(name: str, text: str, classes: list[str], size_px: tuple[int, int] | None) -> Iterator[Drawn]:
    boxes = []
    for line, row in enumerate(text.splitlines(), start=1):
        if not row.strip():
            continue
        try:
            boxes.append(_box(row.split(), classes, size_px or NO_SLICE, f"{name}: line {line}"))
        except FormatError as error:
            yield Refusal(name, str(error), line)
    yield DrawnImage(name, size_px, tuple(boxes))


def _box(words: list[str], classes: list[str], size_px: tuple[int, int], where: str) -> DrawnBox:
    if len(words) > 5:
        what = "a model's box with a score" if len(words) == 6 else "a polygon or rotated box"
        raise AnnotationError(f"{where}: {len(words)} values, as {what} has; expected class, x, y, width, height")
    try:
        number = int(words[0])
        x, y, width, height = map(float, words[1:])
    except ValueError:
        raise AnnotationError(f'{where}: "{" ".join(words)}"; expected class, x, y, width, height') from None
    if not 0 <= number < len(classes):
        raise AnnotationError(f"{where}: class {number}; expected 0 to {len(classes) - 1}, the classes that have names")
    rows, columns = size_px
    box = ((y - height / 2) * rows, (x - width / 2) * columns, (y + height / 2) * rows, (x + width / 2) * columns)
    return DrawnBox(where, classes[number], box)


def _class_names(path: Path, files: Mapping[str, str]) -> list[str]:
    for name, text in files.items():
        file = PurePosixPath(name.replace("\\", "/")).name.lower()
        if file in NAME_FILES:
            return [line.strip() for line in text.splitlines() if line.strip()]
        if file.endswith((".yaml", ".yml")):
            names = _names_of_yaml(text)
            if names:
                return names
    raise AnnotationError(f"{path}: no names of the classes; expected {EXPECTED}")


def _names_of_yaml(text: str) -> list[str]:
    """Return the entries under `names` of a data.yaml: ``[a, b]``, lines of ``- a``, or of ``0: a``.

    Only this part is read, so that no YAML library is needed.
    """
    match = re.search(
        r"^names:[ \t]*(\[.*?\]|\{.*?\})?[ \t]*(?:#.*)?\n?((?:[ \t]*(?:-|\d+:).*\n?)*)", text, re.M | re.S
    )
    if not match:
        return []
    if match[1]:
        words = match[1].strip("[]{}").replace("\n", " ").split(",")
        return [_unquoted(re.sub(r"^\s*\d+\s*:", "", word)) for word in words if word.strip()]
    return [_unquoted(re.sub(r"^\s*(-|\d+:)", "", line)) for line in match[2].splitlines() if line.strip()]


def _unquoted(word: str) -> str:
    word = word.strip()
    return word[1:-1] if word[:1] in ("'", '"') and word[-1:] == word[:1] else word
