"""The operators of tensors and variables, and the assignments of variables, in terms of the operations."""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from minidl.context import thread
from minidl.devices import device_of
from minidl.errors import InvalidArgumentError
from minidl.ops import elementwise as table
from minidl.ops.calling import Operation, as_tensor
from minidl.ops.creation import convert_to_tensor, identity
from minidl.ops.reductions import _matmul
from minidl.ops.shaping import getitem
from minidl.tensor import Tensor, TensorLike, Variable, bool_

_BINARY = {
    "add": table.add,
    "sub": table.subtract,
    "mul": table.multiply,
    "truediv": table.divide,
    "floordiv": table.floordiv,
    "mod": table.floormod,
    "pow": table.pow,
    "matmul": _matmul,
    "and": table.logical_and,
    "or": table.logical_or,
    "xor": table.logical_xor,
}
_OTHER = {
    "lt": table.less,
    "le": table.less_equal,
    "gt": table.greater,
    "ge": table.greater_equal,
    "neg": table.negative,
    "abs": table.abs,
    "invert": table.logical_not,
    "getitem": getitem,
}


def _reflected(operation: Operation) -> Operation:
    return lambda x, y: operation(y, x)


def _equal(x: TensorLike, y: Any) -> Tensor:
    """x == y entry by entry; a single False where the shapes don't broadcast, as in TensorFlow."""
    return _compare(table.equal, x, y, otherwise=False)


def _not_equal(x: TensorLike, y: Any) -> Tensor:
    return _compare(table.not_equal, x, y, otherwise=True)


def _compare(operation: Operation, x: TensorLike, y: Any, otherwise: bool) -> Tensor:
    if y is None:
        return convert_to_tensor(otherwise, bool_)
    try:
        return operation(x, y)
    except InvalidArgumentError as error:
        if "broadcast" not in error.message:
            raise
        return convert_to_tensor(otherwise, bool_)


def assign(variable: Variable, value: Any) -> Variable:
    """Give a variable another value, of its shape and dtype; no gradient flows through it.

    Arguments:
        value: a tensor, number, list or array; inside a device scope it is brought to the variable's device.

    Returns the variable. Raises ValueError for another shape or dtype, InvalidArgumentError for a tensor of another
    device; the variable then keeps its value.
    """
    old = variable.array
    array = value.array if type(value) is Tensor else None
    if type(array) is not ndarray or type(old) is not ndarray or array.dtype is not old.dtype:
        array = _array_for(variable, value)
    if array.shape != old.shape:
        raise ValueError(
            f"Variable {variable.name!r} has shape {old.shape}; it can't be assigned a value of shape {array.shape}"
        )
    variable.bind(array)
    return variable


def _array_for(variable: Variable, value: Any) -> Any:
    """A value as an array of a variable's dtype, where the variable is."""
    array = as_tensor(value, variable.dtype, variable._device).array
    if thread.here.device is None and device_of(array) is not variable._device:
        raise InvalidArgumentError(
            f"Variable {variable.name!r} is on {variable._device}; it can't be assigned a tensor on "
            f"{device_of(array)}, unless inside `with tf.device('{variable._device}'):`"
        )
    return variable._device.place(array)


def assign_add(variable: Variable, delta: Any) -> Variable:
    """Add to a variable; see `assign`."""
    return assign(variable, table.add(variable, delta))


def assign_sub(variable: Variable, delta: Any) -> Variable:
    """Subtract from a variable; see `assign`."""
    return assign(variable, table.subtract(variable, delta))


def install() -> None:
    """Give Tensor and Variable their operators."""
    for name, operation in _BINARY.items():
        setattr(TensorLike, f"__{name}__", operation)
        commutes = operation in (table.add, table.multiply)
        setattr(TensorLike, f"__r{name}__", operation if commutes else _reflected(operation))
    for name, operation in _OTHER.items():
        setattr(TensorLike, f"__{name}__", operation)
    TensorLike.__eq__ = _equal  # type: ignore[assignment, method-assign]  # a tensor, as in NumPy
    TensorLike.__ne__ = _not_equal  # type: ignore[assignment, method-assign]
    for method in (assign, assign_add, assign_sub):
        setattr(Variable, method.__name__, method)
    for name in ("value", "read_value"):
        setattr(Variable, name, lambda variable: identity(variable))
