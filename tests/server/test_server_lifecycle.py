"""Versions that come, go and fail while the server runs, and reloads of the configuration."""

import shutil
import threading
import time

import grpc
import pytest
import requests
from half_model import save_half
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from tfspine.errors import ModelError
from tfspine.server import lifecycle as lifecycle_module
from tfspine.server.catalogue import Asked, State
from tfspine.server.config_file import AllVersions, LatestVersions, ModelConfig, SpecificVersions, requested_models
from tfspine.server.lifecycle import Lifecycle, LifecycleOptions
from tfspine.server.polling import repeated
from tfspine.server.request_error import RequestError
from tfspine.server.running import running
from tfspine.server.service import Service


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """SavedModels that add 1, 2 and 3."""
    root = tmp_path_factory.mktemp("saved")
    for added in (1, 2, 3):
        save_half(root / str(added), added)
    return root


@pytest.fixture
def base(saved, tmp_path):
    shutil.copytree(saved / "1", tmp_path / "m" / "1")
    return tmp_path / "m"


def publish(saved, base, version):
    shutil.copytree(saved / str(version), base / f"{version}.partial")
    (base / f"{version}.partial").rename(base / str(version))


def states(lifecycle, name="m"):
    response = lifecycle.catalogue.status(Asked(name))
    return {item.version: State.State.Name(item.state) for item in response.model_version_status}


def started(base, policy=LatestVersions(), labels=None, **options):  # noqa: B008, a frozen dataclass
    lifecycle = Lifecycle(LifecycleOptions(**options))
    lifecycle.start([ModelConfig("m", base, policy, labels or {})])
    return lifecycle


def test_a_new_version_is_loaded_before_the_old_one_goes(saved, base, monkeypatch):
    lifecycle = started(base)
    during = []
    load = lifecycle_module.load_servable

    def watched(name, folder, options):
        during.append(states(lifecycle))
        return load(name, folder, options)

    monkeypatch.setattr(lifecycle_module, "load_servable", watched)
    publish(saved, base, 2)
    lifecycle.poll()
    assert during == [{2: "LOADING", 1: "AVAILABLE"}]
    assert states(lifecycle) == {2: "AVAILABLE", 1: "END"}
    assert lifecycle.catalogue.find(Asked("m")).version == 2
    with pytest.raises(RequestError, match=r"Servable not found for request: Specific\(m, 1\)"):
        lifecycle.catalogue.find(Asked("m", version=1))


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_and_is_not_tried_again(saved, base):
    lifecycle = started(base)
    (base / "2").mkdir()
    lifecycle.poll()
    assert states(lifecycle) == {2: "END", 1: "AVAILABLE"}
    (status,) = lifecycle.catalogue.status(Asked("m", version=2)).model_version_status
    assert status.status.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert str(base / "2") in status.status.error_message
    shutil.copytree(saved / "2", base / "2", dirs_exist_ok=True)
    lifecycle.poll()
    assert states(lifecycle)[2] == "END"
    publish(saved, base, 3)
    lifecycle.poll()
    assert states(lifecycle) == {3: "AVAILABLE", 2: "END", 1: "END"}


def test_one_bad_newest_version_does_not_stop_the_start(base):
    (base / "9").mkdir()
    assert states(started(base)) == {9: "END", 1: "AVAILABLE"}
    with pytest.raises(ModelError, match=f"{base / '9'}: not a SavedModel"):
        started(base, SpecificVersions((9,)))


def test_a_version_that_is_removed_gives_way_to_the_one_before(saved, base):
    publish(saved, base, 2)
    lifecycle = started(base)
    shutil.rmtree(base / "2")
    lifecycle.poll()
    assert states(lifecycle) == {2: "END", 1: "AVAILABLE"}
    shutil.rmtree(base)
    lifecycle.poll()
    assert states(lifecycle) == {2: "END", 1: "AVAILABLE"}  # a base path that has gone changes nothing


def test_labels(saved, base):
    publish(saved, base, 2)
    lifecycle = started(base, AllVersions(), {"stable": 1})
    assert lifecycle.catalogue.find(Asked("m", label="stable")).version == 1
    lifecycle.reload([ModelConfig("m", base, AllVersions(), {"stable": 2, "canary": 2})])
    assert lifecycle.catalogue.find(Asked("m", label="stable")).version == 2
    # The message is TensorFlow Serving's.
    message = "Request to assign label to version 7 of model m, which is not currently available for inference"
    with pytest.raises(RequestError, match=f"^{message}$") as caught:
        lifecycle.reload([ModelConfig("m", base, AllVersions(), {"stable": 7})])
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert lifecycle.catalogue.find(Asked("m", label="stable")).version == 2


