"""The operators of tensors and variables, and the assignments of variables, in terms of the operations."""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from minidl.context import thread
from minidl.errors import InvalidArgumentError
from minidl.ops import elementwise as table
from minidl.ops.calling import Operation, as_tensor, move
from minidl.ops.creation import convert_to_tensor, identity
from minidl.ops.reductions import _matmul
from minidl.ops.shaping import getitem
from minidl.tensor import Tensor, TensorLike, Variable, bool_

_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
_BINARY_OPERATIONS = [
    *(table.add, table.subtract, table.multiply, table.divide, table.floordiv, table.floormod, table.pow, _matmul),
    *(table.logical_and, table.logical_or, table.logical_xor),
]
_OTHER = ["lt", "le", "gt", "ge", "neg", "abs", "invert", "getitem"]
_OTHER_OPERATIONS = [
    *(table.less, table.less_equal, table.greater, table.greater_equal),
    *(table.negative, table.abs, table.logical_not, getitem),
]


def _reflected(operation: Operation) -> Operation:
    return lambda x, y: operation(y, x)


def _compare(operation: Operation, otherwise: bool) -> Operation:
    """== or != entry by entry; a single False or True where the shapes don't broadcast, as in TensorFlow."""

    def compare(x: TensorLike, y: Any) -> Any:
        if y is None:
            return otherwise
        try:
            return operation(x, y)
        except InvalidArgumentError as error:
            if "broadcast" not in error.message:
                raise
            return convert_to_tensor(otherwise, bool_)

    return compare


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
        value = _tensor_for(variable, value)
        array = value.array
    if array.shape != old.shape:
        raise ValueError(
            f"Variable {variable.name!r} has shape {old.shape}; it can't be assigned a value of shape {array.shape}"
        )
    variable.bind(value)
    return variable


def _tensor_for(variable: Variable, value: Any) -> Tensor:
    """A value as a tensor of a variable's dtype, where the variable is."""
    tensor, device = as_tensor(value, variable.dtype, variable._device), variable._device
    if thread.here.device is None and tensor._device is not device:
        raise InvalidArgumentError(
            f"Variable {variable.name!r} is on {device}; it can't be assigned a tensor on {tensor._device}, "
            f"unless inside `with tf.device('{device}'):`"
        )
    return move(tensor, device)


def assign_add(variable: Variable, delta: Any) -> Variable:
    """Add to a variable; see `assign`."""
    return assign(variable, table.add(variable, delta))


def assign_sub(variable: Variable, delta: Any) -> Variable:
    """Subtract from a variable; see `assign`."""
    return assign(variable, table.subtract(variable, delta))


def install() -> None:
    """Give Tensor and Variable their operators."""
    for name, operation in zip(_BINARY, _BINARY_OPERATIONS, strict=True):
        commutes = name in ("add", "mul")
        setattr(TensorLike, f"__{name}__", operation)
        setattr(TensorLike, f"__r{name}__", operation if commutes else _reflected(operation))
    for name, operation in zip(_OTHER, _OTHER_OPERATIONS, strict=True):
        setattr(TensorLike, f"__{name}__", operation)
    for name, method in (
        *(("__eq__", _compare(table.equal, False)), ("__ne__", _compare(table.not_equal, True))),
        *(("assign", assign), ("assign_add", assign_add), ("assign_sub", assign_sub)),
        *(("value", lambda variable: identity(variable)), ("read_value", lambda variable: identity(variable))),
    ):
        setattr(TensorLike if name.startswith("__") else Variable, name, method)
