"""The content of the records: one slice of a split with its boxes, checked before anything is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfspine.config import SPLITS
from tfspine.errors import AnnotationError, ConfigError
from tfspine.formats.labelimg_xml import misfits
from tfspine.formats.slices_csv import SliceRow
from tfspine.labels import Plane
from tfspine.structures import AnnotatedSlice, Annotation


@dataclass(frozen=True)
class RecordExample:
    """One slice: its PNG file, `size_px` (rows, columns) and the boxes on it, if any."""

    key: str
    plane: Plane
    split: str
    image: Path
    size_px: tuple[int, int]
    annotations: tuple[Annotation, ...]


def join_labels(
    slices: Iterable[SliceRow],
    *,
    labels: Mapping[str, AnnotatedSlice],
    splits: Mapping[str, str],
    image_folder: Path,
) -> tuple[list[RecordExample], list[str]]:
    """Join slices, labels and splits, in the order of the slices.

    A slice without labels is an example without boxes if its series has labels on other slices. A series (one plane
    of a study) without any label was not read by anyone; it is left out, because it would teach that it is empty.

    Returns:
        the examples, and the series that were left out, as ``STUDY-PLANE``.

    Raises:
        AnnotationError: a label has no slice, a study has no split, a box lies outside its image, an image size
            differs from that of the slice, or the plane does not show a region.
    """
    slices = list(slices)
    _refuse_strangers(labels, {entry.key for entry in slices})
    labelled = {(entry.study, entry.plane) for entry in slices if entry.key in labels and labels[entry.key].annotations}
    examples = []
    left_out: dict[str, None] = {}
    for entry in slices:
        if (entry.study, entry.plane) not in labelled:
            left_out[f"{entry.study}-{entry.plane}"] = None
            continue
        label = labels.get(entry.key)
        problem = next(misfits(label, entry), "") if label else ""
        if problem:
            raise AnnotationError(f"{entry.key}.xml: {problem}")
        examples.append(
            RecordExample(
                key=entry.key,
                plane=entry.plane,
                split=_split_of(entry, splits),
                image=image_folder / f"{entry.key}.png",
                size_px=entry.size_px,
                annotations=label.annotations if label else (),
            )
        )
    return examples, list(left_out)


def thin_empty(examples: Sequence[RecordExample], share: float) -> tuple[list[RecordExample], list[str]]:
    """Leave out some of the training slices without a box, evenly over the series.

    Slices with boxes contain enough background to learn from; slices without boxes mostly add training steps.

    Args:
        examples: the examples of every split.
        share: share of the empty training slices to keep, 0 to 1.

    Returns:
        the examples kept, in their order, and the keys of those left out.

    Raises:
        ConfigError: the share is outside 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"records.empty_slices = {share}; expected 0 to 1")
    kept: list[RecordExample] = []
    left_out: list[str] = []
    empty = 0
    for example in examples:
        if example.split == "train" and not example.annotations:
            empty += 1
            if int(empty * share) == int((empty - 1) * share):
                left_out.append(example.key)
                continue
        kept.append(example)
    return kept, left_out


def _refuse_strangers(labels: Mapping[str, AnnotatedSlice], keys: set[str]) -> None:
    strangers = sorted(set(labels) - keys)
    if strangers:
        raise AnnotationError(
            f"{strangers[0]}.xml: no such slice in slices.csv (and {len(strangers) - 1} more); "
            "labels must be named after the slices that ingest wrote"
        )


def _split_of(entry: SliceRow, splits: Mapping[str, str]) -> str:
    if entry.study not in splits:
        raise AnnotationError(f"study {entry.study}: not in the splits file; run tfspine split again on these slices")
    split = splits[entry.study]
    if split not in SPLITS:
        raise AnnotationError(f'study {entry.study}: split "{split}"; expected one of {", ".join(SPLITS)}')
    return split
