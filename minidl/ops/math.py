"""Mathematics under the names of `tensorflow.math`."""

# isort: off
# fmt: off
from minidl.ops.elementwise import (abs, add, cos, divide, equal, exp, expm1, floordiv, floormod, greater,
    greater_equal, is_finite, less, less_equal, log, log1p, logical_and, logical_not, logical_or, logical_xor, maximum,
    minimum, multiply, negative, not_equal, pow, reciprocal, sigmoid, sign, sin, softplus, sqrt, square,
    squared_difference, subtract, tanh)
from minidl.ops.reductions import argmax, reduce_max, reduce_mean, reduce_min, reduce_sum, softmax

__all__ = [name for name in dir() if not name.startswith("_")]
