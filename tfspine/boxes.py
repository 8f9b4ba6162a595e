"""Box arithmetic in NumPy.

Boxes are ``yxyx``: (ymin, xmin, ymax, xmax) in pixels, float, continuous corners: pixel (i, j) covers
[i, i + 1) x [j, j + 1), so the far edge is excluded and the whole image is (0, 0, rows, columns). Other orders are
used only in file formats (LabelImg files, TFRecords).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

CROP_MARGIN = 0.5
"""Share of the box's own height and width added around it: the paper's 150 % crop (docs/paper.md, published code)."""


def area(boxes_yxyx_px: ArrayLike) -> NDArray[np.float64]:
    """Return the areas in square pixels, float64 [...], of boxes [..., 4]; inverted boxes have area 0."""
    boxes = np.asarray(boxes_yxyx_px, np.float64)
    sides = np.clip(boxes[..., 2:] - boxes[..., :2], 0.0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(first_yxyx_px: ArrayLike, second_yxyx_px: ArrayLike) -> NDArray[np.float64]:
    """Return intersection over union of every pair: boxes [N, 4] and [M, 4] give float64 [N, M] in 0 to 1.

    A box without area has IoU 0 with everything, itself included.
    """
    return iou_of_pairs(
        np.asarray(first_yxyx_px, np.float64).reshape(-1, 1, 4),
        np.asarray(second_yxyx_px, np.float64).reshape(1, -1, 4),
    )


def iou_of_pairs(first_yxyx_px: ArrayLike, second_yxyx_px: ArrayLike) -> NDArray[np.float64]:
    """Return intersection over union, float64 [...] in 0 to 1, of boxes [..., 4] with boxes at the same indices.

    Indices broadcast; a box without area has IoU 0 with everything, itself included.
    """
    first, second = np.asarray(first_yxyx_px, np.float64), np.asarray(second_yxyx_px, np.float64)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    intersection = area(np.concatenate([low, high], axis=-1))
    union = area(first) + area(second) - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def clip(boxes_yxyx_px: ArrayLike, size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Clip boxes [..., 4] to an image of `size_px` (rows, columns)."""
    rows, columns = size_px
    return np.clip(np.asarray(boxes_yxyx_px, np.float64), 0.0, [rows, columns, rows, columns])
