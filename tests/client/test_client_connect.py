"""Clients without a server, and without TensorFlow."""

import socket

import numpy as np
import pytest
from blocked_imports import TENSORFLOW, run_without

from tfspine.client import connect
from tfspine.client.signature_check import check_inputs
from tfspine.errors import ServerError
from tfspine.signatures import GRADE, READ


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_nobody_there_is_one_clear_line(scheme, closed_port):
    url = f"{scheme}://127.0.0.1:{closed_port}"
    with pytest.raises(ServerError) as caught:
        connect(url, "tfspine_axial").model_version()
    assert str(caught.value).startswith(f"nothing listens at {url}; start it with tfspine serve")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_says_nothing_times_out(scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ServerError, match=r"model m: no answer within 0\.3 s"):
            connect(url, "m", timeout_s=0.3).model_version()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8500", "ftp://host:1", "grpc://host", "grpc://:8500", "grpc://h:port"])
def test_other_urls_are_refused(url):
    with pytest.raises(ServerError, match="expected grpc://HOST:PORT or http://HOST:PORT"):
        connect(url, "m")


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        (READ, {}, "sent nothing; expected images"),
        (READ, {"image": np.zeros((1, 2, 2, 1), np.uint8)}, "sent image; expected images"),
        (READ, {"images": np.zeros((1, 2, 2, 3), np.uint8)}, r"shape \(1, 2, 2, 3\); expected \[any, any, any, 1\]"),
        (READ, {"images": np.zeros((2, 2, 1), np.uint8)}, r"shape \(2, 2, 1\); expected"),
        (READ, {"images": np.full((1, 1, 1, 1), 256)}, "value 256; expected uint8"),
        (READ, {"images": np.zeros((1, 1, 1, 1))}, "values of type float64; expected uint8"),
        (GRADE, {"images": np.zeros((1, 2, 2, 1), np.uint8), "classes": [[1]]}, "sent classes, images; expected boxes"),
    ],
)
def test_inputs_are_checked_before_they_are_sent(signature, inputs, message):
    with pytest.raises(ServerError, match=f"^m: {signature.name}: .*{message}"):
        check_inputs(signature, inputs, "m")


ASKING = """
from tfspine.client import connect
from tfspine.client.reading import readings_of_slices
from tfspine.errors import ServerError
for url in sys.argv[1:]:
    try:
        connect(url, "m").predict("read", {})
    except ServerError as error:
        print(error)
"""


def test_client_needs_no_tensorflow(closed_port):
    urls = [f"{scheme}://127.0.0.1:{closed_port}" for scheme in ("grpc", "http")]
    done = run_without(TENSORFLOW, *urls, code=ASKING)
    assert done.returncode == 0, done.stderr
    assert [line.split(";")[0] for line in done.stdout.splitlines()] == [f"nothing listens at {url}" for url in urls]
