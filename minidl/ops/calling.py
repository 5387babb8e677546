"""How a primitive is called: make its inputs tensors alike, run its kernel where they are, tell the listeners.

`operation` makes an operation of one or two inputs, on the shortest path that Python has, since a step of a small
network is spent in calls. `call` is the way for everything else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy
from numpy import asarray, generic, ndarray

from minidl.context import thread
from minidl.devices import Device, device_of
from minidl.errors import InvalidArgumentError
from minidl.primitive import NO_OPTIONS, Primitive, primitive
from minidl.tensor import Tensor, TensorLike, Variable, array_of, bool_, float32

Operation = Callable[..., Tensor]


# -- inputs that are no tensors yet ------------------------------------------------------------------------------


def as_tensor(value: Any, dtype: Any = None, device: Device | None = None) -> Tensor:
    """The value as a tensor: a tensor itself, what a variable holds now, or a new tensor.

    A list that has tensors in it is stacked, so that gradients flow to them. `device` is for what has none yet.
    """
    if isinstance(value, Variable):
        value = value.read()
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype != dtype:
            raise ValueError(f"A tensor of dtype {value.dtype} was given where {dtype} is wanted; use tf.cast")
        return value
    if isinstance(value, (list, tuple)) and (first := _first_tensor(value)) is not None:
        from minidl.ops.joining import stack  # which makes its own inputs tensors with this function

        return stack([as_tensor(each, dtype or first.dtype, device or device_beside(first)) for each in value])
    array = array_of(value, dtype)
    return Tensor(array if device is None else device.place(array))


def _first_tensor(values: Iterable[Any]) -> TensorLike | None:
    for value in values:
        if isinstance(value, TensorLike):
            return value
        if isinstance(value, (list, tuple)) and (found := _first_tensor(value)) is not None:
            return found
    return None


def device_beside(value: Any) -> Device | None:
    """Where values are to be put beside this one: the device in scope, or else a tensor's own."""
    return thread.here.device or (value._device if isinstance(value, TensorLike) else None)


def alike(name: str, *values: Any, device: Device | None = None) -> tuple[Tensor, ...]:
    """The values as tensors of one dtype: that of the first tensor among them, or else of the first value.

    What isn't a tensor yet is put beside the first that is, and where there is none, on the device given.
    """
    first = _first_tensor(values)
    if first is None:
        first = as_tensor(values[0], device=device)
        return (first, *alike(name, first, *values[1:])[1:])
    dtype, device = first.dtype, device_beside(first)
    tensors = []
    for value in values:
        if isinstance(value, TensorLike):
            if value.dtype != dtype:
                raise _mixed_dtypes(name, values, dtype, value.dtype)
            tensors.append(as_tensor(value))
        else:
            tensors.append(_beside(name, value, dtype, device))
    return tuple(tensors)


def pair(name: str, x: Any, y: Any) -> tuple[Tensor, ...]:
    """What `alike` gives for two values, quickly where they are tensors, variables and floats."""
    if type(x) is Variable:
        x = x.read()
    if type(y) is Variable:
        y = y.read()
    if type(x) is Tensor:
        if type(y) is Tensor:
            return x, y
        if type(y) is float and x.array.dtype is float32:
            return x, number(y, x)
    elif type(x) is float and type(y) is Tensor and y.array.dtype is float32:
        return number(x, y), y
    return alike(name, x, y)


def _beside(name: str, value: Any, dtype: numpy.dtype, device: Device | None) -> Tensor:
    try:
        return as_tensor(value, dtype, device)
    except TypeError as error:
        raise InvalidArgumentError(
            f"{name}: {value!r} stands beside a tensor of dtype {dtype}, which can't hold it; convert one with tf.cast"
        ) from error


def number(value: float, beside: Tensor) -> Tensor:
    """The tensor of a Python float beside a tensor of floats.

    It is made once, since the same few numbers stand in a program again and again; but for 0, whose sign a table
    of numbers would lose.
    """
    array = beside.array
    device = thread.here.device or device_of(array)
    return _number(value, array.dtype, device) if value else as_tensor(value, array.dtype, device)


@functools.lru_cache(4096)
def _number(value: float, dtype: numpy.dtype, device: Device) -> Tensor:
    return as_tensor(value, dtype, device)


def _mixed_dtypes(name: str, values: Iterable[Any], one: Any, other: Any) -> InvalidArgumentError:
    shapes = " and ".join(f"{value.dtype} {value.shape}" for value in values if isinstance(value, TensorLike))
    return InvalidArgumentError(
        f"{name}: {one} and {other} don't mix (the inputs are {shapes}); convert one with tf.cast"
    )


# -- calling -----------------------------------------------------------------------------------------------------


def call(primitive: Primitive, inputs: tuple[Tensor, ...], options: Mapping[str, Any] = NO_OPTIONS) -> Tensor:
    """Call a primitive on tensors: in the device scope, or else where they are.

    Raises InvalidArgumentError where the inputs are on two devices, or don't fit the operation.
    """
    here = thread.here
    arrays = []
    for x in inputs:
        array = x.array
        if type(array) is not ndarray or here.device is not None:
            inputs, value = _call_elsewhere(primitive, inputs, options)
            break
        arrays.append(array)
    else:
        try:
            value = here.silently(primitive.kernels[numpy], *arrays, **options)
        except ValueError as error:
            raise _misfit(primitive, inputs, error) from error
    result = Tensor(asarray(value) if isinstance(value, generic) else value)
    for listener in here.listeners:
        listener.hear(primitive, inputs, result, options)
    return result


