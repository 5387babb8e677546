"""Tensors out of Python's values, of shapes, and of other tensors; conversion between dtypes."""

import math
from contextlib import suppress
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import CPU
from minidl.errors import InvalidArgumentError, brief
from minidl.ops.inputs import UnfitError, convert
from minidl.ops.parts import cast_to
from minidl.primitive import Primitive, primitive
from minidl.tensor import Tensor, TensorLike, Variable
from minidl.values import FLOATS, as_dtype, float16, float32, float64, int32, int64, numpy_array

__all__ = ["cast", "constant", "convert_to_tensor", "identity", "is_tensor", "ones", "ones_like", "range",
           "rank", "shape", "size", "stop_gradient", "zeros", "zeros_like"]  # fmt: skip

_BY_WIDTH = [int32, int64, float16, float32, float64]

# -- from values -------------------------------------------------------------------------------------------------


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor of a number, a nested list or an array, whose entries are copied.

    Arguments:
        value: numbers of Python's become float32, int32 (int64 where one is too large) or bool; arrays keep
            their dtype.
        dtype: a dtype to have instead.
        shape: a shape to give the entries; one number fills it.

    The tensor lives on the device in scope, outside of any on the CPU. Raises ValueError for lists that differ in
    length, TypeError for a dtype that can't hold the numbers or that minidl lacks, or a shape of another size.

    >>> tf.constant([1, 2, 3])
    <minidl.Tensor: shape=(3,), dtype=int32, numpy=array([1, 2, 3], dtype=int32)>
    >>> tf.constant(0.5, shape=[2]).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    if isinstance(value, TensorLike) and dtype is not None and value.dtype != as_dtype(dtype):
        raise TypeError(f"A tensor of dtype {value.dtype} was given for a constant of {as_dtype(dtype)}; use tf.cast")
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    wanted = shape_of(shape)
    if tensor.array.size not in (1, math.prod(wanted)):
        raise TypeError(f"A constant of shape {wanted} can't be made of {tensor.array.size} entries: {brief(value)}")
    return convert(numpy.resize(tensor.numpy(), wanted), device=tensor.home)  # what has no values says so


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Tensor:
    """The value as a tensor: a tensor stays itself, a variable is read, anything else becomes a constant.

    Arguments:
        value: a tensor, a variable, or what `constant` takes; a list that has tensors in it is stacked, and
            gradients flow to them.
        dtype: the dtype to have. Raises ValueError where a tensor has another.
        dtype_hint: a dtype to have if the value can be converted to it.

    >>> tf.convert_to_tensor([tf.constant(1.0), 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    if dtype is None and dtype_hint is not None and not isinstance(value, TensorLike):
        with suppress(TypeError):
            return convert(value, as_dtype(dtype_hint))
    tensor = convert(value, None if dtype is None else as_dtype(dtype))
    return identity(tensor) if isinstance(value, Variable) else tensor


def is_tensor(x: Any) -> bool:
    """Whether this is a Tensor or a Variable.

    >>> tf.is_tensor(tf.constant(1.0)), tf.is_tensor(1.0)
    (True, False)
    """
    return isinstance(x, TensorLike)


# -- from shapes -------------------------------------------------------------------------------------------------


def shape_of(shape: Any, least: int = 0) -> tuple[int, ...]:
    """A shape given as a number, a list or a tensor, as a tuple; InvalidArgumentError for lengths below the least."""
    lengths = numpy.asarray(shape.numpy() if isinstance(shape, TensorLike) else shape)
    if lengths.size and lengths.dtype.kind not in "iu":
        raise UnfitError(f"A shape is of whole numbers; {brief(shape)} was given")
    if lengths.ndim > 1 or (lengths.size and lengths.min() < least):
        raise InvalidArgumentError(f"A shape is a list of lengths from {least} on; {brief(shape)} was given")
    return tuple(lengths.reshape(-1).tolist())


def zeros(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """A tensor of zeros.

    Arguments:
        shape: a list, tuple or tensor of lengths; InvalidArgumentError for negative ones.
        dtype: of the tensor.

    >>> tf.zeros([2, 3]).numpy()
    array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    device = thread.state.device or CPU
    return Tensor(device.run(device.module.zeros, shape_of(shape), dtype=as_dtype(dtype)))


