"""Keys of the Model Garden under ``[overrides]``: a key that has no effect on training or network is rejected.

All programs of the Model Garden share one configuration tree, and much of it is read only by parts that do not run
here: evaluation, masks, choice of devices. The keys in use were found by tracing `train_lib.OrbitExperimentRunner` in
mode "train", `base_trainer.Trainer`, `maskrcnn.MaskRCNNTask` and `input_reader.InputReader` of tf-models-official
2.20.0.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from official.core import config_definitions as cfg
from official.modeling.hyperparams import base_config, oneof

from tfspine.config import Experiment, Precision
from tfspine.config.toml_text import toml_text
from tfspine.errors import ConfigError
from tfspine.labels import Plane

TREES = ("task", "trainer", "runtime")

_NO_EVALUATION = "training here does not evaluate; use tfspine evaluate"
_NO_MASKS = "the network finds boxes, not masks"
_NOT_READ = "the Model Garden's Faster R-CNN does not read it"
_RECORDS = "the data are those of --records"
_PRECISION = "set training.precision"

REFUSED: Mapping[str, str] = {
    "runtime.mixed_precision_dtype": _PRECISION,
    "runtime.distribution_strategy": "set training.strategy",
    "runtime.num_gpus": "name the GPUs with --devices",
    "runtime.worker_hosts": "name the workers in TF_CONFIG, with --strategy multiworker",
    "runtime.task_index": "name the workers in TF_CONFIG, with --strategy multiworker",
    "runtime.enable_xla": "nothing is compiled by XLA here, which suppression of empty boxes can crash",
    "runtime.loss_scale": "it is read only with training.precision = fp16",
    "runtime": "devices and precision are set by training.strategy, training.precision and --devices",
    "trainer.validation_steps": _NO_EVALUATION,
    "trainer.validation_interval": _NO_EVALUATION,
    "trainer.validation_summary_subdir": _NO_EVALUATION,
    "trainer.best_checkpoint_export_subdir": _NO_EVALUATION,
    "trainer.best_checkpoint_eval_metric": _NO_EVALUATION,
    "trainer.best_checkpoint_metric_comp": _NO_EVALUATION,
    "trainer.eval_tf_function": _NO_EVALUATION,
    "trainer.eval_tf_while_loop": _NO_EVALUATION,
    "trainer.continuous_eval_timeout": _NO_EVALUATION,
    "trainer.allow_tpu_summary": "no TPU is used here",
    "trainer.optimizer_config.ema": "averaged weights would be trained and never exported",
    "task.validation_data": _NO_EVALUATION,
    "task.annotation_file": _NO_EVALUATION,
    "task.per_category_metrics": _NO_EVALUATION,
    "task.use_coco_metrics": _NO_EVALUATION,
    "task.use_wod_metrics": _NO_EVALUATION,
    "task.use_approx_instance_metrics": _NO_EVALUATION,
    "task.allow_image_summary": _NO_EVALUATION,
    "task.name": "it is not shown anywhere",
    "task.allowed_mask_class_ids": _NO_MASKS,
    "task.losses.mask_weight": _NO_MASKS,
    "task.model.include_mask": _NO_MASKS,
    "task.model.mask_head": _NO_MASKS,
    "task.model.mask_sampler": _NO_MASKS,
    "task.model.mask_roi_aligner": _NO_MASKS,
    "task.model.outer_boxes_scale": _NO_MASKS,
    "task.train_data.parser.mask_crop_size": _NO_MASKS,
    "task.model.num_classes": "it follows from the labels",
    "task.model.input_size": "set detector.image_size_px",
    "task.init_checkpoint": "set detector.checkpoint",
    "task.init_checkpoint_modules": "set detector.checkpoint_modules",
    "task.train_data.global_batch_size": "set detector.batch_size",
    "task.train_data.dtype": _PRECISION,
    "task.train_data.is_training": "the training data are for training",
    "task.train_data.drop_remainder": "the training data have no end, and so no remainder",
    "task.train_data.input_path": _RECORDS,
    "task.train_data.file_type": _RECORDS,
    "task.train_data.decoder": _RECORDS,
    "task.train_data.num_examples": _RECORDS,
    "task.train_data.weights": _RECORDS,
    "task.train_data.tfds_name": _RECORDS,
    "task.train_data.tfds_split": _RECORDS,
    "task.train_data.tfds_data_dir": _RECORDS,
    "task.train_data.tfds_as_supervised": _RECORDS,
    "task.train_data.tfds_skip_decoding_feature": _RECORDS,
    "task.train_data.parser.num_channels": _NOT_READ,
    "task.train_data.parser.match_threshold": _NOT_READ,
    "task.train_data.parser.unmatched_threshold": _NOT_READ,
    "task.train_data.parser.pad": _NOT_READ,
    "task.train_data.parser.keep_aspect_ratio": _NOT_READ,
}
"""Keys that are rejected, with all keys below them, each with the reason or the setting to use instead."""

SWAPS_SIDES = "task.train_data.parser.aug_rand_hflip"


def apply_overrides(params: cfg.ExperimentConfig, experiment: Experiment, plane: Plane) -> None:
    """Set every key of ``[overrides]`` in the Model Garden's tree.

    Raises:
        ConfigError: a key is unknown (with a suggestion), has no effect here, contradicts another setting, or has a
            value of the wrong type.
    """
    wanted = experiment.dotted_overrides
    for key, value in wanted.items():
        _require_taken(key, experiment, plane)
        holder, name = _find(params, key)
        hint = typing.get_type_hints(type(holder)).get(name, Any)
        if isinstance(getattr(holder, name), base_config.Config) or not _fits(hint, value):
            raise ConfigError(f"[overrides] {key} = {toml_text(value)}; expected {_told(hint)}")
        setattr(holder, name, list(value) if isinstance(value, tuple) else value)
    for key in wanted:
        _require_chosen(params, key)


def _require_taken(key: str, experiment: Experiment, plane: Plane) -> None:
    if key == "runtime.loss_scale" and experiment.training.precision is Precision.FP16:
        return
    if key == SWAPS_SIDES and plane is Plane.AXIAL:
        raise ConfigError(f"[overrides] {key}: mirrored images would keep their labels, and swap left and right recess")
    names = key.split(".")
    for length in range(len(names), 0, -1):
        reason = REFUSED.get(".".join(names[:length]))
        if reason:
            raise ConfigError(f"[overrides] {key}: has no effect here; {reason}")


def _find(params: cfg.ExperimentConfig, key: str) -> tuple[base_config.Config, str]:
    """Return the part of the tree that holds a key, and the key's last name."""
    *path, last = key.split(".")
    holder: Any = params
    for depth, name in enumerate([*path, last]):
        known = TREES if depth == 0 else tuple(item.name for item in dataclasses.fields(holder))
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            before = "".join(f"{part}." for part in path[:depth])
            hint = f'did you mean "{before}{close[0]}"?' if close else f"expected one of {', '.join(sorted(known))}"
            raise ConfigError(f"[overrides] {key}: not a key of the Model Garden; {hint}")
        if depth == len(path):
            return holder, name
        below = getattr(holder, name)
        if not isinstance(below, base_config.Config):
            raise ConfigError(f"[overrides] {key}: {'.'.join(path[: depth + 1])} has no keys below it")
        holder = below
    raise AssertionError("a key has a last name")


