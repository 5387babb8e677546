"""minidl: reverse-mode automatic differentiation on NumPy or CuPy arrays, under TensorFlow's names.

    import minidl as tf

    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = tf.math.log(2.0 * x + 3.0)
    tape.gradient(z, x)

To read the source, begin at `primitive.py`.
"""

import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from minidl import config, errors, test
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

__all__ = [
    "GradientTape",
    "Tensor",
    "UnconnectedGradients",
    "Variable",
    "__version__",
    "abs",
    "add",
    "argmax",
    "as_dtype",
    "bool",
    "broadcast_to",
    "cast",
    "clip_by_value",
    "concat",
    "config",
    "constant",
    "convert_to_tensor",
    "cos",
    "custom_gradient",
    "device",
    "divide",
    "equal",
    "errors",
    "exp",
    "expand_dims",
    "fill",
    "float16",
    "float32",
    "float64",
    "gather",
    "greater",
    "greater_equal",
    "identity",
    "int32",
    "int64",
    "is_tensor",
    "keras",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "math",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "newaxis",
    "nn",
    "not_equal",
    "ones",
    "ones_like",
    "pow",
    "random",
    "range",
    "rank",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_sum",
    "reshape",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "size",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "stop_gradient",
    "subtract",
    "tanh",
    "test",
    "transpose",
    "where",
    "zeros",
    "zeros_like",
]

if _TYPE_CHECKING:
    from minidl import keras

newaxis = None

# `import minidl.math` is to work as `import tensorflow.math` does.
_sys.modules.update({f"{__name__}.{module}": globals()[module] for module in ("math", "nn", "random")})

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    if name == "keras":  # imported when it is first used: a program without layers needs none of it
        import importlib

        return importlib.import_module("minidl.keras")
    raise AttributeError(f"module 'minidl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
