"""The REST side answers in the words and the layout of TensorFlow Serving 2.20.0 (docs/serving.md, Messages)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf

from tfspine.server.catalogue import load_catalogue
from tfspine.server.config_file import LatestVersions, ModelConfig
from tfspine.server.json_answer import write_outputs
from tfspine.server.rapid_json import pretty
from tfspine.server.running import running

Ask = Callable[..., tuple[int, bytes]]


class Recorded(tf.Module):
    """Half of x plus two, as in TensorFlow Serving's example, and signatures with other inputs and outputs."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half_plus_two(self, x):
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def any_shape(self, x):
        return {"y": x + 0.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name=name) for name in "ab"])
    def add(self, a, b):
        return {"sum": a + b}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="n")])
    def whole(self, n):
        return {"n": n}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.uint8, name="n")])
    def narrow(self, n):
        return {"n": n}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.half, name="x")])
    def half_type(self, x):
        return {"x": x}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string, name="s")])
    def text(self, s):
        return {"s": s}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def total(self, x):
        return {"total": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def uneven(self, x):
        return {"once": x, "twice": tf.concat([x, x], 0)}


SIGNATURES = ("any_shape", "add", "whole", "narrow", "half_type", "text", "total", "uneven")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    root = tmp_path_factory.mktemp("recorded")
    model = Recorded()
    signatures = {"serving_default": model.half_plus_two} | {name: getattr(model, name) for name in SIGNATURES}
    tf.saved_model.save(model, str(root / "1"), signatures=signatures)
    (root / str(2**64)).mkdir()
    configs = [ModelConfig("half_plus_two", root, LatestVersions(), {})]
    with running(load_catalogue(configs), port=0, rest_port=0) as ports:

        def send(body: bytes | str, path: str = "/v1/models/half_plus_two:predict", method: str = "POST"):
            url = f"http://127.0.0.1:{ports.rest}{path}"
            data = body if isinstance(body, bytes) else body.encode()
            answer = requests.request(method, url, data=data, timeout=60)
            return answer.status_code, answer.content

        yield send


def signature(name: str, rest: str) -> str:
    return f'{{"signature_name": "{name}", {rest}}}'


TYPE = "is not of expected type:"
ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "

REFUSED = [
    ("", "JSON Parse error: The document is empty"),
    ("hello", "JSON Parse error: Invalid value. at offset: 0"),
    ('{"instances": [1.0, 2.0', "JSON Parse error: Missing a comma or ']' after an array element. at offset: 23"),
    (
        '{"instances": [1.0]} x',
        "JSON Parse error: The document root must not be followed by other values. at offset: 21",
    ),
    ('{"instances": ["\\ud800"]}', "JSON Parse error: The surrogate pair in string is invalid. at offset: 16"),
    ("[1]", "JSON Value: [\n    1\n] Is not object"),
    (
        '{"signature_name": 5, "instances": [1]}',
        'JSON Value: {\n    "signature_name": 5,\n    "instances": [\n        1\n    ]\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    ("{}", "Missing 'inputs' or 'instances' key"),
    (
        '{"inputs": 1, "instances": 2}',
        'JSON Value: {\n    "inputs": 1,\n    "instances": 2\n} Not formatted correctly expecting only one of '
        "'inputs' or 'instances' keys to exist ",
    ),
    ('{"instances": 5}', "JSON Value: 5 Expecting 'instances' to be an list/array"),
    ('{"instances": []}', "JSON Value: [] No values in 'instances' array"),
    ('{"inputs": null}', f"JSON Value: null Type: Null {TYPE} float"),
    ('{"instances": [1.0, "x"]}', ROW.format(1) + f'JSON Value: "x" Type: String {TYPE} float'),
    ('{"instances": [true]}', ROW.format(0) + f"JSON Value: true Type: True {TYPE} float"),
    (signature("whole", '"instances": [1.5]'), ROW.format(0) + f"JSON Value: 1.5 Type: Number {TYPE} int32"),
    (
        signature("whole", '"instances": [3000000000]'),
        ROW.format(0) + f"JSON Value: 3000000000 Type: Number {TYPE} int32",
    ),
    (
        signature("add", '"instances": [{"a": 1, "b": "c"}]'),
        "Failed to process element: 0 key: b of 'instances' list. Error: INVALID_ARGUMENT: "
        f'JSON Value: "c" Type: String {TYPE} float',
    ),
    (
        signature("half_type", '"instances": [1]'),
        "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: "
        "half",
    ),
    (signature("text", '"instances": [{"b64": "*"}]'), ROW.format(0) + "Unable to base64 decode"),
    ('{"instances": [[1, 2], [1, 2, 3]]}', ROW.format(1) + "Expecting tensor size: 2 but got: 3"),
    ('{"instances": [[1, 2], [[1, 2]]]}', ROW.format(1) + "Expecting shape [2] but got: [1,2]"),
    ('{"inputs": [[1, 2], [1]]}', "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ('{"instances": [1, {"x": 1}]}', "Expecting value/list but got object at item 1 of input list"),
    ('{"instances": [{"x": 1}, [1]]}', "Expecting object but got list at item 1 of input list"),
    (
        signature("add", '"instances": [1]'),
        "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map",
    ),
    (
        signature("add", '"inputs": [1]'),
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
        "tensorinfo_map",
    ),
    (
        signature("add", '"instances": [{"a": 1}]'),
        "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1\n} keys must be equal to: a,b",
    ),
    (signature("add", '"inputs": {"a": [1]}'), "Missing named input: b in 'inputs' object."),
    (signature("total", '"instances": [1]'), "Tensor name: total has no shape information "),
    (signature("uneven", '"instances": [1, 2]'), "Tensor name: twice has inconsistent batch size: 4 expecting: 2"),
    (signature("x", '"instances": [1]'), 'Serving signature name: "x" not found in signature def'),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_refused_in_its_words(ask: Ask, body: str, message: str) -> None:
    status, answer = ask(body)
    assert json.loads(answer) == {"error": message}
    assert status == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1/models/nobody", 404, "Could not find any versions of model nobody"),
        ("GET", "/v1/models/half_plus_two/versions/50", 404, "Could not find version 50 of model half_plus_two"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("POST", "/v1/models/m/versions/50:predict", 404, "Servable not found for request: Specific(m, 50)"),
        ("POST", "/v1/models/half_plus_two/labels/x:predict", 400, "Unrecognized servable version label: x"),
    ],
)
def test_what_is_not_there(ask: Ask, method: str, path: str, status: int, message: str) -> None:
    found, answer = ask('{"instances": [1]}', path, method)
    assert (found, json.loads(answer)) == (status, {"error": message})


ANSWERED = [
    ('{"instances": [2.0, 3.0, 4.0]}', '{\n    "predictions": [3.0, 3.5, 4.0\n    ]\n}'),
    (
        signature("any_shape", '"instances": [[1, 2], [3, 4]]'),
        '{\n    "predictions": [[1.0, 2.0], [3.0, 4.0]\n    ]\n}',
    ),
    (signature("text", '"inputs": "a"'), '{\n    "outputs": "a"\n}'),
    (signature("narrow", '"instances": [256, 7]'), '{\n    "predictions": [0, 7\n    ]\n}'),
    (signature("text", '"instances": ["a", {"b64": "Yg"}]'), '{\n    "predictions": ["a", "b"\n    ]\n}'),
    ('{"inputs": []}', '{\n    "outputs": []\n}'),
    (signature("add", '"instances": [{"a": 1, "b": 2}]'), '{\n    "predictions": [3.0\n    ]\n}'),
    (
        signature("any_shape", '"inputs": [NaN, -Infinity]'),
        '{\n    "outputs": [\n        NaN,\n        -Infinity\n    ]\n}',
    ),
]


@pytest.mark.parametrize(("body", "answer"), ANSWERED)
def test_answered_in_its_layout(ask: Ask, body: str, answer: str) -> None:
    assert ask(body) == (200, answer.encode())


def test_text_that_is_not_utf8_keeps_its_bytes(ask: Ask) -> None:
    status, answer = ask(b'{"signature_name": "text", "inputs": "\xff\xfe"}')
    assert (status, answer) == (200, b'{\n    "outputs": "\xff\xfe"\n}')


def test_a_name_may_be_percent_encoded(ask: Ask) -> None:
    status, answer = ask('{"instances": [2.0]}', "/v1/models/half%5Fplus_two:predict")
    assert (status, json.loads(answer)) == (200, {"predictions": [3.0]})


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.1666667, "2.16666675"), (5e9, "5e+09"), (8388610.0, "8.38861e+06"), (61730.395, "61730.3945"), (2.0, "2.0")],
)
def test_floats_have_six_digits_or_nine(value: float, text: str) -> None:
    assert (
        write_outputs({"y": np.float32(value).reshape(())}, in_rows=False) == f'{{\n    "outputs": {text}\n}}'.encode()
    )


def test_several_outputs_are_objects_in_the_order_of_their_names() -> None:
    outputs = {"b": np.array([[1, 2], [3, 4]]), "a": np.array([True, False])}
    assert write_outputs(outputs, in_rows=True).decode() == (
        '{\n    "predictions": [\n        {\n            "a": true,\n            "b": [1, 2]\n        },\n'
        '        {\n            "a": false,\n            "b": [3, 4]\n        }\n    ]\n}'
    )


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
def test_numbers_in_messages_are_written_as_rapidjson_does(value: float, text: str) -> None:
    assert pretty(value) == text


def test_a_warmup_file_that_is_junk_is_one_line(tmp_path: Path) -> None:
    from tfspine.errors import ModelError
    from tfspine.server.servables import WARMUP_FILE, load_servable

    model = Recorded()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures={"serving_default": model.half_plus_two})
    (tmp_path / "1" / WARMUP_FILE).parent.mkdir()
    (tmp_path / "1" / WARMUP_FILE).write_bytes(b"junk that is longer than a header")
    with pytest.raises(ModelError, match="not a TFRecord file"):
        load_servable("m", tmp_path / "1")
