"""Warm-up requests inside a SavedModel, so that the graph is initialised before the first real request.

TensorFlow Serving replays `assets.extra/tf_serving_warmup_requests` (TFRecord of PredictionLog) when it loads a
version (docs/serving.md, Configuration).
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from tfspine import signatures
from tfspine.labels import DETECTOR_CLASSES, Plane

FILE = Path("assets.extra") / "tf_serving_warmup_requests"


def write_warmup(folder: Path, plane: Plane, image: NDArray[np.uint8]) -> None:
    """Write one request for each signature, made from one slice, uint8 [H, W]."""
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in _requests(plane, image).items():
            writer.write(_log(plane, name, inputs).SerializeToString())


def _requests(plane: Plane, image: NDArray[np.uint8]) -> dict[str, dict[str, tf.Tensor]]:
    images = tf.constant(image[np.newaxis, :, :, np.newaxis])
    rows, columns = image.shape
    classes = [entry.class_id for entry in DETECTOR_CLASSES[plane]]
    centre = [rows / 4, columns / 4, rows * 3 / 4, columns * 3 / 4]
    return {
        signatures.READ.name: {signatures.IMAGES.name: images},
        signatures.READ_BYTES.name: {signatures.IMAGE_BYTES.name: tf.io.encode_png(images)},
        signatures.DETECT.name: {signatures.IMAGES.name: images},
        signatures.GRADE.name: {
            signatures.IMAGES.name: images,
            signatures.BOXES.name: tf.constant([[centre] * len(classes)], tf.float32),
            signatures.CLASSES.name: tf.constant([classes], tf.int32),
        },
    }


def _log(plane: Plane, signature: str, inputs: dict[str, tf.Tensor]) -> prediction_log_pb2.PredictionLog:
    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name=signatures.MODEL_NAMES[plane], signature_name=signature)
    )
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
