"""What an operation is given, made tensors that go together: numbers, lists and arrays too, of one dtype; and axes."""

import functools
import operator
from collections.abc import Collection
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import Device
from minidl.errors import InvalidArgumentError, brief
from minidl.nest import flatten
from minidl.ops.parts import cast_to, stack_of
from minidl.tensor import Tensor, TensorLike, Variable, as_tensor
from minidl.values import BOOLS, bool_, float32


def convert(value: Any, dtype: Any = None, device: Device | None = None) -> Tensor:
    """The value as a tensor, as `as_tensor` gives it; a list that has tensors in it is stacked, so that gradients
    flow to them, and cast where a dtype is asked for."""
    if isinstance(value, (list, tuple)) and (first := _first_tensor(value)) is not None:
        usual, device = dtype or first.dtype, device or device_near(first)

        def row(each: Any) -> Tensor:
            if isinstance(each, TensorLike):
                return cast_to(as_tensor(each), dtype or each.dtype)
            return convert(each, usual if _first_tensor(each) is None else dtype, device)

        return stack_of(len(value))(*of_one_shape("stack", *map(row, value)), axis=0)
    return as_tensor(value, dtype, device)


def _first_tensor(nest: Any) -> TensorLike | None:
    return next((each for each in flatten(nest) if isinstance(each, TensorLike)), None)


def device_near(value: Any) -> Device | None:
    """Where other values are to be put: the device in scope, or else a tensor's own."""
    return thread.state.device or (value.home if isinstance(value, TensorLike) else None)


def alike(name: str, *values: Any, device: Device | None = None, dtype: Any = None) -> tuple[Tensor, ...]:
    """The values as tensors of one dtype: that of the first tensor among them, or else the one given, or the first's.

    What isn't a tensor yet is put where the first that is one is, and where there is none, on the device given.
    """
    if not values:
        raise InvalidArgumentError(f"{name} needs at least one tensor; none was given")
    first = _first_tensor(values)
    if first is None:
        values = (first := convert(values[0], dtype, device), *values[1:])
    device = device_near(first)
    return tuple([_beside(first, name, value, device) for value in values])


def of_one_shape(name: str, *values: Any) -> tuple[Tensor, ...]:
    """What `alike` gives; InvalidArgumentError for shapes that differ."""
    tensors = alike(name, *values)
    if len({x.shape for x in tensors}) > 1:
        raise InvalidArgumentError(f"{name} takes tensors of one shape; {[x.shape for x in tensors]} were given")
    return tensors


def pair(name: str, x: Any, y: Any, dtype: Any = None) -> tuple[Tensor, ...]:
    """What `alike` gives for two values, quickly where they are tensors, variables and floats."""
    x = x.read() if type(x) is Variable else x
    y = y.read() if type(y) is Variable else y
    if type(x) is Tensor:
        if type(y) is Tensor:
            return x, y
        if type(y) is float and x.array.dtype is float32:
            return x, number(y, x)
    elif type(x) is float and type(y) is Tensor and y.array.dtype is float32:
        return number(x, y), y
    return alike(name, x, y, dtype=dtype)


class UnfitError(InvalidArgumentError, TypeError):
    """A value doesn't fit a tensor's dtype. (TensorFlow raises one of the two, by the operation.)"""


def _beside(first: TensorLike, name: str, value: Any, device: Device | None) -> Tensor:
    """A value as a tensor of the dtype of another."""
    if isinstance(value, TensorLike) and value.dtype != first.dtype:
        both = f"{first.dtype} {first.shape} and {value.dtype} {value.shape}"
        raise InvalidArgumentError(f"{name}: {both} don't mix; convert one with tf.cast")
    try:
        return convert(value, first.dtype, device)
    except TypeError as error:
        raise UnfitError(f"{name}: {brief(value)} doesn't fit a tensor of {first.dtype} (see tf.cast)") from error


def number(value: float, near: Tensor) -> Tensor:
    """The tensor of a Python float for a call with a tensor of floats.

    It is made once, since the same few numbers stand in a program again and again; but for 0, whose sign a table
    of numbers would lose.
    """
    dtype, device = near.array.dtype, thread.state.device or near.home
    return _number(value, dtype, device) if value else as_tensor(value, dtype, device)


_number = functools.lru_cache(4096)(as_tensor)


def of_dtype(name: str, value: Any, dtypes: Collection[Any], device: Device | None = None) -> Tensor:
    """The value as a tensor, for an operation of some name that takes these dtypes; InvalidArgumentError for another.

    Python's numbers become bools where only these are taken.
    """
    x = convert(value, bool_ if dtypes is BOOLS and not isinstance(value, TensorLike) else None, device)
    if x.array.dtype not in dtypes:
        names = ", ".join(sorted(map(str, dtypes)))
        raise InvalidArgumentError(f"{name} doesn't take a tensor of dtype {x.dtype}; it takes {names} (see tf.cast)")
    return x


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number from the least on, a tensor's too; InvalidArgumentError for another value."""
    if not hasattr(value, "__index__"):
        raise UnfitError(f"{name} is a whole number; the {type(value).__name__} {brief(value)} was given")
    if operator.index(value) < least:
        raise InvalidArgumentError(f"{name} is a whole number from {least} on; {brief(value)} was given")
    return operator.index(value)


# -- axes ---------------------------------------------------------------------------------------------------------


def axes_of(axis: Any, ndim: int) -> tuple[int, ...] | None:
    """One axis or several, given as numbers or a tensor, counted from the front; None stays None, for all.

    Raises InvalidArgumentError for an axis that isn't there, or one named twice.
    """
    if axis is None:
        return None
    given = numpy.asarray(axis.numpy() if isinstance(axis, TensorLike) else axis)
    if given.size and given.dtype.kind not in "iu":
        raise UnfitError(f"An axis is a whole number; {brief(axis)} was given")
    named = given.reshape(-1).tolist()
    if any(not -ndim <= index < ndim for index in named):
        known = f"the axes go from {-ndim} to {ndim - 1}" if ndim else "a tensor of shape () has none"
        raise InvalidArgumentError(f"There is no axis {brief(axis)}: {known}")
    found = tuple([index % ndim for index in named])
    if len(set(found)) < len(found):
        raise InvalidArgumentError(f"An axis is named twice in {brief(axis)}, for a tensor of {ndim} axes")
    return found


def axis_of(name: str, axis: Any, ndim: int) -> int:
    """One axis, as `axes_of` gives it, for an operation of some name."""
    axes = axes_of(axis, ndim)
    if axes is None or len(axes) != 1:
        raise InvalidArgumentError(f"{name} takes one axis; {brief(axis)} was given")
    return axes[0]
