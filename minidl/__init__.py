"""minidl: reverse-mode automatic differentiation on NumPy or CuPy arrays, under TensorFlow's names.

    import minidl as tf

    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = tf.math.log(2.0 * x + 3.0)
    tape.gradient(z, x)

To read the source, begin at `primitive.py`.
"""

from minidl import config, errors, keras, test
from minidl.custom import custom_gradient
from minidl.devices import device
from minidl.ops import math, nn, random
from minidl.ops.creation import (
    cast,
    constant,
    convert_to_tensor,
    identity,
    is_tensor,
    ones,
    ones_like,
    range,
    rank,
    shape,
    size,
    stop_gradient,
    zeros,
    zeros_like,
)
from minidl.ops.elementwise import (
    abs,
    add,
    clip_by_value,
    cos,
    divide,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    pow,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from minidl.ops.joining import concat, stack
from minidl.ops.reductions import argmax, matmul, reduce_max, reduce_mean, reduce_min, reduce_sum
from minidl.ops.shaping import broadcast_to, expand_dims, fill, gather, reshape, squeeze, transpose
from minidl.tape import GradientTape, UnconnectedGradients
from minidl.tensor import Tensor, Variable, as_dtype, float16, float32, float64, int32, int64
from minidl.tensor import bool_ as bool

newaxis = None

__version__ = "0.1.0"
