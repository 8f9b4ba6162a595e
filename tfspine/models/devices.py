"""Which GPUs this process uses, said to TensorFlow before anything makes it look for itself.

TensorFlow reads the list of visible devices and how their memory is claimed once, at its first operation; a later
change is an error there. So whatever computes (training, sweeps, export, serving, explaining) calls `use_gpus` first,
and nothing else in the package sets any of it. GPUs are numbered from 0 among those that CUDA_VISIBLE_DEVICES leaves.
"""

import logging
import os

import tensorflow as tf

from tfspine.config import DEVICES_VARIABLE
from tfspine.errors import ConfigError

_log = logging.getLogger(__name__)

ONE_GPU = 1
"""Graders, sweeps, export, serving and explaining are small, and leave further GPUs to others."""

CPU = "cpu"
"""In place of numbers: no GPU."""


def use_gpus(at_most: int | None = None) -> int:
    """Show TensorFlow the chosen GPUs alone, let their memory grow as needed, and return how many there are.

    Called again it may narrow the choice but not widen it once TensorFlow has begun to compute.

    Args:
        at_most: the first so many of those chosen; None for all.

    Raises:
        ConfigError: a GPU was named that is not there.
    """
    gpus = chosen_gpus()[:at_most]
    try:
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except (RuntimeError, ValueError) as error:
        # A notebook or a test has computed before; the training goes on with what TensorFlow has.
        _log.warning("devices stay as TensorFlow has them: %s", error)
    return len(gpus)


def chosen_gpus() -> list[tf.config.PhysicalDevice]:
    """Return the GPUs that ``--devices`` chose, all where it did not; nothing is changed.

    Raises:
        ConfigError: as `chosen_numbers`.
    """
    gpus = tf.config.list_physical_devices("GPU")
    return [gpus[int(number)] for number in chosen_numbers()]


def chosen_numbers() -> list[str]:
    """Return the numbers of these GPUs, as ``--devices`` takes them.

    Raises:
        ConfigError: `DEVICES_VARIABLE` names a GPU that is not there, one twice, or something else.
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
    return f"TensorFlow sees none{among}; tfspine doctor says why, --devices {CPU} does without"
