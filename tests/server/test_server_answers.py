"""The clients ask a running server; the expected answers come from the same model called in memory."""

import io

import numpy as np
import pytest
from bright_model import SLOTS, bright_images
from PIL import Image

from tfspine.client import connect
from tfspine.errors import ServerError
from tfspine.server.in_process import open_predictor


@pytest.fixture(params=["grpc", "rest", "in process"])
def ask(request, ports, model_root):
    """Make a predictor of a model of the test server, each of the three ways."""
    if request.param == "in process":
        return lambda model: open_predictor(model_root / "bright")
    port = ports.grpc if request.param == "grpc" else ports.rest
    scheme = "grpc" if request.param == "grpc" else "http"
    return lambda model: connect(f"{scheme}://127.0.0.1:{port}", model)


def assert_equal(answer, expected):
    assert set(answer) == set(expected)
    for name, tensor in expected.items():
        array = tensor.numpy()
        assert answer[name].dtype == array.dtype, name
        assert np.array_equal(answer[name], array), name


@pytest.mark.parametrize("model", ["bright", "newest"])
def test_read_equals_the_model_in_memory(ask, models, model):
    images = bright_images(3, 8, 9)
    answer = ask(model).predict("read", {"images": images})
    assert_equal(answer, models[2].read(images))
    # By hand: image 1 is bright from (1, 2) to (4, 5); version 2 adds a quarter.
    assert answer["boxes_yxyx_px"][1, 0].tolist() == [1.25, 2.25, 4.25, 5.25]
    assert answer["scores"][1, 0] == np.float32(9 / 72)


def test_images_of_two_sizes_one_after_the_other(ask, models):
    predictor = ask("bright")
    for rows, columns in ((8, 9), (12, 7), (8, 9)):
        images = bright_images(2, rows, columns)
        assert_equal(predictor.predict("read", {"images": images}), models[2].read(images))


def test_an_image_without_anything_bright(ask):
    answer = ask("bright").predict("read", {"images": np.zeros((1, 6, 6, 1), np.uint8)})
    assert answer["count"].tolist() == [0]
    assert answer["boxes_yxyx_px"].shape == (1, SLOTS, 4)
    assert not answer["grade_probabilities"].any()


def test_png_bytes_equal_pixels(ask, models):
    images = bright_images(2, 8, 9)
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image[..., 0]).save(file, "PNG")
        files.append(file.getvalue())
    assert_equal(ask("bright").predict("read_bytes", {"image_bytes": files}), models[2].read(images))


def test_grade_takes_three_inputs(ask, models):
    images = bright_images(2, 8, 9)
    boxes = np.array([[[0.1, 0, 3.3, 3]] * 2, [[1, 1, 7.7, 2]] * 2], np.float32)
    classes = np.array([[1, 0], [2, 3]], np.int32)
    inputs = {"images": images, "boxes_yxyx_px": boxes, "classes": classes}
    assert_equal(ask("bright").predict("grade", inputs), models[2].grade(images, boxes, classes))


def test_infinity_and_nan_come_back(ask):
    answer = ask("bright").predict("inverse", {"values": [0.0, -0.0, float("nan"), float("inf"), 4.0]})
    assert str(answer["inverse"].tolist()) == "[inf, -inf, nan, 0.0, 0.25]"


def test_int64_is_exact(ask):
    # 2**53 + 1 is the first whole number that a double cannot hold.
    answer = ask("bright").predict("next_number", {"numbers": [2**53, 2**62]})
    assert answer["following"].tolist() == [2**53 + 1, 2**62 + 1]


def test_bytes_that_are_no_text_come_back(ask):
    values = [b"plain", "größer".encode()]
    answer = ask("bright").predict("echo", {"text": values})
    assert answer["text_bytes"].tolist() == answer["text"].tolist() == values
    assert answer["length"].tolist() == [5, 8]


def test_version_and_signatures(ask):
    predictor = ask("bright")
    assert predictor.model_version() == 2
    read = predictor.signatures()["read"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in read.inputs] == [("images", "uint8", (None, None, None, 1))]
    assert {spec.name: spec.dtype for spec in read.outputs} == {
        "boxes_yxyx_px": "float32",
        "classes": "int32",
        "count": "int32",
        "grade_probabilities": "float32",
        "scores": "float32",
    }


def test_a_failing_operation_is_one_clear_line(ask):
    with pytest.raises(ServerError) as caught:
        ask("bright").predict("read_bytes", {"image_bytes": [b"no image"]})
    assert "bright" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_signature_lists_the_known(ask):
    with pytest.raises(ServerError, match='no signature "reed"; expected one of detect, echo, grade,'):
        ask("bright").predict("reed", {})


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_unknown_model_names_server_and_model(ports, scheme):
    url = f"{scheme}://127.0.0.1:{ports.grpc if scheme == 'grpc' else ports.rest}"
    with pytest.raises(
        ServerError, match=f"^{url}: model nobody: .*Servable not found for request: Latest\\(nobody\\)"
    ):
        connect(url, "nobody").predict("read", {})


def test_the_wrong_port_is_named(ports):
    with pytest.raises(ServerError, match=f"127.0.0.1:{ports.grpc}"):
        connect(f"http://127.0.0.1:{ports.grpc}", "bright").model_version()
    with pytest.raises(ServerError, match=f"127.0.0.1:{ports.rest}"):
        connect(f"grpc://127.0.0.1:{ports.rest}", "bright", timeout_s=5).model_version()
