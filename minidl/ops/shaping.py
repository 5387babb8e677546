"""Operations that move entries and compute nothing: shapes, axes, slices, joints. Their gradients move them back."""

import math
from typing import Any

import numpy

from minidl.errors import InvalidArgumentError, brief
from minidl.ops.creation import identity, shape_of
from minidl.ops.elementwise import where
from minidl.ops.inputs import alike, axes_of, axis_of, convert, device_near, of_dtype, of_one_shape
from minidl.ops.parts import concat_of, slice_, stack_of
from minidl.primitive import primitive
from minidl.tape import broadcast_to as _broadcast_to
from minidl.tensor import Tensor
from minidl.values import bool_, int32, int64

__all__ = ["broadcast_to", "concat", "expand_dims", "fill", "gather", "reshape", "squeeze", "stack", "transpose"]


@primitive(x=lambda upstream, x_shape: reshape(upstream, x_shape))
def _reshape(xp, x, *, shape):
    return x.reshape(shape)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same entries, row by row, in another shape; the gradient gets the old shape back.

    Arguments:
        tensor: of any shape and dtype.
        shape: the lengths, one of which may be -1: whatever is left for it.

    Raises InvalidArgumentError where the number of entries differs.

    >>> tf.reshape([1, 2, 3, 4], [2, -1]).numpy()
    array([[1, 2],
           [3, 4]], dtype=int32)
    """
    x, lengths = convert(tensor), list(shape_of(shape, -1))
    known = math.prod(length for length in lengths if length != -1)
    if lengths.count(-1) == 1 and known and x.array.size % known == 0:
        lengths[lengths.index(-1)] = x.array.size // known
    if min(lengths, default=0) < 0 or math.prod(lengths) != x.array.size:
        raise InvalidArgumentError(f"reshape: {x.array.size} entries of shape {x.shape} don't fill {brief(lengths)}")
    return _reshape(x, shape=tuple(lengths))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """The tensor without axes of length 1.

    Arguments:
        input: of any shape and dtype.
        axis: the axes to leave out; None for every axis of length 1.

    Raises InvalidArgumentError for an axis that is longer, or isn't there.

    >>> tf.squeeze([[[1], [2]]]).numpy()
    array([1, 2], dtype=int32)
    """
    x = convert(input)
    left_out = axes_of(axis, x.ndim) or [index for index, length in enumerate(x.shape) if length == 1]
    if long := [index for index in left_out if x.shape[index] != 1]:
        raise InvalidArgumentError(f"squeeze: axis {long[0]} of shape {x.shape} has length {x.shape[long[0]]}, not 1")
    return reshape(x, [length for index, length in enumerate(x.shape) if index not in left_out])


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Tensor:
    """The tensor with an axis of length 1 put in at a place.

    Arguments:
        input: of any shape and dtype.
        axis: the place, -1 for the last.

    Raises InvalidArgumentError for a place that isn't there.

    >>> tf.expand_dims([1, 2], -1).numpy()
    array([[1],
           [2]], dtype=int32)
    """
    x = convert(input)
    place = axis_of("expand_dims", axis, x.ndim + 1)
    return reshape(x, [*x.shape[:place], 1, *x.shape[place:]])


@primitive(x=lambda upstream, axes: transpose(upstream, sorted(range(len(axes)), key=axes.__getitem__)))
def _transpose(xp, x, *, axes):
    return x.transpose(axes)


def transpose(a: Any, perm: Any = None, name: str | None = None) -> Tensor:
    """The tensor with its axes in another order; the gradient puts them back.

    Arguments:
        a: of any shape and dtype.
        perm: the order, each axis once; None for the reverse.

    Raises InvalidArgumentError for an order that lacks an axis.

    >>> tf.transpose([[1, 2, 3]]).numpy()
    array([[1],
           [2],
           [3]], dtype=int32)
    """
    x = convert(a)
    axes = tuple(reversed(range(x.ndim))) if perm is None else axes_of(perm, x.ndim)
    if axes is None or len(axes) != x.ndim or (perm is not None and numpy.ndim(perm) != 1):
        raise InvalidArgumentError(f"transpose: the order {brief(perm)} doesn't name each axis of shape {x.shape} once")
    return _transpose(x, axes=axes)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """The tensor repeated along new axes in front and along axes of length 1; the gradient is summed over them.

    Arguments:
        input: of any shape and dtype.
        shape: the lengths to have.

    Raises InvalidArgumentError where the shape isn't one that the tensor broadcasts to.

    >>> tf.broadcast_to([1, 2], [2, 2]).numpy()
    array([[1, 2],
           [1, 2]], dtype=int32)
    """
    x, wanted = convert(input), shape_of(shape)
    own = x.shape
    if len(own) > len(wanted) or any(a not in (1, b) for a, b in zip(reversed(own), reversed(wanted), strict=False)):
        raise InvalidArgumentError(f"broadcast_to: shape {own} doesn't broadcast to {wanted}")
    return _broadcast_to(x, shape=wanted)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor with one number everywhere; the gradient of that number is the sum of the upstream gradient.

    Arguments:
        dims: the shape.
        value: a number, or a tensor of shape (), whose dtype the result has.

    Raises InvalidArgumentError for negative lengths, or a value with axes.

    >>> tf.fill([2, 2], 7).numpy()
    array([[7, 7],
           [7, 7]], dtype=int32)
    """
    number = convert(value)
    if number.shape:
        raise InvalidArgumentError(f"fill takes one number; a value of shape {number.shape} was given")
    return broadcast_to(number, dims)


