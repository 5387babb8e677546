"""Python's values as arrays: which dtypes there are, and which one a number, a list or an array gets."""

from __future__ import annotations

from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import device_of, is_gpu_array

float16, float32, float64 = numpy.dtype("float16"), numpy.dtype("float32"), numpy.dtype("float64")
int32, int64 = numpy.dtype("int32"), numpy.dtype("int64")
bool_ = numpy.dtype("bool")

FLOATS = frozenset({float16, float32, float64})
NUMBERS = FLOATS | {int32, int64}
DTYPES = NUMBERS | {bool_}


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


def array_of(value: Any, dtype: Any = None) -> Any:
    """The array of a number, nested list or array, on the device in scope, or else where it is (the CPU for numbers).

    A number or nested list of Python's becomes float32, int32 (int64 where a number is too large for it) or bool,
    and follows `dtype` only where it loses nothing by its kind; arrays keep their dtype, and follow any. Arrays are
    copied. Raises ValueError for what has no shape, TypeError for a dtype that doesn't fit.
    """
    dtype = None if dtype is None else as_dtype(dtype)
    if is_gpu_array(value):
        array = device_of(value).convert(value, dtype or as_dtype(value.dtype))
    else:
        array = _numpy_array(value, dtype)
    device = thread.state.device
    return array if device is None else device.place(array)


def _numpy_array(value: Any, dtype: numpy.dtype | None) -> numpy.ndarray:
    if value is None:
        raise ValueError("None can't be made a tensor; a number, list or array can")
    try:
        array = numpy.array(value, order="C")
    except ValueError as error:
        if not isinstance(value, (list, tuple)):
            raise
        raise ValueError(f"The lists in {value!r} differ in length, so they make no tensor") from error
    if dtype is None:
        dtype = _usual_dtype(array) if _is_python(value) else array.dtype
    elif _is_python(value) and array.size and not _keeps_kind(array.dtype, dtype):
        raise TypeError(f"{value!r} can't be made a tensor of dtype {dtype}; use tf.cast to convert it all the same")
    if dtype not in DTYPES or array.dtype.kind not in "fiub":
        raise TypeError(
            f"{value!r} would make a tensor of dtype {array.dtype}; minidl has {', '.join(sorted(map(str, DTYPES)))}"
        )
    converted: numpy.ndarray = thread.state.run_rule(array.astype, dtype, copy=False)
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
