"""Heatmaps over crops."""

import matplotlib
import numpy as np
from numpy.testing import assert_array_equal

from tfspine.attribution.overlay import ALPHA, GAP_PX, color_bar, heatmap, overlay, side_by_side

CROP = np.repeat(np.linspace(0, 1, 20).reshape(4, 5, 1), 3, axis=-1)


def one_pixel(row: int, column: int):
    attributions = np.zeros((4, 5, 3))
    attributions[row, column] = -1
    return attributions


def test_against_counts_as_much_as_for() -> None:
    rng = np.random.default_rng(1)
    attributions = rng.normal(size=(9, 9, 3))
    assert_array_equal(heatmap(attributions), heatmap(-attributions))


def test_nothing_attributed_stays_dark() -> None:
    assert not heatmap(np.zeros((4, 5, 3))).any()


def test_overlay_mixes_grey_and_inferno() -> None:
    brightest, darkest = (np.array(matplotlib.colormaps["inferno"](value)[:3]) for value in (1.0, 0.0))
    picture = overlay(CROP, one_pixel(3, 4))
    assert_array_equal(picture[3, 4], np.rint(255 * ((1 - ALPHA) * 1 + ALPHA * brightest)))
    assert_array_equal(picture[0, 0], np.rint(255 * ALPHA * darkest))


def test_a_mirrored_crop_is_mirrored_back_with_its_heatmap() -> None:
    seen = side_by_side(CROP[:, ::-1], one_pixel(1, 0)[:, ::-1], mirrored=True)
    assert_array_equal(seen, side_by_side(CROP, one_pixel(1, 0), mirrored=False))
    assert seen.shape == (4, 2 * 5 + GAP_PX, 3)
    # Red of inferno's bright end stands where the pixel lies in the slice: at the left, not at the right.
    right_half = seen[:, 5 + GAP_PX :].astype(int)
    tint = right_half[1, :, 0] - right_half[1, :, 2]
    assert tint.argmax() == 0


def test_color_bar_runs_from_dark_to_bright() -> None:
    bar = color_bar(50, 3)
    assert bar.shape == (3, 50, 3)
    assert bar[0, 0].sum() < bar[0, 25].sum() < bar[0, -1].sum()
