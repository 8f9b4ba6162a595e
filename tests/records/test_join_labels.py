"""Slices, labels and splits put together, or refused before anything is written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.errors import AnnotationError, ConfigError
from tfspine.formats.slices_csv import SliceRow
from tfspine.geometry import SliceGeometry
from tfspine.labels import Plane, Region, Side
from tfspine.records.examples import RecordExample, join_labels, thin_empty
from tfspine.structures import AnnotatedSlice, Annotation, Box


def _slice(key: str) -> SliceRow:
    return SliceRow(key, key[0], Plane.AXIAL, SliceGeometry((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1), (10, 20)))


CANAL = Annotation((1.0, 2.0, 9.0, 12.0), Region.CENTRAL_CANAL, None)
SLICES = [
    _slice("a-axial-01"),
    _slice("a-axial-02"),
    _slice("b-axial-01"),
]
SPLITS = {"a": "train", "b": "test"}


def _join(*labels: AnnotatedSlice, splits: dict[str, str] = SPLITS) -> tuple[list[RecordExample], list[str]]:
    return join_labels(
        SLICES, labels={label.key: label for label in labels}, splits=splits, image_folder=Path("slices")
    )


def _label(key: str, *annotations: Annotation, size_px: tuple[int, int] = (10, 20)) -> AnnotatedSlice:
    return AnnotatedSlice(key, size_px, annotations)


def test_a_slice_without_a_label_is_an_example_in_a_labelled_series_only() -> None:
    examples, left_out = _join(_label("a-axial-02", CANAL))
    assert [(item.key, item.split, len(item.annotations)) for item in examples] == [
        ("a-axial-01", "train", 0),
        ("a-axial-02", "train", 1),
    ]
    assert examples[0].image == Path("slices/a-axial-01.png")
    assert left_out == ["b-axial"]


def test_labels_of_unknown_slices_are_refused() -> None:
    with pytest.raises(AnnotationError, match=r"c-axial-07\.xml: no such slice in slices\.csv"):
        _join(_label("a-axial-01", CANAL), _label("c-axial-07", CANAL))


def test_a_study_without_a_split_is_refused() -> None:
    with pytest.raises(AnnotationError, match="study a: not in the splits file; run tfspine split again"):
        _join(_label("a-axial-01", CANAL), splits={"b": "test"})


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(AnnotationError, match='split "dev"; expected one of train, validation, test'):
        _join(_label("a-axial-01", CANAL), splits={"a": "dev"})


@pytest.mark.parametrize("box", [(-1, 2, 9, 12), (1, 2, 11, 12), (1, 2, 9, 21), (5, 2, 5, 12), (1, 12, 9, 2)])
def test_a_box_outside_its_image_is_refused_by_number(box: Box) -> None:
    wrong = Annotation(box, Region.CENTRAL_CANAL, None)
    with pytest.raises(AnnotationError, match=r"a-axial-01\.xml: object 2 .*: box .* inside the image of 10 rows x 20"):
        _join(_label("a-axial-01", CANAL, wrong))


def test_a_label_of_another_image_size_is_refused() -> None:
    with pytest.raises(AnnotationError, match=r"label says \[20, 10\] pixels; the picture has \[10, 20\]"):
        _join(_label("a-axial-01", CANAL, size_px=(20, 10)))


def test_a_region_on_the_wrong_plane_is_refused() -> None:
    foramen = Annotation((1.0, 2.0, 9.0, 12.0), Region.NEURAL_FORAMEN, Side.LEFT)
    with pytest.raises(AnnotationError, match=r"left_neural_foramen\): belongs on sagittal slices; this one is axial"):
        _join(_label("a-axial-01", foramen))


def _example(number: int, split: str, annotations: tuple[Annotation, ...]) -> RecordExample:
    return RecordExample(f"a-axial-{number:02d}", Plane.AXIAL, split, Path("x.png"), (10, 20), annotations)


@given(st.lists(st.tuples(st.sampled_from(["train", "validation", "test"]), st.booleans())), st.floats(0, 1))
def test_only_empty_training_slices_are_thinned_and_to_the_share_asked_for(
    kinds: list[tuple[str, bool]], share: float
) -> None:
    examples = [_example(number, split, (CANAL,) if has_box else ()) for number, (split, has_box) in enumerate(kinds)]
    kept, left_out = thin_empty(examples, share)
    assert sorted([item.key for item in kept] + left_out) == sorted(item.key for item in examples)
    assert all(item in kept for item in examples if item.annotations or item.split != "train")
    empty = kinds.count(("train", False))
    assert len(left_out) == empty - int(empty * share)


def test_every_second_empty_slice_is_left_out_at_a_half() -> None:
    _, left_out = thin_empty([_example(number, "train", ()) for number in range(1, 5)], 0.5)
    assert left_out == ["a-axial-01", "a-axial-03"]


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"records\.empty_slices = 1\.5; expected 0 to 1"):
        thin_empty([], 1.5)