# -- parts -------------------------------------------------------------------------------------------------------


def getitem(tensor: Any, index: Any) -> Tensor:
    """The part of a tensor at an index: `tensor[index]`; the gradient of the rest is zero.

    Arguments:
        tensor: of any shape and dtype.
        index: whole numbers, slices, `...`, None for a new axis, a tensor of shape () for a number, or a bool
            tensor for the entries where it holds.

    Raises InvalidArgumentError for an index beyond the shape, TypeError for one of another type.

    >>> x = tf.constant([[1, 2, 3], [4, 5, 6]])
    >>> x[0, ::2].numpy(), x[:, -1].numpy(), x[x > 4].numpy()
    (array([1, 3], dtype=int32), array([3, 6], dtype=int32), array([5, 6], dtype=int32))
    """
    x = convert(tensor)
    if getattr(index, "dtype", type(index)) in (bool, bool_):
        return where_mask(x, convert(index, device=device_near(x)))
    try:
        return slice_(x, index=index_of(index))
    except (IndexError, ValueError) as error:
        raise InvalidArgumentError(f"The index {brief(index)} doesn't fit shape {x.shape}: {error}") from None


def index_of(index: Any) -> tuple[Any, ...]:
    """An index as NumPy takes it; TypeError for what is none, or a mask."""
    return tuple([_index_part(each) for each in (index if isinstance(index, (tuple, list)) else (index,))])


def _index_part(part: Any) -> Any:
    if part is None or part is Ellipsis:
        return part
    if isinstance(part, slice):
        return slice(*map(_index_part, (part.start, part.stop, part.step)))
    if type(part) is int or (getattr(part, "shape", None) == () and part.dtype.kind in "iu"):
        return int(part)
    raise TypeError(f"An index is of whole numbers, slices, `...`, None or bools, not {brief(part)}; see tf.gather")


def where_mask(x: Tensor, mask: Tensor, axis: int = 0) -> Tensor:
    """The parts of a tensor where a mask holds, whose shape is that of the tensor's axes from one on."""
    before, behind = x.shape[:axis], x.shape[axis + mask.ndim :]
    if not mask.ndim or x.shape != (*before, *mask.shape, *behind):
        raise InvalidArgumentError(f"A mask of shape {mask.shape} doesn't fit shape {x.shape} from axis {axis} on")
    rows = reshape(x, [*before, mask.array.size, *behind])
    return gather(rows, where(reshape(mask, [-1]))[:, 0], axis)


