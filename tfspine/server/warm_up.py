"""Recorded requests that a version answers before it serves, so that the first user does not wait for its graph."""

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from tfspine.errors import ModelError
from tfspine.server.examples import classify, multi_inference, regress
from tfspine.server.graph_session import PATIENT
from tfspine.server.request_error import RequestError
from tfspine.server.servables import Servable

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAXIMUM_WARMUP_RECORDS = 1000
"""TensorFlow Serving refuses files with more (docs/serving.md, Configuration)."""


def answer_warm_up(servable: Servable, folder: Path) -> None:
    """Answer the recorded requests of a version folder, if there are any.

    Raises:
        ModelError: the file does not hold PredictionLogs or holds too many, or a request fails.
    """
    path = folder / WARMUP_FILE
    if not path.is_file():
        return
    try:
        records = list(tf.data.TFRecordDataset(str(path)).take(MAXIMUM_WARMUP_RECORDS + 1).as_numpy_iterator())
        logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    except (tf.errors.OpError, DecodeError) as error:
        raise ModelError(
            f"{path}: no TFRecord of PredictionLog: {_one_line(error)}; remove the file, or run tfspine export again"
        ) from None
    if len(logs) > MAXIMUM_WARMUP_RECORDS:
        raise ModelError(f"{path}: more than {MAXIMUM_WARMUP_RECORDS} warm-up requests; keep fewer")
    for number, log in enumerate(logs, start=1):
        try:
            _answer(servable, log)
        except (RequestError, ValueError, TypeError) as error:
            raise ModelError(f"{path}: warm-up request {number} fails: {_one_line(error)}") from error


def _answer(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
    match log.WhichOneof("log_type"):
        case "predict_log":
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            servable.call(request.model_spec.signature_name, inputs, only=request.output_filter)
        case "classify_log":
            request = log.classify_log.request
            classify(servable, request.model_spec.signature_name, request.input, PATIENT)
        case "regress_log":
            request = log.regress_log.request
            regress(servable, request.model_spec.signature_name, request.input, PATIENT)
        case "multi_inference_log":
            multi_inference(servable, log.multi_inference_log.request, PATIENT)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
