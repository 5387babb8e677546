"""operation: makes a forward rule an operation, which takes whatever can be made a tensor."""

from collections.abc import Callable
from typing import Any

import numpy

from minidl.errors import brief
from minidl.ops.inputs import axes_of, of_dtype
from minidl.ops.shortcut import binary, call, unary
from minidl.primitive import Primitive
from minidl.tensor import Tensor

Operation = Callable[..., Tensor]


def operation(dtypes: frozenset[Any], **gradients: Callable[..., Any]) -> Callable[[Callable[..., Any]], Operation]:
    """Make a forward rule an operation on one tensor, or on two; or, where the rule has `axis`, on one over axes.

    Arguments:
        dtypes: those that the operation takes.
        gradients: the gradient rules, by the names of the inputs.

    The operation takes tensors, variables, numbers, lists and arrays, and `name` as TensorFlow's do. It raises
    InvalidArgumentError for a dtype that it doesn't take, for two dtypes or devices, and where the forward rule
    raises ValueError: for shapes that don't fit.
    """

    def make(forward: Callable[..., Any]) -> Operation:
        primitive = Primitive.by_names(forward, gradients)
        is_over_axes, is_of_one = forward.__code__.co_kwonlyargcount > 0, len(primitive.rules) == 1
        made: Any = (over_axes if is_over_axes else unary if is_of_one else binary)(primitive, dtypes)
        made.__name__ = made.__qualname__ = forward.__name__
        made.__module__, made.__doc__ = forward.__module__, forward.__doc__
        if not is_over_axes:
            shapes = "x has any shape, and so has the result." if is_of_one else "The shapes broadcast."
            about = f"{shapes} Dtypes: {', '.join(sorted(map(str, dtypes)))}; others raise InvalidArgumentError."
            made.__doc__ += f"\n    {about}\n    "
        made.primitive, made.dtypes = primitive, dtypes
        return made  # type: ignore[no-any-return]  # functions take any attribute

    return make


def over_axes(primitive: Primitive, dtypes: frozenset[Any]) -> Operation:
    """The function that calls a primitive of one input, of these dtypes, with the options `axis` and `keepdims`."""

    def call_it(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
        x = input_tensor
        if type(x) is not Tensor or x.array.dtype not in dtypes:
            x = of_dtype(primitive.name, x, dtypes)
        if type(keepdims) is not bool and numpy.ndim(keepdims):
            raise ValueError(f"{primitive.name}: keepdims is True or False; {brief(keepdims)} was given")
        return call(primitive, (x,), {"axis": axes_of(axis, x.array.ndim), "keepdims": bool(keepdims)})

    return call_it
