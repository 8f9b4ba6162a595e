"""Tensors on the wire, with TensorFlow's own messages on the other side."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2

from tfspine.client.json_values import from_json, to_json
from tfspine.client.tensors import cast, from_proto, to_proto
from tfspine.client.wire import serving_pb2 as wire
from tfspine.errors import ServerError
from tfspine.signatures import TensorSpec

NUMBERS = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
)  # fmt: skip
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
NUMERIC_ARRAYS = st.sampled_from(NUMBERS).flatmap(lambda name: hnp.arrays(name, SHAPES))
STRING_ARRAYS = hnp.arrays(object, SHAPES, elements=st.binary(max_size=8))


def same(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and first.tolist() == second.tolist()


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    """Equal to the bit, so that NaN equals NaN and -0 differs from 0."""
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


@settings(max_examples=150, deadline=None)
@given(NUMERIC_ARRAYS)
def test_tensorflow_reads_our_numbers(array):
    official = tensor_pb2.TensorProto.FromString(to_proto(array).SerializeToString())
    assert same_bits(tf.make_ndarray(official), array)


@settings(max_examples=150, deadline=None)
@given(NUMERIC_ARRAYS)
def test_we_read_tensorflows_numbers(array):
    official = tf.make_tensor_proto(array, shape=array.shape)
    assert same_bits(from_proto(wire.TensorProto.FromString(official.SerializeToString())), array)


@settings(max_examples=60, deadline=None)
@given(STRING_ARRAYS)
def test_strings_both_ways(array):
    official = tensor_pb2.TensorProto.FromString(to_proto(array).SerializeToString())
    assert same(tf.make_ndarray(official), array)
    back = tf.make_tensor_proto(array.tolist(), tf.string, shape=array.shape)
    assert same(from_proto(wire.TensorProto.FromString(back.SerializeToString())), array)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays("float32", SHAPES, elements=st.floats(width=32, allow_nan=False)))
def test_json_keeps_every_float32(array):
    spec = TensorSpec("x", "float32", (None,) * array.ndim)
    assert np.array_equal(from_json(to_json(array), spec, "x").ravel(), array.ravel())


def test_json_of_a_narrow_float_is_short():
    assert to_json(np.array([0.1, 1e-30], np.float32)) == [0.1, 1e-30]


def test_json_bytes_are_base64():
    # RFC 4648, section 10: BASE64("foob") = "Zm9vYg==".
    assert to_json(np.array([[b"foob", b""]], object)) == [[{"b64": "Zm9vYg=="}, {"b64": ""}]]


def test_half_precision_field_holds_bit_patterns():
    # IEEE 754 binary16: 0x3C00 is 1, 0xC000 is -2 (and tensor.proto keeps them in int32).
    proto = wire.TensorProto(dtype=wire.DT_HALF, half_val=[0x3C00, 0xC000])
    proto.tensor_shape.dim.add(size=2)
    assert from_proto(proto).tolist() == [1.0, -2.0]


def test_last_value_of_a_short_field_fills_the_rest():
    proto = wire.TensorProto(dtype=wire.DT_INT32, int_val=[4, 7])
    proto.tensor_shape.dim.add(size=4)
    official = tensor_pb2.TensorProto.FromString(proto.SerializeToString())
    assert from_proto(proto).tolist() == tf.make_ndarray(official).tolist() == [4, 7, 7, 7]


def test_empty_field_means_zeros():
    proto = wire.TensorProto(dtype=wire.DT_FLOAT)
    proto.tensor_shape.dim.add(size=2)
    assert from_proto(proto).tolist() == [0.0, 0.0]


def test_cut_content_is_refused():
    proto = to_proto(np.zeros((2, 3), np.float32))
    proto.tensor_content = proto.tensor_content[:-1]
    with pytest.raises(ServerError, match=r"\(2, 3\) came back with 23 bytes"):
        from_proto(proto)


def test_unknown_type_is_refused():
    with pytest.raises(ServerError, match="type number 18;"):
        from_proto(wire.TensorProto.FromString(tf.make_tensor_proto(1j).SerializeToString()))


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        ([255, 256], "uint8", "value 256; expected uint8, 0 to 255"),
        ([-1], "uint8", "value -1; expected uint8, 0 to 255"),
        ([2**31], "int32", "value 2147483648; expected int32"),
        ([2**63], "int64", "value 9223372036854775808; expected int64"),
        ([1.0], "uint8", "values of type float64; expected uint8"),
        ([True], "uint8", "values of type bool; expected uint8"),
        (["1"], "float32", "values of type <U1; expected float32"),
        ([1], "bool", "values of type int64; expected bool"),
        ([1e39], "float32", "too large for float32"),
        ([[1, 2], [3]], "float32", "unequal length"),
        ([1], "string", "type int; expected bytes"),
        ([1], "DT_8", "expects DT_8"),
    ],
)
def test_what_would_change_on_the_way_is_refused(values, dtype, message):
    with pytest.raises(ServerError, match=f"^images: .*{message}"):
        cast(values, dtype, "images")


def test_what_fits_is_cast():
    assert cast([0, 255], "uint8", "x").dtype == np.uint8
    assert cast(np.array([1, 2], ">u2"), "float32", "x").tolist() == [1.0, 2.0]
    assert cast([float("inf")], "float32", "x").tolist() == [np.inf]
    assert cast([], "uint8", "x").dtype == np.uint8


def test_trailing_zero_bytes_survive():
    assert cast([b"png\x00"], "string", "x").tolist() == [b"png\x00"]
