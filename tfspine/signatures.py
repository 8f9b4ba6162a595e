"""Names, types and shapes of what the served models take and give.

One SavedModel a plane. N is the number of images in a request, D the largest number of detections an image
(`[detector] maximum_detections`). Slots beyond `count` hold zeros. The exporter builds these, the client reads them.
"""

from dataclasses import dataclass

from tfspine.labels import GRADES, Plane


@dataclass(frozen=True)
class TensorSpec:
    """One named tensor; None stands for a size that the request decides."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """One callable of a SavedModel."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


IMAGES = TensorSpec("images", "uint8", (None, None, None, 1))
"""Windowed slices of one size, [N, H, W, 1]."""

IMAGE_BYTES = TensorSpec("image_bytes", "string", (None,))
"""PNG or JPEG files, [N], all of one size in pixels."""

BOXES = TensorSpec("boxes_yxyx_px", "float32", (None, None, 4))
"""Boxes in pixels of the input images, [N, D, 4]."""

CLASSES = TensorSpec("classes", "int32", (None, None))
"""Detector class ids (`labels.DETECTOR_CLASSES`), [N, D]; 0 in empty slots."""

SCORES = TensorSpec("scores", "float32", (None, None))
"""Detection scores in 0 to 1, falling, [N, D]."""

COUNT = TensorSpec("count", "int32", (None,))
"""How many of the D slots are filled, [N]."""

GRADE_PROBABILITIES = TensorSpec("grade_probabilities", "float32", (None, None, len(GRADES)))
"""Probabilities of normal, mild, moderate, severe, [N, D, 4]; they sum to 1 in filled slots."""

MEMBER_PROBABILITIES = TensorSpec("member_probabilities", "float32", (None, None, None, len(GRADES)))
"""What each of V members of the graders says, [N, D, V, 4]; their mean is `GRADE_PROBABILITIES`."""

GRADE_DISAGREEMENT = TensorSpec("grade_disagreement", "float32", (None, None))
"""How far the members disagree, [N, D]: mutual information of grade and member in bits, 0 where all say the same.

At most 2, when the members are sure of different grades; 0 in empty slots.
"""

SCORE_THRESHOLDS = TensorSpec("score_thresholds", "float32", (None, None))
"""The operating point of each box's kind of region, [N, D]: a box of a lower score is no finding; 0 in empty slots.

Such boxes are answered all the same, for curves over all scores. The threshold was chosen on validation (`export`).
"""

OF_MEMBERS = (MEMBER_PROBABILITIES, GRADE_DISAGREEMENT)
"""What `READ`, `READ_BYTES` and `GRADE` give besides their outputs when the graders have several members.

A client that does not know them need not: they are no part of the signatures that it checks.
"""

OF_OPERATING_POINT = (SCORE_THRESHOLDS,)
"""What `READ`, `READ_BYTES` and `DETECT` give besides when the model has an operating point; no client need know it."""

_FOUND = (BOXES, CLASSES, SCORES, COUNT)

READ = Signature("read", (IMAGES,), (*_FOUND, GRADE_PROBABILITIES))
READ_BYTES = Signature("read_bytes", (IMAGE_BYTES,), (*_FOUND, GRADE_PROBABILITIES))
DETECT = Signature("detect", (IMAGES,), _FOUND)
GRADE = Signature("grade", (IMAGES, BOXES, CLASSES), (GRADE_PROBABILITIES,))

SIGNATURES: tuple[Signature, ...] = (READ, READ_BYTES, DETECT, GRADE)
DEFAULT_SIGNATURE = "serving_default"
"""The name under which TensorFlow Serving looks for `READ` when a request names none."""

MODEL_NAMES: dict[Plane, str] = {Plane.AXIAL: "tfspine_axial", Plane.SAGITTAL: "tfspine_sagittal"}
"""Name of each plane's model: its folder under `exported/`, and what a request asks the server for."""
