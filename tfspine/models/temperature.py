"""Temperature scaling in a graph; it is fitted, in NumPy, by `evaluation/calibration.py`."""

import tensorflow as tf

SMALLEST_PROBABILITY = 1e-7
"""The same limit as in fitting: a float32 softmax can underflow to 0, and log(0) cannot be scaled."""


def at_temperature(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return softmax(log(p) / T) of probabilities float32 [..., q], 0 to 1, as float32 [..., q] that sum to 1 again.

    T is above 0: 1 leaves them unchanged, values above 1 move them closer together (Guo 2017, ICML, section 4.2).
    """
    return tf.nn.softmax(tf.math.log(tf.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature)
