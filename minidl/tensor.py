"""Tensor, an array that never changes, and Variable, a name for a tensor that can be given another.

The first of the three files that hold the idea. `primitive.py` computes with tensors and tells whoever listens;
`tape.py` listens, and differentiates. The operators, as in `x * y`, and `shape` are given to both classes by
`operators.py`, and the dtype that a number gets is found in `values.py`: neither is needed to understand these three.
Whatever mentions `trace` or `compiling` is for functions that are compiled, and may be read as if it weren't there.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy

from minidl.context import compiling, thread
from minidl.devices import Device, device_of
from minidl.values import array_of

if TYPE_CHECKING:
    from minidl.operators import Assignments, Operators
else:
    Assignments = Operators = object

__all__ = ["Tensor", "Variable"]

_next_serial = itertools.count().__next__


class TensorLike(Operators):
    """What Tensor and Variable share: both have an array to look at, and a tensor that holds their value."""

    __slots__ = ()

    array: Any
    home: Device
    serial: int
    tensor: Tensor

    @property
    def dtype(self) -> numpy.dtype:
        """The type of the entries, as NumPy's dtype."""
        return self.array.dtype  # type: ignore[no-any-return]  # an array may be anybody's


class Tensor(TensorLike):
    """An array of one dtype on one device, which never changes.

    Tensors are made by `constant` and by operations. Attributes of use inside the engine:
        array: NumPy's or CuPy's array; whoever holds it must not write into it. While a function is traced it is a
            *symbol*, an array without values (see `tracing`), and nothing here needs to know.
        serial: the number by which a tape knows the tensor. (An `id` would be given out again.)
        home: the device on which the array lives. A call hands on the one that it computed on, since CuPy takes its
            time to say.

    >>> x = tf.constant([1, 2, 3])
    >>> x
    <minidl.Tensor: shape=(3,), dtype=int32, numpy=array([1, 2, 3], dtype=int32)>
    >>> x.shape, x.dtype, (x + 1).numpy()
    ((3,), dtype('int32'), array([2, 3, 4], dtype=int32))
    """

    __slots__ = ("__weakref__", "array", "home", "serial")

    def __init__(self, array: Any, home: Device | None = None) -> None:
        self.array = array
        self.home = home or device_of(array)
        self.serial = _next_serial()

    @property
    def tensor(self) -> Tensor:  # type: ignore[override]  # an attribute of TensorLike that each class finds in its way
        return self


class Variable(TensorLike, Assignments):
    """A value that can be assigned anew, such as a weight; its shape and dtype stay.

    Arguments:
        initial_value: a number, nested list, array or tensor, or a function without arguments that gives one.
        trainable: whether a tape watches it unasked when an operation reads it.
        name: what it is called in messages and pictures.
        dtype: of the value; by default as `constant` finds it.
        shape: that the value must have, where one is given: ValueError for another.
        constraint: what optimizers put the value through after each step; None for nothing.

    Whoever read the value before an assignment keeps the old one. Attributes of use inside the engine:
        held: the tensor of the value, or else something in whose memory the value is, and that has an `array` to look
            at and makes a `tensor` when asked for it.
        serial: the number by which a tape knows the variable, whatever its value.

    >>> v = tf.Variable([1.0, 2.0], name='weights')
    >>> v.assign_add([1.0, 1.0])
    <minidl.Variable 'weights' shape=(2,) dtype=float32, numpy=array([2., 3.], dtype=float32)>
    >>> v.assign([1.0])
    Traceback (most recent call last):
        ...
    ValueError: Variable 'weights' has shape (2,); it can't be assigned a value of shape (1,)
    """

    def __init__(
        self, initial_value: Any, trainable: bool = True, name: str | None = None, dtype: Any = None,
        shape: Any = None, constraint: Any = None,
    ) -> None:  # fmt: skip
        value = as_tensor(initial_value() if callable(initial_value) else initial_value, dtype)
        if shape is not None and tuple(shape) != value.shape:
            raise ValueError(f"A variable of shape {tuple(shape)} can't begin with a value of shape {value.shape}")
        self.serial = _next_serial()
        self.trainable, self.constraint = trainable, constraint
        self.name = name or "Variable"
        if thread.state.trace is not None:
            thread.state.trace.create(self, value)
        self.held: Any = _another(value)

    @property
    def array(self) -> Any:
        """The array that holds the value now, to look at; what is to stay comes from `tensor`."""
        return self.held.array

    @property
    def home(self) -> Device:  # type: ignore[override]  # as in Tensor
        """The device on which that lives."""
        return device_of(self.held.array)

    @property
    def tensor(self) -> Tensor:  # type: ignore[override]  # as above
        """The present value: what the function that is being traced assigned, if any is, or what is held."""
        trace = thread.state.trace
        return self.held.tensor if trace is None else trace.value_of(self)  # type: ignore[no-any-return]  # `held` may be anything

    def read(self) -> Tensor:
        """The present value, as operations take it: listeners are told of it."""
        state = thread.state
        value = self.held
        if type(value) is not Tensor or state.trace is not None:  # (else for speed)
            value = self.tensor
        for listener in state.listeners:
            listener.hear_read(self, value)
        return value

    def bind(self, value: Tensor) -> None:
        """Make a tensor's value, of the same shape, dtype and device, the variable's."""
        trace = thread.state.trace
        if trace is not None:
            trace.assign(self, value)
            return
        value = _another(value)
        with compiling:  # not while a compiled function has the value in its hands
            self.held = value


def _another(value: Tensor) -> Tensor:
    """Another tensor of the same array (copied where it isn't in C's order), so that a tape tells the two apart."""
    array = value.array
    return Tensor(array if array.flags.c_contiguous else value.home.run(array.copy), value.home)


def as_tensor(value: Any, dtype: Any = None, device: Device | None = None) -> Tensor:
    """The value as a tensor: a tensor itself, what a variable holds now, or a new tensor.

    `device` is for what has none yet. Raises ValueError for a tensor of another dtype, and what `array_of` raises.
    """
    if isinstance(value, Variable):
        value = value.read()
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype != dtype:
            raise ValueError(f"A tensor of dtype {value.dtype} was given where {dtype} is wanted; use tf.cast")
        return value
    array = array_of(value, dtype)
    return Tensor(array if device is None else device.place(array))
