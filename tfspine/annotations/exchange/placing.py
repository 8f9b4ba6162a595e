"""Matches images of another program to the slices that ``tfspine ingest`` wrote, only by file name."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tfspine.annotations.exchange.drawn import Drawn, DrawnBox, DrawnImage, slice_of
from tfspine.annotations.exchange.names import NameMap, annotation_of
from tfspine.errors import AnnotationError, FormatError
from tfspine.labels import DETECTOR_CLASSES, Plane
from tfspine.structures import AnnotatedSlice, Annotation, Refusal

TOLERANCE_PX = 0.5
"""How far a corner may lie outside the image, because programs round percentages and fractions."""

SLICE_OF = {Plane.AXIAL: "an axial slice", Plane.SAGITTAL: "a sagittal slice"}


@dataclass(frozen=True)
class Target:
    """One slice: `size_px` is (rows, columns)."""

    plane: Plane
    size_px: tuple[int, int]


@dataclass(frozen=True)
class PlacedLabels:
    """What was read: slices with boxes, refusals, and how many images have no box at all."""

    labels: tuple[AnnotatedSlice, ...]
    refused: tuple[Refusal, ...]
    empty: int


def place(drawn: Iterable[Drawn], targets: Mapping[str, Target], names: NameMap) -> PlacedLabels:
    """Return the labels of the slices that the images show.

    Args:
        drawn: images and refusals of a reader.
        targets: every slice, by its key.
        names: what names and attributes mean.

    Raises:
        AnnotationError: no image is named after a slice; the message lists the first that are not.
    """
    labels: dict[str, AnnotatedSlice] = {}
    refused: list[Refusal] = []
    strangers: list[str] = []
    empty, images = 0, 0
    for item in drawn:
        if isinstance(item, Refusal):
            refused.append(item)
            continue
        images += 1
        key = slice_of(item.name, targets)
        if key not in targets:
            strangers.append(item.name)
            refused.append(Refusal(item.name, f"no slice {key}; its {len(item.boxes)} boxes are left out"))
        elif key in labels:
            refused.append(Refusal(item.name, f"a second image of slice {key}; its boxes are left out"))
        elif not item.boxes:
            empty += 1
        else:
            annotations = _annotations(item, targets[key], names, refused)
            if annotations:
                labels[key] = AnnotatedSlice(key, targets[key].size_px, annotations)
    if images and len(strangers) == images:
        raise AnnotationError(
            f"none of {images} images is named after one of {len(targets)} slices: {_listed(strangers)}; label the PNG "
            "that ingest wrote, and keep their names"
        )
    return PlacedLabels(tuple(labels.values()), tuple(refused), empty)


def _annotations(image: DrawnImage, target: Target, names: NameMap, refused: list[Refusal]) -> tuple[Annotation, ...]:
    """Return the boxes of an image that can be used; the others are added to `refused`."""
    if image.size_px is not None and image.size_px != target.size_px:
        reason = f"image of {_size(image.size_px)}, slice of {_size(target.size_px)}; label the PNG that ingest wrote"
        refused.append(Refusal(image.name, reason))
        return ()
    kept = []
    for box in image.boxes:
        try:
            annotation = annotation_of(_inside(box, target.size_px), names)
            if annotation.region not in {item.region for item in DETECTOR_CLASSES[target.plane]}:
                raise AnnotationError(
                    f'{box.where}: "{box.name}" on {SLICE_OF[target.plane]}; its region belongs to the other plane'
                )
            kept.append(annotation)
        except FormatError as error:
            refused.append(Refusal(image.name, str(error)))
    return tuple(kept)


def _inside(drawn: DrawnBox, size_px: tuple[int, int]) -> DrawnBox:
    """Return a box with corners that lie outside by a rounding error moved onto the border.

    Raises:
        AnnotationError: it has no area, or reaches further outside.
    """
    ymin, xmin, ymax, xmax = drawn.box
    rows, columns = size_px
    is_inside = min(ymin, xmin) > -TOLERANCE_PX and ymax < rows + TOLERANCE_PX and xmax < columns + TOLERANCE_PX
    clipped = (max(ymin, 0.0), max(xmin, 0.0), min(ymax, float(rows)), min(xmax, float(columns)))
    has_area = clipped[0] < clipped[2] and clipped[1] < clipped[3]
    if not (is_inside and has_area and all(map(math.isfinite, drawn.box))):
        raise AnnotationError(
            f'{drawn.where}: "{drawn.name}": rows {ymin:g} to {ymax:g}, columns {xmin:g} to {xmax:g}; expected a box '
            f"with an area inside the image of {rows} rows x {columns} columns; draw it again"
        )
    return DrawnBox(drawn.where, drawn.name, clipped, drawn.attributes)


def _size(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]} rows x {size_px[1]} columns"


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
