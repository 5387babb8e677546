"""Operations under the names of `keras.ops`: minidl's own, which take what `Input` gives too."""

# isort: off
# fmt: off
import functools as _functools
import inspect as _inspect
from collections.abc import Callable as _Callable
from typing import Any as _Any

import minidl as _tf
from minidl import (abs, add, broadcast_to, cast, clip_by_value as clip, convert_to_tensor, cos, divide, einsum, equal,
    exp, expand_dims, eye, greater, greater_equal, less, less_equal, linspace, logical_and, logical_not, logical_or,
    matmul, maximum, minimum, multiply, negative, not_equal, one_hot, ones, ones_like, pow as power, range as arange,
    reduce_all as all, reduce_any as any, reduce_max as max, reduce_min as min, reduce_sum as sum, reshape, round,
    sigmoid, sign, sin, sqrt, square, squeeze, stack, stop_gradient, subtract, tanh, tensordot, tile, transpose, where,
    zeros, zeros_like)
from minidl.keras.layers.operation import Operation as _Operation
from minidl.keras.layers.symbolic import KerasTensor as _KerasTensor
from minidl.ops.math import (expm1, is_finite as isfinite, is_nan as isnan, log, log1p, reciprocal, reduce_prod as prod,
    reduce_std as std, reduce_variance as var, rsqrt)
from minidl.nest import flatten as _flatten
from minidl.ops.nn import elu, leaky_relu, log_softmax, relu, softmax, softplus
from minidl.values import FLOATS as _FLOATS


def mean(x: _Any, axis: _Any = None, keepdims: bool = False) -> _tf.Tensor:
    """The mean over some axes or all; of whole numbers in float32.

    >>> tf.keras.ops.mean([1, 2]).numpy()
    np.float32(1.5)
    """
    tensor = convert_to_tensor(x)
    return _tf.reduce_mean(tensor if tensor.dtype in _FLOATS else cast(tensor, _tf.float32), axis, keepdims)


def concatenate(xs: _Any, axis: int = 0) -> _tf.Tensor:
    """Tensors put end to end along an axis.

    >>> tf.keras.ops.concatenate([[1], [2]]).numpy()
    array([1, 2], dtype=int32)
    """
    return _tf.concat(xs, axis)


# What needn't be given, and may be without its name, since it is in the same place in Keras; no more behind others.
_AS_IN_KERAS = {"axis", "delta", "dtype", "keepdims", "limit", "num_columns", "perm", "x", "y"}


def _lifted(name: str, function: _Callable[..., _Any]) -> _Callable[..., _Any]:
    parameters = _inspect.signature(function).parameters.values()
    in_place = [each.default is each.empty or each.name in _AS_IN_KERAS for each in parameters]
    most = 100 if name == "einsum" else [*in_place, False].index(False)

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
