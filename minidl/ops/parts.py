"""Parts of tensors, and tensors put together of parts: each is the other's gradient. Conversion of dtypes.

These are the primitives alone; the functions that users call are in `shaping.py` and `joining.py`. A primitive takes
so and so many inputs, so there is one `concat` and one `stack` for each number of them.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from minidl.primitive import GradientRule, Primitive, call, primitive
from minidl.tensor import Tensor
from minidl.values import FLOATS


@primitive(x=lambda upstream, index, x_shape: put(upstream, index, x_shape))
def _slice(xp, x, *, index):
    return x[index]


@primitive(x=lambda upstream, index: part(upstream, index))
def _put(xp, x, *, index, shape):
    entries = xp.zeros(shape, x.dtype)
    entries[index] = x
    return entries


def part(x: Tensor, index: tuple[Any, ...]) -> Tensor:
    """The part of a tensor at an index of whole numbers, slices, `...` and None."""
    return call(_slice, (x,), {"index": index})


def put(x: Tensor, index: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape, but for x at an index: the gradient of a part."""
    return call(_put, (x,), {"index": index, "shape": shape})


@primitive(x=lambda upstream, x_dtype: cast_to(upstream, x_dtype))
def _cast(xp, x, *, dtype):
    return x.astype(dtype)


_cast_without_gradient = Primitive("cast_without_gradient", _cast.forward, [None])


def cast_to(x: Tensor, dtype: Any) -> Tensor:
    """A tensor in another dtype (itself, if it has that)."""
    if x.dtype == dtype:
        return x
    return call(_cast if {x.dtype, dtype} <= FLOATS else _cast_without_gradient, (x,), {"dtype": dtype})


def _part_along(upstream: Tensor, axis: int, place: int | slice) -> Tensor:
    return part(upstream, (slice(None),) * axis + (place,))


@functools.cache
def concat_of(count: int) -> Primitive:
    """The primitive that puts so many tensors end to end along an axis."""

    def rule(number: int) -> GradientRule:
        def keep(inputs: Sequence[Tensor], result: Tensor, options: Mapping[str, Any]) -> tuple[int, slice]:
            axis = options["axis"]
            ends = list(itertools.accumulate((x.shape[axis] for x in inputs), initial=0))
            return axis, slice(ends[number], ends[number + 1])

        return GradientRule(_part_along, keep)

    return Primitive("concat", lambda xp, *parts, axis: xp.concatenate(parts, axis=axis), list(map(rule, range(count))))


@functools.cache
def stack_of(count: int) -> Primitive:
    """The primitive that puts so many tensors beside each other along a new axis."""

    def rule(number: int) -> GradientRule:
        return GradientRule(_part_along, lambda inputs, result, options: (options["axis"], number))

    return Primitive("stack", lambda xp, *arrays, axis: xp.stack(arrays, axis=axis), list(map(rule, range(count))))
