"""Thousands of malformed requests: each is refused with the right kind of code, and the server goes on."""

import json
import random
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from half_model import save_half
from tensorflow_serving.apis import predict_pb2

from tfspine.server.config_file import LatestVersions, ModelConfig
from tfspine.server.graph_session import PATIENT
from tfspine.server.lifecycle import Lifecycle
from tfspine.server.request_error import RequestError
from tfspine.server.rest_service import answer_request
from tfspine.server.service import Service
from tfspine.server.typed_tensors import to_array

LEAVES = (
    None, True, False, 0, 1, -1, 2**24, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1.5, 1e30, 1e308, float("nan"),
    float("-inf"), "", "x", "\x00\u1234", {"b64": ""}, {"b64": "Zm9v"}, {"b64": "*"}, {"b64": 5},
)  # fmt: skip
SIGNATURES = ("", "pair", "narrow", "text", "bytes", "total", "regress", "classify", "unknown")
KEYS = ("instances", "inputs", "examples", "context")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("half")
    save_half(root / "1")
    lifecycle = Lifecycle()
    lifecycle.start([ModelConfig("m", root, LatestVersions(), {})])
    return Service(lifecycle.catalogue)


def random_value(rng, depth=0):
    kind = rng.random()
    if depth < 4 and kind < 0.35:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if depth < 4 and kind < 0.5:
        return {rng.choice("abxush"): random_value(rng, depth + 1) for _ in range(rng.randrange(3))}
    return rng.choice(LEAVES)


def random_body(rng):
    body = {key: random_value(rng) for key in KEYS if rng.random() < 0.35}
    raw = bytearray(json.dumps({"signature_name": rng.choice(SIGNATURES)} | body).encode())
    if rng.random() < 0.3:
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw)


def test_malformed_json(service):
    rng = random.Random(1)
    codes = Counter()
    for _ in range(6000):
        body = random_body(rng)
        method = rng.choice(("predict", "classify", "regress"))
        answer = answer_request(service, "POST", f"/v1/models/m:{method}", body, PATIENT)
        # 501: an input of type half, as in TensorFlow Serving.
        assert answer.status in (200, 400, 501), (body, answer.body)
        codes[answer.status] += 1
    assert codes[400] > 5000 and codes[200] > 20
    answer = answer_request(service, "POST", "/v1/models/m:predict", b'{"inputs":2}', PATIENT)
    assert json.loads(answer.body) == {"outputs": 3.0}


def test_malformed_tensors():
    rng = random.Random(1)
    request = predict_pb2.PredictRequest()
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1, 2, 3])))
    whole = request.SerializeToString()
    refused = 0
    for _ in range(6000):
        raw = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        try:
            parsed = predict_pb2.PredictRequest.FromString(bytes(raw))
        except DecodeError:
            continue
        for name, proto in parsed.inputs.items():
            try:
                to_array(proto, name)
            except RequestError as error:
                assert str(error) == f"tensor parsing error: {name}"
                refused += 1
    assert refused > 50
