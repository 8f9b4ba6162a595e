"""Content of other programs' files before their names are interpreted: boxes with names and attributes.

Each reader (`cvat`, `coco`, `labelstudio`, `yolo`) yields a `DrawnImage` for each image, and a `Refusal` for whatever
is not an upright box.
"""

import re
import zipfile
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tfspine.errors import AnnotationError
from tfspine.structures import Box, Refusal

LARGEST_ROTATION_DEG = 0.01
"""A box rotated by more is not an upright box; programs write zero as 0, 0.0 or a rounding error."""

UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded to it."""


@dataclass(frozen=True)
class DrawnBox:
    """One box as its program stores it.

    Attributes:
        where: file, image and object, for messages: ``annotations.xml: image 3: box 2``.
        name: its label.
        box: yxyx, pixels, far edge excluded; it may reach outside the image.
        attributes: by their names in lower case, without empty ones.
    """

    where: str
    name: str
    box: Box
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DrawnImage:
    """One image with its boxes; `size_px` is (rows, columns) according to its program, None if unknown."""

    name: str
    size_px: tuple[int, int] | None
    boxes: tuple[DrawnBox, ...]


Drawn = DrawnImage | Refusal


def slice_of(image: str, keys: Container[str]) -> str:
    """Return the key of the slice that an image is named after: ``images/train/abc.png`` is ``abc``.

    The prefix that Label Studio adds to the name of an uploaded file is dropped if the rest is one of `keys`.
    """
    stem = PurePosixPath(image.replace("\\", "/")).stem
    without = UPLOAD.sub("", stem, count=1)
    return without if stem not in keys and without in keys else stem


def is_rotated(angle_deg: float) -> bool:
    """Whether an angle is more than a rounding error away from a whole turn."""
    return abs((angle_deg + 180) % 360 - 180) > LARGEST_ROTATION_DEG


def texts_of(path: Path, is_wanted: Callable[[str], bool], *, expected: str) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of the wanted files of an export: a file, a folder, or a zip archive of one.

    Args:
        path: what was exported; a single file is wanted whatever its name.
        is_wanted: decides by the name of a file, without folders and in lower case.
        expected: what was expected, for the message.

    Raises:
        AnnotationError: the path does not exist, holds no wanted file, or cannot be read as text.
    """
    found = False
    for name, content in _contents(path, is_wanted, expected):
        found = True
        try:
            yield name, content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise AnnotationError(f"{path}: {name} is not UTF-8 text; expected {expected}") from None
    if not found:
        raise AnnotationError(f"{path}: nothing to import; expected {expected}")


def _contents(path: Path, is_wanted: Callable[[str], bool], expected: str) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and is_wanted(file.name.lower()):
                    yield str(file.relative_to(path)), file.read_bytes()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if is_wanted(PurePosixPath(name).name.lower()):
                        yield name, archive.read(name)
        else:
            yield path.name, path.read_bytes()
    except FileNotFoundError:
        raise AnnotationError(f"{path}: no such file or folder; expected {expected}") from None
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise AnnotationError(f"{path}: cannot be read: {error}; expected {expected}") from None