# Each of these two is the other's gradient, a circle that a type checker doesn't see through.


@primitive(x=lambda upstream, indices, axis: _gather(upstream, indices, axis=axis))  # type: ignore[has-type]
def _scatter(xp, x, indices, *, axis, shape):
    """Zeros of a shape, with each entry of x added at its index along an axis: the gradient of gather."""
    entries = xp.zeros(shape, x.dtype)
    if x.size:
        xp.add.at(entries, (slice(None),) * axis + (indices,), x)
    return entries


_scatter.like = lambda x, indices, axis, shape: _blank(shape, x.dtype)


@primitive(x=lambda upstream, indices, axis, x_shape: _scatter(upstream, indices, axis=axis, shape=x_shape))
def _gather(xp, x, indices, *, axis):
    shape, length = _gathered_shape(x, indices, axis), x.shape[axis]
    if not math.prod(shape):
        return xp.zeros(shape, x.dtype)
    beyond = indices[(indices < 0) | (indices >= length)]
    if beyond.size:
        raise InvalidArgumentError(f"gather: index {int(beyond[0])} is not from 0 to {length - 1}, in shape {x.shape}")
    return xp.take(x, indices, axis=axis)


def _gathered_shape(x: Any, indices: Any, axis: int) -> tuple[int, ...]:
    return (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


_gather.like = lambda x, indices, axis: _blank(_gathered_shape(x, indices, axis), x.dtype)


def _blank(shape: tuple[int, ...], dtype: numpy.dtype) -> numpy.ndarray:
    """An array of a shape that takes no memory."""
    return numpy.broadcast_to(numpy.zeros((), dtype), shape)


def gather(params: Any, indices: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The entries at indices along an axis; the gradient of an entry is the sum over the places where it was put.

    Arguments:
        params: of any shape and dtype.
        indices: int32 or int64, of any shape, which takes the place of the axis.
        axis: along which to pick.

    Raises InvalidArgumentError for indices below 0 or beyond the axis, or that aren't integers.

    >>> tf.gather([10, 20, 30], [2, 0, 2]).numpy()
    array([30, 10, 30], dtype=int32)
    """
    x = convert(params)
    picked = of_dtype("gather's indices", indices, [int32, int64], x.home)
    return _gather(x, picked, axis=axis_of("gather", axis, x.ndim))


# -- several tensors made one ------------------------------------------------------------------------------------


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """The tensors put end to end along an axis.

    Arguments:
        values: tensors whose shapes are the same but along the axis, of one dtype.
        axis: along which.

    Raises InvalidArgumentError for shapes or dtypes that differ, and for no tensors.

    >>> tf.concat([[1, 2], [3]], axis=0).numpy()
    array([1, 2, 3], dtype=int32)
    """
    tensors = alike("concat", *(values if isinstance(values, (list, tuple)) else [values]))
    if len(tensors) == 1:
        return identity(tensors[0])
    along = axis_of("concat", axis, tensors[0].ndim)
    if len({(*x.shape[:along], *x.shape[along + 1 :], x.ndim) for x in tensors}) > 1:
        raise InvalidArgumentError(f"concat along axis {along}: other lengths of {[x.shape for x in tensors]} differ")
    return concat_of(len(tensors))(*tensors, axis=along)


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The tensors put beside each other along a new axis.

    Arguments:
        values: tensors of one shape and dtype.
        axis: the place of the new axis.

    Raises InvalidArgumentError for shapes or dtypes that differ, and for no tensors.

    >>> tf.stack([[1, 2], [3, 4]], axis=1).numpy()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    tensors = of_one_shape("stack", *values)
    return stack_of(len(tensors))(*tensors, axis=axis_of("stack", axis, tensors[0].ndim + 1))
