"""COCO JSON of object detection: reading, with the grade among the attributes of a box, and writing.

The format: https://cocodataset.org/#format-data. `bbox` is [x, y, width, height] in pixels from the image's corner.
CVAT and Datumaro write a person's entries for a box as `attributes`
(https://docs.cvat.ai/docs/dataset_management/formats/format-coco), and so does this module, with grade, side and level.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfspine.annotations.exchange.drawn import Drawn, DrawnBox, DrawnImage, is_rotated, texts_of
from tfspine.annotations.exchange.names import ATTRIBUTES
from tfspine.errors import AnnotationError, FormatError
from tfspine.formats.boxes_csv import box_of
from tfspine.formats.slices_csv import SliceRow
from tfspine.labels import Region, Side, object_name
from tfspine.structures import Refusal

EXPECTED = "a COCO file with images, annotations and categories, or the zip archive with it"


def read_coco(path: Path) -> Iterator[Drawn]:
    """Yield the images of a file, and a refusal for each annotation that is not a box.

    For a polygon `bbox` is read, which COCO defines as the box around it.

    Raises:
        AnnotationError: the file cannot be read or is something else.
    """
    for name, text in texts_of(path, lambda file: file.endswith(".json"), expected=EXPECTED):
        yield from _images(name, _load(name, text))


def coco_table(boxes: Sequence[Mapping[str, Any]], slices: Iterable[SliceRow]) -> dict[str, Any]:
    """Return the content of a COCO file with some boxes.

    Args:
        boxes: rows of `boxes_csv.BOX_COLUMNS`; a score is stored with the box, as in COCO's results.
        slices: the slices on which boxes were drawn; each becomes an image, even without boxes.
    """
    categories = {name: number for number, name in enumerate(_category_names(), start=1)}
    sizes_px = {slice_.key: slice_.size_px for slice_ in slices}
    images = {key: number for number, key in enumerate(sizes_px, start=1)}
    return {
        "info": {"description": "lumbar spine MRI, boxes by tfspine"},
        "licenses": [],
        "categories": [
            {"id": number, "name": name, "supercategory": name.removeprefix("left_").removeprefix("right_")}
            for name, number in categories.items()
        ],
        "images": [
            {"id": images[key], "file_name": f"{key}.png", "height": rows, "width": columns}
            for key, (rows, columns) in sizes_px.items()
        ],
        "annotations": [
            _annotation(number, box, images[str(box["slice"])], categories) for number, box in enumerate(boxes, start=1)
        ],
    }


def _annotation(number: int, box: Mapping[str, Any], image_id: int, categories: Mapping[str, int]) -> dict[str, Any]:
    ymin, xmin, ymax, xmax = box_of(box)
    side = Side(box["side"]) if box["side"] else None
    score = float(box.get("score", math.nan))
    return {
        "id": number,
        "image_id": image_id,
        "category_id": categories[object_name(Region(box["region"]), side)],
        "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
        "area": (xmax - xmin) * (ymax - ymin),
        "iscrowd": 0,
        "segmentation": [],
        "attributes": {name: str(box[name]) for name in ATTRIBUTES if box[name]},
        **({} if math.isnan(score) else {"score": score}),
    }


def _category_names() -> list[str]:
    """Return every region with each side it may have; a model's foramina have no side before the study is assembled."""
    return [
        object_name(region, side)
        for region in Region
        for side in ((Side.LEFT, Side.RIGHT, None) if region.is_paired else (None,))
    ]


def _load(name: str, text: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"{name}: not a readable JSON file: {error}; expected {EXPECTED}") from None
    lists = [table.get(key) for key in ("images", "annotations", "categories")] if isinstance(table, dict) else [None]
    if not all(isinstance(items, list) and all(isinstance(item, dict) for item in items) for items in lists):
        raise AnnotationError(f"{name}: no lists of images, annotations and categories; expected {EXPECTED}")
    return dict(table)


def _images(name: str, table: Mapping[str, Any]) -> Iterator[Drawn]:
    categories = {str(item.get("id")): str(item.get("name", "")) for item in table["categories"]}
    boxes: dict[str, list[DrawnBox]] = {str(item.get("id")): [] for item in table["images"]}
    files = {str(item.get("id")): str(item.get("file_name", "")) for item in table["images"]}
    for number, item in enumerate(table["annotations"], start=1):
        where = f"{name}: annotation {item.get('id', number)}"
        image = str(item.get("image_id"))
        try:
            if image not in boxes:
                raise AnnotationError(f"{where}: image_id {image} is not among images")
            boxes[image].append(_box(item, categories, where))
        except FormatError as error:
            yield Refusal(files.get(image, name), str(error))
    for item in table["images"]:
        size = (item.get("height"), item.get("width"))
        known = all(type(value) is int and value > 0 for value in size)
        yield DrawnImage(files[str(item.get("id"))], size if known else None, tuple(boxes[str(item.get("id"))]))


def _box(item: Mapping[str, Any], categories: Mapping[str, str], where: str) -> DrawnBox:
    label = categories.get(str(item.get("category_id")))
    if label is None:
        raise AnnotationError(f"{where}: category_id {item.get('category_id')} is not among categories")
    nested = item.get("attributes")
    together = {**item, **(nested if isinstance(nested, dict) else {})}
    attributes = {str(key).strip().lower(): value for key, value in together.items()}
    if item.get("iscrowd"):
        raise AnnotationError(f'{where}: "{label}" is a crowd of several objects; expected one box each')
    rotation = attributes.get("rotation", 0.0)
    if type(rotation) in (int, float) and is_rotated(rotation):
        raise AnnotationError(f'{where}: "{label}" is rotated by {rotation:g} degrees; expected an upright box')
    try:
        x, y, width, height = (float(value) for value in item["bbox"])
    except (KeyError, TypeError, ValueError):
        raise AnnotationError(f'{where}: "{label}" has no bbox; expected [x, y, width, height] in pixels') from None
    said = {key: str(attributes[key]).strip() for key in ATTRIBUTES if attributes.get(key) not in (None, "")}
    return DrawnBox(where, label, (y, x, y + height, x + width), said)
