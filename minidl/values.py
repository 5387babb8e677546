"""Python's values as arrays: which dtypes there are, and which one a number, a list or an array gets."""

from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import device_of, is_gpu_array
from minidl.errors import brief

__all__ = ["as_dtype", "float16", "float32", "float64", "int32", "int64", "uint8"]

float16, float32, float64 = numpy.dtype("float16"), numpy.dtype("float32"), numpy.dtype("float64")
int32, int64, bool_ = numpy.dtype("int32"), numpy.dtype("int64"), numpy.dtype("bool")
uint8 = numpy.dtype("uint8")  # of pictures: to be cast, nothing computes with it

FLOATS = frozenset({float16, float32, float64})
NUMBERS = FLOATS | {int32, int64}
BOOLS = frozenset({bool_})
DTYPES = NUMBERS | BOOLS | {uint8}
_NAMES = ", ".join(sorted(map(str, DTYPES)))
_BY_NAME: Any = {**{str(each): each for each in DTYPES}, "double": float64, "float": float32, "half": float16}
_BY_NAME |= {1: float32, 2: float64, 3: int32, 4: uint8, 9: int64, 10: bool_, 19: float16}  # TensorFlow's numbers


def as_dtype(dtype: Any) -> numpy.dtype:
    """The dtype of a name ('float32'), of a NumPy type or of TensorFlow's own; TypeError for any that minidl lacks.

    >>> tf.as_dtype('float32') == tf.float32
    True
    """
    given = "float" if dtype is float else getattr(dtype, "as_numpy_dtype", dtype)  # TensorFlow's usual one
    try:
        found: numpy.dtype = _BY_NAME[given] if isinstance(given, (str, int)) else numpy.dtype(given)
    except (KeyError, TypeError):
        found = numpy.dtype(object)
    if found not in DTYPES or given is None or given is int:
        raise TypeError(f"minidl has no dtype {dtype!r}; it has {_NAMES}")
    return found


def array_of(value: Any, dtype: Any = None) -> Any:
    """The array of a number, nested list or array, on the device in scope, or else where it is (the CPU for numbers).

    A number or nested list of Python's becomes float32, int32 (int64 where a number is too large for it) or bool,
    and follows `dtype` only where it loses nothing by its kind; arrays keep their dtype, and follow any. Arrays are
    copied. Raises ValueError for what has no shape or one kind, TypeError for a dtype that doesn't fit.
    """
    dtype = None if dtype is None else as_dtype(dtype)
    if is_gpu_array(value):
        array = device_of(value).run(value.astype, dtype or as_dtype(value.dtype))
    else:
        array = numpy_array(value, dtype)
    device = thread.state.device
    return array if device is None else device.place(array)


def numpy_array(value: Any, dtype: numpy.dtype | None = None) -> numpy.ndarray:
    """What `array_of` gives on the CPU."""
    try:
        array = numpy.array(value, order="C")
        first = value
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        is_python = type(first) in (bool, int, float, list, tuple, range)  # such numbers have no dtype of their own
        whole = type(first) is int and array.dtype.kind in "Ouf"  # as NumPy takes those that are beyond int64
        if whole and all(isinstance(each, int) for each in numpy.array(value, object).flat):
            if dtype not in FLOATS:
                raise OverflowError("whole numbers go up to int64's")
            array = numpy.array(value, float64)
    except (ValueError, OverflowError) as error:
        why = "lists that differ in length make no tensor" if "inhomogeneous" in str(error) else error
        raise ValueError(f"{brief(value)} can't be made a tensor: {why}") from error
    kind = array.dtype.kind
    mixes = kind != "b" and dtype is None and isinstance(first, (bool, numpy.bool_))
    if mixes or kind == "O" or (is_python and kind in "US"):
        raise ValueError(f"{brief(value)} can't be made a tensor; numbers of one kind and arrays can")
    wanted = dtype or (_usual_dtype(array) if is_python else array.dtype)
    if wanted not in DTYPES or kind not in "fiub":
        found = "strings" if kind in "US" else f"dtype {wanted}"
        raise TypeError(f"{brief(value)} would make a tensor of {found}; minidl has {_NAMES}")
    is_narrower = dtype is not None and kind + dtype.kind in ("fi", "fu", "fb", "ib", "ub")
    if is_narrower and array.size and (is_python or isinstance(value, (list, tuple))):
        raise TypeError(f"{brief(value)} can't be made a tensor of dtype {wanted}; convert it with tf.cast")
    return numpy.asarray(thread.state.run_rule(array.astype, wanted, copy=False))


def _usual_dtype(array: numpy.ndarray) -> numpy.dtype:
    """The dtype that numbers of Python's get."""
    if array.dtype.kind == "f":
        return float32
    if array.dtype.kind == "i" and (not array.size or -(2**31) <= array.min() <= array.max() < 2**31):
        return int32
    return array.dtype
