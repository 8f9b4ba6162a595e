"""Inputs checked against a signature before they are sent: the server itself checks no shapes (docs/serving.md)."""

from collections.abc import Mapping

from numpy.typing import ArrayLike

from tfspine.client.tensors import Array, cast
from tfspine.errors import ServerError
from tfspine.signatures import Signature, TensorSpec


def find_signature(signatures: Mapping[str, Signature], name: str, model: str) -> Signature:
    """Return the signature `name`.

    Raises:
        ServerError: `model` has no signature of that name; the message lists those that exist.
    """
    if name not in signatures:
        known = ", ".join(sorted(signatures)) or "none"
        raise ServerError(f'{model}: no signature "{name}"; expected one of {known}')
    return signatures[name]


def check_inputs(signature: Signature, inputs: Mapping[str, ArrayLike], model: str) -> dict[str, Array]:
    """Return the inputs as arrays of the declared types and shapes.

    Raises:
        ServerError: a name is missing or unknown, a value does not fit its type, a shape differs, or a batch is empty.
    """
    expected = {spec.name: spec for spec in signature.inputs}
    if set(inputs) != set(expected):
        sent = ", ".join(sorted(inputs)) or "nothing"
        raise ServerError(f"{model}: {signature.name}: sent {sent}; expected {', '.join(sorted(expected))}")
    arrays = {}
    for name, spec in expected.items():
        where = f"{model}: {signature.name}: {name}"
        arrays[name] = cast(inputs[name], spec.dtype, where)
        if not fits(arrays[name].shape, spec):
            raise ServerError(f"{where}: shape {arrays[name].shape}; expected {describe_shape(spec)}")
        if arrays[name].shape[:1] == (0,):
            raise ServerError(f"{where}: an empty batch, shape {arrays[name].shape}; expected one image or more")
    return arrays


def fits(shape: tuple[int, ...], spec: TensorSpec) -> bool:
    """Whether a shape is one that the tensor may have."""
    return len(shape) == len(spec.shape) and all(
        wanted in (None, size) for size, wanted in zip(shape, spec.shape, strict=True)
    )


def describe_shape(spec: TensorSpec) -> str:
    """Return a shape in words, ``[any, any, 4]``."""
    return "[" + ", ".join("any" if size is None else str(size) for size in spec.shape) + "]"
