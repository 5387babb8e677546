"""Sums, means and extremes over axes, and the product of matrices, which is a sum over an axis too."""

import math
from typing import Any

from minidl.errors import InvalidArgumentError
from minidl.ops.creation import cast
from minidl.ops.elementwise import equal, multiply
from minidl.ops.inputs import alike, axes_of, axis_of, convert, of_dtype
from minidl.ops.operation import operation
from minidl.ops.shaping import reshape
from minidl.ops.shortcut import call
from minidl.primitive import Primitive, primitive
from minidl.sums import summed
from minidl.tensor import Tensor
from minidl.values import BOOLS, FLOATS, NUMBERS, as_dtype, int32, int64

__all__ = ["argmax", "argmin", "matmul", "reduce_all", "reduce_any", "reduce_max", "reduce_mean", "reduce_min",
           "reduce_sum"]  # fmt: skip

# A sum repeats the upstream gradient along the axes that it summed over. The sweep repeats whatever is too small, so
# the rules only have to put axes of length 1 where the summed axes were.


def _with_axes(reduced: Tensor, axis: tuple[int, ...] | None, shape: tuple[int, ...]) -> Tensor:
    if axis is None or len(reduced.shape) == len(shape):
        return reduced
    return reshape(reduced, [1 if index in axis else length for index, length in enumerate(shape)])


@operation(NUMBERS, x=lambda upstream, x_shape, axis: _with_axes(upstream, axis, x_shape))
def reduce_sum(xp, x, *, axis, keepdims):
    """The sum of the entries over some axes or all; the gradient repeats the upstream gradient along them.

    Arguments:
        input_tensor: of any shape, of floats or integers.
        axis: an axis or a list of them, negative ones counted from the end; None for all.
        keepdims: whether the axes stay, with length 1.

    Raises InvalidArgumentError for an axis that isn't there or is named twice, and for bools.

    >>> tf.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([4., 6.], dtype=float32)
    """
    return summed(xp, x, axis, keepdims)


def _count(shape: tuple[int, ...], axis: tuple[int, ...] | None) -> int:
    return math.prod(shape if axis is None else [shape[index] for index in axis])


