"""Boxes, geometry, labels, configuration and safe writing."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine import boxes
from tfspine.config import Precision
from tfspine.errors import AnnotationError, ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.geometry import SliceGeometry, patient_to_pixel, pixel_to_patient, plane_of, side_of_patient
from tfspine.labels import Grade, Plane, Region, Side, detector_class, object_name, parse_object_name

small_boxes = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 8), st.integers(1, 8)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def mask(box: tuple[int, int, int, int]) -> np.ndarray:
    filled = np.zeros((24, 24), bool)
    filled[box[0] : box[2], box[1] : box[3]] = True
    return filled


@given(small_boxes, small_boxes)
def test_iou_is_what_counting_pixels_gives(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    a, b = mask(first), mask(second)  # type: ignore[arg-type]
    assert boxes.iou([first], [second])[0, 0] == pytest.approx((a & b).sum() / (a | b).sum())


def test_iou_without_area_is_zero() -> None:
    assert boxes.iou([(1, 1, 1, 5)], [(1, 1, 1, 5)]).tolist() == [[0.0]]


@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([-1.0, 1.0])] * 2),
    st.tuples(st.floats(0.2, 2), st.floats(0.2, 2)),
    st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
)
def test_pixels_and_millimetres_are_inverse_for_every_axis_permutation(
    axes: list[int], signs: tuple[float, float], spacing: tuple[float, float], pixel: tuple[float, float]
) -> None:
    row, column = np.zeros(3), np.zeros(3)
    row[axes[0]], column[axes[1]] = signs
    geometry = SliceGeometry((1.0, -2.0, 3.0), tuple(row), tuple(column), spacing, (10, 10))
    assert patient_to_pixel(geometry, pixel_to_patient(geometry, pixel)) == pytest.approx(np.array(pixel), abs=1e-6)


def test_pixel_to_patient_by_hand_with_unequal_spacing() -> None:
    """PS3.3 C.7.6.2.1.1: one row down is 2 mm to the back, one column across 0.5 mm to the patient's left."""
    geometry = SliceGeometry((10.0, 20.0, 30.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (2.0, 0.5), (10, 10))
    assert pixel_to_patient(geometry, (3, 4)).tolist() == [12.0, 26.0, 30.0]
    assert plane_of(geometry) is Plane.AXIAL


def test_side_does_not_depend_on_how_the_image_is_stored() -> None:
    """The same point in the patient, seen in an image flipped along rows, columns or both."""
    point = np.array([30.0, 0.0, 0.0])
    for row, column in itertools.product((-1.0, 1.0), repeat=2):
        geometry = SliceGeometry(
            (-50 * row, -50 * column, 0.0), (row, 0.0, 0.0), (0.0, column, 0.0), (1, 1), (101, 101)
        )
        x = pixel_to_patient(geometry, patient_to_pixel(geometry, point))[0]
        assert side_of_patient(float(x), 0.0) is Side.LEFT


def test_the_authors_left_is_the_patients_right() -> None:
    assert detector_class(Plane.AXIAL, Region.LATERAL_RECESS, Side.RIGHT).class_id == 1
    assert detector_class(Plane.AXIAL, Region.LATERAL_RECESS, Side.LEFT).class_id == 3
    with pytest.raises(AnnotationError):
        detector_class(Plane.SAGITTAL, Region.CENTRAL_CANAL, None)


@pytest.mark.parametrize("grade", [None, *Grade])
@pytest.mark.parametrize(("region", "side"), [(Region.CENTRAL_CANAL, None), (Region.NEURAL_FORAMEN, Side.LEFT)])
def test_object_names_are_read_back(region: Region, side: Side | None, grade: Grade | None) -> None:
    assert parse_object_name(object_name(region, side, grade)) == (region, side, grade)


def test_settings_override_the_file_and_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('seed = 3\n[detector]\nlearning_rate = 1\n[training]\nprecision = "fp16"\n')
    experiment = load_experiment(path, ["detector.steps=5", "training.precision=bf16"])
    assert (experiment.seed, experiment.detector.learning_rate, experiment.detector.steps) == (3, 1.0, 5)
    assert experiment.training.precision is Precision.BF16


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("detector.lerning_rate=3", 'unknown key "detector.lerning_rate"; did you mean "detector.learning_rate"?'),
        ("training.precision=fp8", "expected one of fp32, fp16, bf16, auto"),
        ("detector.steps=1.5", "detector.steps = 1.5; expected int"),
        ("detector.image_size_px=[1]", "expected 2 values"),
        ("detector", "expected section.key=value"),
    ],
)
def test_a_wrong_setting_says_what_was_expected(setting: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_experiment(None, [setting])
    assert said in str(error.value)
