"""Find checkpoints of a Faster R-CNN, compare them with the network part by part, and load or reject them.

TensorFlow's own loader does not report what a checkpoint lacks, or names that are in no checkpoint. Here the object
graph that TensorFlow 2 writes into every checkpoint is compared with that of the network, so that the matches are
known before any weight changes. Supported layouts: runs of this package and of the Model Garden (`backbone`,
`decoder`, `rpn_head`, `detection_head`, also below `model`) and its ImageNet classifiers (`backbone`); weights of Keras
and of detectron2 are converted (`foreign_weights`).
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import trackable_object_graph_pb2

from tfspine.errors import ModelError
from tfspine.formats.loaded_csv import LoadedRow, parts_loaded, shortened
from tfspine.models.foreign_files import is_foreign
from tfspine.models.foreign_weights import convert

ALL = "all"
PARTS = ("backbone", "decoder", "rpn_head", "detection_head")
"""Attributes of the Model Garden's network; `ALL` stands for each of them."""

DEPENDS_ON_CLASSES = "detection_head"
"""The size of its last layers depends on the number of classes: if it differs, they are not loaded, and reported."""

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"

OTHER_CLASSES = "of another number of classes"
NO_COUNTERPART = f"not in the file, or {OTHER_CLASSES}"


NOT_IN_FILE = re.compile(r"coarser_\d+/|detection-(scores|boxes)/")
"""Layers that converted weights never have: coarser levels of the pyramid, and those of the classes."""


@dataclass(frozen=True)
class LoadedPart:
    """What was loaded of one part: the names of its tensors that were, those that were not, and why not."""

    name: str
    loaded: tuple[str, ...]
    left_out: tuple[str, ...]
    reason: str = OTHER_CLASSES

    @property
    def tensors(self) -> int:
        """How many tensors the part has."""
        return len(self.loaded) + len(self.left_out)

    def rows(self) -> list[LoadedRow]:
        """Return the rows of `loaded.csv`."""
        rows = [LoadedRow(self.name, name, "") for name in self.loaded]
        return rows + [LoadedRow(self.name, name, self.reason) for name in self.left_out]

    def __str__(self) -> str:
        return parts_loaded(self.rows())[0]


def find_checkpoint(path: str | Path) -> str:
    """Return the prefix of the newest checkpoint in a folder, or of the one given by its prefix or one of its files.

    Raises:
        ModelError: there is no checkpoint.
    """
    prefix = re.sub(r"\.(index|data-\d+-of-\d+)$", "", str(path))
    if Path(f"{prefix}.index").is_file() or (is_foreign(path) and Path(path).is_file()):
        return prefix
    if Path(path).is_dir():
        newest = tf.train.latest_checkpoint(str(path))
        if newest is not None and Path(f"{newest}.index").is_file():
            return str(newest)
        # Released checkpoints lack the small index file that names the newest checkpoint; those of the TF2 detection
        # zoo lie in a folder `checkpoint` beside pipeline.config.
        released = [*Path(path).glob("*.index"), *Path(path).glob("checkpoint/*.index")]
        found = sorted(released, key=lambda file: (_number(file), file.name))
        if found:
            return str(found[-1].with_suffix(""))
        raise ModelError(
            f"{path}: holds no checkpoint; expected files such as ckpt-1000.index beside ckpt-1000.data-..."
        )
    raise ModelError(
        f"{path}: no such checkpoint; expected a TensorFlow checkpoint or its folder, .h5 or .keras of Keras, "
        "or .npz of detectron2"
    )


def load_parts(model: tf_keras.Model, path: str | Path, parts: Sequence[str]) -> tuple[LoadedPart, ...]:
    """Load the weights of a checkpoint into parts of a Faster R-CNN: all of these parts, or none.

    Args:
        model: the Model Garden's network.
        path: a folder or checkpoint, as in `find_checkpoint`, or a file that `foreign_files` reads.
        parts: some of `PARTS`, or `ALL`.

    Raises:
        ModelError: there is no checkpoint, it cannot be read, or a part is missing or belongs to another network; the
            message lists what matched and what did not.
    """
    unknown = [part for part in parts if part not in (*PARTS, ALL)]
    if unknown or not parts:
        told = f'"{unknown[0]}" is not a part of the network' if unknown else "no part of the network is named"
        raise ModelError(f"{path}: {told}, so that nothing would be loaded; expected {', '.join(PARTS)} or {ALL}")
    prefix = find_checkpoint(path)
    wanted = PARTS if ALL in parts else tuple(part for part in PARTS if part in parts)
    if is_foreign(prefix):
        return _load_foreign(model, prefix, wanted)
    reader, graph = _open(prefix)
    shapes = reader.get_variable_to_shape_map()
    loads: list[tuple[tf.Variable, str]] = []
    report = []
    for name in wanted:
        part = getattr(model, name)
        node = _node_of(graph, name)
        if node is None:
            raise ModelError(f"{prefix}: holds no {name}; {_layout(graph)}")
        matched = {id(variable): key for variable, key in _matches(part, node, graph, set())}
        fitting = {
            id(variable): matched[id(variable)]
            for variable in _variables(part)
            if id(variable) in matched and list(variable.shape) == shapes.get(matched[id(variable)])
        }
        report.append(_report(name, part, fitting))
        _require_whole(report[-1], matched, part, prefix)
        loads += [(variable, fitting[id(variable)]) for variable in _variables(part) if id(variable) in fitting]
    values = _read(reader, [key for _, key in loads], prefix)
    for (variable, _), value in zip(loads, values, strict=True):
        variable.assign(tf.cast(value, variable.dtype))
    return tuple(report)


