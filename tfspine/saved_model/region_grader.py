"""The grader of one region as it is served: one network, or several members side by side, each at its temperature."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from tfspine.errors import ModelError
from tfspine.models.temperature import at_temperature


@dataclass(frozen=True)
class GraderMember:
    """One trained network and the name of its run; without a temperature its probabilities are served as they are."""

    name: str
    network: keras.Model
    temperature: float | None = None


@dataclass(frozen=True)
class RegionGrader:
    """The members of one region's grader, one or more; all take crops of one size.

    Raises:
        ModelError: there is none, or they take crops of different sizes.
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
        """Return what each of V members says of crops float32 [M, S, S, 3]: float32 [M, V, 4]."""
        return tf.stack([_graded(member, crops) for member in self.members], axis=1)

    def served(self, crops: tf.Tensor) -> tf.Tensor:
        """Return what is served of crops float32 [M, S, S, 3]: the mean of the members, float32 [M, 4]."""
        return tf.reduce_mean(self.probabilities(crops), axis=1)


def only(grader: RegionGrader, member: int) -> RegionGrader:
    """Return one of the members, counted from 0, as a grader of its own."""
    return RegionGrader(grader.members[member : member + 1])


def _graded(member: GraderMember, crops: tf.Tensor) -> tf.Tensor:
    """Return float32 [M, 4], also for M = 0, which a convolution refuses: one black crop is added and dropped.

    Not by tf.pad: TensorFlow's graph optimizer folds a pad into the convolution behind it, and loses the added crop.
    """
    at_least_one = tf.concat([crops, tf.zeros([1, *crops.shape[1:]])], axis=0)
    probabilities = tf.cast(member.network(at_least_one, training=False), tf.float32)[:-1]
    return probabilities if member.temperature is None else at_temperature(probabilities, member.temperature)
