"""Precision: what `auto` chooses on GPUs, steps beside those in float32, and trainings that give equal bits twice."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from tests_settings import HANG_S, TINY

from tfspine.config import Experiment, Precision
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane, Region
from tfspine.models import garden
from tfspine.models.batch_norm import with_fused_norms
from tfspine.models.grader import build_grader, load_grader
from tfspine.records.folder import RecordFolder
from tfspine.training import runtime
from tfspine.training.grader import compile_grader

Step = tuple[float, NDArray[np.float64]]
"""A loss, and its gradient for all weights as one vector."""


@pytest.fixture(autouse=True)
def float32_afterwards() -> Iterator[None]:
    yield
    runtime.prepare(Experiment())


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ([(8, 0)], Precision.BF16),  # A100
        ([(9, 0), (8, 6)], Precision.BF16),
        ([(7, 5)], Precision.FP16),  # T4
        ([(7, 0), (8, 0)], Precision.FP16),  # the weakest decides: V100 beside A100
        ([(6, 1)], Precision.FP32),
        ([()], Precision.FP32),  # not reported
    ],
)
def test_the_weakest_gpu_decides(
    capabilities: list[tuple[int, int]], chosen: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = [SimpleNamespace(number=number) for number in range(len(capabilities))]

    def details(gpu: SimpleNamespace) -> dict[str, tuple[int, int]]:
        known = capabilities[gpu.number]
        return {"compute_capability": known} if known else {}

    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    assert runtime.prepare(load_experiment(None, ["training.precision=auto"])).training.precision is chosen


@pytest.mark.parametrize("is_on", [True, False])
def test_tf32_can_be_switched(is_on: bool) -> None:
    runtime.prepare(load_experiment(None, [f"training.tf32={str(is_on).lower()}"]))
    assert tf.config.experimental.tensor_float_32_execution_enabled() is is_on


def _grader_step(experiment: Experiment) -> Step:
    model = with_fused_norms(build_grader(experiment.grader))
    crops = np.random.default_rng(1).random((16, 16, 16, 3), np.float32)
    grades = np.eye(4, dtype=np.float32)[np.arange(16) % 4]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(grades, model(crops, training=True)))
    return _step(loss, tape.gradient(loss, [weight.value for weight in model.trainable_weights]))


def _detector_step(experiment: Experiment) -> Step:
    """Return a loss of the first stage: the second stage samples its regions at random."""
    params = garden.to_experiment(experiment, Plane.AXIAL)
    model = garden.DetectorTask(params.task, detector=experiment.detector).build_model()
    images = tf.constant(np.random.default_rng(1).normal(size=(4, 64, 64, 3)), tf.float32)
    with tf.GradientTape() as tape:
        levels = model.decoder(model.backbone(images, training=True), training=True)
        answers = [value for part in model.rpn_head(levels, training=True) for value in part.values()]
        loss = tf.add_n([tf.reduce_mean(tf.square(tf.cast(value, tf.float32) - 1.0)) for value in answers])
    weights = [*model.backbone.trainable_weights, *model.decoder.trainable_weights, *model.rpn_head.trainable_weights]
    return _step(loss, [values for values in tape.gradient(loss, weights) if values is not None])


def _step(loss: tf.Tensor, gradients: list[tf.Tensor]) -> Step:
    return float(loss), np.concatenate([tf.cast(values, tf.float64).numpy().ravel() for values in gradients])


@pytest.mark.slow
@pytest.mark.parametrize("precision", [Precision.FP16, Precision.BF16])
@pytest.mark.parametrize("step", [_grader_step, _detector_step], ids=["grader", "detector"])
def test_losses_and_gradients_are_close_to_those_of_float32(
    step: Callable[[Experiment], Step], precision: Precision, tiny: Callable[..., Experiment]
) -> None:
    (full_loss, full), (loss, mixed) = (
        step(runtime.prepare(tiny(f"training.precision={used}", "grader.dropout=0.0")))
        for used in (Precision.FP32, precision)
    )
    assert loss == pytest.approx(full_loss, rel=0.02)
    assert full @ mixed / np.linalg.norm(full) / np.linalg.norm(mixed) > 0.99
    assert np.linalg.norm(mixed) == pytest.approx(np.linalg.norm(full), rel=0.05)


@pytest.mark.slow
def test_fp16_scales_the_loss(records: RecordFolder, tiny: Callable[..., Experiment]) -> None:
    """Gradients below 6e-8 would become zero in float16."""
    experiment = runtime.prepare(tiny("training.precision=fp16"))
    grader = compile_grader(records, region=Region.CENTRAL_CANAL, experiment=experiment)
    assert isinstance(grader.optimizer, keras.optimizers.LossScaleOptimizer)
    assert garden.to_experiment(experiment, Plane.AXIAL).runtime.loss_scale == "dynamic"


RESUMED = """
import os, pkgutil, signal, sys
from unittest import mock
from tfspine.cli.main import main

recorder, out, *words = sys.argv[1:]
original = pkgutil.resolve_name(recorder)

def recording_and_asked(*args, **kwargs):
    original(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGTERM)

assert main([*words, "--out", f"{out}/undisturbed"]) == 0
with mock.patch(recorder, recording_and_asked):
    assert main([*words, "--out", f"{out}/resumed"]) == 75
assert main([*words, "--out", f"{out}/resumed"]) == 0
"""
"""Trains once undisturbed, and once with a request to end after each first record."""

GRADER = ("grader", "--region", "central_canal")
DETECTOR = ("detector", "--plane", "axial")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "recorder"),
    [
        (GRADER, "tfspine.training.epochs.KeepEpochs.on_epoch_end"),
        (DETECTOR, "tfspine.training.detector_progress.append_history"),
    ],
)
def test_a_resumed_deterministic_training_gives_the_bits_of_an_undisturbed_one(
    what: tuple[str, ...], recorder: str, records_folder: Path, tmp_path: Path
) -> None:
    """In a process of its own, because operations stay deterministic until it ends."""
    settings = (*TINY, "records.shards=2", "detector.steps=6", "grader.epochs=3", "grader.dropout=0.3")
    settings += ("detector.steps_between_summaries=1", "detector.scale_range=[0.9, 1.1]", "training.deterministic=true")
    chosen = [word for setting in settings for word in ("--set", setting)]
    words = ["train", *what, "--records", str(records_folder), *chosen]
    done = subprocess.run(
        [sys.executable, "-c", RESUMED, recorder, str(tmp_path), *words],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    undisturbed, resumed = ((tmp_path / run / "history.csv").read_text() for run in ("undisturbed", "resumed"))
    assert len(undisturbed.splitlines()) > 3
    assert resumed == undisturbed
    names = [path.name for path in (tmp_path / "resumed").glob("*.keras")] or ["ckpt-6.data-00000-of-00001"]
    for name in names:
        ours, theirs = (_weights(tmp_path / run / name) for run in ("undisturbed", "resumed"))
        assert ours == theirs


def _weights(path: Path) -> list[bytes]:
    if path.suffix == ".keras":
        return [value.tobytes() for value in load_grader(path).get_weights()]
    reader = tf.train.load_checkpoint(str(path).partition(".data")[0])
    names = [name for name in sorted(reader.get_variable_to_shape_map()) if not name.startswith("_CHECKPOINTABLE")]
    return [np.asarray(reader.get_tensor(name)).tobytes() for name in names if "save_counter" not in name]
