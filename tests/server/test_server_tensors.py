"""The server's tensors and JSON against the client's, which are written independently of one another."""

import json

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.protobuf import meta_graph_pb2

from tfspine.client.json_values import from_json, to_json
from tfspine.client.tensors import from_proto
from tfspine.client.wire import serving_pb2 as wire
from tfspine.server.json_tensors import JsonRequest, parse_request, read_inputs, write_outputs
from tfspine.server.typed_tensors import to_typed_proto
from tfspine.signatures import TensorSpec

DTYPES = ("float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "uint64", "bool")
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
NUMBERS = st.sampled_from(DTYPES).flatmap(lambda name: hnp.arrays(name, SHAPES))
STRINGS = hnp.arrays(object, SHAPES, elements=st.binary(max_size=6))
ARRAYS = st.one_of(NUMBERS, STRINGS)


def same(first, second):
    assert first.dtype == second.dtype
    assert first.shape == second.shape
    # As text, so that NaN equals NaN and -0 differs from 0.
    assert str(first.tolist()) == str(second.tolist())


@settings(max_examples=150, deadline=None)
@given(ARRAYS)
def test_the_client_reads_typed_fields(array):
    proto = to_typed_proto(array)
    assert not proto.tensor_content
    same(from_proto(wire.TensorProto.FromString(proto.SerializeToString())), array)


@settings(max_examples=150, deadline=None)
@given(ARRAYS)
def test_the_server_reads_the_clients_json(array):
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["x"].dtype = to_typed_proto(array).dtype
    request = parse_request(json.dumps({"inputs": {"x": to_json(array)}}).encode())
    same(read_inputs(request, definition)["x"], array)


@settings(max_examples=150, deadline=None)
@given(ARRAYS)
@example(np.array([2**63, 0], np.uint64))  # NumPy would make floats of the list
def test_the_client_reads_the_servers_json(array):
    body = write_outputs(JsonRequest("", {"inputs": []}), {"x_bytes": array})
    spec = TensorSpec("x_bytes", "string" if array.dtype == object else array.dtype.name, (None,) * array.ndim)
    same(from_json(json.loads(body)["outputs"], spec, "x"), array)