def _require_chosen(params: cfg.ExperimentConfig, key: str) -> None:
    """Reject a key of a variant, for example of an optimizer, that was not chosen."""
    holder: Any = params
    names = key.split(".")
    for depth, name in enumerate(names):
        if isinstance(holder, oneof.OneOfConfig):
            where = ".".join([*names[:depth], "type"])
            known = [item.name for item in dataclasses.fields(holder) if item.name != "type"]
            if holder.type is not None and holder.type not in known:
                raise ConfigError(f"[overrides] {where} = {toml_text(holder.type)}; expected one of {', '.join(known)}")
            if name not in ("type", holder.type):
                raise ConfigError(f"[overrides] {key}: has no effect here; {where} is {toml_text(holder.type)}")
        holder = getattr(holder, name)


def _fits(hint: Any, value: Any) -> bool:
    """Whether a value from TOML has the annotated type; whole numbers are accepted as floats."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(item, value) for item in arguments)
    if origin in (list, tuple) or hint in (list, tuple):
        return isinstance(value, list | tuple) and all(_fits(arguments[0], item) for item in value if arguments)
    if hint is float:
        return type(value) in (int, float)
    if hint in (int, bool, str):
        return type(value) is hint
    return hint is Any


def _told(hint: Any) -> str:
    """Return a readable name of a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_told(item) for item in arguments if item is not type(None))
    if origin in (list, tuple):
        return "a list of " + _told(arguments[0])
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return words.get(hint, "one of the keys below it")
