"""Names, types and shapes of the served models' inputs and outputs.

There is one SavedModel per plane. N is the number of images in a request, D the largest number of detections per image
(`[detector] maximum_detections`). Slots beyond `count` hold zeros. The exporter builds these, the client reads them.
"""

from dataclasses import dataclass

from tfspine.labels import GRADES, Plane


@dataclass(frozen=True)
class TensorSpec:
    """One named tensor; None stands for a size that depends on the request."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """One callable function of a SavedModel."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


IMAGES = TensorSpec("images", "uint8", (None, None, None, 1))
"""Windowed slices of one size, [N, H, W, 1]."""

IMAGE_BYTES = TensorSpec("image_bytes", "string", (None,))
"""PNG or JPEG files, [N], all of the same size in pixels."""

BOXES = TensorSpec("boxes_yxyx_px", "float32", (None, None, 4))
"""Boxes in pixels of the input images, [N, D, 4]."""

CLASSES = TensorSpec("classes", "int32", (None, None))
"""Detector class ids (`labels.DETECTOR_CLASSES`), [N, D]; 0 in empty slots."""

SCORES = TensorSpec("scores", "float32", (None, None))
"""Detection scores in 0 to 1, in descending order, [N, D]."""

COUNT = TensorSpec("count", "int32", (None,))
"""How many of the D slots are filled, [N]."""

GRADE_PROBABILITIES = TensorSpec("grade_probabilities", "float32", (None, None, len(GRADES)))
"""Probabilities of normal, mild, moderate, severe, [N, D, 4]; they sum to 1 in filled slots."""

MEMBER_PROBABILITIES = TensorSpec("member_probabilities", "float32", (None, None, None, len(GRADES)))
"""Probabilities of each of V members of the graders, [N, D, V, 4]; their mean is `GRADE_PROBABILITIES`."""

GRADE_DISAGREEMENT = TensorSpec("grade_disagreement", "float32", (None, None))
"""Disagreement of the members, [N, D]: mutual information of grade and member in bits, 0 if all agree exactly.

It is at most 2, when the members are certain of different grades; 0 in empty slots.
"""

SCORE_THRESHOLDS = TensorSpec("score_thresholds", "float32", (None, None))
"""The operating point of each box's kind of region, [N, D]: boxes with a lower score are not findings; 0 if empty.

Such boxes are returned nevertheless, for curves over all scores. `export` chose the threshold on validation studies.
"""

OF_MEMBERS = (MEMBER_PROBABILITIES, GRADE_DISAGREEMENT)
"""Additional outputs of `READ`, `READ_BYTES` and `GRADE` when the graders have several members.

A client may ignore them: they are not part of the signatures that it checks.
"""

OF_OPERATING_POINT = (SCORE_THRESHOLDS,)
"""Extra outputs of `READ`, `READ_BYTES` and `DETECT` if the model has an operating point; a client may ignore it."""

_FOUND = (BOXES, CLASSES, SCORES, COUNT)

READ = Signature("read", (IMAGES,), (*_FOUND, GRADE_PROBABILITIES))
READ_BYTES = Signature("read_bytes", (IMAGE_BYTES,), (*_FOUND, GRADE_PROBABILITIES))
DETECT = Signature("detect", (IMAGES,), _FOUND)
GRADE = Signature("grade", (IMAGES, BOXES, CLASSES), (GRADE_PROBABILITIES,))

SIGNATURES: tuple[Signature, ...] = (READ, READ_BYTES, DETECT, GRADE)
DEFAULT_SIGNATURE = "serving_default"
"""The signature that TensorFlow Serving uses when a request names none; it is `READ`."""

MODEL_NAMES: dict[Plane, str] = {Plane.AXIAL: "tfspine_axial", Plane.SAGITTAL: "tfspine_sagittal"}
"""Name of each plane's model: its folder under `exported/`, and its name in requests to the server."""
