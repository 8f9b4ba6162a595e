"""One version of one model, called by signature."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import meta_graph_pb2

from tfspine.server.graph_session import PATIENT, Caller, Run
from tfspine.server.request_error import failed_precondition, invalid
from tfspine.signatures import DEFAULT_SIGNATURE


@dataclass(frozen=True)
class Servable:
    """A loaded SavedModel.

    `definitions` are the signatures as written in the file; `run` computes tensors of the graph.
    """

    name: str
    version: int
    definitions: Mapping[str, meta_graph_pb2.SignatureDef]
    run: Run

    def definition(self, signature: str) -> meta_graph_pb2.SignatureDef:
        """Return what a signature takes and gives; no name stands for ``serving_default``.

        Raises:
            RequestError: the model has no such signature.
        """
        name = signature or DEFAULT_SIGNATURE
        if name not in self.definitions:
            raise failed_precondition(f'Serving signature key "{name}" not found.')
        return self.definitions[name]

    def call(
        self,
        signature: str,
        inputs: Mapping[str, NDArray[Any]],
        *,
        only: Sequence[str] = (),
        caller: Caller = PATIENT,
    ) -> dict[str, NDArray[Any]]:
        """Call a signature.

        Args:
            signature: its name; empty for ``serving_default``.
            inputs: arrays of exactly the declared types; strings as arrays of bytes objects. Inputs with a default
                value may be left out.
            only: the outputs to return; none named means all.
            caller: who waits for the answer.

        Raises:
            RequestError: no such signature, inputs that do not fit it, or an operation that fails on them.
        """
        definition = self.definition(signature)
        _require_input_count(definition, inputs)
        feeds = _feeds(definition, inputs)
        names = _outputs(definition, only)
        values = self.run(feeds, [definition.outputs[name].name for name in names], caller)
        return dict(zip(names, values, strict=True))


def _require_input_count(definition: meta_graph_pb2.SignatureDef, inputs: Mapping[str, Any]) -> None:
    sent, known = sorted(inputs), sorted(definition.inputs)
    if len(sent) > len(known) or (len(sent) < len(known) and not definition.defaults):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(known)} len({_braces(sent)}) != "
            f"len({_braces(known)}). Sent extra: {_braces(sorted(set(sent) - set(known)))}. "
            f"Missing but required: {_braces(sorted(set(known) - set(sent)))}."
        )


def _feeds(definition: meta_graph_pb2.SignatureDef, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    feeds = {}
    for name in sorted(definition.inputs):
        tensor = definition.inputs[name].name
        if name in inputs:
            feeds[tensor] = inputs[name]
        elif name in definition.defaults:
            feeds[tensor] = tf.make_ndarray(definition.defaults[name])
        else:
            raise invalid(
                f"Signature input alias: {name}(feed name: {tensor}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {_braces(sorted(inputs))}, or default input alias "
                f"set: {','.join(sorted(definition.defaults))}"
            )
    used = sorted(set(inputs) & set(definition.inputs))
    if len(used) != len(inputs):
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {','.join(used)}, "
            f"request input: {','.join(sorted(inputs))}"
        )
    return feeds


def _outputs(definition: meta_graph_pb2.SignatureDef, only: Iterable[str]) -> list[str]:
    names: list[str] = []
    for name in only:
        if name not in definition.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{_braces(sorted(definition.outputs))}."
            )
        if name in names:
            raise invalid(f"duplicate output tensor alias: {name}")
        names.append(name)
    return names or sorted(definition.outputs)


def _braces(names: Iterable[str]) -> str:
    return "{" + ",".join(names) + "}"
