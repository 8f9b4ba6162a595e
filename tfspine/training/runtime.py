"""Global state of both Keras worlds in one place: seeds, precision, memory growth, strategy.

Every command that trains calls `prepare` once, first. Nothing else in the package sets any of it.
"""

import random
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from official.common import distribute_utils

from tfspine.config import Experiment, Precision, Strategy

KERAS_POLICY = {
    Precision.FP32: "float32",
    Precision.FP16: "mixed_float16",
    Precision.BF16: "mixed_bfloat16",
}

PROCESSOR_LIST = Path("/proc/cpuinfo")

NATIVE_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Names in Linux's list of what an x86 processor can do. Without one of them bf16 is emulated, and slow."""

NATIVE_BF16_CAPABILITY = (8, 0)
"""Compute capability of the first NVIDIA GPUs with bf16 (Ampere)."""

GARDEN_STRATEGY = {
    Strategy.ONE: "one_device",
    Strategy.MIRRORED: "mirrored",
    Strategy.MULTIWORKER: "multi_worker_mirrored",
}


def prepare(experiment: Experiment) -> Experiment:
    """Seed every generator, set the precision of `keras` and `tf_keras`, and let GPU memory grow as needed.

    Returns:
        the experiment with `Precision.AUTO` replaced by what was chosen for this machine.
    """
    if experiment.training.precision is Precision.AUTO:
        chosen = Precision.BF16 if _computes_bf16() else Precision.FP32
        experiment = replace(experiment, training=replace(experiment.training, precision=chosen))
    random.seed(experiment.seed)
    np.random.seed(experiment.seed)
    tf.random.set_seed(experiment.seed)
    policy = KERAS_POLICY[experiment.training.precision]
    keras.mixed_precision.set_dtype_policy(policy)
    tf_keras.mixed_precision.set_global_policy(policy)
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    return experiment


def make_strategy(strategy: Strategy) -> tf.distribute.Strategy:
    """Return the distribution strategy for the detector.

    `Strategy.MULTIWORKER` reads the cluster from TF_CONFIG, as TensorFlow documents it; it must be made before any
    other TensorFlow operation runs.
    """
    return distribute_utils.get_distribution_strategy(
        GARDEN_STRATEGY[strategy], num_gpus=len(tf.config.list_physical_devices("GPU"))
    )


def _computes_bf16() -> bool:
    devices = tf.config.list_physical_devices("GPU")
    if devices:
        details = [tf.config.experimental.get_device_details(device) for device in devices]
        return all(item.get("compute_capability", (0, 0)) >= NATIVE_BF16_CAPABILITY for item in details)
    return PROCESSOR_LIST.is_file() and bool(NATIVE_BF16_FLAGS.intersection(PROCESSOR_LIST.read_text().split()))
