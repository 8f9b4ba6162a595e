"""Devices are set before TensorFlow is initialised, with one, two and eight GPUs, whatever the strategy and command."""

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]

REPORT = """
import json, os, sys, tensorflow as tf
from tensorflow.python.eager import context
from fake_gpus import add_gpus
from tfspine.config import DEVICES_VARIABLE, DetectorConfig, Experiment, Strategy, TrainingConfig
from tfspine.training import runtime

def report(gpus, strategy, batch, devices):
    add_gpus(gpus)
    os.environ[DEVICES_VARIABLE] = devices
    config = TrainingConfig(strategy=Strategy(strategy))
    experiment = Experiment(detector=DetectorConfig(batch_size=batch), training=config)
    runtime.prepare(experiment, gpus=runtime.gpus_for(experiment))
    assert context.context()._context_handle is None, "TensorFlow is initialised before its devices are set"
    visible = tf.config.get_visible_devices("GPU")
    growth = [tf.config.experimental.get_memory_growth(gpu) for gpu in visible]
    made = runtime.make_strategy(experiment.training.strategy)
    print(json.dumps([[gpu.name[-5:] for gpu in visible], growth, made.num_replicas_in_sync]), flush=True)

# TensorFlow is imported once and initialised in a process for each case.
for case in json.loads(os.environ["CASES"]):
    child = os.fork()
    if not child:
        report(*case)
        os._exit(0)
    os.waitpid(child, 0)
"""

CASES = {
    # GPUs there, strategy, images a batch, --devices: those that are used, and replicas
    (1, "auto", 1, ""): (["GPU:0"], 1),
    (2, "auto", 4, ""): (["GPU:0", "GPU:1"], 2),
    (8, "auto", 8, ""): ([f"GPU:{number}" for number in range(8)], 8),
    # A batch of 4 images cannot be shared by 8 evenly, and one of 1 by none.
    (8, "auto", 4, ""): (["GPU:0", "GPU:1", "GPU:2", "GPU:3"], 4),
    (2, "auto", 1, ""): (["GPU:0"], 1),
    (1, "one", 1, ""): (["GPU:0"], 1),
    (8, "one", 1, ""): (["GPU:0"], 1),
    (1, "mirrored", 1, ""): (["GPU:0"], 1),
    (2, "mirrored", 2, ""): (["GPU:0", "GPU:1"], 2),
    (8, "mirrored", 2, "2,5"): (["GPU:2", "GPU:5"], 2),
    (8, "one", 2, "3,4"): (["GPU:3"], 1),
    (2, "auto", 2, "cpu"): ([], 1),
    (0, "mirrored", 1, ""): ([], 1),
}


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds `fake_gpus.py`."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_strategy_gets_the_gpus_that_it_asks_for_with_growing_memory() -> None:
    done = python(REPORT, CASES=json.dumps(list(CASES)))
    lines = [line for line in done.stdout.splitlines() if line.startswith("[[")]
    assert len(lines) == len(CASES), done.stderr
    for line, (case, (used, replicas)) in zip(lines, CASES.items(), strict=True):
        assert json.loads(line) == [used, [True] * len(used), replicas], case


def test_several_workers_set_their_devices_first() -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = json.dumps({"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}})
    # TensorFlow's collective operations want devices that exist, and find none of the made-up ones.
    done = python(REPORT, CASES=json.dumps([(2, "multiworker", 2, "")]), TF_CONFIG=cluster)
    assert "cannot be modified after being initialized" not in done.stderr
    assert "initialised before" not in done.stderr


def test_a_device_that_is_not_there_is_one_line_and_workers_take_turns() -> None:
    code = """
import os
from fake_gpus import add_gpus
add_gpus(2)
from tfspine.workflows.train_members import _devices
from tfspine.errors import ConfigError
from tfspine.models.devices import use_gpus
for text in ("2", "0,0", "gpu", "-1", "", "1", "cpu"):
    os.environ["TFSPINE_DEVICES"] = text
    try:
        use_gpus()
        free = _devices(3)
        print([free.get() for _ in range(3)])
    except ConfigError as error:
        print(error)
"""
    lines = python(code).stdout.splitlines()
    assert lines[0] == '--devices "2": no GPU 2; TensorFlow sees 2, numbered from 0'
    for line, text in zip(lines[1:4], ("0,0", "gpu", "-1"), strict=True):
        assert line == f'--devices "{text}"; expected numbers of GPUs, for example 0 or 0,1, or cpu for none'
    assert lines[4:] == ["['0', '1', '0']", "['1', '1', '1']", "['cpu', 'cpu', 'cpu']"]
