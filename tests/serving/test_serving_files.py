"""The files under `serving/` fit the exported models, the server, and one another."""

import re
from pathlib import Path, PurePosixPath

import pytest
import yaml

from tfspine.labels import Plane
from tfspine.server.config_file import LatestVersions, read_models_config
from tfspine.signatures import MODEL_NAMES

SERVING = Path(__file__).parents[2] / "serving"

FLAGS = {
    "port", "rest_api_port", "rest_api_timeout_in_ms", "model_config_file", "model_config_file_poll_wait_seconds",
    "file_system_poll_wait_seconds", "enable_batching", "batching_parameters_file", "monitoring_config_file",
    "ssl_config_file", "enable_grpc_healthcheck_service", "num_load_threads", "max_num_load_retries",
    "enable_model_warmup", "grpc_channel_arguments", "tensorflow_intra_op_parallelism",
    "per_process_gpu_memory_fraction", "enable_profiler",
}  # fmt: skip
"""What operators use, from docs/serving.md; an unknown flag makes TensorFlow Serving print its usage and go on."""


@pytest.fixture(scope="module")
def service():
    return yaml.safe_load((SERVING / "compose.yaml").read_text())["services"]["serving"]


def test_models_config_names_what_export_writes():
    models = read_models_config(SERVING / "models.config")
    assert {model.name for model in models} == {MODEL_NAMES[plane] for plane in Plane}
    assert {str(model.base_path) for model in models} == {f"/models/{name}" for name in MODEL_NAMES.values()}
    assert all(isinstance(model.policy, LatestVersions) for model in models)


def test_models_config_serves_from_another_root(tmp_path):
    models = read_models_config(SERVING / "models.config", model_root=tmp_path)
    assert [model.base_path for model in models] == [tmp_path / model.name for model in models]


def test_every_flag_is_known_and_every_file_mounted(service):
    flags = dict(re.fullmatch(r"--(\w+)=(.*)", flag).groups() for flag in service["command"])
    assert set(flags) <= FLAGS
    mounts = {volume["target"]: volume["source"] for volume in service["volumes"]}
    for name, value in flags.items():
        if name.endswith("_file"):
            folder = mounts[str(PurePosixPath(value).parent)]
            assert (SERVING / folder / PurePosixPath(value).name).is_file(), value


def test_the_container_is_closed(service):
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert all(volume["read_only"] for volume in service["volumes"])
    assert service["mem_limit"]
    assert re.fullmatch(r"tensorflow/serving:2\.20\.\d+", service["image"])


def test_models_are_mounted_where_the_config_looks(service):
    (target,) = {str(model.base_path.parent) for model in read_models_config(SERVING / "models.config")}
    assert {volume["target"]: volume["source"] for volume in service["volumes"]}[target] == "../exported"


def test_batch_sizes_rise_to_the_largest():
    # docs/serving.md, Configuration: ascending, last = max_batch_size.
    text = (SERVING / "batching_parameters.txt").read_text()
    sizes = [int(size) for size in re.findall(r"^allowed_batch_sizes: (\d+)$", text, re.MULTILINE)]
    (largest,) = re.findall(r"^max_batch_size \{ value: (\d+) \}$", text, re.MULTILINE)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == int(largest)
