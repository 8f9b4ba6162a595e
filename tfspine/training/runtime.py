"""Global state of both Keras worlds in one place: seeds, precision, memory growth, strategy.

Every command that trains calls `prepare` once, first. Nothing else in the package sets any of it.
"""

import random

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

GARDEN_STRATEGY = {
    Strategy.ONE: "one_device",
    Strategy.MIRRORED: "mirrored",
    Strategy.MULTIWORKER: "multi_worker_mirrored",
}


def prepare(experiment: Experiment) -> None:
    """Seed every generator, set the precision of `keras` and `tf_keras`, and let GPU memory grow as needed."""
    random.seed(experiment.seed)
    np.random.seed(experiment.seed)
    tf.random.set_seed(experiment.seed)
    policy = KERAS_POLICY[experiment.training.precision]
    keras.mixed_precision.set_dtype_policy(policy)
    tf_keras.mixed_precision.set_global_policy(policy)
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def make_strategy(strategy: Strategy) -> tf.distribute.Strategy:
    """Return the distribution strategy for the detector.

    `Strategy.MULTIWORKER` reads the cluster from TF_CONFIG, as TensorFlow documents it; it must be made before any
    other TensorFlow operation runs.
    """
    return distribute_utils.get_distribution_strategy(
        GARDEN_STRATEGY[strategy], num_gpus=len(tf.config.list_physical_devices("GPU"))
    )
