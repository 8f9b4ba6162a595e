"""Parts of a detector that keep their weights, for good or for a number of steps, whatever the rest learns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from official.core import train_utils

from tfspine.config import Experiment
from tfspine.labels import Plane
from tfspine.models import garden
from tfspine.models.draws import SEED

pytestmark = pytest.mark.slow

PARTS = ("backbone", "decoder", "rpn_head", "detection_head")


def learning_parts(experiment: Experiment, steps: int, *, restore: str = "", save_to: str = "") -> list[set[str]]:
    """Return for each step the parts whose trainable weights changed.

    Args:
        experiment: the settings.
        steps: number of steps.
        restore: a checkpoint of the network and its optimizer, as the trainer writes it, from which to begin.
        save_to: where to write one after the last step.
    """
    params = garden.to_experiment(experiment, Plane.AXIAL)
    task = garden.DetectorTask(params.task, detector=experiment.detector)
    model = task.build_model()
    optimizer = train_utils.create_optimizer(task, params)
    images, labels = batch(task, params)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    if restore:
        checkpoint.read(restore)
    metrics = task.build_metrics(training=True)
    weights = {name: _weights(getattr(model, name)) for name in PARTS}

    @tf.function
    def step() -> None:
        task.train_step((images, labels), model, optimizer, metrics)

    changed = []
    for _ in range(steps):
        before = {name: [weight.numpy() for weight in of_part] for name, of_part in weights.items()}
        step()
        changed.append(
            {
                name
                for name, of_part in weights.items()
                if any((weight.numpy() != former).any() for weight, former in zip(of_part, before[name], strict=True))
            }
        )
    if save_to:
        checkpoint.write(save_to)
    return changed


def _weights(part: Any) -> list[tf.Variable]:
    """Return kernels and biases, whether or not they are trained."""
    parts = part if isinstance(part, list | tuple) else [part]
    return [weight for item in parts for weight in item.variables if "moving" not in weight.name]


def batch(task: Any, params: Any) -> tuple[tf.Tensor, dict[str, Any]]:
    """Return two images with a box of each class, as the parser makes them."""
    parse = task._parser(params.task.train_data)._parse_train_data
    boxes = tf.constant([[0.1, 0.1, 0.4, 0.4], [0.3, 0.4, 0.7, 0.7], [0.5, 0.5, 0.9, 0.9]])
    of_image = {
        "groundtruth_boxes": boxes,
        "groundtruth_classes": tf.constant([1, 2, 3], tf.int64),
        "groundtruth_is_crowd": tf.constant([False] * 3),
    }
    parsed = [
        parse(
            of_image | {"image": tf.random.stateless_uniform([64, 64, 3], [1, n]), SEED: tf.constant([1, n], tf.int64)}
        )
        for n in range(2)
    ]
    return tf.nest.map_structure(lambda *values: tf.stack(values), *parsed)


def test_without_frozen_parts_all_learn(tiny: Callable[..., Experiment]) -> None:
    assert learning_parts(tiny("detector.accumulated_batches=2"), 1) == [set(PARTS)]


def test_frozen_parts_never_change(tiny: Callable[..., Experiment]) -> None:
    experiment = tiny('detector.frozen_modules=["backbone","decoder"]')
    assert learning_parts(experiment, 2) == [{"rpn_head", "detection_head"}] * 2


def test_parts_thaw_after_their_steps(tiny: Callable[..., Experiment]) -> None:
    experiment = tiny('detector.frozen_modules=["backbone","detection_head"]', "detector.frozen_steps=2")
    assert learning_parts(experiment, 3) == [{"decoder", "rpn_head"}, {"decoder", "rpn_head"}, set(PARTS)]


def test_a_resumed_training_thaws_at_the_same_step(tiny: Callable[..., Experiment], tmp_path: Path) -> None:
    experiment = tiny('detector.frozen_modules=["backbone"]', "detector.frozen_steps=2")
    saved = learning_parts(experiment, 1, save_to=str(tmp_path / "ckpt"))
    resumed = learning_parts(experiment, 2, restore=str(tmp_path / "ckpt"))
    assert saved + resumed == [set(PARTS) - {"backbone"}] * 2 + [set(PARTS)]
