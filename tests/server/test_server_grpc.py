"""The gRPC side, asked with the official stubs of tensorflow-serving-api as a second client."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from bright_model import bright_images
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

IMAGES = bright_images(2, 4, 6)


@pytest.fixture(scope="module")
def channel(ports):
    with grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as opened:
        yield opened


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model_service(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def make_request(*, name="bright", signature="", version=None, label=None, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    for key, value in (inputs or {"images": IMAGES}).items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def refusal(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=30)
    return caught.value.code(), caught.value.details()


def test_the_official_client_gets_the_model_in_memory(prediction, models):
    answer = prediction.Predict(make_request(), timeout=30)
    expected = models[2].read(IMAGES)
    assert set(answer.outputs) == set(expected)
    for name, tensor in expected.items():
        assert np.array_equal(tf.make_ndarray(answer.outputs[name]), tensor.numpy())


def test_replies_use_typed_fields_and_say_who_answered(prediction):
    answer = prediction.Predict(make_request(version=1), timeout=30)
    assert not answer.outputs["boxes_yxyx_px"].tensor_content
    assert answer.outputs["boxes_yxyx_px"].float_val[:4] == [1, 2, 3, 5]
    spec = answer.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("bright", 1, "serving_default")


def test_a_label_finds_its_version(prediction):
    assert prediction.Predict(make_request(label="stable"), timeout=30).model_spec.version.value == 1


def test_output_filter(prediction):
    request = make_request()
    request.output_filter.append("count")
    answer = prediction.Predict(request, timeout=30)
    assert dict(answer.outputs).keys() == {"count"}
    request.output_filter.append("cuont")
    assert refusal(prediction.Predict, request)[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"name": "nobody"}, "NOT_FOUND", "Servable not found for request: Latest(nobody)"),
        ({"version": 7}, "NOT_FOUND", "Servable not found for request: Specific(bright, 7)"),
        ({"label": "canary"}, "INVALID_ARGUMENT", "Unrecognized servable version label: canary"),
        ({"name": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"signature": "reed"}, "FAILED_PRECONDITION", '"reed" not found'),
        ({"image": IMAGES}, "INVALID_ARGUMENT", "Signature input alias: images(feed name: "),
        ({"images": IMAGES.astype(np.float32)}, "INVALID_ARGUMENT", "Expects arg[0] to be uint8 but float is provided"),
        ({"images": IMAGES[..., 0]}, "INVALID_ARGUMENT", ""),
        ({"signature": "read_bytes", "image_bytes": [b"no image"]}, "INVALID_ARGUMENT", ""),
    ],
)
def test_refusals(prediction, change, code, message):
    got, details = refusal(prediction.Predict, make_request(**change))
    assert got.name == code
    assert message in details


def test_a_tensor_cut_short_is_refused(prediction):
    proto = tf.make_tensor_proto(IMAGES)
    proto.tensor_content = proto.tensor_content[:-1]
    request = make_request()
    request.inputs["images"].CopyFrom(proto)
    assert refusal(prediction.Predict, request)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_long_messages_are_cut(prediction):
    _, details = refusal(prediction.Predict, make_request(name="n" * 2000))
    assert details.endswith("...TRUNCATED")
    assert len(details) == 1024 + len("...TRUNCATED")


def test_metadata(prediction):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "bright"
    answer = prediction.GetModelMetadata(request, timeout=30)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    assert found.signature_def["read"].inputs["images"].dtype == tf.uint8.as_datatype_enum
    assert answer.model_spec.version.value == 2
    request.metadata_field[:] = ["other"]
    assert refusal(prediction.GetModelMetadata, request)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_status(model_service):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "bright"
    answer = model_service.GetModelStatus(request, timeout=30)
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(item.version, item.state) for item in answer.model_version_status] == [(2, available), (1, available)]
    request.model_spec.version.value = 7
    assert refusal(model_service.GetModelStatus, request)[0] is grpc.StatusCode.NOT_FOUND
