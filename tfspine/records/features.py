"""Names of the features of one example; each example is one slice. This module does not import TensorFlow.

The first group is the Model Garden's (`official.vision.dataloaders.tf_example_decoder`), so that its decoder and its
Mask R-CNN parser read the files as they are; boxes are normalised by the image's rows and columns, 0 to 1, far edge
excluded. The second group is our own; its lists are parallel to the boxes; unknown values are `UNKNOWN_GRADE` or "".
"""

IMAGE = "image/encoded"
SOURCE_ID = "image/source_id"
HEIGHT = "image/height"
WIDTH = "image/width"
YMIN = "image/object/bbox/ymin"
XMIN = "image/object/bbox/xmin"
YMAX = "image/object/bbox/ymax"
XMAX = "image/object/bbox/xmax"
CLASS = "image/object/class/label"
AREA = "image/object/area"
IS_CROWD = "image/object/is_crowd"

KEY = "image/key"
REGION = "image/object/region"
SIDE = "image/object/side"
LEVEL = "image/object/level"
GRADE = "image/object/grade"

UNKNOWN_GRADE = -1


def shard_name(plane: str, split: str, *, index: int, shards: int) -> str:
    """Name one file of records: ``axial-train-00000-of-00004.tfrecord``."""
    return f"{plane}-{split}-{index:05d}-of-{shards:05d}.tfrecord"
