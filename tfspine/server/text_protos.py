"""Messages of TensorFlow Serving and gRPC that tensorflow-serving-api and grpcio leave out, and text files of messages.

Only the fields that are used: binary messages keep the official numbers, the others are read as text alone.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from google.protobuf.message import Message

from tfspine.errors import ServerError

_WRAPPERS = "google/protobuf/wrappers.proto"
_KINDS = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, dict[str, str]] = {
    "BatchingParameters": {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "thread_pool_name": "StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": "BoolValue",
        "max_execution_batch_size": "Int64Value",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
    "HealthCheckRequest": {"service": "string"},
    "HealthCheckResponse": {"status": "int64"},  # an enumeration, which is the same on the wire
}


def message_class(name: str) -> type[Any]:
    """Return the class of one of the messages of this module."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"tfspine.server.{name}"))


def read_text_message(path: Path, message: Message, example: str) -> Any:
    """Fill a message from a file in the text format, and return it.

    Raises:
        ServerError: the file cannot be read or is no such message.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"{path}: cannot be read: {error}; see {example}") from None
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise ServerError(f"{path}: line {error}; see {example}") from None


def _field(number: int, name: str, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    repeated, kind = kind.startswith("repeated "), kind.removeprefix("repeated ")
    label = _KINDS.LABEL_REPEATED if repeated else _KINDS.LABEL_OPTIONAL
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=number, label=label)
    simple = {"bool": _KINDS.TYPE_BOOL, "string": _KINDS.TYPE_STRING, "int64": _KINDS.TYPE_INT64}
    if kind in simple:
        field.type = simple[kind]
    else:
        field.type = _KINDS.TYPE_MESSAGE
        field.type_name = f".google.protobuf.{kind}" if kind.endswith("Value") else f".tfspine.server.{kind}"
    return field


def _make_pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    file = descriptor_pb2.FileDescriptorProto(
        name="tfspine_server", package="tfspine.server", syntax="proto3", dependency=[_WRAPPERS]
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            message.field.append(_field(number, field, kind))
    pool.Add(file)
    return pool


_POOL = _make_pool()
