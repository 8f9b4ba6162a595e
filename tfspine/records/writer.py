"""Slices and boxes written as TFRecord shards that the Model Garden reads."""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfspine.boxes import area
from tfspine.config import SPLITS, Experiment
from tfspine.errors import RecordError
from tfspine.formats.ids_csv import IdRow, write_ids
from tfspine.labels import GRADES, Plane, Region, detector_class
from tfspine.progress import Track, silent
from tfspine.records import features
from tfspine.records.examples import RecordExample
from tfspine.structures import Annotation

_PNG_START = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = (8, 0)
"""Bit depth and colour type in a PNG header (PNG specification, 11.2.2)."""


def write_records(
    folder: Path, examples: Iterable[RecordExample], *, experiment: Experiment, track: Track = silent
) -> dict[str, Any]:
    """Write the shards of every plane and split and `ids.csv` into `folder`; return the entries for the manifest.

    Examples are numbered from 1 by their key, and written in an order that depends only on their keys but is as good
    as random: neighbours would otherwise be slices of one study, and stay close to one another in a training that
    shuffles within a buffer. A plane and split with fewer examples than ``records.shards`` has one shard for each.

    Raises:
        RecordError: there are no examples, or an image is missing or not an 8-bit grey PNG of the size in `slices.csv`.
    """
    numbered = list(enumerate(sorted(examples, key=lambda example: example.key), start=1))
    if not numbered:
        raise RecordError(
            "no slice of these studies has a label; label some slices, or check that --labels fits --slices"
        )
    counts = Counter((example.plane, example.split) for _, example in numbered)
    dealt: Counter[tuple[Plane, str]] = Counter()
    with ExitStack() as stack:
        writers = {
            group: [
                stack.enter_context(tf.io.TFRecordWriter(str(folder / name)))
                for name in _shard_names(group, min(count, experiment.records.shards))
            ]
            for group, count in counts.items()
        }
        for source_id, example in track(sorted(numbered, key=_place), "writing records"):
            group = (example.plane, example.split)
            shards = writers[group]
            shards[dealt[group] % len(shards)].write(_serialize(example, source_id))
            dealt[group] += 1
    write_ids(folder, (IdRow(number, example.key, example.plane, example.split) for number, example in numbered))
    return {
        "images": _by_plane_and_split(counts),
        "files": {
            plane: {
                split: _shard_names((plane, split), min(counts[plane, split], experiment.records.shards))
                for split in SPLITS
            }
            for plane in Plane
        },
        "objects": _count_classes([example for _, example in numbered]),
        "grades": _count_grades([example for _, example in numbered]),
    }


def _place(numbered: tuple[int, RecordExample]) -> bytes:
    """Return what examples are ordered by: a digest of their keys."""
    return hashlib.sha256(numbered[1].key.encode()).digest()


def _shard_names(group: tuple[Plane, str], shards: int) -> list[str]:
    plane, split = group
    return [features.shard_name(plane, split, index=index, shards=shards) for index in range(shards)]


def _serialize(example: RecordExample, source_id: int) -> bytes:
    rows, columns = example.size_px
    boxes = [annotation.box for annotation in example.annotations]
    classes = [_class_id(example.plane, annotation) for annotation in example.annotations]
    content = {
        features.IMAGE: _bytes([_read_png(example)]),
        features.SOURCE_ID: _bytes([str(source_id).encode()]),
        features.HEIGHT: _ints([rows]),
        features.WIDTH: _ints([columns]),
        features.YMIN: _floats([box[0] / rows for box in boxes]),
        features.XMIN: _floats([box[1] / columns for box in boxes]),
        features.YMAX: _floats([box[2] / rows for box in boxes]),
        features.XMAX: _floats([box[3] / columns for box in boxes]),
        features.CLASS: _ints(classes),
        features.AREA: _floats([float(area(box)) for box in boxes]),
        features.IS_CROWD: _ints([0] * len(boxes)),
        features.KEY: _bytes([example.key.encode()]),
        features.REGION: _bytes([annotation.region.encode() for annotation in example.annotations]),
        features.SIDE: _bytes([(annotation.side or "").encode() for annotation in example.annotations]),
        features.LEVEL: _bytes([(annotation.level or "").encode() for annotation in example.annotations]),
        features.GRADE: _ints(
            [features.UNKNOWN_GRADE if note.grade is None else int(note.grade) for note in example.annotations]
        ),
    }
    return tf.train.Example(features=tf.train.Features(feature=content)).SerializeToString()


def _class_id(plane: Plane, annotation: Annotation) -> int:
    return detector_class(plane, annotation.region, annotation.side).class_id


def _read_png(example: RecordExample) -> bytes:
    """Return the file's bytes after checking its header, which is cheap; the pixels are decoded in training."""
    try:
        content = example.image.read_bytes()
    except OSError as error:
        raise RecordError(f"{example.image}: cannot be read: {error.strerror}; run tfspine ingest again") from error
    if not content.startswith(_PNG_START) or len(content) < 26:
        raise RecordError(f"{example.image}: not a PNG file; run tfspine ingest again")
    columns, rows, bits, colour = struct.unpack(">IIBB", content[16:26])
    if (rows, columns) != example.size_px or (bits, colour) != _GREY_8_BIT:
        raise RecordError(
            f"{example.image}: {rows} x {columns} pixels of {bits} bit, colour type {colour}; expected "
            f"{example.size_px[0]} x {example.size_px[1]} of 8-bit grey as in slices.csv; run tfspine ingest again"
        )
    return content


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _floats(values: list[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _by_plane_and_split(counts: Counter[tuple[Plane, str]]) -> dict[str, dict[str, int]]:
    return {plane: {split: counts[plane, split] for split in SPLITS} for plane in Plane}


def _count_classes(examples: Iterable[RecordExample]) -> dict[str, dict[str, dict[str, int]]]:
    """Count boxes: ``{plane: {split: {class id: n}}}``."""
    counts: dict[str, dict[str, Counter[str]]] = {p: {split: Counter() for split in SPLITS} for p in Plane}
    for example in examples:
        for annotation in example.annotations:
            counts[example.plane][example.split][str(_class_id(example.plane, annotation))] += 1
    return {plane: {split: dict(sorted(n.items())) for split, n in splits.items()} for plane, splits in counts.items()}


def _count_grades(examples: Iterable[RecordExample]) -> dict[str, dict[str, list[int]]]:
    """Count graded boxes: ``{region: {split: [normal, mild, moderate, severe]}}``."""
    counts = {region: {split: [0] * len(GRADES) for split in SPLITS} for region in Region}
    for example in examples:
        for annotation in example.annotations:
            if annotation.grade is not None:
                counts[annotation.region][example.split][annotation.grade] += 1
    return {str(region): splits for region, splits in counts.items()}
