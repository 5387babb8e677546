"""Mathematics under the names of `tensorflow.math`."""

# isort: off
# fmt: off
from minidl.ops.composed import (add_n, reduce_prod, reduce_std, reduce_variance, rsqrt)
from minidl.ops.elementwise import (abs, add, cos, divide, equal, exp, expm1, floordiv, floormod, greater,
    greater_equal, is_finite, is_nan, less, less_equal, log, log1p, logical_and, logical_not, logical_or, logical_xor,
    maximum, minimum, multiply, negative, not_equal, pow, reciprocal, round, sigmoid, sign, sin, softplus, sqrt, square,
    squared_difference, subtract, tanh)
from minidl.ops.reductions import (argmax, argmin, reduce_all, reduce_any, reduce_max, reduce_mean, reduce_min,
    reduce_sum, softmax)

__all__ = ["abs", "add", "add_n", "argmax", "argmin", "cos", "divide", "equal", "exp", "expm1", "floordiv",
           "floormod", "greater", "greater_equal", "is_finite", "is_nan", "less", "less_equal", "log", "log1p",
           "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative",
           "not_equal", "pow", "reciprocal", "reduce_all", "reduce_any", "reduce_max", "reduce_mean", "reduce_min",
           "reduce_prod", "reduce_std", "reduce_sum", "reduce_variance", "round", "rsqrt", "sigmoid", "sign", "sin",
           "softmax", "softplus", "sqrt", "square", "squared_difference", "subtract", "tanh"]  # fmt: skip
