"""Crops against hand computation: a bilinear crop of a linear ramp is a linear ramp."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tfspine.records.crops import crop_regions, enlarge

SIZE = 12
Crop = Callable[..., NDArray[np.float32]]


def _direct(images: NDArray, boxes_px: NDArray, indices: list[int], mirrored: list[bool]) -> NDArray[np.float32]:
    return crop_regions(
        tf.constant(images),
        tf.constant(boxes_px, tf.float32),
        tf.constant(indices, tf.int32),
        tf.constant(mirrored, tf.bool),
        size_px=SIZE,
    ).numpy()


def _in_pipeline(images: NDArray, boxes_px: NDArray, indices: list[int], mirrored: list[bool]) -> NDArray[np.float32]:
    tensors = (
        tf.constant(images),
        tf.constant(boxes_px, tf.float32),
        tf.constant(indices, tf.int32),
        tf.constant(mirrored, tf.bool),
    )
    dataset = tf.data.Dataset.from_tensors(tensors).map(lambda *items: crop_regions(*items, size_px=SIZE))
    return next(iter(dataset)).numpy()


@pytest.fixture(params=[_direct, _in_pipeline], ids=["direct", "pipeline"])
def crop(request: pytest.FixtureRequest) -> Crop:
    function: Crop = request.param
    return function


def _ramp() -> NDArray[np.uint8]:
    """Return an image [1, 40, 60, 1] whose value is 3 per row plus 2 per column."""
    rows, columns = np.mgrid[:40, :60]
    return (3 * rows + 2 * columns).astype(np.uint8)[np.newaxis, :, :, np.newaxis]


def _expected_on_ramp(ymin: float, xmin: float, ymax: float, xmax: float) -> NDArray[np.float64]:
    """Sample the ramp by its formula at the pixel centres of a crop that lies inside the image."""
    y = ymin + (np.arange(SIZE) + 0.5) * (ymax - ymin) / SIZE - 0.5
    x = xmin + (np.arange(SIZE) + 0.5) * (xmax - xmin) / SIZE - 0.5
    return (3 * y[:, np.newaxis] + 2 * x[np.newaxis, :]) / 255


def test_crop_of_a_ramp_is_the_ramp_in_the_150_percent_window(crop: Crop) -> None:
    # Box 8 x 16: a quarter of each extent outwards makes (8, 16, 20, 40).
    answer = crop(_ramp(), np.array([[10.0, 20.0, 18.0, 36.0]]), [0], [False])
    assert answer.shape == (1, SIZE, SIZE, 3)
    for channel in range(3):
        np.testing.assert_allclose(answer[0, :, :, channel], _expected_on_ramp(8, 16, 20, 40), atol=1e-5)


def test_window_is_clipped_at_the_image(crop: Crop) -> None:
    # 20 x 20 at the corner: the window (-5, -5, 25, 25) is clipped to (0, 0, 25, 25), steps of 25 / 12 > 1 pixel.
    answer = crop(_ramp(), np.array([[0.0, 0.0, 20.0, 20.0]]), [0], [False])
    np.testing.assert_allclose(answer[0, :, :, 0], _expected_on_ramp(0, 0, 25, 25), atol=1e-5)


def test_beyond_the_outermost_centres_the_nearest_pixel_counts(crop: Crop) -> None:
    # Box 4 x 4 in the corner, window (0, 0, 5, 5), 12 samples: the first lies at -0.29 and takes pixel 0.
    answer = crop(_ramp(), np.array([[0.0, 0.0, 4.0, 4.0]]), [0], [False])
    position = np.maximum((np.arange(SIZE) + 0.5) * 5 / SIZE - 0.5, 0)
    np.testing.assert_allclose(
        answer[0, :, :, 0], (3 * position[:, np.newaxis] + 2 * position[np.newaxis, :]) / 255, atol=1e-5
    )


def test_mirrored_is_the_flipped_crop_and_twice_is_none(crop: Crop) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 60, 1), np.uint8)
    box = np.array([[10.0, 20.0, 18.0, 36.0]])
    plain, mirrored = crop(image, box, [0], [False]), crop(image, box, [0], [True])
    np.testing.assert_allclose(mirrored[:, :, ::-1], plain, atol=1e-5)
    assert np.abs(mirrored - plain).max() > 0.1
    # Mirroring the image and the box and then the crop gives the crop back.
    ymin, xmin, ymax, xmax = box[0]
    twice = crop(image[:, :, ::-1], np.array([[ymin, 60 - xmax, ymax, 60 - xmin]]), [0], [True])
    np.testing.assert_allclose(twice, plain, atol=1e-5)


def test_each_box_is_cut_from_its_own_image(crop: Crop) -> None:
    images = np.stack([np.full((20, 20, 1), value, np.uint8) for value in (51, 204)])
    answer = crop(images, np.array([[5.0, 5.0, 9.0, 9.0]] * 3), [1, 0, 1], [False, True, False])
    np.testing.assert_allclose(answer[:, 0, 0, 0], [0.8, 0.2, 0.8], atol=1e-6)


def test_no_box_gives_no_crop(crop: Crop) -> None:
    assert crop(_ramp(), np.zeros((0, 4)), [], []).shape == (0, SIZE, SIZE, 3)


def test_an_empty_slot_is_finite(crop: Crop) -> None:
    assert np.isfinite(crop(_ramp(), np.zeros((1, 4)), [0], [False])).all()


def test_windows_are_the_papers_150_percent() -> None:
    """Boxes of 20 x 40 and 20 x 20: each side moves by a quarter of the box; at the image's edge it stops."""
    found = enlarge(tf.constant([(30.0, 50.0, 50.0, 90.0), (0.0, 100.0, 20.0, 120.0)]), tf.constant([100, 120]))
    np.testing.assert_allclose(found, [[25, 40, 55, 100], [0, 95, 25, 120]])
