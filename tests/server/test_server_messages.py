"""Every message that docs/serving.md and the recordings of TensorFlow Serving 2.20.0 give, word for word.

The texts were recorded from TensorFlow Serving; none comes from the code under test.
"""

import json
import re

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from half_model import save_half
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tfspine.server.config_file import LatestVersions, ModelConfig
from tfspine.server.json_tensors import JsonRequest, read_inputs, write_outputs
from tfspine.server.json_text import decimal, pretty
from tfspine.server.lifecycle import Lifecycle
from tfspine.server.running import running
from tfspine.server.servables import Servable
from tfspine.server.service import Service

MODEL = "half_plus_two"


@pytest.fixture(scope="module")
def half_ports(tmp_path_factory):
    root = tmp_path_factory.mktemp("half")
    save_half(root / "1")
    lifecycle = Lifecycle()
    lifecycle.start([ModelConfig(MODEL, root, LatestVersions(), {"stable": 1})])
    with running(Service(lifecycle.catalogue), port=0, rest_port=0) as ports:
        yield ports


@pytest.fixture(scope="module")
def post(half_ports):
    def send(body, path=f"/v1/models/{MODEL}:predict", method="POST"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.request(method, f"http://127.0.0.1:{half_ports.rest}{path}", data=data, timeout=60)

    return send


FAILED = "Failed to process element: {} of 'instances' list. Error: "
NOT_A_FLOAT = "INVALID_ARGUMENT: JSON Value: {} Type: {} is not of expected type: float"
PAIR = {"signature_name": "pair"}
TEXT = {"signature_name": "text"}

REFUSED = [
    (b"", "JSON Parse error: The document is empty"),
    (b"hello", "JSON Parse error: Invalid value. at offset: 0"),
    (b'{"instances": [1.0, 2.0', "JSON Parse error: Missing a comma or ']' after an array element. at offset: 23"),
    (b'{"inputs": 1} x', "JSON Parse error: The document root must not be followed by other values. at offset: 14"),
    (rb'{"inputs": "\ud800"}', "JSON Parse error: The surrogate pair in string is invalid. at offset: 12"),
    (b'{"inputs" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset: 10"),
    (b'{"inputs": 1', "JSON Parse error: Missing a comma or '}' after an object member. at offset: 12"),
    (b"{inputs: 1}", "JSON Parse error: Missing a name for object member. at offset: 1"),
    (b'{"inputs": "x', "JSON Parse error: Missing a closing quotation mark in string. at offset: 13"),
    (b'{"inputs": 1.}', "JSON Parse error: Miss fraction part in number. at offset: 13"),
    (b'{"inputs": 1e999}', "JSON Parse error: Number too big to be stored in double. at offset: 11"),
    (b"[1, 2]", "JSON Value: [\n    1,\n    2\n] Is not object"),
    (
        {"signature_name": 5},
        'JSON Value: {\n    "signature_name": 5\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    ({}, "Missing 'inputs' or 'instances' key"),
    (
        {"inputs": 1, "instances": [1]},
        'JSON Value: {\n    "inputs": 1,\n    "instances": [\n        1\n    ]\n} Not formatted correctly expecting '
        "only one of 'inputs' or 'instances' keys to exist ",
    ),
    ({"instances": 1}, "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"),
    ({"instances": []}, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
    ({"inputs": None}, "JSON Value: null Type: Null is not of expected type: float"),
    ({"instances": [1, "x"]}, FAILED.format(1) + NOT_A_FLOAT.format('"x"', "String")),
    ({"instances": [True]}, FAILED.format(0) + NOT_A_FLOAT.format("true", "True")),
    ({"instances": [False]}, FAILED.format(0) + NOT_A_FLOAT.format("false", "False")),
    ({"instances": [None]}, FAILED.format(0) + NOT_A_FLOAT.format("null", "Null")),
    (
        PAIR | {"instances": [{"a": 1, "b": 1.5}]},
        "Failed to process element: 0 key: b of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1.5 Type: "
        "Number is not of expected type: int64",
    ),
    (
        {"signature_name": "narrow", "instances": [1]},
        FAILED.format(0) + "UNIMPLEMENTED: Conversion of JSON Value: 1 to type: half",
    ),
    (TEXT | {"instances": [{"b64": "*"}]}, FAILED.format(0) + "INVALID_ARGUMENT: Unable to base64 decode"),
    (
        TEXT | {"instances": [{"b64": 1}]},
        "Failed to process element: 0 key: b64 of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not "
        "have named input: b64",
    ),
    (
        {"instances": [[1, 2], [1, 2, 3]]},
        FAILED.format(1) + "INVALID_ARGUMENT: Expecting tensor size: 2 but got: 3",
    ),
    ({"instances": [[1, 2], [[1, 2]]]}, FAILED.format(1) + "INVALID_ARGUMENT: Expecting shape [2] but got: [1,2]"),
    ({"inputs": [[1, 2], [1]]}, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ({"instances": [[1], {"x": 1}]}, "Expecting value/list but got object at item 1 of input list"),
    ({"instances": [{"x": 1}, [1]]}, "Expecting object but got list at item 1 of input list"),
    (
        PAIR | {"instances": [1]},
        "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map",
    ),
    (
        PAIR | {"inputs": [1]},
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
        "tensorinfo_map",
    ),
    (
        PAIR | {"instances": [{"a": 1}]},
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1\n} keys must be equal to: a,b",
    ),
    (PAIR | {"inputs": {"a": [1]}}, "Missing named input: b in 'inputs' object."),
    ({"signature_name": "total", "instances": [1]}, "Tensor name: total has no shape information "),
    (
        PAIR | {"instances": [{"a": 1, "b": 1}, {"a": 2, "b": 2}]},
        "Tensor name: twice has inconsistent batch size: 4 expecting: 2",
    ),
    ({"signature_name": "x", "inputs": 1}, 'Serving signature name: "x" not found in signature def'),
    (
        {"inputs": [2**24 + 1]},
        "Cannot convert JSON value: 16777217 to float without loss of precision.",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_bodies(post, body, message):
    answer = post(body)
    assert answer.status_code == 400
    assert answer.json() == {"error": message}
    assert answer.content == b'{\n    "error": ' + json.dumps(message).encode() + b"\n}"


PATHS = [
    ("POST", "/v1/models/m:predict", 404, "Servable not found for request: Latest(m)"),
    ("POST", f"/v1/models/{MODEL}/versions/50:predict", 404, f"Servable not found for request: Specific({MODEL}, 50)"),
    ("POST", f"/v1/models/{MODEL}/labels/x:predict", 400, "Unrecognized servable version label: x"),
    ("GET", "/v1/models/m", 404, "Could not find any versions of model m"),
    ("GET", f"/v1/models/{MODEL}/versions/50", 404, f"Could not find version 50 of model {MODEL}"),
    ("GET", "/v1/models/m/metadata", 404, "Servable not found for request: Latest(m)"),
    ("GET", "/v1/models", 400, "Missing model name in request."),
    ("POST", "/v1/models", 400, "Malformed request: POST /v1/models"),
    ("GET", f"/v1/models/{MODEL}:predict", 400, f"Malformed request: GET /v1/models/{MODEL}:predict"),
    ("POST", f"/v1/models/{MODEL}:predict?x=1", 400, f"Malformed request: POST /v1/models/{MODEL}:predict?x=1"),
    ("DELETE", f"/v1/models/{MODEL}", 400, f"Malformed request: DELETE /v1/models/{MODEL}"),
    ("GET", f"/v1/models/{MODEL}/versions/{2**63}", 400, f"Failed to convert version: {2**63} to numeric."),
]


@pytest.mark.parametrize(("method", "path", "status", "message"), PATHS, ids=range(len(PATHS)))
def test_refused_paths(post, method, path, status, message):
    answer = post({"inputs": 1}, path, method)
    assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert answer.headers["Content-Type"] == "application/json"


def test_outside_v1(post):
    assert post(b"", "/v2/models", "GET").status_code == 404


ANSWERED = [
    ({"instances": [2, 3, 4]}, '{\n    "predictions": [3.0, 3.5, 4.0\n    ]\n}'),
    ({"inputs": 2}, '{\n    "outputs": 3.0\n}'),
    ({"inputs": [0.3333335, 1e10]}, '{\n    "outputs": [\n        2.16666675,\n        5e+09\n    ]\n}'),
    ({"inputs": [16777208, 123456.789]}, '{\n    "outputs": [\n        8388606.0,\n        61730.3945\n    ]\n}'),
    (b'{"inputs": [NaN, Infinity]}', '{\n    "outputs": [\n        NaN,\n        Infinity\n    ]\n}'),
    ({"instances": [[2], [4]]}, '{\n    "predictions": [[3.0], [4.0]\n    ]\n}'),
    (TEXT | {"inputs": "x"}, '{\n    "outputs": "x"\n}'),
    ({"signature_name": "bytes", "inputs": [256, -1]}, '{\n    "outputs": [\n        0,\n        255\n    ]\n}'),
    (
        PAIR | {"inputs": {"a": [1], "b": [2]}},
        '{\n    "outputs": {\n        "same": [\n            1.0\n        ],\n        "sum": [\n            3.0\n'
        '        ],\n        "twice": [\n            1.0,\n            1.0\n        ]\n    }\n}',
    ),
]


@pytest.mark.parametrize(("body", "text"), ANSWERED, ids=range(len(ANSWERED)))
def test_answers_are_printed_as_recorded(post, body, text):
    assert post(body).text == text


def test_bytes_that_are_no_text_come_back(post):
    assert post(b'{"signature_name":"text","inputs":"\xff\xfe"}').content == b'{\n    "outputs": "\xff\xfe"\n}'


def test_segments_are_percent_decoded(post):
    assert post({"inputs": 2}, "/v1/models/half%5Fplus_two:predict").json() == {"outputs": 3.0}


EXAMPLES = [{"x": 2.0}, {"x": [4.0]}]


def test_classify_and_regress(post):
    path = f"/v1/models/{MODEL}:regress"
    answer = post({"signature_name": "regress", "examples": EXAMPLES}, path)
    assert answer.text == '{\n    "results": [3.0, 4.0]\n}'
    answer = post({"signature_name": "regress", "context": {"x": 8.0}, "examples": [{}]}, path)
    assert answer.json() == {"results": [6.0]}
    answer = post({"signature_name": "classify", "examples": EXAMPLES}, f"/v1/models/{MODEL}:classify")
    assert answer.json() == {"results": [[["low", -2.0], ["high", 2.0]], [["low", -4.0], ["high", 4.0]]]}


@pytest.mark.parametrize("method", ["classify", "regress"])
def test_classify_and_regress_refuse(post, method):
    path = f"/v1/models/{MODEL}:{method}"
    assert post({"instances": [1]}, path).json()["error"] == (
        "JSON Value: {\n    \"instances\": [\n        1\n    ]\n} When method is classify, key 'examples' is expected "
        "and was not found"
    )
    assert post({"examples": []}, path).json()["error"] == (
        "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"
    )
    kind = {"classify": "classification", "regress": "regression"}[method]
    answer = post({"examples": EXAMPLES}, path)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f'No {kind} inputs found in SignatureDef: inputs {{\n  key: "x"\n')
    assert post({"signature_name": "x", "examples": EXAMPLES}, path).json()["error"] == (
        "No signature was found with the name: x"
    )


@pytest.fixture(scope="module")
def stubs(half_ports):
    with grpc.insecure_channel(f"127.0.0.1:{half_ports.grpc}") as channel:
        yield (
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
            model_service_pb2_grpc.ModelServiceStub(channel),
        )


def refusal(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60)
    return caught.value.code().name, caught.value.details()


def predict_request(signature="", outputs=(), **inputs):
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name = MODEL
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_grpc_without_a_model_spec(stubs):
    missing = ("INVALID_ARGUMENT", "Missing ModelSpec")
    prediction, model = stubs
    assert refusal(prediction.Predict, predict_pb2.PredictRequest()) == missing
    assert refusal(prediction.Classify, classification_pb2.ClassificationRequest()) == missing
    assert refusal(prediction.Regress, regression_pb2.RegressionRequest()) == missing
    assert refusal(prediction.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest()) == missing
    assert refusal(model.GetModelStatus, get_model_status_pb2.GetModelStatusRequest()) == missing


def test_grpc_refusals(stubs):
    predict = stubs[0].Predict
    two = np.float32([1, 2])
    assert refusal(predict, predict_request("x", x=two)) == (
        "FAILED_PRECONDITION",
        'Serving signature key "x" not found.',
    )
    code, message = refusal(predict, predict_request(x=two, z=two))
    assert code == "INVALID_ARGUMENT"
    assert message == (
        "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."
    )
    assert refusal(predict, predict_request(x=two, outputs=["y", "y"])) == (
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: y",
    )
    assert refusal(predict, predict_request(x=two, outputs=["z"])) == (
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
    )
    # The runtime's own text.
    code, message = refusal(predict, predict_request(x=["text"]))
    assert (code, message) == ("INVALID_ARGUMENT", "Expects arg[0] to be float but string is provided")
    code, message = refusal(predict, predict_request("pair", a=two, b=np.int64([1, 2, 3])))
    assert code == "INVALID_ARGUMENT"
    assert re.fullmatch(r"Incompatible shapes: \[\d\] vs\. \[\d\]\n\t \[\[.*\{\{node add\}\}\]\]", message)


def test_a_call_without_a_deadline_is_answered(stubs):
    answer = stubs[0].Predict(predict_request(x=np.float32([2])))
    assert answer.outputs["y"].float_val == [3.0]
    assert (answer.model_spec.version.value, answer.model_spec.signature_name) == (1, "serving_default")


def test_multi_inference_over_grpc(stubs):
    request = inference_pb2.MultiInferenceRequest()
    for example in EXAMPLES:
        value = float(np.ravel(example["x"])[0])
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    for name in ("regress", "classify"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{name}")
        task.model_spec.name = MODEL
        task.model_spec.signature_name = name
    with pytest.raises(grpc.RpcError) as caught:
        stubs[0].MultiInference(request, timeout=60)
    # Each signature of a TensorFlow 2 model has an input tensor of its own.
    assert caught.value.details() == "Input tensor must be the same for all Signatures."
    del request.tasks[1]
    (result,) = stubs[0].MultiInference(request, timeout=60).results
    assert [item.value for item in result.regression_result.regressions] == [3.0, 4.0]
    assert (result.model_spec.name, result.model_spec.version.value) == (MODEL, 1)
    request.tasks[0].method_name = "tensorflow/serving/predict"
    assert refusal(stubs[0].MultiInference, request) == (
        "UNIMPLEMENTED",
        "Unsupported signature method_name: tensorflow/serving/predict",
    )


def test_regress_over_grpc(stubs):
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = "regress"
    assert refusal(stubs[0].Regress, request) == ("INVALID_ARGUMENT", "Input is empty.")
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
    answer = stubs[0].Regress(request, timeout=60)
    assert [item.value for item in answer.result.regressions] == [3.0]
    assert answer.model_spec.signature_name == "regress"


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.1666667, "2.16666675"), (5e9, "5e+09"), (8388610.0, "8.38861e+06"), (61730.395, "61730.3945"), (2.0, "2.0")],
)
def test_floats_have_six_digits_or_nine(value, text):
    assert decimal(float(np.float32(value))) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e30, "1e30"),
        (1.5e-9, "1.5e-9"),
        (1e16, "10000000000000000.0"),
        (0.1, "0.1"),
        (-2.0, "-2.0"),
        (1e-5, "0.00001"),
    ],
)
def test_numbers_in_lists_are_written_as_rapidjson_does(value, text):
    assert pretty([value]) == f"[\n    {text}\n]"


