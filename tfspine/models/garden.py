"""The only interface to the Model Garden: converts our experiment into its complete configuration.

Defaults of `fasterrcnn_resnetfpn_coco` that are unsuitable here are overridden (docs/pitfalls.md): its random flips
would swap the patient's sides, its backbone is ResNet-50, its precision is bfloat16, and its checkpoint and annotation
file are on a server. Its class count includes the background, as does ours here.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras
from official.core import config_definitions as cfg
from official.core import exp_factory
from official.vision.configs import maskrcnn as maskrcnn_config
from official.vision.dataloaders import input_reader, input_reader_factory, tf_example_decoder
from official.vision.tasks import maskrcnn as maskrcnn_task

from tfspine.config import BatchNorm, DetectorConfig, Experiment, Precision
from tfspine.errors import ModelError
from tfspine.labels import DETECTOR_CLASSES, Plane
from tfspine.models.accumulation import accumulated_step
from tfspine.models.checkpoints import PARTS, LoadedPart, load_parts
from tfspine.models.draws import SEED, seeded_draws
from tfspine.models.foreign_weights import stride_in_1x1
from tfspine.models.image_size import PaperSizeParser, canvas_for
from tfspine.models.overrides import apply_overrides
from tfspine.models.trainer_settings import trainer_settings

_log = logging.getLogger(__name__)

GARDEN_PRECISION = {Precision.FP32: "float32", Precision.FP16: "float16", Precision.BF16: "bfloat16"}


def to_experiment(experiment: Experiment, plane: Plane, *, train_files: Sequence[str] = ()) -> cfg.ExperimentConfig:
    """Convert our experiment into the Model Garden's configuration of a Faster R-CNN for `plane`.

    Raises:
        ConfigError: as `apply_overrides`.
    """
    ours = experiment.detector
    params = exp_factory.get_exp_config("fasterrcnn_resnetfpn_coco")
    params.override(
        {
            "runtime": {
                "mixed_precision_dtype": GARDEN_PRECISION[experiment.training.precision],
                "loss_scale": "dynamic" if experiment.training.precision is Precision.FP16 else None,
            },
            "task": {
                "init_checkpoint": ours.checkpoint or None,
                "init_checkpoint_modules": list(ours.checkpoint_modules),
                "annotation_file": None,
                "use_coco_metrics": False,
                "model": _model(ours, plane),
                "losses": {"l2_weight_decay": ours.weight_decay},
                "train_data": _train_data(experiment, train_files),
            },
            "trainer": trainer_settings(ours),
        }
    )
    apply_overrides(params, experiment, plane)
    return params


class DetectorTask(maskrcnn_task.MaskRCNNTask):
    """The Model Garden's task, with images resized by the paper's rule (`image_size.PaperSizeParser`).

    `loaded` lists what `initialize` loaded from the initial checkpoint of a run; it is empty when a run is resumed.

    Args:
        params: the configuration of the task.
        detector: our settings, of which the image's size is taken.
        examples: returns the training examples without end, each with the seed of what is drawn at random for it
            (`records.order.training_order`); None if nothing is trained.
        logging_dir: as for the base class.
    """

    loaded: tuple[LoadedPart, ...] = ()

    def __init__(
        self,
        params: maskrcnn_config.MaskRCNNTask,
        *,
        detector: DetectorConfig,
        examples: Callable[[], tf.data.Dataset] | None = None,
        logging_dir: str | None = None,
    ) -> None:
        super().__init__(params, logging_dir=logging_dir)
        self._detector = detector
        self._examples = examples

    def build_inputs(
        self,
        params: maskrcnn_config.DataConfig,
        input_context: tf.distribute.InputContext | None = None,
        dataset_fn: Any = None,
    ) -> tf.data.Dataset:
        """Build the batches of one worker: of n workers, worker k takes the examples k, k + n, k + 2n, and so on."""
        if self._examples is None:
            raise ValueError("a task without examples cannot train")
        # One name stands for all files, so that the Model Garden divides examples, not files, among the workers.
        # Its own shuffling, within a buffer of 1, changes nothing.
        params = params.replace(input_path="records", shuffle_buffer_size=1)
        reader = input_reader_factory.input_reader_generator(
            params,
            dataset_fn=partial(_examples_of_any_file, self._examples),
            decoder_fn=_decode,
            combine_fn=input_reader.create_combine_fn(params),
            parser_fn=self._parser(params).parse_fn(params.is_training),
        )
        return reader.read(input_context=input_context)

    def _parser(self, params: maskrcnn_config.DataConfig) -> PaperSizeParser:
        model, settings = self.task_config.model, params.parser
        return PaperSizeParser(
            detector=self._detector,
            output_size=model.input_size[:2],
            min_level=model.min_level,
            max_level=model.max_level,
            num_scales=model.anchor.num_scales,
            aspect_ratios=model.anchor.aspect_ratios,
            anchor_size=model.anchor.anchor_size,
            rpn_match_threshold=settings.rpn_match_threshold,
            rpn_unmatched_threshold=settings.rpn_unmatched_threshold,
            rpn_batch_size_per_im=settings.rpn_batch_size_per_im,
            rpn_fg_fraction=settings.rpn_fg_fraction,
            aug_rand_hflip=settings.aug_rand_hflip,
            aug_rand_vflip=settings.aug_rand_vflip,
            aug_scale_min=settings.aug_scale_min,
            aug_scale_max=settings.aug_scale_max,
            aug_type=settings.aug_type,
            skip_crowd_during_training=settings.skip_crowd_during_training,
            max_num_instances=settings.max_num_instances,
            dtype=params.dtype,
        )

    def build_model(self) -> tf_keras.Model:
        """Build the network, with strides, batch normalisation and frozen parts as configured."""
        model = super().build_model()
        if self._detector.stride_in_1x1:
            stride_in_1x1(model.backbone)
        if self._detector.batch_norm is BatchNorm.FROZEN:
            for layer in model.submodules:
                if isinstance(layer, tf_keras.layers.BatchNormalization):
                    layer.trainable = False
        if not self._detector.frozen_steps:
            for part in _parts(model, self._detector.frozen_modules):
                part.trainable = False
        return model

    def train_step(
        self,
        inputs: tuple[Any, Any],
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        metrics: list[Any] | None = None,
    ) -> dict[str, tf.Tensor]:
        """Update the weights from one batch of this device, in `accumulated_batches` parts of equal size."""
        ours = self._detector
        is_thawing = bool(ours.frozen_modules and ours.frozen_steps)
        if ours.accumulated_batches == 1 and not is_thawing:
            with seeded_draws(inputs[1][SEED]):
                return super().train_step(inputs, model, optimizer, metrics)
        frozen = _parts(model, ours.frozen_modules) if is_thawing else ()
        return accumulated_step(
            self,
            inputs,
            model,
            optimizer,
            metrics or (),
            parts=ours.accumulated_batches,
            frozen=[weight for part in frozen for weight in part.trainable_variables],
            frozen_steps=ours.frozen_steps,
        )

    def initialize(self, model: tf_keras.Model) -> None:
        """Load the requested parts of the initial checkpoint, and log what was loaded.

        Raises:
            ModelError: as `load_parts`.
        """
        checkpoint = self.task_config.init_checkpoint
        if not checkpoint:
            return
        modules = self.task_config.init_checkpoint_modules
        self.loaded = load_parts(model, checkpoint, [modules] if isinstance(modules, str) else modules)
        untouched = [name for name in PARTS if name not in {part.name for part in self.loaded}]
        from_scratch = f"; from scratch: {', '.join(untouched)}" if untouched else ""
        _log.info("%s: loaded %s%s", checkpoint, ", ".join(map(str, self.loaded)), from_scratch)


def _parts(model: tf_keras.Model, names: Sequence[str]) -> Iterator[tf_keras.layers.Layer]:
    """Yield parts of a network by their names; the heads of a cascade are a list."""
    for name in names:
        part = getattr(model, name)
        yield from part if isinstance(part, list | tuple) else [part]


def _examples_of_any_file(examples: Callable[[], tf.data.Dataset], _: tf.Tensor) -> tf.data.Dataset:
    return examples()


def _decode(serialized: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
    decoded: dict[str, tf.Tensor] = tf_example_decoder.TfExampleDecoder().decode(serialized)
    return decoded | {SEED: seed}


def load_newest(model: tf_keras.Model, run_folder: Path) -> int:
    """Load the newest checkpoint of a run into `model` and return its step.

    Raises:
        ModelError: the folder holds no checkpoint, or the checkpoint of another network.
    """
    newest = tf.train.latest_checkpoint(str(run_folder))
    if newest is None:
        raise ModelError(f"{run_folder}: holds no detector checkpoint; train it with tfspine train detector")
    for part in load_parts(model, newest, PARTS):
        if part.left_out:
            raise ModelError(
                f"{newest}: {part}; expected the run's own settings; leave out --set options that change the network"
            )
    return int(newest.rsplit("-", 1)[1])


def _model(ours: DetectorConfig, plane: Plane) -> dict[str, Any]:
    proposals = ours.proposals
    return {
        "num_classes": len(DETECTOR_CLASSES[plane]) + 1,
        "input_size": [*canvas_for(ours), 3],
        "min_level": ours.levels[0],
        "max_level": ours.levels[1],
        "anchor": {"num_scales": 1, "aspect_ratios": list(ours.aspect_ratios), "anchor_size": ours.anchor_size},
        "backbone": {"type": "resnet", "resnet": {"model_id": ours.backbone_depth}},
        "detection_head": {"num_convs": ours.head_convolutions, "num_fcs": ours.head_dense},
        "roi_generator": {
            "pre_nms_top_k": max(2 * proposals, 1000),
            "num_proposals": proposals,
            "nms_iou_threshold": ours.proposal_nms_iou,
            "test_pre_nms_top_k": max(2 * proposals, 1000),
            "test_num_proposals": proposals,
            "test_nms_iou_threshold": ours.proposal_nms_iou,
        },
        "roi_sampler": {"num_sampled_rois": ours.sampled_regions},
        "detection_generator": {
            "pre_nms_score_threshold": ours.score_threshold,
            "nms_iou_threshold": ours.final_nms_iou,
            "max_num_detections": ours.maximum_detections,
            "nms_version": "v2",
        },
        "norm_activation": {
            "norm_momentum": ours.norm_momentum,
            "norm_epsilon": 1e-3,
            "use_sync_bn": ours.batch_norm is BatchNorm.SYNCHRONISED,
        },
    }


def _train_data(experiment: Experiment, train_files: Sequence[str]) -> dict[str, Any]:
    low, high = experiment.detector.scale_range
    return {
        "input_path": list(train_files),
        "global_batch_size": experiment.detector.batch_size,
        "dtype": GARDEN_PRECISION[experiment.training.precision],
        "is_training": True,
        "shuffle_buffer_size": experiment.detector.shuffle_buffer,
        "seed": experiment.seed,
        "deterministic": True,
        "parser": {"aug_rand_hflip": False, "aug_rand_vflip": False, "aug_scale_min": low, "aug_scale_max": high},
    }