def test_new_labels_may_wait_for_their_version_where_allowed(saved, base):
    lifecycle = started(base, AllVersions(), {"canary": 2}, labels_before_versions=True)
    with pytest.raises(RequestError, match=r"Specific\(m, 2\)"):
        lifecycle.catalogue.find(Asked("m", label="canary"))
    publish(saved, base, 2)
    lifecycle.poll()
    assert lifecycle.catalogue.find(Asked("m", label="canary")).version == 2
    with pytest.raises(RequestError, match="Request to assign label to version 7"):
        lifecycle.reload([ModelConfig("m", base, AllVersions(), {"canary": 7})])


def config_of(**models):
    config = model_server_config_pb2.ModelServerConfig()
    for name, path in models.items():
        config.model_config_list.config.add(name=name, base_path=str(path), model_platform="tensorflow")
    return config


def refusal(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=60)
    return caught.value.code().name, caught.value.details()


def test_reload_over_grpc(saved, base):
    lifecycle = started(base)
    service = Service(lifecycle.catalogue, reload=lambda config: lifecycle.reload(requested_models(config)))
    with (
        running(service, port=0, rest_port=0) as ports,
        grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
    ):
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest(config=config_of(m=base, other=saved))
        assert stub.HandleReloadConfigRequest(request, timeout=60).status.error_code == 0
        assert states(lifecycle, "other") == {3: "AVAILABLE"}
        request = model_management_pb2.ReloadConfigRequest(config=config_of(other=saved))
        stub.HandleReloadConfigRequest(request, timeout=60)
        url = f"http://127.0.0.1:{ports.rest}/v1/models/m"
        assert requests.post(f"{url}:predict", data='{"inputs":1}', timeout=60).status_code == 404
        assert requests.get(url, timeout=60).json()["model_version_status"][0]["state"] == "END"
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "other"
        assert stub.GetModelStatus(status, timeout=60).model_version_status[0].state == State.AVAILABLE


def test_reloads_that_are_refused_change_nothing(saved, base):
    lifecycle = started(base)
    service = Service(lifecycle.catalogue, reload=lambda config: lifecycle.reload(requested_models(config)))
    without_platform = config_of(other=saved)
    without_platform.model_config_list.config[0].model_platform = ""
    twice = config_of(m=base)
    twice.model_config_list.config.add().CopyFrom(twice.model_config_list.config[0])
    refused = [
        (model_server_config_pb2.ModelServerConfig(), "ServerModelConfig type not supported by HandleReloadConfig"),
        (twice, "Illegal to list model m multiple times in config list"),
        (config_of(m="relative"), "Expected model m to have an absolute path or URI; got base_path()=relative"),
        (without_platform, "Illegal setting neither ModelServerConfig::model_type (deprecated) nor"),
        (config_of(other=base / "none"), f"Could not find base path {base / 'none'} for servable other"),
    ]
    with (
        running(service, port=0, rest_port=0) as ports,
        grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
    ):
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        for config, message in refused:
            request = model_management_pb2.ReloadConfigRequest(config=config)
            code, details = refusal(stub.HandleReloadConfigRequest, request)
            assert (code, details[: len(message)]) == ("INVALID_ARGUMENT", message)
    assert states(lifecycle) == {1: "AVAILABLE"}


def test_base_paths_are_polled_and_requests_are_answered_all_the_while(saved, base):
    lifecycle = started(base)
    answers = []
    ended = threading.Event()

    def ask(url):
        while not ended.is_set():
            answer = requests.post(url, data='{"inputs": 0.0}', timeout=60)
            answers.append((answer.status_code, answer.json().get("outputs")))

    with (
        running(Service(lifecycle.catalogue), port=0, rest_port=0) as ports,
        repeated(lifecycle.poll, every_s=0.05, name="base paths"),
    ):
        asking = threading.Thread(target=ask, args=(f"http://127.0.0.1:{ports.rest}/v1/models/m:predict",))
        asking.start()
        publish(saved, base, 2)
        while (200, 2.0) not in answers[-3:] and asking.is_alive() and len(answers) < 20_000:
            time.sleep(0.01)
        ended.set()
        asking.join()
    assert set(answers) == {(200, 1.0), (200, 2.0)}
