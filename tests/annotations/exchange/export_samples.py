"""Files as CVAT, Label Studio, COCO and YOLO programs write them, made from their documentation: no program wrote them.

What was tried besides, by hand: COCO and YOLO files that the converter of label-studio-sdk 2.1.2 made of a task of
`region` and `task` are imported with the same boxes, and it takes our template; pycocotools 2.0.11 reads and evaluates
an export.

CVAT for images 1.1       https://docs.cvat.ai/docs/other/xml_format
COCO                      https://cocodataset.org/#format-data; attributes as CVAT writes them,
                          https://docs.cvat.ai/docs/dataset_management/formats/format-coco
Label Studio, JSON        https://labelstud.io/guide/task_format.html, https://labelstud.io/tags/rectanglelabels and
                          https://labelstud.io/tags/choices (perRegion: one id for the rectangle and its choices)
YOLO                      https://docs.ultralytics.com/datasets/detect
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfspine.formats.slices_csv import SLICE_COLUMNS

AXIAL, SAGITTAL, OTHER = "0123456789-axial-001", "0123456789-sagittal-003", "0123456789-axial-002"
ROWS, COLUMNS = 200, 320
"""Of every slice: not square, so that rows and columns taken for one another are seen."""


def write_slices(folder: Path) -> Path:
    """Write the table of three slices, all that an import looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [",".join(SLICE_COLUMNS)]
    for number, (key, plane) in enumerate(((AXIAL, "axial"), (OTHER, "axial"), (SAGITTAL, "sagittal")), start=1):
        row = dict.fromkeys(SLICE_COLUMNS, "") | {
            **{"key": key, "study": "0123456789", "patient": "0123456789", "plane": plane},
            **{"number": str(number), "rows": str(ROWS), "columns": str(COLUMNS)},
        }
        lines.append(",".join(row.values()))
    (folder / "slices.csv").write_text("\n".join(lines) + "\n")
    return folder


def cvat_box(label: str, corners: Sequence[float], more: str = "", **attributes: str) -> str:
    """Return a box as CVAT writes it; corners are xtl, ytl, xbr, ybr."""
    xtl, ytl, xbr, ybr = corners
    inner = "".join(f'<attribute name="{name}">{value}</attribute>' for name, value in attributes.items())
    return (
        f'<box label="{label}" source="manual" occluded="0" xtl="{xtl:.2f}" ytl="{ytl:.2f}" xbr="{xbr:.2f}" '
        f'ybr="{ybr:.2f}" {more}z_order="0">{inner}</box>'
    )


def cvat_file(images: Mapping[str, str], *, size: tuple[int, int] = (ROWS, COLUMNS)) -> str:
    """Return annotations.xml with the shapes of each image, by the image's name."""
    inner = "".join(
        f'<image id="{number}" name="{name}" width="{size[1]}" height="{size[0]}">{shapes}</image>'
        for number, (name, shapes) in enumerate(images.items())
    )
    meta = "<meta><task><id>7</id><name>spine</name><mode>annotation</mode></task><dumped>2026-11-30</dumped></meta>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}{inner}</annotations>\n'


def coco_file(annotations: Sequence[Mapping[str, Any]], categories: Sequence[str]) -> dict[str, Any]:
    """Return a COCO file with the three slices as images 1 to 3."""
    names = (f"{AXIAL}.png", f"images/{OTHER}.png", f"{SAGITTAL}.png")
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(categories, start=1)],
        "images": [
            {"id": i, "width": COLUMNS, "height": ROWS, "file_name": name, "license": 0, "date_captured": 0}
            for i, name in enumerate(names, start=1)
        ],
        "annotations": [
            {"id": i, "segmentation": [], "area": 1.0, "iscrowd": 0, **annotation}
            for i, annotation in enumerate(annotations, start=1)
        ],
    }


def region(label: str, percent: Sequence[float], *, name: str = "r1", rotation: float = 0, **choices: str) -> list[Any]:
    """Return the results of one region: the rectangle, and a choice for each further argument; x, y, width, height."""
    x, y, width, height = percent
    place = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation}
    shared = {"original_width": COLUMNS, "original_height": ROWS, "image_rotation": 0, "id": name, "origin": "manual"}
    rectangle = {
        **shared, "from_name": "label", "to_name": "image", "type": "rectanglelabels",
        "value": {**place, "rectanglelabels": [label]},
    }  # fmt: skip
    return [rectangle] + [
        {**shared, "from_name": key, "to_name": "image", "type": "choices", "value": {**place, "choices": [value]}}
        for key, value in choices.items()
    ]


def task(image: str, *annotations: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return one task of Label Studio."""
    return {
        "id": 5,
        "annotations": list(annotations),
        "predictions": [],
        "data": {"image": image},
        "project": 1,
        **more,
    }


def annotation(results: Sequence[Any], *, by: Any = 1, **more: Any) -> dict[str, Any]:
    """Return what one annotator did with a task."""
    return {
        "id": 9, "completed_by": by, "result": list(results), "was_cancelled": False, "ground_truth": False,
        "lead_time": 4.2, "task": 5, **more,
    }  # fmt: skip


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path
