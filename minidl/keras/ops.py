"""Operations under the names of `keras.ops`: minidl's own, which take what `Input` gives too."""

# isort: off
# fmt: off
import functools as _functools
import inspect as _inspect
from collections.abc import Callable as _Callable
from typing import Any as _Any

from minidl.keras.layers.operation import Operation as _Operation
from minidl.keras.layers.symbolic import KerasTensor as _KerasTensor
from minidl.nest import flatten as _flatten
from minidl.ops.composed import (einsum, elu, eye, leaky_relu, linspace, one_hot, reduce_prod as prod,
    reduce_std as std, reduce_variance as var, rsqrt, tensordot, tile)
from minidl.ops.creation import (cast, convert_to_tensor, ones, ones_like, range as arange, stop_gradient, zeros,
    zeros_like)
from minidl.ops.elementwise import (abs, add, clip_by_value as clip, cos, divide, equal, exp, expm1, greater,
    greater_equal, is_finite as isfinite, is_nan as isnan, less, less_equal, log, log1p, logical_and, logical_not,
    logical_or, maximum, minimum, multiply, negative, not_equal, pow as power, reciprocal, relu, round, sigmoid, sign,
    sin, softplus, sqrt, square, subtract, tanh, where)
from minidl.ops.reductions import (log_softmax, matmul, reduce_all as all, reduce_any as any, reduce_max as max,
    reduce_mean as _reduce_mean, reduce_min as min, reduce_sum as sum, softmax)
from minidl.ops.shaping import broadcast_to, concat as _concat, expand_dims, reshape, squeeze, stack, transpose
from minidl.tensor import Tensor as _Tensor
from minidl.values import FLOATS as _FLOATS, float32 as _float32


def mean(x: _Any, axis: _Any = None, keepdims: bool = False) -> _Tensor:
    """The mean over some axes or all; of whole numbers in float32.

    >>> tf.keras.ops.mean([1, 2]).numpy()
    np.float32(1.5)
    """
    tensor = convert_to_tensor(x)
    return _reduce_mean(tensor if tensor.dtype in _FLOATS else cast(tensor, _float32), axis, keepdims)


def concatenate(xs: _Any, axis: int = 0) -> _Tensor:
    """Tensors put end to end along an axis.

    >>> tf.keras.ops.concatenate([[1], [2]]).numpy()
    array([1, 2], dtype=int32)
    """
    return _concat(xs, axis)


# How many arguments may be given without their names, where more than are needed mean the same as in Keras.
_COUNTS = {
    "all": 3, "any": 3, "arange": 3, "cast": 2, "concatenate": 2, "convert_to_tensor": 2, "eye": 2, "log_softmax": 2,
    "max": 3, "mean": 3, "min": 3, "ones": 2, "ones_like": 2, "prod": 3, "softmax": 2, "squeeze": 2, "stack": 2,
    "std": 3, "sum": 3, "transpose": 2, "var": 3, "where": 3, "zeros": 2, "zeros_like": 2,
}  # fmt: skip


def _lifted(name: str, function: _Callable[..., _Any]) -> _Callable[..., _Any]:
    given = [each for each in _inspect.signature(function).parameters.values() if each.default is each.empty]
    most = 100 if name == "einsum" else _COUNTS.get(name, len(given))

    @_functools.wraps(function)
    def call(*arguments: _Any, **options: _Any) -> _Any:
        if len(arguments) > most:
            raise TypeError(f"keras.ops.{name} takes {most} arguments without names; {len(arguments)} were given")
        if _KerasTensor in map(type, _flatten(arguments)):
            return _Operation(_functools.wraps(function)(_functools.partial(function, **options)))([*arguments])
        return function(*arguments, **options)

    return call


__all__ = ["abs", "add", "all", "any", "arange", "broadcast_to", "cast", "clip", "concatenate", "convert_to_tensor",
           "cos", "divide", "einsum", "elu", "equal", "exp", "expand_dims", "expm1", "eye", "greater",
           "greater_equal", "isfinite", "isnan", "leaky_relu", "less", "less_equal", "linspace", "log", "log1p",
           "log_softmax", "logical_and", "logical_not", "logical_or", "matmul", "max", "maximum", "mean", "min",
           "minimum", "multiply", "negative", "not_equal", "one_hot", "ones", "ones_like", "power", "prod",
           "reciprocal", "relu", "reshape", "round", "rsqrt", "sigmoid", "sign", "sin", "softmax", "softplus",
           "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "subtract", "sum", "tanh", "tensordot",
           "tile", "transpose", "var", "where", "zeros", "zeros_like"]  # fmt: skip
globals().update({name: _lifted(name, globals()[name]) for name in __all__})
