"""Global state of both Keras versions in one place: seeds, precision, devices (`models.devices`), strategy.

Every training calls `prepare` first, and then creates a strategy: a strategy makes TensorFlow initialise its devices,
which cannot be configured afterwards. No other module of the package sets this state.
"""

import logging
import os
import random
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from official.common import distribute_utils

from tfspine.config import Experiment, Precision, Strategy
from tfspine.errors import ConfigError
from tfspine.models.devices import ONE_GPU, chosen_gpus, use_gpus
from tfspine.training.cluster import VARIABLE as CLUSTER_VARIABLE
from tfspine.training.cluster import read_cluster

_log = logging.getLogger(__name__)

KERAS_POLICY = {
    Precision.FP32: "float32",
    Precision.FP16: "mixed_float16",
    Precision.BF16: "mixed_bfloat16",
}

PROCESSOR_LIST = Path("/proc/cpuinfo")

NATIVE_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Linux names of x86 processor features for bf16. Without at least one of these, bf16 is emulated and slow."""

NATIVE_BF16_CAPABILITY = (8, 0)
"""Compute capability of the first NVIDIA GPUs with bf16 (Ampere)."""

NATIVE_FP16_CAPABILITY = (7, 0)
"""Compute capability of the first NVIDIA GPUs with tensor cores for fp16 (V100; the T4 has 7.5)."""


def prepare(experiment: Experiment, *, gpus: int | None = None) -> Experiment:
    """Seed every generator, set the precision of `keras` and `tf_keras`, determinism and the devices.

    Args:
        experiment: its seed and `[training]` are used; operations stay deterministic until the process ends.
        gpus: the largest number of the chosen GPUs to use; None for all.

    Returns:
        the experiment with `Precision.AUTO` replaced by the precision chosen for this machine.
    """
    use_gpus(gpus)
    if experiment.training.precision is Precision.AUTO:
        experiment = replace(experiment, training=replace(experiment.training, precision=_fastest_precision()))
    random.seed(experiment.seed)
    np.random.seed(experiment.seed)
    tf.random.set_seed(experiment.seed)
    tf.config.experimental.enable_tensor_float_32_execution(experiment.training.tf32)
    if experiment.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    policy = KERAS_POLICY[experiment.training.precision]
    keras.mixed_precision.set_dtype_policy(policy)
    tf_keras.mixed_precision.set_global_policy(policy)
    return experiment


def gpus_for(experiment: Experiment) -> int | None:
    """Return how many of the chosen GPUs the detector's training uses; None for all.

    The batch of each step is divided evenly among the devices: `Strategy.AUTO` uses the largest number of GPUs that
    divides the batch size, and logs when some GPUs are left over.
    """
    if experiment.training.strategy is Strategy.ONE:
        return ONE_GPU
    if experiment.training.strategy is not Strategy.AUTO:
        return None
    there, batch = len(chosen_gpus()), experiment.detector.batch_size
    used = max((count for count in range(1, there + 1) if batch % count == 0), default=0)
    if used < there:
        _log.warning(
            "a batch of %d uses %d of %d GPUs; set detector.batch_size to a multiple of %d to use all",
            batch,
            used,
            there,
            there,
        )
    return used


def make_strategy(strategy: Strategy) -> tf.distribute.Strategy:
    """Return the distribution strategy for the detector, on the GPUs that `prepare` left in use.

    `Strategy.MULTIWORKER` reads the cluster from TF_CONFIG, as TensorFlow documents it, or from Slurm; it must be made
    before any other TensorFlow operation runs.

    Raises:
        ConfigError: multi-worker training was chosen, but neither TF_CONFIG nor Slurm describes a cluster.
    """
    if strategy is Strategy.MULTIWORKER:
        read_cluster()
    elif os.environ.get(CLUSTER_VARIABLE):
        _log.warning(
            "%s is set, which --strategy %s does not read: this process trains alone", CLUSTER_VARIABLE, strategy
        )
    gpus = use_gpus(ONE_GPU if strategy is Strategy.ONE else _in_use())
    return distribute_utils.get_distribution_strategy(_garden_name(strategy, gpus), num_gpus=gpus)


def require_even_batch(strategy: tf.distribute.Strategy, batch_size: int, *, parts: int = 1) -> None:
    """Reject a batch that the devices of a strategy cannot share evenly, each in so many equal parts.

    Raises:
        ConfigError: the batch is not divisible; the message shows the numbers.
    """
    devices = strategy.num_replicas_in_sync
    if batch_size % (devices * parts):
        in_parts = "" if parts == 1 else f" in {parts} parts each (detector.accumulated_batches)"
        raise ConfigError(
            f"detector.batch_size = {batch_size}: {devices} devices cannot share it evenly{in_parts}; expected a "
            f"multiple of {devices * parts}, or fewer devices (--devices, --strategy one)"
        )


def _in_use() -> int:
    """Return how many of the chosen GPUs are visible to TensorFlow: `prepare` may have reduced them."""
    chosen, visible = chosen_gpus(), tf.config.get_visible_devices("GPU")
    narrowed = [gpu for gpu in chosen if gpu in visible]
    return len(narrowed) or len(chosen)


def _garden_name(strategy: Strategy, gpus: int) -> str:
    """Return the Model Garden's name of a strategy."""
    match strategy:
        case Strategy.AUTO:
            return "mirrored" if gpus > 1 else "one_device"
        case Strategy.ONE:
            return "one_device"
        case Strategy.MIRRORED:
            return "mirrored"
        case Strategy.MULTIWORKER:
            return "multi_worker_mirrored"


def _fastest_precision() -> Precision:
    """Return the precision that all visible GPUs, or without any the processor, compute fastest."""
    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        flags = PROCESSOR_LIST.read_text().split() if PROCESSOR_LIST.is_file() else []
        return Precision.FP32 if NATIVE_BF16_FLAGS.isdisjoint(flags) else Precision.BF16
    weakest = min(_compute_capability(gpu) for gpu in gpus)
    if weakest >= NATIVE_BF16_CAPABILITY:
        return Precision.BF16
    return Precision.FP16 if weakest >= NATIVE_FP16_CAPABILITY else Precision.FP32


def _compute_capability(device: tf.config.PhysicalDevice) -> tuple[int, int]:
    """Return the NVIDIA compute capability of a GPU, (0, 0) if it is unknown."""
    try:
        details = tf.config.experimental.get_device_details(device)
    except ValueError:
        return (0, 0)
    capability: tuple[int, int] = details.get("compute_capability", (0, 0))
    return capability
