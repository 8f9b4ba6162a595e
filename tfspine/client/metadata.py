"""Signatures and versions of a server's models, read from the official messages."""

from collections.abc import Mapping

from tfspine.client.tensors import dtype_name
from tfspine.client.wire import serving_pb2 as wire
from tfspine.errors import ServerError
from tfspine.signatures import Signature, TensorSpec


def read_signatures(found: wire.SignatureDefMap) -> dict[str, Signature]:
    """Return the signatures whose tensors all have a known number of dimensions.

    The others, such as the initialiser that every SavedModel carries, cannot be called.
    """
    signatures = {}
    for name, definition in found.signature_def.items():
        infos = [*definition.inputs.values(), *definition.outputs.values()]
        if not any(info.tensor_shape.unknown_rank for info in infos):
            signatures[name] = Signature(name, _specs(definition.inputs), _specs(definition.outputs))
    return signatures


def newest_available(status: wire.GetModelStatusResponse, model: str) -> int:
    """Return the highest version that is ready to answer.

    Raises:
        ServerError: none is; the message lists each version's state.
    """
    states: dict[int, wire.ModelVersionStatus] = {item.version: item for item in status.model_version_status}
    ready = [version for version, item in states.items() if item.state == wire.ModelVersionStatus.AVAILABLE]
    if ready:
        return max(ready)
    listed = ", ".join(
        f"{version} {wire.ModelVersionStatus.State.Name(item.state)} {item.status.error_message}".strip()
        for version, item in sorted(states.items())
    )
    raise ServerError(f"{model}: no version is ready ({listed or 'none known'}); wait, or look at the server's log")


def _specs(infos: Mapping[str, wire.TensorInfo]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name,
            dtype_name(info.dtype),
            tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim),
        )
        for name, info in sorted(infos.items())
    )
