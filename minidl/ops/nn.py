"""What networks are made of, under the names of `tensorflow.nn`."""

from typing import Any

from minidl.errors import InvalidArgumentError
from minidl.ops.composed import elu, leaky_relu
from minidl.ops.elementwise import add, relu, sigmoid, softplus, tanh
from minidl.ops.inputs import alike
from minidl.ops.reductions import log_softmax, softmax
from minidl.tensor import Tensor

__all__ = ["bias_add", "elu", "leaky_relu", "log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh"]


def bias_add(value: Any, bias: Any, name: str | None = None) -> Tensor:
    """A vector added to each row: value + bias; the gradient of the bias is the sum over the rows.

    Arguments:
        value: of two axes or more.
        bias: of one axis, as long as the last axis of the value.

    Dtypes: floats and integers. Raises InvalidArgumentError for other shapes.

    >>> tf.nn.bias_add([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0]).numpy()
    array([[11., 22.],
           [13., 24.]], dtype=float32)
    """
    rows, vector = alike("bias_add", value, bias)
    if rows.ndim < 2 or vector.shape != rows.shape[-1:]:
        raise InvalidArgumentError(f"bias_add adds a vector as long as the rows, not {vector.shape} to {rows.shape}")
    return add(rows, vector)
