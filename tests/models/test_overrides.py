"""Each key under [overrides] reaches the Model Garden's training or network, or is refused with its name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tfspine.config import Experiment
from tfspine.errors import ConfigError
from tfspine.experiment_file import load_experiment
from tfspine.labels import Plane
from tfspine.models import garden

REACHES_NOTHING = {
    "runtime.enable_xla": True,
    "runtime.all_reduce_alg": "nccl",
    "runtime.mixed_precision_dtype": "bfloat16",
    "runtime.num_gpus": 8,
    "runtime.distribution_strategy": "tpu",
    "runtime.loss_scale": 128.0,
    "runtime.tpu": "here",
    "trainer.validation_interval": 100,
    "trainer.best_checkpoint_eval_metric": "AP",
    "trainer.optimizer_config.ema.average_decay": 0.99,
    "task.validation_data.global_batch_size": 2,
    "task.use_coco_metrics": True,
    "task.model.include_mask": True,
    "task.model.num_classes": 7,
    "task.model.backbone.mobilenet.filter_size_scale": 2.0,
    "task.model.decoder.nasfpn.num_filters": 64,
    "trainer.optimizer_config.optimizer.adam.beta_1": 0.8,
    "trainer.optimizer_config.learning_rate.exponential.decay_rate": 0.5,
    "trainer.optimizer_config.warmup.linear.warmup_steps": 5,
    "task.train_data.input_path": "elsewhere",
    "task.train_data.global_batch_size": 4,
    "task.train_data.parser.match_threshold": 0.4,
    "task.init_checkpoint_modules": "all",
}


def built(overrides: Mapping[str, Any], plane: Plane = Plane.AXIAL) -> Any:
    return garden.to_experiment(replace(Experiment(), overrides=overrides), plane, train_files=["x"])


@pytest.mark.parametrize(("key", "value"), REACHES_NOTHING.items())
def test_a_key_that_reaches_nothing_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^\[overrides\] " + key.replace(".", r"\.") + ": has no effect here; "):
        built({key: value})


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("runtime.num_gpus", "--devices"),
        ("runtime.distribution_strategy", "training.strategy"),
        ("runtime.mixed_precision_dtype", "training.precision"),
        ("task.init_checkpoint_modules", "detector.checkpoint_modules"),
        ("task.train_data.global_batch_size", "detector.batch_size"),
        ("trainer.optimizer_config.optimizer.adam.beta_1", 'trainer.optimizer_config.optimizer.type is "sgd"'),
    ],
)
def test_what_does_it_instead_is_told(key: str, instead: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        built({key: REACHES_NOTHING[key]})
    assert instead in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("task.model.no_such_key", 3, "expected one of"),
        ("task.model.rpn_haed.num_convs", 3, 'did you mean "task.model.rpn_head"'),
        ("trainer.train_step", 3, 'did you mean "trainer.train_steps"'),
        ("restrictions", ["x"], "expected one of runtime, task, trainer"),
        ("task.model.rpn_head.num_convs", "three", "expected a whole number"),
        ("trainer.train_steps", 2.5, "expected a whole number"),
        ("trainer.train_steps", True, "expected a whole number"),
        ("task.losses.class_weights", 3, "expected a list of a number"),
        ("task.freeze_backbone", "yes", "expected true or false"),
        ("task.model.backbone", 3, "expected one of the keys below it"),
        ("task.model.backbone.type", "nothing", "expected one of"),
        ("trainer.train_steps.more", 3, "trainer.train_steps has no keys below it"),
    ],
)
def test_unknown_keys_and_values_of_another_type_are_refused(key: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        built({key: value})
    assert str(refusal.value).startswith("[overrides] ")
    assert told in str(refusal.value)


def test_what_is_read_is_set() -> None:
    params = built(
        {
            "task.losses.class_weights": [1.0, 2, 2, 1],
            "task.freeze_backbone": True,
            "trainer.max_to_keep": 7,
            # Another kind of optimizer, with what belongs to it; the keys may stand in tables as well.
            "trainer.optimizer_config.optimizer.type": "adam",
            "trainer": {"optimizer_config": {"optimizer": {"adam": {"beta_1": 0.8}}}},
        }
    )
    assert params.task.losses.class_weights == [1.0, 2, 2, 1]
    assert params.task.freeze_backbone is True
    assert params.trainer.max_to_keep == 7
    assert params.trainer.optimizer_config.optimizer.get().beta_1 == 0.8


def test_loss_scale_is_read_under_fp16_alone() -> None:
    experiment = load_experiment(None, ["training.precision=fp16", "overrides.runtime.loss_scale=128.0"])
    assert garden.to_experiment(experiment, Plane.AXIAL).runtime.loss_scale == 128.0


def test_mirrored_images_would_swap_the_sides_of_recesses_but_not_of_foramina() -> None:
    flip = {"task.train_data.parser.aug_rand_hflip": True}
    with pytest.raises(ConfigError, match="swap left and right recess"):
        built(flip)
    assert built(flip, Plane.SAGITTAL).task.train_data.parser.aug_rand_hflip is True
