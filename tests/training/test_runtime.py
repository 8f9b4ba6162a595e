"""Automatic precision: bf16 where the processor says that it can, and nothing left automatic afterwards."""

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest
import tensorflow as tf
import tf_keras

from tfspine.config import Experiment, Precision
from tfspine.experiment_file import load_experiment
from tfspine.training import runtime

AUTO = load_experiment(None, ["training.precision=auto"])


@pytest.fixture(autouse=True)
def float32_afterwards() -> Iterator[None]:
    yield
    runtime.prepare(Experiment())


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="with a GPU the processor is not asked")
@pytest.mark.parametrize(
    ("flags", "chosen"),
    [("fpu avx512f avx512_bf16", Precision.BF16), ("amx_bf16 fpu", Precision.BF16), ("fpu avx2", Precision.FP32)],
)
def test_the_processor_decides(flags: str, chosen: Precision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text(f"processor : 0\nflags : {flags}\n")
    monkeypatch.setattr(runtime, "PROCESSOR_LIST", listing)
    assert runtime.prepare(AUTO).training.precision is chosen
    assert keras.mixed_precision.dtype_policy().name == runtime.KERAS_POLICY[chosen]
    assert tf_keras.mixed_precision.global_policy().name == runtime.KERAS_POLICY[chosen]


def test_a_precision_that_was_named_stays() -> None:
    experiment = load_experiment(None, ["training.precision=fp32"])
    assert runtime.prepare(experiment) == experiment
