"""The served model of one plane: detector and graders in one graph, with the signatures of `signatures.py`.

The detector uses `tf_keras`, the graders Keras 3; in a SavedModel both are plain variables and operations.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfspine import signatures
from tfspine.errors import ModelError
from tfspine.labels import DETECTOR_CLASSES, GRADES, MIRRORED_SIDE, Plane, Region
from tfspine.models.detector import Detections, Detector
from tfspine.records.crops import crop_regions
from tfspine.saved_model.region_grader import RegionGrader, only

EMPTY_IMAGES = f"{signatures.IMAGES.name}: an empty batch; expected [N, H, W, 1] with one image or more"
EMPTY_BYTES = f"{signatures.IMAGE_BYTES.name}: an empty batch; expected one PNG or JPEG file or more"


class PlaneModel:
    """Reads slices of one plane: finds the regions, and grades each with the grader of its region.

    If the graders have several members, the grade probabilities are their mean, and the probabilities of each member
    and their disagreement are returned as well (`signatures.OF_MEMBERS`). With an operating point, the score
    threshold of the region of each box is also returned (`signatures.OF_OPERATING_POINT`).

    Raises:
        ModelError: the graders differ in their number of members.
    """

    def __init__(
        self,
        plane: Plane,
        *,
        detector: Detector,
        graders: Mapping[Region, RegionGrader],
        score_thresholds: Mapping[Region, float] | None = None,
    ) -> None:
        counts = {str(region): len(grader.members) for region, grader in graders.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{region} {count}" for region, count in counts.items())
            raise ModelError(f"members of graders: {told}; expected the same number of each region of a plane")
        self.plane = plane
        self.members = next(iter(counts.values()), 1)
        self.name = signatures.MODEL_NAMES[plane]
        self.detector = detector
        self.score_thresholds = dict(score_thresholds or {})
        self.graders = {str(region): grader for region, grader in graders.items()}
        # One function, so that the detector is traced and saved once instead of once per signature.
        self._find = tf.function(
            self.detector, input_signature=[tf.TensorSpec(signatures.IMAGES.shape, signatures.IMAGES.dtype)]
        )
        # The same applies to the graders.
        self._grade = tf.function(
            self._graded,
            input_signature=[
                tf.TensorSpec(spec.shape, spec.dtype)
                for spec in (signatures.IMAGES, signatures.BOXES, signatures.CLASSES)
            ],
        )

    def read(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Detect and grade: from images uint8 [N, H, W, 1] to boxes, classes, scores, count and grade probabilities."""
        found = self._find(_checked(images))
        return self._found(found) | self._grade(images, found.boxes_yxyx_px, found.classes)

    def read_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do the same for PNG or JPEG files, string [N], all of one size."""
        files = _filled(image_bytes, EMPTY_BYTES)
        return self.read(tf.map_fn(_decoded, files, fn_output_signature=tf.TensorSpec([None, None, 1], tf.uint8)))

    def detect(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Detect regions without grading them."""
        return self._found(self._find(_checked(images)))

    def grade(self, images: tf.Tensor, boxes_yxyx_px: tf.Tensor, classes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Grade given boxes, float32 [N, D, 4], of given classes, int32 [N, D]; class 0 marks an empty slot."""
        return self._grade(_checked(images), boxes_yxyx_px, classes)

    def only(self, member: int) -> "PlaneModel":
        """Return a model with one member of each grader, counted from 0, and the same detector."""
        graders = {Region(name): only(grader, member) for name, grader in self.graders.items()}
        return PlaneModel(self.plane, detector=self.detector, graders=graders, score_thresholds=self.score_thresholds)

    def at_thresholds(self, score_thresholds: Mapping[Region, float]) -> "PlaneModel":
        """Return the model with an operating point: the lowest score at which a box counts, for each kind of region.

        Both models share the traced functions, because the thresholds are not part of the networks.
        """
        model = copy.copy(self)
        model.score_thresholds = dict(score_thresholds)
        return model

    def variables(self) -> tf.Module:
        """Return the part of the networks that a SavedModel must keep.

        These are only the variables: with the networks themselves, Keras would trace and store every layer again,
        which no signature needs and which triples the time to save and to load.
        """
        kept = tf.Module(name=self.name)
        kept.detector = list(self.detector.network.variables)
        kept.graders = {
            name: [variable.value for member in grader.members for variable in member.network.variables]
            for name, grader in self.graders.items()
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

    def _found(self, found: Detections) -> dict[str, tf.Tensor]:
        """Return the detections by output name and, if there is an operating point, the threshold for each box."""
        named = _named(found)
        if self.score_thresholds:
            # Indexed by class id; class 0 is an empty slot, and a region without a threshold has threshold 0.
            by_class = [0.0] * (1 + max(entry.class_id for entry in DETECTOR_CLASSES[self.plane]))
            for entry in DETECTOR_CLASSES[self.plane]:
                by_class[entry.class_id] = self.score_thresholds.get(entry.region, 0.0)
            named[signatures.SCORE_THRESHOLDS.name] = tf.gather(tf.constant(by_class, tf.float32), found.classes)
        return named

    def _graded(self, images: tf.Tensor, boxes_yxyx_px: tf.Tensor, classes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the mean of the members and, if there are several, the output of each and their disagreement."""
        of_members = self._probabilities(images, boxes_yxyx_px, classes)
        mean = tf.reduce_mean(of_members, axis=2)
        graded = {signatures.GRADE_PROBABILITIES.name: mean}
        if self.members > 1:
            disagreement = _entropy_bits(mean) - tf.reduce_mean(_entropy_bits(of_members), axis=2)
            graded[signatures.MEMBER_PROBABILITIES.name] = of_members
            # Rounding may give a value slightly below 0.
            graded[signatures.GRADE_DISAGREEMENT.name] = tf.maximum(disagreement, 0.0)
        return graded

    def _probabilities(self, images: tf.Tensor, boxes_yxyx_px: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Return float32 [N, D, V, 4]: each filled slot graded by the grader of its class, empty slots 0."""
        shape = [*tf.unstack(tf.shape(classes)), self.members, len(GRADES)]
        probabilities = tf.zeros(shape, tf.float32)
        for region_name, grader in self.graders.items():
            ids = [entry for entry in DETECTOR_CLASSES[self.plane] if entry.region == region_name]
            slots = tf.where(_is_any(classes, [entry.class_id for entry in ids]))
            crops = crop_regions(
                images,
                tf.gather_nd(boxes_yxyx_px, slots),
                tf.cast(slots[:, 0], tf.int32),
                _is_any(tf.gather_nd(classes, slots), [entry.class_id for entry in ids if entry.side is MIRRORED_SIDE]),
                size_px=grader.size_px,
            )
            probabilities = tf.tensor_scatter_nd_update(probabilities, slots, grader.probabilities(crops))
        return tf.ensure_shape(probabilities, [None, None, self.members, len(GRADES)])


def _checked(images: tf.Tensor) -> tf.Tensor:
    """Return the images; the graph raises a clear error for empty images, on which a later resize would fail."""
    return _filled(tf.ensure_shape(images, signatures.IMAGES.shape), EMPTY_IMAGES)


def _filled(batch: tf.Tensor, message: str) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.Assert(tf.size(batch) > 0, [message])]):
        return tf.identity(batch)


def _decoded(image_bytes: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(image_bytes, channels=1, expand_animations=False)


def _named(found: Detections) -> dict[str, tf.Tensor]:
    names = (signatures.BOXES, signatures.CLASSES, signatures.SCORES, signatures.COUNT)
    return {spec.name: tensor for spec, tensor in zip(names, found, strict=True)}


def _entropy_bits(probabilities: tf.Tensor) -> tf.Tensor:
    """Return the Shannon entropy over the grades, [..., 4] to [...]; 0 log 0 is 0."""
    return -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1) / math.log(2.0)


def _is_any(classes: tf.Tensor, ids: list[int]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(classes[..., tf.newaxis], tf.constant(ids, tf.int32)), axis=-1)
