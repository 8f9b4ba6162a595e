"""Metrics for Prometheus, gRPC health, and limits: time-outs, overload, callers that have left."""

import threading
import time

import grpc
import numpy as np
import pytest
import requests
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfspine.errors import ServerError
from tfspine.server.catalogue import Catalogue, ServedModel
from tfspine.server.gate import Gate
from tfspine.server.graph_session import Caller
from tfspine.server.metrics import Metrics, read_monitoring
from tfspine.server.request_error import RequestError
from tfspine.server.running import RunningOptions, running
from tfspine.server.servables import Servable
from tfspine.server.service import Service

PAGE = "/monitoring/prometheus/metrics"


def service_of(run, gate=None):
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["x"].dtype = types_pb2.DT_FLOAT
    definition.outputs["y"].name = "y:0"
    servable = Servable("m", 1, {"serving_default": definition}, run)
    return Service(Catalogue({"m": ServedModel("m", {1: servable})}), gate=gate or Gate())


def identity(feeds, fetches, caller):
    return list(feeds.values())


def test_metrics_have_the_names_and_buckets_of_tensorflow_serving():
    with running(service_of(identity), port=0, rest_port=0, options=RunningOptions(metrics_path=PAGE)) as ports:
        url = f"http://127.0.0.1:{ports.rest}"
        assert requests.post(f"{url}/v1/models/m:predict", data='{"inputs":[1]}', timeout=30).ok
        assert not requests.post(f"{url}/v1/models/m:predict", data="junk", timeout=30).ok
        page = requests.get(f"{url}{PAGE}", timeout=30)
    assert page.headers["Content-Type"].startswith("text/plain")
    lines = page.text.splitlines()
    assert "# TYPE :tensorflow:serving:request_count counter" in lines
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 1' in lines
    assert ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 1' in lines
    labels = 'model_name="m",API="Predict",entrypoint="REST"'
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 1" in lines
    # 10 * 1.8 ** i, 33 of them: tensorflow_serving/servables/tensorflow/util.cc.
    limits = [line.split('le="')[1].split('"')[0] for line in lines if "request_latency_bucket" in line]
    assert limits[:4] == ["10", "18", "32.4", "58.32"] and limits[-1] == "+Inf" and len(limits) == 34


def test_without_a_monitoring_file_there_is_no_page():
    with running(service_of(identity), port=0, rest_port=0) as ports:
        assert requests.get(f"http://127.0.0.1:{ports.rest}{PAGE}", timeout=30).status_code == 404


def test_label_values_are_escaped():
    metrics = Metrics()
    metrics.count_request('a"b\\c', "OK")
    assert r'{model_name="a\"b\\c",status="OK"} 1' in metrics.page()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("prometheus_config { enable: true }", PAGE),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
        ("prometheus_config { }", None),
        ("", None),
    ],
)
def test_monitoring_files(tmp_path, text, path):
    (tmp_path / "monitoring.config").write_text(text)
    assert read_monitoring(tmp_path / "monitoring.config") == path


def test_a_wrong_monitoring_file_is_named(tmp_path):
    (tmp_path / "monitoring.config").write_text("prometheus { }")
    with pytest.raises(ServerError, match=r"monitoring\.config: line 1:.*prometheus.*serving/monitoring\.config"):
        read_monitoring(tmp_path / "monitoring.config")


def ask_health(channel, service):
    """The messages by hand: field 1 of the request is the name, of the answer the state (grpc.health.v1)."""
    call = channel.unary_unary("/grpc.health.v1.Health/Check")
    name = service.encode()
    return call(b"\x0a" + bytes([len(name)]) + name if name else b"", timeout=30)


def test_health():
    options = RunningOptions(health=True)
    with (
        running(service_of(identity), port=0, rest_port=0, options=options) as ports,
        grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
    ):
        for service in ("", "ModelService", "PredictionService"):
            assert ask_health(channel, service) == b"\x08\x01"  # SERVING
        with pytest.raises(grpc.RpcError) as caught:
            ask_health(channel, "other")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=30)
        assert next(watch) == b"\x08\x01"
        watch.cancel()


def test_health_is_off_by_default():
    with (
        running(service_of(identity), port=0, rest_port=0) as ports,
        grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
    ):
        with pytest.raises(grpc.RpcError) as caught:
            ask_health(channel, "")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_overload_is_refused_at_once():
    release = threading.Event()

    def slow(feeds, fetches, caller):
        release.wait(30)
        return [np.float32([1])]

    with running(service_of(slow, Gate(at_once=1, waiting=1)), port=0, rest_port=0) as ports:
        url = f"http://127.0.0.1:{ports.rest}/v1/models/m:predict"
        codes = []
        threads = [
            threading.Thread(
                target=lambda: codes.append(requests.post(url, data='{"inputs":1}', timeout=30).status_code)
            )
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
            time.sleep(0.2)
        start = time.monotonic()
        assert requests.post(url, data='{"inputs":1}', timeout=30).status_code == 503
        assert time.monotonic() - start < 1
        release.set()
        for thread in threads:
            thread.join()
    assert codes == [200, 200]


def test_what_was_given_up_while_it_waited_is_not_computed():
    gate = Gate(at_once=1, waiting=30)
    left = threading.Event()
    ended = []

    def wait_and_give_up():
        try:
            with gate.admitted(Caller(has_left=left.is_set)):
                ended.append("computed")
        except RequestError as error:
            ended.append(error.code.name)

    with gate.admitted(Caller()):
        threads = [threading.Thread(target=wait_and_give_up) for _ in range(24)]
        for thread in threads:
            thread.start()
        left.set()
        for thread in threads:
            thread.join(5)
    assert ended == ["CANCELLED"] * 24


def test_a_deadline_that_has_passed_is_said():
    with pytest.raises(RequestError) as caught, Gate().admitted(Caller(deadline=time.monotonic() - 1)):
        pass
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
