"""operation: makes a forward rule an operation of one tensor or two, which takes whatever can be made a tensor."""

from collections.abc import Callable
from typing import Any

from minidl.ops.shortcut import binary, unary
from minidl.primitive import Primitive
from minidl.tensor import Tensor

Operation = Callable[..., Tensor]


def operation(dtypes: frozenset[Any], **gradients: Callable[..., Any]) -> Callable[[Callable[..., Any]], Operation]:
    """Make a forward rule an operation on one tensor, or on two.

    Arguments:
        dtypes: those that the operation takes.
        gradients: the gradient rules, by the names of the inputs.

    The operation takes tensors, variables, numbers, lists and arrays, and `name` as TensorFlow's do. It raises
    InvalidArgumentError for a dtype that it doesn't take, for two dtypes or devices, and where the forward rule
    raises ValueError: for shapes that don't fit.
    """

    def make(forward: Callable[..., Any]) -> Operation:
        primitive = Primitive.by_names(forward, gradients)
        is_of_one = len(primitive.rules) == 1
        made = named_after(forward, (unary if is_of_one else binary)(primitive, dtypes), primitive, dtypes)
        shapes = "x has any shape, and so has the result." if is_of_one else "The shapes broadcast."
        about = f"{shapes} Dtypes: {', '.join(sorted(map(str, dtypes)))}; others raise InvalidArgumentError."
        made.__doc__ = f"{forward.__doc__}\n    {about}\n    "
        return made

    return make


def named_after(forward: Callable[..., Any], made: Any, primitive: Primitive, dtypes: frozenset[Any]) -> Operation:
    """An operation made of a forward rule, which takes its name and words, and knows its primitive and dtypes."""
    made.__name__ = made.__qualname__ = forward.__name__
    made.__module__, made.__doc__ = forward.__module__, forward.__doc__
    made.primitive, made.dtypes = primitive, dtypes
    return made  # type: ignore[no-any-return]  # functions take any attribute
