"""The REST side as docs/serving.md describes it, asked with plain HTTP."""

import base64
import gzip
import json

import numpy as np
import pytest
import requests
from bright_model import bright_images


@pytest.fixture
def ask(ports):
    """Send one request and return (status, parsed answer); a body that is not bytes becomes JSON."""

    def send(method, path, body=None, **headers):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = requests.request(
            method, f"http://127.0.0.1:{ports.rest}{path}", data=data, headers=headers, timeout=30
        )
        return answer.status_code, json.loads(answer.content)

    return send


PREDICT = "/v1/models/bright:predict"
IMAGES = bright_images(2, 4, 6).tolist()


def test_rows_and_columns_say_the_same(ask):
    _, columns = ask("POST", PREDICT, {"inputs": IMAGES})
    _, rows = ask("POST", PREDICT, {"instances": IMAGES})
    assert [row["count"] for row in rows["predictions"]] == columns["outputs"]["count"] == [1, 1]
    assert rows["predictions"][1]["boxes_yxyx_px"] == columns["outputs"]["boxes_yxyx_px"][1]
    assert columns["outputs"]["boxes_yxyx_px"][0][0] == [1.25, 2.25, 3.25, 5.25]


def test_named_rows_and_columns(ask):
    named = {"images": IMAGES, "boxes_yxyx_px": [[[0, 0, 2, 2]]] * 2, "classes": [[1]] * 2, "ignored": 1}
    _, columns = ask("POST", PREDICT, {"signature_name": "grade", "inputs": named})
    rows = [{name: named[name][index] for name in ("images", "boxes_yxyx_px", "classes")} for index in range(2)]
    _, by_row = ask("POST", PREDICT, {"signature_name": "grade", "instances": rows})
    # One output is unnamed, in both formats.
    assert by_row["predictions"] == columns["outputs"]
    assert np.sum(columns["outputs"]) == pytest.approx(2)


@pytest.mark.parametrize(
    ("where", "offset"),
    [("", 0.25), ("/versions/1", 0.0), ("/versions/2", 0.25), ("/labels/stable", 0.0)],
)
def test_versions_and_labels(ask, where, offset):
    status, answer = ask("POST", f"/v1/models/bright{where}:predict", {"inputs": IMAGES})
    assert status == 200
    assert answer["outputs"]["boxes_yxyx_px"][0][0][0] == 1 + offset


def test_bare_tokens_in_both_directions(ports):
    body = b'{"signature_name":"inverse","inputs":[NaN,Infinity,-Infinity,0]}'
    answer = requests.post(f"http://127.0.0.1:{ports.rest}{PREDICT}", data=body, timeout=30)
    assert (
        answer.content == b'{\n    "outputs": [\n        NaN,\n        0.0,\n        -0.0,\n        Infinity\n    ]\n}'
    )


def test_strings_are_base64_only_where_the_name_ends_in_bytes(ask):
    # Padding may be left out: "Zm9v" + "Yg" is "foob" (RFC 4648, section 10).
    status, answer = ask("POST", PREDICT, {"signature_name": "echo", "inputs": [{"b64": "Zm9vYg"}, "ü"]})
    assert status == 200
    assert answer["outputs"]["text"] == ["foob", "ü"]
    assert answer["outputs"]["text_bytes"] == [{"b64": "Zm9vYg=="}, {"b64": base64.b64encode("ü".encode()).decode()}]


def test_gzip_is_accepted(ask):
    body = gzip.compress(json.dumps({"signature_name": "next_number", "inputs": [1]}).encode())
    assert ask("POST", PREDICT, body, **{"Content-Encoding": "gzip"}) == (200, {"outputs": [2]})


def test_unpacking_stops_at_100_megabytes(ask):
    body = gzip.compress(b" " * (101 * 1024**2), compresslevel=1)
    status, answer = ask("POST", PREDICT, body, **{"Content-Encoding": "gzip"})
    assert status == 400
    assert "unpacks to more than 104857600 bytes" in answer["error"]