@operation(NUMBERS, x=lambda upstream, x_shape, axis: spread(upstream, axis, x_shape))
def reduce_mean(xp, x, *, axis, keepdims):
    """The mean over some axes or all, of integers without its fraction; NaN of no entries.

    The gradient of each of n entries is 1 / n of the upstream gradient. Arguments and errors as of `reduce_sum`.

    >>> tf.reduce_mean([[1.0, 2.0], [3.0, 4.0]]).numpy()
    np.float32(2.5)
    """
    count = x.size if axis is None else _count(x.shape, axis)
    total = summed(xp, x, axis, keepdims) if x.dtype.char == "e" else x.sum(axis=axis, keepdims=keepdims)
    if x.dtype.kind == "f":
        return total / count
    count = max(count, 1)
    return ((total - xp.fmod(total, count)) // count).astype(x.dtype)


@primitive(x=lambda upstream, count: upstream / float(count))
def _spread(xp, x, *, shape, count):
    entries = xp.empty(shape, x.dtype)
    entries[...] = x[()] / count  # NumPy divides a number by a number faster than an array without axes
    return entries


def spread(upstream: Tensor, axis: tuple[int, ...] | None, shape: tuple[int, ...]) -> Tensor:
    """The gradient of a mean over axes of a shape: to each of n entries, 1 / n of the upstream gradient."""
    return call(_spread, (_with_axes(upstream, axis, shape),), {"shape": shape, "count": _count(shape, axis)})


def _share_of_extreme(upstream, x, result, axis, x_shape):
    """The upstream gradient, in equal parts to the entries that are the extreme."""
    extreme = cast(equal(x, _with_axes(result, axis, x_shape)), upstream.dtype)
    return extreme / reduce_sum(extreme, axis, keepdims=True) * _with_axes(upstream, axis, x_shape)


@operation(NUMBERS, x=_share_of_extreme)
def reduce_max(xp, x, *, axis, keepdims):
    """The largest entry over some axes or all, -inf of no entries.

    The gradient goes to the largest entry; several that are equal share it. Arguments and errors as of
    `reduce_sum`.

    >>> tf.reduce_max([[1.0, 2.0], [3.0, 4.0]], axis=1).numpy()
    array([2., 4.], dtype=float32)
    """
    return x.max(axis=axis, keepdims=keepdims) if x.size else _of_nothing(xp, x, axis, keepdims, -1)


@operation(NUMBERS, x=_share_of_extreme)
def reduce_min(xp, x, *, axis, keepdims):
    """The smallest entry over some axes or all, inf of no entries.

    The gradient goes to the smallest entry; several that are equal share it. Arguments and errors as of
    `reduce_sum`.

    >>> tf.reduce_min([[1.0, 2.0], [3.0, 4.0]], axis=1).numpy()
    array([1., 3.], dtype=float32)
    """
    return x.min(axis=axis, keepdims=keepdims) if x.size else _of_nothing(xp, x, axis, keepdims, 1)


def _of_nothing(xp: Any, x: Any, axis: tuple[int, ...] | None, keepdims: bool, side: int) -> Any:
    """The extreme of no entries: the farthest value on the other side."""
    limit = side * math.inf if x.dtype.kind == "f" else getattr(xp.iinfo(x.dtype), "max" if side > 0 else "min")
    return xp.full(x.sum(axis=axis, keepdims=keepdims).shape, limit, x.dtype)


@operation(BOOLS)
def reduce_any(xp, x, *, axis, keepdims):
    """Whether any entry holds, over some axes or all; arguments as of `reduce_sum`, but for the dtype, bool.

    >>> tf.reduce_any([[True, False], [False, False]], axis=1).numpy()
    array([ True, False])
    """
    return x.any(axis=axis, keepdims=keepdims)


@operation(BOOLS)
def reduce_all(xp, x, *, axis, keepdims):
    """Whether all entries hold, over some axes or all; arguments as of `reduce_sum`, but for the dtype, bool.

    >>> tf.reduce_all([[True, False], [True, True]], axis=1).numpy()
    array([False,  True])
    """
    return x.all(axis=axis, keepdims=keepdims)


@primitive()
def _argmax(xp, x, *, axis, dtype):
    numbers = xp.fmax(x, x.dtype.type(-math.inf)) if x.dtype.kind == "f" else x  # NaNs are passed over
    return numbers.argmax(axis=axis).astype(dtype)


@primitive()
def _argmin(xp, x, *, axis, dtype):
    numbers = xp.fmin(x, x.dtype.type(math.inf)) if x.dtype.kind == "f" else x  # NaNs are passed over
    return numbers.argmin(axis=axis).astype(dtype)


def _index_of(primitive: Primitive, x: Tensor, axis: Any, output_type: Any) -> Tensor:
    index, dtype = axis_of(primitive.name, 0 if axis is None else axis, x.ndim), as_dtype(output_type)
    if not x.shape[index]:
        raise InvalidArgumentError(f"{primitive.name}: axis {index} of shape {x.shape} has no entries")
    if dtype not in (int32, int64):
        raise InvalidArgumentError(f"{primitive.name} gives int32 or int64 indices; output_type was {dtype}")
    return primitive(x, axis=index, dtype=dtype)


def argmax(input: Any, axis: int | None = None, output_type: Any = int64, name: str | None = None) -> Tensor:
    """The index of the largest entry along an axis, of several equal ones the first; it has no gradient.

    Arguments:
        input: of at least one axis.
        axis: by default the first, 0.
        output_type: int32 or int64.

    Raises InvalidArgumentError for an axis that isn't there or has no entries.

    >>> tf.argmax([[1.0, 3.0], [9.0, 2.0]], axis=1).numpy()
    array([1, 0])
    """
    return _index_of(_argmax, convert(input), axis, output_type)


def argmin(input: Any, axis: int | None = None, output_type: Any = int64, name: str | None = None) -> Tensor:
    """The index of the smallest entry along an axis; see `argmax`.

    >>> tf.argmin([[1.0, 3.0], [9.0, 2.0]], axis=1).numpy()
    array([0, 1])
    """
    return _index_of(_argmin, convert(input), axis, output_type)


# -- products of matrices ----------------------------------------------------------------------------------------


@operation(NUMBERS, x=lambda upstream: _matrix_transpose(upstream))
def _matrix_transpose(xp, x):
    """The tensor with its last two axes swapped: each matrix in it transposed."""
    return x.swapaxes(-1, -2)


@operation(NUMBERS, x=lambda upstream, y: _matmul(upstream, _matrix_transpose(y)),
           y=lambda upstream, x: _matmul(_matrix_transpose(x), upstream))  # fmt: skip
def _matmul(xp, x, y):
    """The product of matrices x y; with upstream gradient g, dL/dx = g yᵀ and dL/dy = xᵀ g."""
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError("are no matrices, which have two axes or more; put one in with tf.expand_dims")
    if x.shape == y.shape[::-1] and xp.may_share_memory(x, y):
        y = y.copy()  # BLAS has another way for a matrix and itself, with other last bits
    try:
        return xp.dot(x, y) if x.ndim == y.ndim == 2 else xp.matmul(x, y)
    except ValueError:
        advice = "the last axis on the left and the last but one on the right must be equal, those before equal, or 1"
        raise ValueError(f"don't multiply: {advice}") from None


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None) -> Tensor:
    """The product of matrices, z = a b; with upstream gradient g, dL/da = g bᵀ and dL/db = aᵀ g.

    Arguments:
        a: of shape [..., n, k]; the axes before the last two are a batch, and broadcast with b's.
        b: of shape [..., k, m].
        transpose_a, transpose_b: whether to swap the last two axes of a or b first.

    Dtypes: floats and integers. Raises InvalidArgumentError for fewer than two axes, for lengths k that differ, and
    for two dtypes.

    >>> tf.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy()
    array([[11.]], dtype=float32)
    """
    if transpose_a or transpose_b:
        a, b = alike("matmul", a, b)
        a, b = _matrix_transpose(a) if transpose_a else a, _matrix_transpose(b) if transpose_b else b
    return _matmul(a, b)