def _call_elsewhere(
    primitive: Primitive, inputs: tuple[Tensor, ...], options: Mapping[str, Any]
) -> tuple[tuple[Tensor, ...], Any]:
    """The inputs and the value of a call on another device than the CPU, or inside a device scope."""
    device = thread.here.device
    if device is None:
        device = inputs[0]._device
        for x in inputs:
            if x._device is not device:
                raise InvalidArgumentError(
                    f"{primitive.name}: inputs are on {device} and {x._device}; "
                    f"inside `with tf.device('{device}'):` an operation brings its inputs to {device}"
                )
    moved = tuple([move(x, device) for x in inputs])
    try:
        return moved, device.run(primitive.kernels[device.module], *[x.array for x in moved], **options)
    except ValueError as error:
        raise _misfit(primitive, inputs, error) from error


def _misfit(primitive: Primitive, inputs: tuple[Tensor, ...], error: Exception) -> InvalidArgumentError:
    for listener in thread.here.listeners:
        listener.hear_failure()
    if isinstance(error, InvalidArgumentError):
        return error
    shapes = " and ".join(str(x.shape) for x in inputs)
    # NumPy and CuPy say in other words what this says
    advice = "don't broadcast; make their last dimensions equal, or 1" if "broadcast" in str(error) else error
    return InvalidArgumentError(f"{primitive.name}: shapes {shapes} {advice}")


@primitive(x=lambda upstream, x_device: move(upstream, x_device))
def _move(xp: Any, x: Any, *, device: Device) -> Any:
    return device.place(x)


def move(x: Tensor, device: Device) -> Tensor:
    """The tensor on another device (itself, if it is there already); its gradient moves back."""
    if device_of(x.array) is device:
        return x
    moved = Tensor(device.place(x.array))
    for listener in thread.here.listeners:
        listener.hear(_move, (x,), moved, {"device": device})
    return moved


# -- operations of one or two inputs -----------------------------------------------------------------------------


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
        made = Primitive.by_names(forward, gradients)
        operation = _unary(made, dtypes) if len(made.rules) == 1 else _binary(made, dtypes)
        operation.__name__ = operation.__qualname__ = forward.__name__
        operation.__module__ = forward.__module__
        operation.__doc__ = f"{forward.__doc__}\n    {_about(made, dtypes)}\n    "
        operation.primitive = made  # type: ignore[attr-defined]  # functions take any attribute
        return operation

    return make


def _about(primitive: Primitive, dtypes: frozenset[Any]) -> str:
    shapes = "x has any shape, and so has the result." if len(primitive.rules) == 1 else "The shapes broadcast."
    return f"{shapes} Dtypes: {', '.join(sorted(map(str, dtypes)))}; others raise InvalidArgumentError."


def _unary(primitive: Primitive, dtypes: frozenset[Any]) -> Operation:
    kernel = primitive.kernels[numpy]
    usual = float32 if float32 in dtypes else bool_

    def operation(x: Any, name: str | None = None) -> Tensor:
        if type(x) is not Tensor:
            x = as_tensor(x)
        here = thread.here
        array = x.array
        dtype = array.dtype
        if dtype is not usual and dtype not in dtypes:
            raise wrong_dtype(primitive.name, dtype, dtypes)
        if type(array) is not ndarray or here.device is not None:
            return call(primitive, (x,))
        value = here.silently(kernel, array)
        result = Tensor(value if type(value) is ndarray else asarray(value))
        for listener in here.listeners:
            listener.hear(primitive, (x,), result, NO_OPTIONS)
        return result

    return operation


def _binary(primitive: Primitive, dtypes: frozenset[Any]) -> Operation:
    kernel = primitive.kernels[numpy]
    usual = float32 if float32 in dtypes else bool_

    def operation(x: Any, y: Any, name: str | None = None) -> Tensor:
        if type(x) is not Tensor or type(y) is not Tensor:
            x, y = pair(primitive.name, x, y)
        here = thread.here
        a, b = x.array, y.array
        dtype = a.dtype
        if dtype is not usual and dtype not in dtypes:
            raise wrong_dtype(primitive.name, dtype, dtypes)
        if b.dtype is not dtype and b.dtype != dtype:
            raise _mixed_dtypes(primitive.name, (x, y), dtype, b.dtype)
        if type(a) is not ndarray or type(b) is not ndarray or here.device is not None:
            return call(primitive, (x, y))
        try:
            value = here.silently(kernel, a, b)
        except ValueError as error:
            raise _misfit(primitive, (x, y), error) from error
        result = Tensor(value if type(value) is ndarray else asarray(value))
        for listener in here.listeners:
            listener.hear(primitive, (x, y), result, NO_OPTIONS)
        return result

    return operation


def wrong_dtype(name: str, dtype: Any, dtypes: Iterable[Any]) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{name} doesn't take a tensor of dtype {dtype}; it takes {', '.join(sorted(map(str, dtypes)))} (see tf.cast)"
    )
