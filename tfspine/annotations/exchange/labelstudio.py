"""Label Studio's JSON export, with the grade as a choice of its region.

The format: https://labelstud.io/guide/task_format.html; rectangles: https://labelstud.io/tags/rectanglelabels. x, y,
width and height are percent of the image, x and y the corner at the upper left. Results of one region share its `id`:
the rectangle with its label, and each choice with ``perRegion="true"``, whose `from_name` says what is chosen (grade,
side, level). If there are several annotators, one has to be named, unless one annotation is marked as ground truth.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tfspine.annotations.exchange.drawn import Drawn, DrawnBox, DrawnImage, is_rotated, texts_of
from tfspine.errors import AnnotationError, FormatError
from tfspine.structures import Refusal

EXPECTED = "the export format JSON of Label Studio: a list of tasks with data and annotations"

Task = Mapping[str, Any]


def read_labelstudio(path: Path, *, annotator: str = "") -> Iterator[Drawn]:
    """Yield the images of an export, and a refusal for anything but an upright box of one annotator.

    Args:
        path: the file.
        annotator: whose annotations are read if there are several, by id or e-mail; empty if there is one.

    Raises:
        AnnotationError: the file cannot be read or is something else.
    """
    for name, text in texts_of(path, lambda file: file.endswith(".json"), expected=EXPECTED):
        for number, task in enumerate(_tasks(name, text), start=1):
            where = f"{name}: task {task.get('id', number)}"
            try:
                image = _image_name(task, where)
            except FormatError as error:
                yield Refusal(name, str(error))
                continue
            try:
                results = _results(task, annotator, where)
            except FormatError as error:
                yield Refusal(image, str(error))
                continue
            yield from _image(image, results, where)


def _tasks(name: str, text: str) -> Sequence[Task]:
    try:
        tasks = json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"{name}: not a readable JSON file: {error}; expected {EXPECTED}") from None
    if not isinstance(tasks, list) or not all(isinstance(item, dict) and "data" in item for item in tasks):
        raise AnnotationError(f"{name}: no list of tasks with data (JSON-MIN has none); expected {EXPECTED}")
    return tasks


def _image_name(task: Task, where: str) -> str:
    """Return the name of the file behind a task, without its folders."""
    data = task["data"] if isinstance(task["data"], dict) else {}
    texts = [value for value in (data.get("image"), *data.values()) if isinstance(value, str)]
    if not texts:
        raise AnnotationError(f"{where}: data contain no image")
    parts = urlsplit(texts[0])
    # Files of local storage: /data/local-files/?d=folder/name.png
    local = parse_qs(parts.query).get("d")
    return re.split(r"[/\\]", local[0] if local else unquote(parts.path))[-1]


def _results(task: Task, annotator: str, where: str) -> list[Mapping[str, Any]]:
    """Return the results of the one annotation that counts; empty if the task is not annotated."""
    done = [item for item in task.get("annotations") or () if isinstance(item, dict)]
    submitted = [item for item in done if not item.get("was_cancelled")]
    if not submitted and done:
        raise AnnotationError(f"{where}: skipped by its annotator")
    if not submitted and task.get("drafts"):
        raise AnnotationError(f"{where}: a draft that was not submitted; submit it and export again")
    chosen = submitted
    if annotator:
        chosen = [item for item in submitted if annotator in _people(item)]
        if submitted and not chosen:
            raise AnnotationError(f"{where}: annotated by {_names(submitted)}, not by {annotator}")
    elif len([item for item in submitted if item.get("ground_truth")]) == 1:
        chosen = [item for item in submitted if item.get("ground_truth")]
    if len(chosen) > 1:
        raise AnnotationError(
            f"{where}: {len(chosen)} annotations by {_names(chosen)}; choose whose to use with --annotator, or "
            "mark one as "
            "ground truth"
        )
    return [item for item in chosen[0].get("result") or () if isinstance(item, dict)] if chosen else []


def _people(annotation: Mapping[str, Any]) -> set[str]:
    """Return the names of an annotator: id, and e-mail if the export has it."""
    person = annotation.get("completed_by")
    values = (person.get("id"), person.get("email")) if isinstance(person, dict) else (person,)
    return {str(value) for value in values if value is not None}


def _names(annotations: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(max(_people(item), key=len, default="somebody") for item in annotations)


def _image(image: str, results: Sequence[Mapping[str, Any]], where: str) -> Iterator[Drawn]:
    regions: dict[str, list[Mapping[str, Any]]] = {}
    for number, item in enumerate(results, start=1):
        regions.setdefault(str(item.get("id", number)), []).append(item)
    boxes, sizes = [], set()
    for name, parts in regions.items():
        try:
            box, size_px = _region(parts, f"{where}: region {name}")
        except FormatError as error:
            yield Refusal(image, str(error))
            continue
        boxes.append(box)
        sizes.add(size_px)
    if len(sizes) > 1:
        yield Refusal(
            image, f"{where}: its regions state {len(sizes)} different image sizes; import it into a new project"
        )
        return
    yield DrawnImage(image, sizes.pop() if sizes else None, tuple(boxes))


def _region(parts: Sequence[Mapping[str, Any]], where: str) -> tuple[DrawnBox, tuple[int, int]]:
    """Return the box of one region, and (rows, columns) of its image."""
    shapes = [item for item in parts if item.get("type") in ("rectanglelabels", "rectangle")]
    kinds = {str(item.get("type")) for item in parts} - {"choices", "labels"}
    if not shapes:
        told = f"a region of type {', '.join(sorted(kinds))}" if kinds else "a choice for the whole image"
        raise AnnotationError(f"{where}: {told}; expected a rectangle; draw it as one")
    value, shape = _value(shapes[0]), shapes[0]
    names = [name for item in parts for key in ("rectanglelabels", "labels") for name in _listed(_value(item).get(key))]
    if len(names) != 1:
        raise AnnotationError(f"{where}: {len(names)} labels; expected one")
    try:
        rows, columns = int(shape["original_height"]), int(shape["original_width"])
        x, y, width, height = (float(value[key]) / 100 for key in ("x", "y", "width", "height"))
        rotation = float(value.get("rotation") or 0) or float(shape.get("image_rotation") or 0)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise AnnotationError(f'{where}: "{names[0]}" lacks x, y, width, height or original size') from None
    if is_rotated(rotation):
        raise AnnotationError(f'{where}: "{names[0]}" is rotated by {rotation:g} degrees; expected an upright box')
    box = (y * rows, x * columns, (y + height) * rows, (x + width) * columns)
    return DrawnBox(where, str(names[0]), box, _choices(parts, where)), (rows, columns)


def _choices(parts: Sequence[Mapping[str, Any]], where: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for item in parts:
        choices = _listed(_value(item).get("choices"))
        name = str(item.get("from_name", "")).lower()
        if len(choices) > 1:
            raise AnnotationError(f"{where}: {name} is {' and '.join(map(str, choices))}; expected one")
        if choices:
            chosen[name] = str(choices[0]).strip()
    return chosen


def _value(item: Mapping[str, Any]) -> Mapping[str, Any]:
    value = item.get("value")
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    """Return a list as it is, a missing value as an empty list, and a single value as a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]
