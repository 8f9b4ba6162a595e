"""The grader of one region as it is served: one network, or several versions side by side, each at its temperature."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from tfspine.errors import ModelError
from tfspine.models.temperature import at_temperature


@dataclass(frozen=True)
class GraderVersion:
    """One trained network and the name of its run; without a temperature its probabilities are served as they are."""

    name: str
    network: keras.Model
    temperature: float | None = None


@dataclass(frozen=True)
class RegionGrader:
    """The versions of one region's grader, one or more; all take crops of one size.

    Raises:
        ModelError: there is none, or they take crops of different sizes.
    """

    versions: tuple[GraderVersion, ...]

    def __post_init__(self) -> None:
        sizes = {version.network.input_shape[1] for version in self.versions}
        if len(sizes) != 1:
            raise ModelError(f"versions of a grader take crops of {sorted(sizes)} pixels; expected one size")

    @property
    def size_px(self) -> int:
        """Rows and columns of the crops."""
        return self.versions[0].network.input_shape[1]

    def probabilities(self, crops: tf.Tensor) -> tf.Tensor:
        """Return what each of V versions says of crops float32 [M, S, S, 3]: float32 [M, V, 4]."""
        return tf.stack([_graded(version, crops) for version in self.versions], axis=1)

    def served(self, crops: tf.Tensor) -> tf.Tensor:
        """Return what is served of crops float32 [M, S, S, 3]: the mean of the versions, float32 [M, 4]."""
        return tf.reduce_mean(self.probabilities(crops), axis=1)


def only(grader: RegionGrader, version: int) -> RegionGrader:
    """Return one of the versions, counted from 0, as a grader of its own."""
    return RegionGrader(grader.versions[version : version + 1])


def _graded(version: GraderVersion, crops: tf.Tensor) -> tf.Tensor:
    """Return float32 [M, 4], also for M = 0, which a convolution refuses: one black crop is added and dropped.

    Not by tf.pad: TensorFlow's graph optimizer folds a pad into the convolution behind it, and loses the added crop.
    """
    at_least_one = tf.concat([crops, tf.zeros([1, *crops.shape[1:]])], axis=0)
    probabilities = tf.cast(version.network(at_least_one, training=False), tf.float32)[:-1]
    return probabilities if version.temperature is None else at_temperature(probabilities, version.temperature)
