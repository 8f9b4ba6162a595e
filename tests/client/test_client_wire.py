"""Our copy of the messages against the official ones, and against the .proto file it is made from."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_status_pb2, status_pb2

from tfspine.client.wire import serving_pb2 as wire

ROOT = Path(__file__).parents[2]

OFFICIAL = {
    "TensorShapeProto": "tensorflow.core.framework.tensor_shape_pb2",
    "TensorProto": "tensorflow.core.framework.tensor_pb2",
    "TensorInfo": "tensorflow.core.protobuf.meta_graph_pb2",
    "SignatureDef": "tensorflow.core.protobuf.meta_graph_pb2",
    "ModelSpec": "tensorflow_serving.apis.model_pb2",
    "PredictRequest": "tensorflow_serving.apis.predict_pb2",
    "PredictResponse": "tensorflow_serving.apis.predict_pb2",
    "SignatureDefMap": "tensorflow_serving.apis.get_model_metadata_pb2",
    "GetModelMetadataRequest": "tensorflow_serving.apis.get_model_metadata_pb2",
    "GetModelMetadataResponse": "tensorflow_serving.apis.get_model_metadata_pb2",
    "GetModelStatusRequest": "tensorflow_serving.apis.get_model_status_pb2",
    "GetModelStatusResponse": "tensorflow_serving.apis.get_model_status_pb2",
    "ModelVersionStatus": "tensorflow_serving.apis.get_model_status_pb2",
    "StatusProto": "tensorflow_serving.apis.status_pb2",
}


def shape(field):
    kind = (field.message_type or field.enum_type).name if (field.message_type or field.enum_type) else None
    return field.number, field.type, field.is_repeated, kind


@pytest.mark.parametrize("name", wire.DESCRIPTOR.message_types_by_name)
def test_fields_have_the_official_numbers_and_types(name):
    official = getattr(importlib.import_module(OFFICIAL[name]), name).DESCRIPTOR
    ours = wire.DESCRIPTOR.message_types_by_name[name]
    assert {field.name: shape(field) for field in ours.fields} == {
        field.name: shape(official.fields_by_name[field.name]) for field in ours.fields
    }


@pytest.mark.parametrize(
    ("ours", "official"),
    [
        (wire.DataType, types_pb2.DataType.DESCRIPTOR),
        (wire.StatusProto.Code, status_pb2.StatusProto.DESCRIPTOR.fields_by_name["error_code"].enum_type),
        (wire.ModelVersionStatus.State, get_model_status_pb2.ModelVersionStatus.State.DESCRIPTOR),
    ],
)
def test_enumerations_have_the_official_numbers(ours, official):
    assert dict(ours.items()) == {name: official.values_by_name[name].number for name in ours.keys()}  # noqa: SIM118


def test_generated_code_is_up_to_date(tmp_path):
    target = tmp_path / "serving.bin"
    proto = "tfspine/client/wire/serving.proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", "--proto_path=.", f"--descriptor_set_out={target}", proto]
    subprocess.run(command, cwd=ROOT, check=True)
    made = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file[0]
    committed = descriptor_pb2.FileDescriptorProto()
    wire.DESCRIPTOR.CopyToProto(committed)
    made.ClearField("source_code_info")
    for message in (made, committed):
        clear_json_names(message)
    assert made == committed


def clear_json_names(message):
    """Remove the derived names that one writer adds and the other leaves out."""
    for kind in getattr(message, "message_type", getattr(message, "nested_type", [])):
        for field in kind.field:
            field.ClearField("json_name")
        clear_json_names(kind)