def test_what_is_not_gzip_is_refused(ask):
    status, answer = ask("POST", PREDICT, b"no gzip", **{"Content-Encoding": "gzip"})
    assert (status, list(answer)) == (400, ["error"])


def test_nothing_in_nothing_out(ask):
    # docs/serving.md, Measured.
    assert ask("POST", PREDICT, {"signature_name": "next_number", "inputs": []}) == (200, {"outputs": []})


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/v1/models/nobody:predict", 404, "Servable not found for request: Latest(nobody)"),
        ("POST", "/v1/models/bright/versions/7:predict", 404, "Servable not found for request: Specific(bright, 7)"),
        ("GET", "/v1/models/nobody", 404, "Could not find any versions of model nobody"),
        ("GET", "/v1/models/bright/versions/7/metadata", 404, "Servable not found for request: Specific(bright, 7)"),
        ("POST", "/v1/models/bright/labels/canary:predict", 400, "Unrecognized servable version label: canary"),
        ("POST", "/v1/models/bright:predict?x=1", 400, "Malformed request: POST /v1/models/bright:predict?x=1"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/bright:predict", 400, "Malformed request: GET /v1/models/bright:predict"),
        ("PUT", "/v1/models/bright", 400, "Malformed request: PUT /v1/models/bright"),
        ("POST", "/v1/models/bright:explain", 400, "Malformed request: POST /v1/models/bright:explain"),
        ("POST", f"/v1/models/bright/versions/{2**63}:predict", 400, f"Failed to convert version: {2**63} to numeric."),
    ],
)
def test_paths_that_lead_nowhere(ask, method, path, status, message):
    assert ask(method, path, {"inputs": IMAGES} if method == "POST" else None) == (status, {"error": message})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[" * 100_000, "JSON Parse error"),
        ({"inputs": [[[[1, 2, 3]]]]}, ""),
        ({"signature_name": "read_bytes", "inputs": ["no image"]}, "{{node "),
    ],
)
def test_bodies_that_cannot_be_answered(ask, body, message):
    status, answer = ask("POST", PREDICT, body)
    assert status == 400
    assert list(answer) == ["error"]
    assert message in answer["error"]


def test_checks_come_in_the_documented_order(ask):
    # docs/serving.md, URLs: JSON, type of signature_name, model, signature, inputs.
    wrong = {"signature_name": 1, "inputs": "x"}
    assert ask("POST", "/v1/models/nobody:predict", b"{")[0] == 400
    assert "signature_name" in ask("POST", "/v1/models/nobody:predict", wrong)[1]["error"]
    wrong["signature_name"] = "reed"
    assert ask("POST", "/v1/models/nobody:predict", wrong)[0] == 404
    assert "reed" in ask("POST", PREDICT, wrong)[1]["error"]


def test_status(ask):
    def version(number):
        return {"version": str(number), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}

    assert ask("GET", "/v1/models/bright") == (200, {"model_version_status": [version(2), version(1)]})
    assert ask("GET", "/v1/models/bright/versions/1") == (200, {"model_version_status": [version(1)]})
    # docs/serving.md, URLs: status by label lists all versions.
    assert ask("GET", "/v1/models/bright/labels/stable") == ask("GET", "/v1/models/bright")
    assert ask("GET", "/v1/models/newest") == (200, {"model_version_status": [version(2)]})


def test_metadata(ask):
    status, answer = ask("GET", "/v1/models/bright/versions/1/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "bright", "signature_name": "", "version": "1"}
    read = answer["metadata"]["signature_def"]["signature_def"]["read"]
    assert read["method_name"] == "tensorflow/serving/predict"
    assert read["inputs"]["images"]["dtype"] == "DT_UINT8"
    assert [dim["size"] for dim in read["inputs"]["images"]["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "1"]
