"""A SavedModel in this process, used like a server: the same calls as `client.protocol.Predictor`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from tfspine.client.metadata import read_signatures
from tfspine.client.signature_check import check_inputs, find_signature
from tfspine.client.wire import serving_pb2 as wire
from tfspine.errors import ServerError
from tfspine.server.config_file import single_model
from tfspine.server.loading import load_servable
from tfspine.server.request_error import RequestError
from tfspine.server.servables import Servable
from tfspine.server.version_folders import choose_versions
from tfspine.signatures import Signature


class InProcessPredictor:
    """One loaded SavedModel. Inputs are checked as the network clients check them."""

    def __init__(self, servable: Servable, *, source: Path) -> None:
        self._servable = servable
        self._source = source
        found = wire.SignatureDefMap()
        for name, definition in servable.definitions.items():
            found.signature_def[name].MergeFromString(definition.SerializeToString())
        self._signatures = read_signatures(found)

    def predict(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
        """Call a signature: see `client.protocol.Predictor.predict`."""
        where = str(self._source)
        called = find_signature(self._signatures, signature, where)
        try:
            return self._servable.call(signature, check_inputs(called, inputs, where))
        except RequestError as error:
            raise ServerError(f"{where}: {' '.join(str(error).split())}") from None

    def model_version(self) -> int:
        """Return the version that was loaded."""
        return self._servable.version

    def signatures(self) -> Mapping[str, Signature]:
        """Return names, types and shapes of what each signature takes and gives."""
        return self._signatures


def open_predictor(base_path: Path) -> InProcessPredictor:
    """Load the highest version under a model's folder, for example ``exported/tfspine_axial``.

    Raises:
        ServerError: there is no such folder or no version in it.
        ModelError: the SavedModel cannot be loaded.
    """
    ((_, folder),) = choose_versions(single_model(base_path.name, base_path)).items()
    return InProcessPredictor(load_servable(base_path.name, folder), source=folder)
