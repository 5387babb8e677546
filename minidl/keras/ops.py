"""Operations under the names of `keras.ops`: minidl's own, which take what `Input` gives too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import minidl.ops.composed as composed
import minidl.ops.creation as creation
import minidl.ops.elementwise as elementwise
import minidl.ops.joining as joining
import minidl.ops.reductions as reductions
import minidl.ops.shaping as shaping
from minidl.keras.layers.operation import Operation
from minidl.keras.layers.symbolic import KerasTensor
from minidl.nest import flatten

if TYPE_CHECKING:
    from minidl.ops.composed import *
    from minidl.ops.creation import *
    from minidl.ops.elementwise import *
    from minidl.ops.joining import *
    from minidl.ops.math import *
    from minidl.ops.shaping import *

# Those of another name than minidl's own, and where the others are.
_OTHERS = {
    "all": "reduce_all", "amax": "reduce_max", "amin": "reduce_min", "any": "reduce_any", "arange": "range",
    "clip": "clip_by_value", "concatenate": "concat", "isfinite": "is_finite", "isnan": "is_nan", "max": "reduce_max",
    "mean": "reduce_mean", "min": "reduce_min", "power": "pow", "prod": "reduce_prod", "std": "reduce_std",
    "sum": "reduce_sum", "take": "gather", "var": "reduce_variance",
}  # fmt: skip
_SAME = [
    "abs",
    "add",
    "argmax",
    "argmin",
    "broadcast_to",
    "cast",
    "convert_to_tensor",
    "cos",
    "divide",
    "einsum",
    "elu",
    "equal",
    "exp",
    "expand_dims",
    "expm1",
    "eye",
    "greater",
    "greater_equal",
    "leaky_relu",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log1p",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "reciprocal",
    "relu",
    "reshape",
    "round",
    "rsqrt",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "stop_gradient",
    "subtract",
    "tanh",
    "tensordot",
    "tile",
    "transpose",
    "where",
    "zeros",
    "zeros_like",
]


def _lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        if KerasTensor in map(type, flatten(arguments)):
            return Operation(functools.update_wrapper(functools.partial(function, **options), function))([*arguments])
        return function(*arguments, **options)

    return call


def _found(name: str) -> Any:
    modules = (composed, creation, elementwise, joining, reductions, shaping)
    return next(getattr(module, name) for module in modules if hasattr(module, name))


globals().update({name: _lifted(_found(_OTHERS.get(name, name))) for name in (*_SAME, *_OTHERS)})
__all__ = [*_SAME, *_OTHERS]
