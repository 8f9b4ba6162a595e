"""The size at which the network sees an image: the paper's shorter and longer side, on a canvas of fixed size.

The resize of the Model Garden that its Mask R-CNN parser uses fits an image into the canvas, whatever its shape. Here
the parser and the served graph use the same resize with a share below 1, so that an image has the paper's size on a
canvas that also holds images of other shapes.
"""

import copy
import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from official.vision.dataloaders import maskrcnn_input

from tfspine.config import DetectorConfig
from tfspine.models.draws import SEED, seeded_draws

PARSING = 1_000_000
"""Separates the draws of the parser from those of the second stage, which draws once for each image."""


def canvas_for(detector: DetectorConfig, sizes_px: Iterable[tuple[int, int]] = ()) -> tuple[int, int]:
    """Return (rows, columns) of the smallest canvas that holds resized images of `sizes_px`, each (rows, columns).

    Both are multiples of the coarsest stride. Without sizes, the canvas is `detector.canvas_px`, or, if that is not
    known either, as high as the shorter side and as wide as the longer one.
    """
    shorter, longer = detector.image_size_px
    canvases = [detector.canvas_px if all(detector.canvas_px) else (shorter, longer)]
    resized = [_resized(size, shorter, longer) for size in set(sizes_px)]
    rows, columns = zip(*(resized or canvases), strict=True)
    stride = 1 << detector.levels[1]
    return math.ceil(max(rows) / stride) * stride, math.ceil(max(columns) / stride) * stride


def share_of_canvas(size_px: tf.Tensor, detector: DetectorConfig) -> tf.Tensor:
    """Return which share, 0 to 1, of the largest size that fits on the canvas an image of `size_px` [2] takes."""
    shorter, longer = detector.image_size_px
    size = tf.cast(size_px, tf.float32)
    paper = tf.minimum(shorter / tf.reduce_min(size), longer / tf.reduce_max(size))
    largest = tf.reduce_min(tf.constant(canvas_for(detector), tf.float32) / size)
    return tf.minimum(paper / largest, 1.0)


class PaperSizeParser(maskrcnn_input.Parser):
    """The Model Garden's parser, with images and boxes at the paper's size before they are scaled at random.

    What it draws at random depends on the seed that comes with the image, which stays among the labels.

    Args:
        detector: its sizes; the parser's output size must be its canvas.
        settings: as for the base class.
    """

    def __init__(self, *, detector: DetectorConfig, **settings: Any) -> None:
        super().__init__(**settings)
        self._detector = detector

    def _parse_train_data(self, data: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, Any]]:
        share = share_of_canvas(tf.shape(data["image"])[:2], self._detector)
        of_image = copy.copy(self)
        of_image._aug_scale_min = share * self._aug_scale_min
        of_image._aug_scale_max = share * self._aug_scale_max
        with seeded_draws(tf.random.experimental.stateless_fold_in(data[SEED], PARSING)[tf.newaxis]):
            image, labels = maskrcnn_input.Parser._parse_train_data(of_image, data)
        return image, labels | {SEED: data[SEED]}


def _resized(size_px: tuple[int, int], shorter: int, longer: int) -> tuple[int, int]:
    scale = min(shorter / min(size_px), longer / max(size_px))
    return round(size_px[0] * scale), round(size_px[1] * scale)
