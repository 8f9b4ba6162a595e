"""The interface to a model, whether it is on a server (gRPC or REST) or a SavedModel in this process."""

from collections.abc import Mapping
from typing import Protocol

from numpy.typing import ArrayLike

from tfspine.client.tensors import Array
from tfspine.signatures import Signature


class Predictor(Protocol):
    """One model."""

    def predict(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, Array]:
        """Call a signature and return its outputs by name.

        Raises:
            ServerError: no server answers, the inputs do not fit the signature, or the model fails.
        """
        ...

    def model_version(self) -> int:
        """Return the version that answers."""
        ...

    def signatures(self) -> Mapping[str, Signature]:
        """Return names, types and shapes of what each signature takes and gives."""
        ...
