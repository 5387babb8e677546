"""Tensor, an array that never changes, and Variable, a name for a tensor that can be given another.

What is computed with them is in `ops`, which also gives both their operators.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import NDArray

from minidl.context import compiling, thread
from minidl.devices import Device, device_of, is_gpu_array
from minidl.errors import InvalidArgumentError

__all__ = ["Tensor", "Variable", "as_dtype", "float16", "float32", "float64", "int32", "int64"]

float16, float32, float64 = numpy.dtype("float16"), numpy.dtype("float32"), numpy.dtype("float64")
int32, int64 = numpy.dtype("int32"), numpy.dtype("int64")
bool_ = numpy.dtype("bool")

FLOATS = frozenset({float16, float32, float64})
NUMBERS = FLOATS | {int32, int64}
DTYPES = NUMBERS | {bool_}

_next_serial = itertools.count().__next__


def as_dtype(dtype: Any) -> numpy.dtype:
    """The dtype of a name ('float32'), of a NumPy type or of TensorFlow's own; TypeError for any that minidl lacks.

    >>> tf.as_dtype('float32') == tf.float32
    True
    """
    if dtype is float:  # Python's, which TensorFlow takes for its usual one
        return float32
    try:
        found: numpy.dtype = numpy.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    except TypeError:
        found = numpy.dtype(object)
    if found not in DTYPES or dtype is None:
        raise TypeError(f"minidl has no dtype {dtype!r}; it has {', '.join(sorted(map(str, DTYPES)))}")
    return found


class TensorLike:
    """What Tensor and Variable share: what can be asked of a value, and (from `ops`) the operators."""

    __slots__ = ()
    __array_priority__ = 100  # `ndarray * tensor` is the tensor's to compute

    if TYPE_CHECKING:  # given by `ops`

        def _operator(self, other: Any) -> Tensor: ...
        def _sign(self) -> Tensor: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _operator
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _operator
        __and__ = __or__ = __xor__ = __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = _operator
        __neg__ = __abs__ = __invert__ = _sign

        @property
        def _tensor(self) -> Tensor: ...

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis, as a tuple."""
        return tuple(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.array.shape)

    @property
    def dtype(self) -> numpy.dtype:
        """The type of the entries, as NumPy's dtype."""
        dtype: numpy.dtype = self.array.dtype
        return dtype

    @property
    def device(self) -> str:
        """The full name of the device that holds the value."""
        return self._device.full_name

    @property
    def _device(self) -> Device:
        return device_of(self.array)

    def numpy(self) -> Any:
        """The value as a NumPy array of its own, a NumPy scalar where there are no axes."""
        for listener in thread.here.listeners:
            listener.hear_look(self)
        tensor = self._tensor
        return tensor._device.to_numpy(tensor.array)[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy:
            return numpy.array(self.numpy(), dtype)
        for listener in thread.here.listeners:
            listener.hear_look(self)
        array = self._tensor.array
        view = array.view() if isinstance(array, numpy.ndarray) else self._device.to_numpy(array)
        view.flags.writeable = False
        return view if dtype is None else view.astype(dtype, copy=False)

    def _is_hidden(self) -> bool:
        return any(listener.hides(self) for listener in thread.here.listeners)

    def _printed(self) -> str:
        if self._is_hidden():
            return f"dtype={self.dtype}, traced: each call of the function will have other numbers>"
        tensor = self._tensor
        values = tensor._device.to_numpy(tensor.array)
        text = repr(values) if values.ndim else str(values)
        return f"dtype={self.dtype}, numpy={chr(10) if values.ndim > 1 else ''}{text}>"

    def __format__(self, specification: str) -> str:
        return format(self.numpy(), specification) if specification else str(self)

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __index__(self) -> int:
        return operator.index(self.numpy())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("A tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("A tensor of shape () can't be iterated over")
        return (self[index] for index in range(self.shape[0]))

    def __hash__(self) -> int:
        raise TypeError(f"A {type(self).__name__} can't be hashed, since == compares its entries; use id() as the key")

    def __setitem__(self, index: object, value: object) -> None:
        raise TypeError(
            f"A {type(self).__name__} can't be written into at {index!r}: a Tensor never changes. "
            "Compute a new one, with tf.where for example, or give a Variable a whole new value with assign"
        )


class Tensor(TensorLike):
    """An array of one dtype on one device, which never changes.

    Tensors are made by `constant` and by operations. Attributes of use inside the engine:
        array: NumPy's or CuPy's array; whoever holds it must not write into it.
        serial: the number by which a tape knows the tensor. (An `id` would be given out again.)

    >>> x = tf.constant([1, 2, 3])
    >>> x
    <minidl.Tensor: shape=(3,), dtype=int32, numpy=array([1, 2, 3], dtype=int32)>
    >>> x.shape, x.dtype, (x + 1).numpy()
    ((3,), dtype('int32'), array([2, 3, 4], dtype=int32))
    """

    __slots__ = ("__weakref__", "array", "serial")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.serial = _next_serial()

    @property
    def _tensor(self) -> Tensor:
        return self

    def __reduce__(self) -> tuple[type, tuple[Any]]:
        for listener in thread.here.listeners:
            listener.hear_look(self)
        return Tensor, (self.array,)  # a copy is another tensor, with a serial number of its own

    def __repr__(self) -> str:
        if isinstance(self.array, OutOfScope):
            return "<minidl.Tensor, out of scope: it was made inside a function while that was traced>"
        return f"<minidl.Tensor: shape={self.shape}, {self._printed()}"

    def __format__(self, specification: str) -> str:
        has_no_value = isinstance(self.array, OutOfScope) or self._is_hidden()
        return repr(self) if has_no_value and not specification else format(self.numpy(), specification)

    def __str__(self) -> str:
        if isinstance(self.array, OutOfScope) or self._is_hidden():
            return repr(self)
        return f"minidl.Tensor({self._device.to_numpy(self.array)}, shape={self.shape}, dtype={self.dtype})"


class OutOfScope:
    """Stands in for the array of a tensor that was made inside a function while that was traced, and kept outside.

    Later calls of the function don't compute that tensor anew, so whatever is asked of it raises TypeError.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise TypeError(
            "This tensor was made inside a function while that was traced, and no later call renews it. "
            "Return it from the function, or assign it to a tf.Variable"
        )


class Variable(TensorLike):
    """A value that can be assigned anew, such as a weight; its shape and dtype stay.

    Arguments:
        initial_value: a number, nested list, array or tensor, or a function without arguments that gives one.
        trainable: whether a tape watches it unasked when an operation reads it.
        name: what it is called in messages and pictures.
        dtype: of the value; by default as `constant` finds it.

    Whoever read the value before an assignment keeps the old one. Attributes of use inside the engine:
        latest: the tensor of the value; None where only the storage holds it, until somebody asks.
        storage: the memory of a compiled function, which each of its calls overwrites; None where a tensor holds the
            value.

    >>> v = tf.Variable([1.0, 2.0], name='weights')
    >>> v.assign_add([1.0, 1.0])
    <minidl.Variable 'weights' shape=(2,) dtype=float32, numpy=array([2., 3.], dtype=float32)>
    >>> v.assign([1.0])
    Traceback (most recent call last):
        ...
    ValueError: Variable 'weights' has shape (2,); it can't be assigned a value of shape (1,)
    """

    __slots__ = ("__weakref__", "latest", "name", "storage", "trainable")

    if TYPE_CHECKING:  # given by `ops`
        assign: Callable[[Any], Variable]
        assign_add: Callable[[Any], Variable]
        assign_sub: Callable[[Any], Variable]
        value: Callable[[], Tensor]
        read_value: Callable[[], Tensor]

    def __init__(self, initial_value: Any, trainable: bool = True, name: str | None = None, dtype: Any = None) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        self.latest: Tensor | None = Tensor(_row_by_row(array_of(value, dtype)))
        self.storage: Any = None
        self.trainable = trainable
        self.name = name or "Variable"
        for listener in thread.here.listeners:
            listener.hear_creation(self, value)

    @property
    def _tensor(self) -> Tensor:
        assigned: dict[int, Tensor] | None = thread.here.assigned
        if assigned is not None and id(self) in assigned:
            return assigned[id(self)]
        value = self.latest
        if value is None:
            with compiling:
                value = self.latest
                if value is None:
                    value = self.latest = Tensor(self._device.run(self.storage.copy))
        return value

    @property
    def array(self) -> Any:
        """The array that holds the value now, to look at; what is to stay comes from `_tensor`."""
        value, storage = self.latest, self.storage
        if value is None and storage is None:
            with compiling:  # another thread is just putting it elsewhere
                value, storage = self.latest, self.storage
        return storage if value is None else value.array

    def read(self) -> Tensor:
        """The present value, as operations take it: listeners are told of it."""
        here = thread.here
        value = self.latest
        if value is None or here.assigned is not None:
            value = self._tensor
        for listener in here.listeners:
            listener.hear_read(self, value)
        return value

    def bind(self, source: Tensor) -> None:
        """Make a tensor's value, of the same shape, dtype and device, the variable's; listeners are told of it."""
        value = Tensor(_row_by_row(source.array))
        here = thread.here
        for listener in here.listeners:
            listener.hear_assignment(self, value, source)
        if here.assigned is None:
            with compiling:
                self.latest, self.storage = value, None
        else:
            here.assigned[id(self)] = value

    def keep_in(self, storage: Any) -> None:
        """Bring the value into a compiled function's memory, unless it is there."""
        if self.storage is not storage:
            if self._device is not device_of(storage):
                raise InvalidArgumentError(
                    f"Variable {self.name!r} is on {self._device} now, but was on {device_of(storage)} when this "
                    "function was compiled; make the function anew with tf.function"
                )
            self._device.run(operator.setitem, storage, Ellipsis, self.array)
            self.storage = storage

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return Variable, (self.numpy(), self.trainable, self.name)

    def relocate(self, device: Device) -> None:
        """Keep the value on another device from now on."""
        if self._device is not device:
            self.latest, self.storage = Tensor(device.place(self.array)), None

    def __repr__(self) -> str:
        return f"<minidl.Variable {self.name!r} shape={self.shape} {self._printed()}"


def _row_by_row(array: Any) -> Any:
    """The array with its entries in C's order, so that a variable's layout, like its shape, stays."""
    return array if array.flags.c_contiguous else device_of(array).run(array.copy)


def array_of(value: Any, dtype: Any = None) -> Any:
    """The array of a tensor with this value, on the device in scope, or else where it is (the CPU for what has none).

    A number or nested list of Python's becomes float32, int32 (int64 where a number is too large for it) or bool,
    and follows `dtype` only where it loses nothing by its kind; arrays keep their dtype, and follow any. Arrays are
    copied. Raises ValueError for what has no shape, TypeError for a dtype that doesn't fit.
    """
    dtype = None if dtype is None else as_dtype(dtype)
    if isinstance(value, TensorLike):
        array = value._tensor.array
        if dtype not in (None, array.dtype):
            raise ValueError(f"A tensor of dtype {array.dtype} was given where {dtype} is wanted; use tf.cast")
    elif is_gpu_array(value):
        array = value.astype(dtype or as_dtype(value.dtype))
    else:
        array = _numpy_array(value, dtype)
    device = thread.here.device
    return array if device is None else device.place(array)


def _numpy_array(value: Any, dtype: numpy.dtype | None) -> numpy.ndarray:
    if value is None:
        raise ValueError("None can't be made a tensor; a number, list or array can")
    try:
        array = numpy.array(value, order="C")
    except ValueError as error:
        raise ValueError(f"The lists in {value!r} differ in length, so they make no tensor") from error
    if dtype is None:
        dtype = _usual_dtype(array) if _is_python(value) else array.dtype
    elif _is_python(value) and array.size and not _keeps_kind(array.dtype, dtype):
        raise TypeError(f"{value!r} can't be made a tensor of dtype {dtype}; use tf.cast to convert it all the same")
    if dtype not in DTYPES or array.dtype.kind not in "fiub":
        raise TypeError(
            f"{value!r} would make a tensor of dtype {array.dtype}; minidl has {', '.join(sorted(map(str, DTYPES)))}"
        )
    converted: numpy.ndarray = thread.here.silently(array.astype, dtype, copy=False)
    return converted


def _is_python(value: Any) -> bool:
    """Whether the numbers in a nested list are Python's, which have no dtype of their own."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (bool, int, float, list, tuple, range)) and not isinstance(value, numpy.generic)


def _usual_dtype(array: numpy.ndarray) -> numpy.dtype:
    if array.dtype.kind == "f":
        return float32
    if array.dtype.kind == "i" and (not array.size or -(2**31) <= array.min() <= array.max() < 2**31):
        return int32
    return array.dtype


def _keeps_kind(given: numpy.dtype, wanted: numpy.dtype) -> bool:
    return given.kind == "b" or wanted.kind == "f" or (given.kind in "iu" and wanted.kind == "i")
