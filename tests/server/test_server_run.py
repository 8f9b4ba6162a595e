"""Starting, warming up, draining and stopping."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import requests
import tensorflow as tf
from bright_model import bright_images
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfspine.cli.main import main
from tfspine.client import connect
from tfspine.errors import ModelError, ServerError
from tfspine.server.catalogue import Catalogue, ServedModel
from tfspine.server.loading import load_servable
from tfspine.server.ports import require_free_ports
from tfspine.server.running import RunningOptions, running
from tfspine.server.servables import Servable
from tfspine.server.service import Service


@pytest.mark.parametrize("option", ["port", "rest_port"])
def test_a_port_in_use_is_named_and_leaves_nothing_open(option):
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
        probe.close()
        port = taken.getsockname()[1]
        ports = {"port": other, "rest_port": other, option: port}
        name = {"port": "--port", "rest_port": "--rest-api-port"}[option]
        with (
            pytest.raises(ServerError, match=rf"port {port} on 127\.0\.0\.1 is in use; .*another {name}"),
            running(Service(Catalogue()), **ports),
        ):
            pass
        socket.create_server(("127.0.0.1", other)).close()


def test_two_servers_do_not_share_a_port(ports):
    with (
        pytest.raises(ServerError, match=f"port {ports.grpc} on"),
        running(Service(Catalogue()), port=ports.grpc, rest_port=0),
    ):
        pass


def test_a_foreign_address_is_refused():
    # TEST-NET-1 (RFC 5737) belongs to no machine.
    with (
        pytest.raises(ServerError, match=r"192\.0\.2\.1:0: cannot listen there"),
        running(Service(Catalogue()), host="192.0.2.1", port=0, rest_port=0),
    ):
        pass


def test_a_port_that_cannot_be_is_refused():
    with (
        pytest.raises(ServerError, match="--port 70000; expected 1 to 65535"),
        running(Service(Catalogue()), port=70000),
    ):
        pass


@pytest.mark.parametrize("option", ["--port", "--rest-api-port"])
def test_the_command_looks_at_its_ports_before_it_loads(option, tmp_path, capsys, monkeypatch):
    """The configuration file does not exist either: the port is reported, since it is checked first."""
    monkeypatch.setitem(sys.modules, "tfspine.server.lifecycle", None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = {"--port": "--rest-api-port", "--rest-api-port": "--port"}[option]
        words = ["serve", "--model-config-file", str(tmp_path / "none"), option, str(port), other, "0"]
        assert main(words) == 2
    assert f"port {port} on 127.0.0.1 is in use; stop what listens there, or name another {option}" in (
        capsys.readouterr().err
    )


def test_one_port_for_both_protocols_is_refused(free_port):
    with pytest.raises(ServerError, match=f"port {free_port} on 127.0.0.1 is in use; .*--rest-api-port"):
        require_free_ports("127.0.0.1", free_port, free_port)


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def slow_service(entered):
    """A model that answers after a moment, so that the server can be stopped meanwhile."""

    def run(feeds, fetches, caller):
        entered.set()
        time.sleep(0.5)
        return [np.array([1], np.int32)]

    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["x"].dtype = types_pb2.DT_FLOAT
    definition.outputs["done"].name = "done:0"
    servable = Servable("slow", 1, {"serving_default": definition}, run)
    return Service(Catalogue({"slow": ServedModel("slow", {1: servable})}))


def test_requests_in_progress_are_finished():
    entered = threading.Event()
    answers = []
    with running(slow_service(entered), port=0, rest_port=0) as ports:
        url = f"http://127.0.0.1:{ports.rest}/v1/models/slow:predict"
        asking = threading.Thread(target=lambda: answers.append(requests.post(url, data='{"inputs":1}', timeout=9)))
        asking.start()
        assert entered.wait(9)
    asking.join()
    assert answers[0].json() == {"outputs": [1]}
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=9)


def test_rest_gives_up_after_its_timeout():
    options = RunningOptions(rest_timeout_s=0.001)
    with running(slow_service(threading.Event()), port=0, rest_port=0, options=options) as ports:
        url = f"http://127.0.0.1:{ports.rest}/v1/models/slow:predict"
        answer = requests.post(url, data='{"inputs":1}', timeout=9)
    assert (answer.status_code, answer.json()) == (504, {"error": "Timed out waiting for notification"})


def write_warmup(folder, inputs):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "read"
    for name, array in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())


@pytest.fixture
def version_folder(model_root, tmp_path):
    return shutil.copytree(model_root / "bright" / "1", tmp_path / "1")


def test_warmup_requests_are_answered(version_folder):
    write_warmup(version_folder, {"images": bright_images(1, 4, 6)})
    assert load_servable("bright", version_folder).version == 1


def test_a_warmup_request_that_fails_fails_the_load(version_folder):
    write_warmup(version_folder, {"image": bright_images(1, 4, 6)})
    with pytest.raises(
        ModelError, match=r"tf_serving_warmup_requests: warm-up request 1 fails: .*images.* not found in request"
    ):
        load_servable("bright", version_folder)


def test_a_warmup_file_that_is_none_is_named(version_folder):
    (version_folder / "assets.extra").mkdir()
    (version_folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"junk" * 9)
    with pytest.raises(ModelError, match="tf_serving_warmup_requests: no TFRecord of PredictionLog: "):
        load_servable("bright", version_folder)


CONFIG = 'model_config_list { config { name: "bright" base_path: "/models/bright" model_platform: "tensorflow" } }'


def test_the_command_serves_until_it_is_told_to_stop(model_root, tmp_path):
    (tmp_path / "models.config").write_text(CONFIG)
    command = [
        sys.executable, "-m", "tfspine", "serve", "--model-config-file", str(tmp_path / "models.config"),
        "--model-root", str(model_root), "--port", "0", "--rest-api-port", "0",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            ports = json.loads(server.stdout.readline())
            assert connect(f"grpc://127.0.0.1:{ports['grpc']}", "bright").model_version() == 2
            assert connect(f"http://127.0.0.1:{ports['rest']}", "bright").model_version() == 2
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0
            assert server.stdout.read() == ""
        finally:
            server.kill()
