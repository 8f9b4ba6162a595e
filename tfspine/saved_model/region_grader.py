"""The served grader of one region: one network, or several members in parallel, each with its own temperature."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from tfspine.errors import ModelError

SMALLEST_PROBABILITY = 1e-7
"""The same limit as in fitting: a float32 softmax can underflow to 0, and log(0) cannot be scaled."""


@dataclass(frozen=True)
class GraderMember:
    """One trained network and the name of its run; without a temperature its probabilities are served unscaled."""

    name: str
    network: keras.Model
    temperature: float | None = None


@dataclass(frozen=True)
class RegionGrader:
    """The members of one region's grader, one or more; all take crops of one size.

    Raises:
        ModelError: there are no members, or they take crops of different sizes.
    """

    members: tuple[GraderMember, ...]

    def __post_init__(self) -> None:
        sizes = {member.network.input_shape[1] for member in self.members}
        if len(sizes) != 1:
            raise ModelError(f"members of a grader take crops of {sorted(sizes)} pixels; expected one size")

    @property
    def size_px(self) -> int:
        """Rows and columns of the crops."""
        return self.members[0].network.input_shape[1]

    def probabilities(self, crops: tf.Tensor) -> tf.Tensor:
        """Return the probabilities of each of V members for crops float32 [M, S, S, 3]: float32 [M, V, 4]."""
        return tf.stack([_graded(member, crops) for member in self.members], axis=1)

    def served(self, crops: tf.Tensor) -> tf.Tensor:
        """Return the served probabilities for crops float32 [M, S, S, 3]: the mean of the members, float32 [M, 4]."""
        return tf.reduce_mean(self.probabilities(crops), axis=1)


def only(grader: RegionGrader, member: int) -> RegionGrader:
    """Return one of the members, counted from 0, as a grader of its own."""
    return RegionGrader(grader.members[member : member + 1])


def _graded(member: GraderMember, crops: tf.Tensor) -> tf.Tensor:
    """Return float32 [M, 4], also for M = 0, where a convolution would fail: one black crop is added and dropped.

    This does not use tf.pad: TensorFlow's graph optimizer merges a pad into the next convolution and loses the crop.
    """
    at_least_one = tf.concat([crops, tf.zeros([1, *crops.shape[1:]])], axis=0)
    probabilities = tf.cast(member.network(at_least_one, training=False), tf.float32)[:-1]
    return probabilities if member.temperature is None else at_temperature(probabilities, member.temperature)


def at_temperature(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return softmax(log(p) / T) of probabilities float32 [..., q], 0 to 1, as float32 [..., q] that sum to 1 again.

    T is above 0: 1 leaves them unchanged, values above 1 move them closer together (Guo 2017, ICML, section 4.2).
    """
    return tf.nn.softmax(tf.math.log(tf.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature)
