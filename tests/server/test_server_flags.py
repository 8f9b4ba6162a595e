"""TensorFlow Serving's own flags, in both spellings, and what differs."""

import subprocess
import sys

import pytest

from tfspine.cli import serve as command
from tfspine.cli.main import main


@pytest.fixture
def parsed(monkeypatch, tmp_path):
    """Run the command and return what the workflow was given."""
    config = tmp_path / "models.config"
    config.write_text("model_config_list {}")
    calls = []
    monkeypatch.setattr(command, "serve", lambda file, options, ready: calls.append((file, options)))

    def run(*words):
        assert main(["serve", *words]) == 0
        return calls[-1]

    return run


def test_both_spellings(parsed, tmp_path):
    config = tmp_path / "models.config"
    for spelling in ("--model_config_file", "--model-config-file"):
        assert parsed(f"{spelling}={config}")[0] == config
        assert parsed(spelling, str(config))[0] == config
    words = ["rest_api_port=1", "port=2", "file_system_poll_wait_seconds=3", "model_config_file_poll_wait_seconds=4"]
    for dash in ("_", "-"):
        _, options = parsed(f"--model_base_path={tmp_path}", *(f"--{word.replace('_', dash)}" for word in words))
        assert (options.rest_port, options.port) == (1, 2)
        assert (options.base_path_poll_s, options.config_poll_s) == (3, 4)


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], False), (["--enable_batching"], True), (["--enable_batching=true"], True), (["--enable-batching=0"], False)],
)
def test_booleans_are_read_as_by_tensorflow(parsed, tmp_path, words, expected):
    assert parsed(f"--model_base_path={tmp_path}", *words)[1].batching is expected


OPERATORS = (
    "--model_name=m --rest_api_timeout_in_ms=5 --enable_grpc_healthcheck_service=true --num_load_threads=2 "
    "--max_num_load_retries=1 --enable_model_warmup=false --grpc_channel_arguments=grpc.max_concurrent_streams=9 "
    "--tensorflow_intra_op_parallelism=2 --per_process_gpu_memory_fraction=0.5 --enable_profiler=false "
    "--allow_version_labels_for_unavailable_models=true"
)


def test_the_flags_that_operators_use(parsed, tmp_path):
    """The list is that of docs/serving.md, Configuration."""
    _, options = parsed(f"--model_base_path={tmp_path}", *OPERATORS.split())
    assert options.health and options.labels_before_versions and not options.warm_up
    assert (options.rest_timeout_ms, options.retries, options.intra_op_threads) == (5, 1, 2)


def test_unknown_flags_and_wrong_values_are_refused(tmp_path):
    for words in (["--enable_btching"], ["--enable_batching=maybe"], ["--port=x"]):
        with pytest.raises(SystemExit) as caught:
            main(["serve", f"--model_base_path={tmp_path}", *words])
        assert caught.value.code == 2


def test_nothing_to_serve_is_refused(capsys):
    assert main(["serve"]) == 2
    assert "expected either --model-config-file or --model-base-path" in capsys.readouterr().err


def test_the_help_needs_no_tensorflow():
    program = "import sys; sys.modules['tensorflow'] = None; from tfspine.cli.main import main; main(['serve', '-h'])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "--batching-parameters-file" in shown and "--batching_parameters_file" not in shown