def ones(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """A tensor of ones.

    Arguments:
        shape: a list, tuple or tensor of lengths; InvalidArgumentError for negative ones.
        dtype: of the tensor.

    >>> tf.ones([2], tf.int32).numpy()
    array([1, 1], dtype=int32)
    """
    device = thread.state.device or CPU
    return Tensor(device.run(device.module.ones, shape_of(shape), dtype=as_dtype(dtype)))


@primitive()
def _full_like(xp, x, *, value, dtype):
    return xp.full(x.shape, value, dtype=dtype or x.dtype)


def zeros_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Zeros in the shape, and on the device, of another tensor.

    Arguments:
        input: the tensor, or what `constant` takes.
        dtype: to have instead of the tensor's.

    >>> tf.zeros_like([1, 2]).numpy()
    array([0, 0], dtype=int32)
    """
    return _full_like(convert(input), value=0, dtype=dtype and as_dtype(dtype))


def ones_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Ones in the shape, and on the device, of another tensor.

    Arguments:
        input: the tensor, or what `constant` takes.
        dtype: to have instead of the tensor's.

    >>> tf.ones_like([1, 2], tf.float32).numpy()
    array([1., 1.], dtype=float32)
    """
    return _full_like(convert(input), value=1, dtype=dtype and as_dtype(dtype))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None) -> Tensor:
    """The numbers start, start + delta, ... before limit; with one argument, those from 0 before it.

    Arguments:
        start, limit, delta: numbers.
        dtype: by default the widest among them: float32 where one is a Python float, int32 where none is.

    Raises InvalidArgumentError for a delta of 0, or one that leads away from the limit.

    >>> tf.range(3).numpy(), tf.range(1.0, 2.0, 0.5).numpy()
    (array([0, 1, 2], dtype=int32), array([1. , 1.5], dtype=float32))
    """
    if limit is None:
        start, limit = 0, start
    numbers = [each.numpy() if isinstance(each, TensorLike) else numpy_array(each) for each in (start, limit, delta)]
    dtype = max((each.dtype for each in numbers), key=_BY_WIDTH.index) if dtype is None else as_dtype(dtype)
    first, last, pace = (each.astype(dtype)[()].item() for each in numbers)
    if pace == 0 or (last > first and pace < 0) or (last < first and pace > 0):
        raise InvalidArgumentError(f"range from {first:g} to {last:g} can't be walked with a delta of {pace:g}")
    if dtype in FLOATS:  # as TensorFlow counts: in the dtype
        count = math.ceil((dtype.type(last) - dtype.type(first)) / dtype.type(pace))
    else:
        count = -((first - last) // pace)
    device = thread.state.device or CPU
    return Tensor(device.run(lambda: dtype.type(first) + device.module.arange(count, dtype=dtype) * dtype.type(pace)))


# -- about a tensor ----------------------------------------------------------------------------------------------


def shape(input: Any, out_type: Any = int32, name: str | None = None) -> Tensor:
    """The shape of a tensor as a tensor of lengths, which has no gradient.

    Arguments:
        input: the tensor.
        out_type: int32 or int64.

    >>> tf.shape([[1, 2, 3]]).numpy()
    array([1, 3], dtype=int32)
    """
    return constant(list(convert(input).shape), out_type)


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes of a tensor, as a tensor.

    >>> tf.rank([[1, 2, 3]]).numpy()
    np.int32(2)
    """
    return constant(convert(input).ndim, int32)


def size(input: Any, out_type: Any = int32, name: str | None = None) -> Tensor:
    """The number of entries of a tensor, as a tensor.

    Arguments:
        input: the tensor.
        out_type: int32 or int64.

    >>> tf.size([[1, 2, 3]]).numpy()
    np.int32(3)
    """
    return constant(math.prod(convert(input).shape), out_type)


# -- the same values, seen otherwise -----------------------------------------------------------------------------


@primitive(x=lambda upstream: upstream)
def _identity(xp, x):
    return x


_stop_gradient = Primitive("stop_gradient", _identity.forward, [None])


def identity(input: Any, name: str | None = None) -> Tensor:
    """The same value as a tensor of its own, through which gradients flow unchanged.

    >>> tf.identity([1.0, 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """
    return _identity(convert(input))


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same value, through which no gradient flows: for differentiation it is a constant.

    >>> x = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = x * tf.stop_gradient(x)
    >>> tape.gradient(y, x).numpy()
    np.float32(3.0)
    """
    return _stop_gradient(convert(input))


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """The values in another dtype; the gradient is cast back.

    Arguments:
        x: a tensor of any shape, or what `constant` takes.
        dtype: floats become whole numbers by dropping their fraction, and True unless they are 0. TypeError
            for one that minidl lacks.

    Whole numbers and bools have no gradient, so casts from and to them pass none on.

    >>> tf.cast([1.8, -1.8], tf.int32).numpy()
    array([ 1, -1], dtype=int32)
    """
    return cast_to(convert_to_tensor(x), as_dtype(dtype))