# -- softmax -----------------------------------------------------------------------------------------------------


@primitive(x=lambda upstream, result, axis: (upstream - reduce_sum(upstream * result, axis, True)) * result)
def _softmax(xp, x, *, axis):
    exponentials = xp.exp(x - x.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


def softmax(logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """Positive numbers that sum to 1 along an axis, in the proportion eˣ.

    With s the result, dL/dx = (dL/ds - Σ dL/ds s) s, the sum along the axis.

    Arguments:
        logits: floats of at least one axis.
        axis: along which the results sum to 1.

    Raises InvalidArgumentError for an axis that isn't there, and for integers.

    >>> tf.nn.softmax([0.0, 0.0]).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    return _of_logits(_softmax, logits, axis)


@primitive(x=lambda upstream, x, axis: upstream - multiply(softmax(x, axis), reduce_sum(upstream, axis, True)))
def _log_softmax(xp, x, *, axis):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax(logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """The logarithms of `softmax`, finite also where that is 0.

    With l the result and s the softmax, dL/dx = dL/dl - s Σ dL/dl, the sum along the axis. Arguments and errors as of
    `softmax`.

    >>> tf.nn.log_softmax([0.0, 0.0]).numpy().round(4)
    array([-0.6931, -0.6931], dtype=float32)
    """
    return _of_logits(_log_softmax, logits, axis)


def _of_logits(primitive: Primitive, logits: Any, axis: int) -> Tensor:
    x = of_dtype(primitive.name, logits, FLOATS)
    axes = axes_of(axis, x.ndim)
    return primitive(x, axis=axes) if x.array.size else x
