"""A SavedModel of TensorFlow 1 with the signatures of TensorFlow Serving's half_plus_two, and TLS of the gRPC port."""

import json
import shutil
import subprocess

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import inference_pb2, prediction_service_pb2_grpc

from tfspine.server.config_file import LatestVersions, ModelConfig
from tfspine.server.lifecycle import Lifecycle
from tfspine.server.running import RunningOptions, running
from tfspine.server.service import Service
from tfspine.server.text_protos import message_class
from tfspine.server.tls import read_credentials

OPENSSL = shutil.which("openssl")


def save_first_version(folder):
    """Write x / 2 + 2 with the signatures of saved_model_half_plus_two.py of TensorFlow Serving."""
    v1 = tf.compat.v1
    build = v1.saved_model.build_tensor_info
    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        x = tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        added = v1.get_variable("b", initializer=2.0)
        y = tf.add(x * 0.5, added, name="y")
        session.run(v1.global_variables_initializer())
        examples = {"inputs": build(serialized)}
        signature = v1.saved_model.build_signature_def
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            [tf.saved_model.SERVING],
            {
                "regress_x_to_y": signature(examples, {"outputs": build(y)}, "tensorflow/serving/regress"),
                "classify_x_to_y": signature(examples, {"scores": build(y)}, "tensorflow/serving/classify"),
                "serving_default": signature({"x": build(x)}, {"y": build(y)}, "tensorflow/serving/predict"),
            },
        )
        builder.save()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("first")
    save_first_version(root / "123")
    lifecycle = Lifecycle()
    lifecycle.start([ModelConfig("half", root, LatestVersions(), {})])
    return Service(lifecycle.catalogue)


def test_all_methods_over_rest(service):
    with running(service, port=0, rest_port=0) as ports:

        def post(method, body):
            url = f"http://127.0.0.1:{ports.rest}/v1/models/half:{method}"
            return requests.post(url, data=json.dumps(body), timeout=60).json()

        examples = [{"x": 1.0}, {"x": 2.0}]
        assert post("predict", {"instances": [[1.0], [2.0]]}) == {"predictions": [[2.5], [3.0]]}
        assert post("regress", {"signature_name": "regress_x_to_y", "examples": examples}) == {"results": [2.5, 3.0]}
        assert post("classify", {"signature_name": "classify_x_to_y", "examples": examples}) == {
            "results": [[["", 2.5]], [["", 3.0]]]
        }


def inference(*names):
    request = inference_pb2.MultiInferenceRequest()
    for value in (1.0, 2.0):
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    for name in names:
        task = request.tasks.add(method_name=f"tensorflow/serving/{name.split('_')[0]}")
        task.model_spec.name = "half"
        task.model_spec.signature_name = name
    return request


def test_multi_inference(service):
    with running(service, port=0, rest_port=0) as ports, grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        both = stub.MultiInference(inference("regress_x_to_y", "classify_x_to_y"), timeout=60).results
        assert [item.value for item in both[0].regression_result.regressions] == [2.5, 3.0]
        assert [row.classes[0].score for row in both[1].classification_result.classifications] == [2.5, 3.0]
        assert {item.model_spec.version.value for item in both} == {123}
        with pytest.raises(grpc.RpcError, match="Duplicate evaluation of signature: regress_x_to_y"):
            stub.MultiInference(inference("regress_x_to_y", "regress_x_to_y"), timeout=60)


@pytest.mark.skipif(OPENSSL is None, reason="makes its certificate with openssl")
def test_tls_of_the_grpc_port(service, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    message = message_class("SSLConfig")(server_key=key.read_text(), server_cert=certificate.read_text())
    (tmp_path / "ssl.config").write_text(str(message))
    options = RunningOptions(credentials=read_credentials(tmp_path / "ssl.config"))
    with running(service, port=0, rest_port=0, options=options) as ports:
        trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(f"localhost:{ports.grpc}", trusted) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            assert stub.MultiInference(inference("regress_x_to_y"), timeout=60).results
        with grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel, pytest.raises(grpc.RpcError):
            prediction_service_pb2_grpc.PredictionServiceStub(channel).MultiInference(
                inference("regress_x_to_y"), timeout=5
            )
