"""One plane as it is served: detector and graders in one graph, under the signatures of `signatures.py`.

The detector is `tf_keras`, the graders Keras 3; in a SavedModel they are just variables and operations.
"""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfspine import signatures
from tfspine.labels import DETECTOR_CLASSES, GRADES, MIRRORED_SIDE, Plane, Region
from tfspine.models.detector import Detector, Found
from tfspine.records.crops import crop_regions


class PlaneModel:
    """Reads slices of one plane: finds the regions, and grades each with the grader of its region."""

    def __init__(self, plane: Plane, *, detector: Detector, graders: Mapping[Region, keras.Model]) -> None:
        self.plane = plane
        self.name = signatures.MODEL_NAMES[plane]
        self.detector = detector
        self.graders = {str(region): grader for region, grader in graders.items()}
        # One function, so that the detector is traced and saved once and not again for every signature.
        self._find = tf.function(
            self.detector, input_signature=[tf.TensorSpec(signatures.IMAGES.shape, signatures.IMAGES.dtype)]
        )

    def read(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Find and grade: images uint8 [N, H, W, 1] give boxes, classes, scores, count and grade probabilities."""
        found = self._find(_checked(images))
        grades = self._probabilities(images, found.boxes_yxyx_px, found.classes)
        return _named(found) | {signatures.GRADE_PROBABILITIES.name: grades}

    def read_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do the same for PNG or JPEG files, string [N], all of one size."""
        return self.read(tf.map_fn(_decoded, image_bytes, fn_output_signature=tf.TensorSpec([None, None, 1], tf.uint8)))

    def detect(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Find only."""
        return _named(self._find(_checked(images)))

    def grade(self, images: tf.Tensor, boxes_yxyx_px: tf.Tensor, classes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Grade boxes that somebody else drew: float32 [N, D, 4] and int32 [N, D], class 0 for an empty slot."""
        grades = self._probabilities(_checked(images), boxes_yxyx_px, classes)
        return {signatures.GRADE_PROBABILITIES.name: grades}

    def variables(self) -> tf.Module:
        """Return what a SavedModel has to keep of the networks.

        Their variables alone: with the networks themselves Keras would trace and store every layer once more, which
        triples the time to save and to load and which no signature needs.
        """
        kept = tf.Module(name=self.name)
        kept.detector = list(self.detector.network.variables)
        kept.graders = {
            name: [variable.value for variable in grader.variables] for name, grader in self.graders.items()
        }
        return kept

    def signatures(self) -> dict[str, Any]:
        """Return the concrete functions to save, each with the names, types and shapes of `signatures.py`."""
        functions = {
            signature.name: tf.function(getattr(self, signature.name)).get_concrete_function(
                **{spec.name: tf.TensorSpec(spec.shape, spec.dtype, spec.name) for spec in signature.inputs}
            )
            for signature in signatures.SIGNATURES
        }
        return functions | {signatures.DEFAULT_SIGNATURE: functions[signatures.READ.name]}

    def _probabilities(self, images: tf.Tensor, boxes_yxyx_px: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Return float32 [N, D, 4]: each filled slot graded by the grader of its class, empty slots 0."""
        probabilities = tf.zeros([*tf.unstack(tf.shape(classes)), len(GRADES)], tf.float32)
        for region_name, grader in self.graders.items():
            ids = [entry for entry in DETECTOR_CLASSES[self.plane] if entry.region == region_name]
            slots = tf.where(_is_any(classes, [entry.class_id for entry in ids]))
            crops = crop_regions(
                images,
                tf.gather_nd(boxes_yxyx_px, slots),
                tf.cast(slots[:, 0], tf.int32),
                _is_any(tf.gather_nd(classes, slots), [entry.class_id for entry in ids if entry.side is MIRRORED_SIDE]),
                size_px=grader.input_shape[1],
            )
            probabilities = tf.tensor_scatter_nd_update(probabilities, slots, _graded(grader, crops))
        return probabilities


def _checked(images: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(images, signatures.IMAGES.shape)


def _decoded(image_bytes: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(image_bytes, channels=1, expand_animations=False)


def _named(found: Found) -> dict[str, tf.Tensor]:
    names = (signatures.BOXES, signatures.CLASSES, signatures.SCORES, signatures.COUNT)
    return {spec.name: tensor for spec, tensor in zip(names, found, strict=True)}


def _graded(grader: keras.Model, crops: tf.Tensor) -> tf.Tensor:
    """Return float32 [M, 4], also for M = 0, which a convolution refuses: one black crop is added and dropped.

    Not by tf.pad: TensorFlow's graph optimizer folds a pad into the convolution behind it, and loses the added crop.
    """
    at_least_one = tf.concat([crops, tf.zeros([1, *crops.shape[1:]])], axis=0)
    return tf.cast(grader(at_least_one, training=False), tf.float32)[:-1]


def _is_any(classes: tf.Tensor, ids: list[int]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(classes[..., tf.newaxis], tf.constant(ids, tf.int32)), axis=-1)
