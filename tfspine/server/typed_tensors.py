"""Arrays as TensorFlow Serving sends and reads them over gRPC."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2

from tfspine.client.tensors import typed_field
from tfspine.server.request_error import invalid


def to_array(proto: tensor_pb2.TensorProto, name: str) -> NDArray[Any]:
    """Return the array of a message.

    Raises:
        RequestError: its values do not fit its shape or its type, or it is too large.
    """
    try:
        array: NDArray[Any] = tf.make_ndarray(proto)
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError):
        raise invalid(f"tensor parsing error: {name}") from None
    return array


def to_typed_proto(array: NDArray[Any]) -> tensor_pb2.TensorProto:
    """Return an array as TensorFlow Serving sends it: in typed fields, not in `tensor_content`."""
    dtype = tf.dtypes.as_dtype(array.dtype)
    field = typed_field(dtype.name)
    if not field:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in np.shape(array):
        proto.tensor_shape.dim.add(size=size)
    # The field of half holds bit patterns.
    flat = array.ravel()
    getattr(proto, field).extend((flat.view(np.uint16) if dtype == tf.float16 else flat).tolist())
    return proto
