"""Which GPUs this process uses, configured before TensorFlow initialises its devices.

TensorFlow reads the list of visible devices and their memory settings once, at its first operation; changing them
later is an error. Everything that computes (training, sweeps, export, serving, explaining) therefore calls `use_gpus`
first, and only this module changes these settings. GPUs are numbered from 0 among those in CUDA_VISIBLE_DEVICES.
"""

import logging
import os

import tensorflow as tf

from tfspine.config import DEVICES_VARIABLE
from tfspine.errors import ConfigError

_log = logging.getLogger(__name__)

ONE_GPU = 1
"""Graders, sweeps, export, serving and explaining need only one GPU, and leave the others to other processes."""

CPU = "cpu"
"""Value of ``--devices`` for no GPU, instead of numbers."""


def use_gpus(at_most: int | None = None) -> int:
    """Make only the chosen GPUs visible to TensorFlow, with memory growth, and return how many there are.

    A second call may reduce the number of GPUs, but cannot add any once TensorFlow has begun to compute.

    Args:
        at_most: use only the first `at_most` of the chosen GPUs; None for all.

    Raises:
        ConfigError: a chosen GPU does not exist.
    """
    gpus = chosen_gpus()[:at_most]
    try:
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except (RuntimeError, ValueError) as error:
        # A notebook or a test has already used TensorFlow; training continues with the devices that it has.
        _log.warning("devices remain as TensorFlow has initialized them: %s", error)
    return len(gpus)


def chosen_gpus() -> list[tf.config.PhysicalDevice]:
    """Return the GPUs chosen by ``--devices``, or all GPUs without that option; nothing is changed.

    Raises:
        ConfigError: as `chosen_numbers`.
    """
    gpus = tf.config.list_physical_devices("GPU")
    return [gpus[int(number)] for number in chosen_numbers()]


def chosen_numbers() -> list[str]:
    """Return the numbers of the chosen GPUs, in the form that ``--devices`` accepts.

    Raises:
        ConfigError: `DEVICES_VARIABLE` names a GPU that does not exist, the same GPU twice, or something else.
    """
    there = len(tf.config.list_physical_devices("GPU"))
    text = os.environ.get(DEVICES_VARIABLE, "").strip()
    if not text:
        return [str(number) for number in range(there)]
    if text.lower() == CPU:
        return []
    numbers = [item.strip() for item in text.split(",")]
    if not all(item.isdecimal() for item in numbers) or len(set(map(int, numbers))) < len(numbers):
        raise ConfigError(f'--devices "{text}"; expected numbers of GPUs, for example 0 or 0,1, or {CPU} for none')
    missing = [item for item in numbers if int(item) >= there]
    if missing:
        raise ConfigError(f'--devices "{text}": no GPU {missing[0]}; {_seen(there)}')
    return numbers


def _seen(count: int) -> str:
    masked = os.environ.get("CUDA_VISIBLE_DEVICES")
    among = "" if masked is None else f" (CUDA_VISIBLE_DEVICES={masked})"
    if count:
        return f"TensorFlow sees {count}{among}, numbered from 0"
    return f"TensorFlow sees no GPU{among}; tfspine doctor shows why, --devices {CPU} runs without"