def test_several_outputs_are_objects_in_the_order_of_their_names():
    outputs = {"b": np.array([[1, 2], [3, 4]]), "a": np.array([True, False])}
    assert write_outputs(JsonRequest("", {"instances": []}), outputs).decode() == (
        '{\n    "predictions": [\n        {\n            "a": true,\n            "b": [1, 2]\n        },\n'
        '        {\n            "a": false,\n            "b": [3, 4]\n        }\n    ]\n}'
    )


def test_inputs_with_defaults_may_be_left_out():
    definition = meta_graph_pb2.SignatureDef()
    for name in "ab":
        definition.inputs[name].dtype = tf.float32.as_datatype_enum
    definition.defaults["b"].CopyFrom(tf.make_tensor_proto([1.0]))
    rows = read_inputs(JsonRequest("", {"instances": [{"a": 1}, {"a": 2}]}), definition)
    columns = read_inputs(JsonRequest("", {"inputs": {"a": [1, 2]}}), definition)
    assert {name: array.tolist() for name, array in rows.items()} == {"a": [1.0, 2.0]}
    assert {name: array.tolist() for name, array in columns.items()} == {"a": [1.0, 2.0]}
    fed = []

    def run(feeds, fetches, caller):
        fed.append({name: array.tolist() for name, array in feeds.items()})
        return []

    definition.inputs["a"].name, definition.inputs["b"].name = "a:0", "b:0"
    Servable("m", 1, {"serving_default": definition}, run).call("", columns)
    assert fed == [{"a:0": [1.0, 2.0], "b:0": [1.0]}]
