"""The same dozen lines as `call` in `primitive.py`, written out for speed. This file may be skipped.

A step of a small network is spent in calls, and these are the shortest paths that Python has for one: NumPy's arrays,
no device scope, nothing to look up. Whatever is otherwise, or fails, goes to `call` itself, and a test holds them
against it.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy
from numpy import asarray, ndarray

from minidl import primitive as idea
from minidl.context import thread
from minidl.devices import CPU
from minidl.ops.inputs import alike, of_dtype, pair
from minidl.primitive import NO_OPTIONS, Primitive
from minidl.tensor import Tensor, _next_serial as next_serial, as_tensor
from minidl.values import bool_, float32

new = object.__new__


def call(primitive: Primitive, inputs: tuple[Tensor, ...], options: Mapping[str, Any] = NO_OPTIONS) -> Tensor:
    """Call a primitive on tensors; see `primitive.call`, which this is for NumPy's arrays."""
    state, arrays = thread.state, []
    for x in inputs:
        array = x.array
        if type(array) is not ndarray:
            return idea.call(primitive, inputs, options)
        arrays.append(array)
    if state.device is not None or not arrays:
        return idea.call(primitive, inputs, options)
    try:
        value = state.run_rule(primitive.forward, numpy, *arrays, **options)
    except (ValueError, RuntimeError):  # which `call` explains, or does otherwise
        return idea.call(primitive, inputs, options)
    result = new(Tensor)  # what `Tensor(...)` does, without a call of Python's
    result.array = value if type(value) is ndarray else asarray(value)
    result.serial, result.home = next_serial(), CPU
    for listener in state.listeners:
        listener.hear(primitive, inputs, result, options)
    return result


def call_primitive(self: Primitive, *inputs: Any, **options: Any) -> Tensor:
    """What a primitive does as a function, as gradient rules and a sweep call it."""
    for x in inputs:
        if type(x) is not Tensor:
            return call(self, tuple(map(as_tensor, inputs)), options)
    return call(self, inputs, options)


Primitive.__call__ = call_primitive  # type: ignore[method-assign]


def unary(primitive: Primitive, dtypes: frozenset[Any]) -> Callable[..., Tensor]:
    """The function that calls a primitive of one input, of these dtypes."""
    kernel = kernel_of(primitive.forward)
    usual = float32 if float32 in dtypes else bool_

    def call_it(x: Any, name: str | None = None) -> Tensor:
        if type(x) is not Tensor or (x.array.dtype is not usual and x.array.dtype not in dtypes):
            x = of_dtype(primitive.name, x, dtypes)
        state, array = thread.state, x.array
        if type(array) is not ndarray or state.device is not None:
            return idea.call(primitive, (x,))
        try:
            value = state.run_rule(kernel, array)
        except (ValueError, RuntimeError):  # which `call` explains, or does otherwise
            return idea.call(primitive, (x,))
        result = new(Tensor)  # what `Tensor(...)` does, without a call
        result.array = value if type(value) is ndarray else asarray(value)
        result.serial, result.home = next_serial(), CPU
        for listener in state.listeners:
            listener.hear(primitive, (x,), result, NO_OPTIONS)
        return result

    return call_it


def binary(primitive: Primitive, dtypes: frozenset[Any], reflected: str = "") -> Callable[..., Tensor]:
    """The function that calls a primitive of two inputs, of these dtypes.

    As an operator, it asks what stands on the right and is no value for a tensor, by the name of its reflected method.
    """
    kernel = kernel_of(primitive.forward)
    usual, only = (float32, None) if float32 in dtypes else (bool_, bool_)

    def call_it(x: Any, y: Any, name: str | None = None) -> Tensor:
        if type(x) is not Tensor or type(y) is not Tensor:
            try:
                x, y = pair(primitive.name, x, y, only)
            except (TypeError, ValueError):
                found: Tensor = getattr(type(y), reflected, lambda *_: NotImplemented)(y, x)
                if found is NotImplemented:
                    raise
                return found
        state = thread.state
        a, b = x.array, y.array
        dtype = a.dtype
        if dtype is not usual and dtype not in dtypes:
            of_dtype(primitive.name, x, dtypes)  # says so
        if b.dtype is not dtype and b.dtype != dtype:
            alike(primitive.name, x, y)  # says so
        if type(a) is not ndarray or type(b) is not ndarray or state.device is not None:
            return idea.call(primitive, (x, y))
        try:
            value = state.run_rule(kernel, a, b)
        except (ValueError, RuntimeError):  # which `call` explains, or does otherwise
            return idea.call(primitive, (x, y))
        result = new(Tensor)  # what `Tensor(...)` does, without a call
        result.array = value if type(value) is ndarray else asarray(value)
        result.serial, result.home = next_serial(), CPU
        for listener in state.listeners:
            listener.hear(primitive, (x, y), result, NO_OPTIONS)
        return result

    return call_it


def kernel_of(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A forward rule as a function of NumPy's arrays alone.

    Where the rule is nothing but one call of a ufunc (`xp.multiply(x, y)`), that ufunc itself, which saves a call of
    Python.
    """
    arrays = tuple(object() for _ in range(forward.__code__.co_argcount - 1))
    with contextlib.suppress(Exception):  # of a rule that does more than to call the module
        name, given = forward(_Names(), *arrays)
        if given == arrays and isinstance(function := getattr(numpy, name), numpy.ufunc):
            return function
    return functools.partial(forward, numpy)


class _Names:
    """Stands in for an array module: any function of it gives its own name and arguments."""

    def __getattr__(self, name: str) -> Callable[..., tuple[str, tuple[Any, ...]]]:
        return lambda *arguments: (name, arguments)