def _load_foreign(model: tf_keras.Model, path: str, parts: Sequence[str]) -> tuple[LoadedPart, ...]:
    converted = {part: convert(model, path, part) for part in parts}
    report = []
    for name, values in converted.items():
        part = _report(name, getattr(model, name), {id(variable) for variable, _ in values}, reason=NO_COUNTERPART)
        unexpected = [tensor for tensor in part.left_out if not NOT_IN_FILE.search(tensor)]
        if unexpected:
            raise ModelError(
                f"{path}: {name}: has no counterpart of {shortened(unexpected)}; expected the weights of the same "
                "network, or fewer detector.checkpoint_modules"
            )
        report.append(part)
    for values in converted.values():
        for variable, value in values:
            variable.assign(tf.cast(value, variable.dtype))
    return tuple(report)


def _report(name: str, part: Any, loaded: Container[int], *, reason: str = OTHER_CLASSES) -> LoadedPart:
    """Return what is loaded of a part, given the `id` of each variable that is."""
    variables = _variables(part)
    return LoadedPart(
        name,
        tuple(variable.name for variable in variables if id(variable) in loaded),
        tuple(variable.name for variable in variables if id(variable) not in loaded),
        reason,
    )


def _read(reader: Any, keys: Sequence[str], prefix: str) -> list[Any]:
    """Read and return tensors of a checkpoint; all are read before the first one is used."""
    try:
        return [reader.get_tensor(key) for key in keys]
    except (tf.errors.OpError, ValueError) as error:
        raise _unreadable(prefix, error) from error


def _unreadable(prefix: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())
    return ModelError(f"{prefix}: cannot be read as a checkpoint: {reason}; copy it again")


def _open(prefix: str) -> tuple[Any, trackable_object_graph_pb2.TrackableObjectGraph]:
    """Return a reader of a checkpoint and the graph of the objects that wrote it."""
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    try:
        reader = tf.train.load_checkpoint(prefix)
        if not reader.has_tensor(GRAPH_KEY):
            raise ModelError(
                f"{prefix}: written by TensorFlow 1, which names tensors differently; expected TensorFlow 2's"
            )
        graph.ParseFromString(reader.get_tensor(GRAPH_KEY))
    except (tf.errors.OpError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise _unreadable(prefix, error) from error
    return reader, graph


def _require_whole(part: LoadedPart, matched: dict[int, str], network: Any, prefix: str) -> None:
    """Reject a part with missing tensors; only layers whose size depends on the number of classes may differ."""
    missing = tuple(variable.name for variable in _variables(network) if id(variable) not in matched)
    other_size = [name for name in part.left_out if name not in missing]
    if not part.left_out or (part.name == DEPENDS_ON_CLASSES and not missing and len(other_size) < part.tensors / 2):
        return
    loaded = part.tensors - len(part.left_out)
    told = [f"no {shortened(missing)}"] if missing else []
    told += [f"another size of {shortened(other_size)}"] if other_size else []
    raise ModelError(
        f"{prefix}: {part.name}: {loaded} of {part.tensors} tensors match, {', '.join(told)}; expected a checkpoint of "
        "the same network (detector.backbone_depth, levels, head_*), or fewer detector.checkpoint_modules"
    )


def _node_of(graph: trackable_object_graph_pb2.TrackableObjectGraph, name: str) -> int | None:
    """Return the node of a part, from the root or below its model."""
    root = _children(graph, 0)
    below = _children(graph, root["model"]) if "model" in root else {}
    return root.get(name, below.get(name))


def _matches(
    part: Any, node: int, graph: trackable_object_graph_pb2.TrackableObjectGraph, seen: set[int]
) -> Iterator[tuple[Any, str]]:
    """Yield each variable of a part that the graph has under the same names, with the key of its tensor."""
    if id(part) in seen:
        return
    seen.add(id(part))
    for attribute in graph.nodes[node].attributes:
        yield part, attribute.checkpoint_key
    there = _children(graph, node)
    for name, child in tf.train.TrackableView.children(part).items():
        if name in there:
            yield from _matches(child, there[name], graph, seen)


def _children(graph: trackable_object_graph_pb2.TrackableObjectGraph, node: int) -> dict[str, int]:
    return {child.local_name: child.node_id for child in graph.nodes[node].children}


def _variables(part: Any) -> list[Any]:
    """Return the variables of one part of a network; the heads of a cascade are a list of parts."""
    parts = part if isinstance(part, list | tuple) else [part]
    return [variable for item in parts if item is not None for variable in item.variables]


def _layout(graph: trackable_object_graph_pb2.TrackableObjectGraph) -> str:
    root = _children(graph, 0)
    below = [f"model.{name}" for name in _children(graph, root["model"])] if "model" in root else []
    found = shortened(tuple(sorted([*root, *below])))
    return f"it has {found}; expected {', '.join(PARTS)} as the Model Garden and tfspine train detector write them"


def _number(file: Path) -> int:
    digits = re.search(r"(\d+)$", file.stem)
    return int(digits.group(1)) if digits else -1
