"""Parts of tensors, and tensors put together of parts: each is the other's gradient. Conversion of dtypes.

These are the primitives alone; the functions that users call are in `shaping.py`. A primitive takes
so and so many inputs, so there is one `concat` and one `stack` for each number of them.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from minidl.primitive import GradientRule, Primitive, primitive
from minidl.tensor import Tensor
from minidl.values import FLOATS

# Each of these two is the other's gradient, a circle that a type checker doesn't see through.


@primitive(x=lambda upstream, index, x_shape: put(upstream, index=index, shape=x_shape))  # type: ignore[has-type]
def slice_(xp, x, *, index):
    """The part of a tensor at an index of whole numbers, slices, `...` and None."""
    return x[index]


@primitive(x=lambda upstream, index: slice_(upstream, index=index))
def put(xp, x, *, index, shape):
    """Zeros of a shape, but for x at an index: the gradient of a part."""
    entries = xp.zeros(shape, x.dtype)
    entries[index] = x
    return entries


@primitive(x=lambda upstream, x_dtype: cast_to(upstream, x_dtype))
def _cast(xp, x, *, dtype):
    return x.astype(dtype)


_cast_without_gradient = Primitive("cast_without_gradient", _cast.forward, [None])


def cast_to(x: Tensor, dtype: Any) -> Tensor:
    """A tensor in another dtype (itself, if it has that)."""
    if x.dtype == dtype:
        return x
    return (_cast if {x.dtype, dtype} <= FLOATS else _cast_without_gradient)(x, dtype=dtype)


def _part_along(upstream: Tensor, axis: int, place: int | slice) -> Tensor:
    return slice_(upstream, index=(slice(None),) * axis + (place,))


def _place(number: int, inputs: Sequence[Tensor], result: Tensor, options: Mapping[str, Any]) -> tuple[int, slice]:
    """The axis along which tensors were put end to end, and where one of them lies."""
    axis = options["axis"]
    start = sum(x.shape[axis] for x in inputs[:number])
    return axis, slice(start, start + inputs[number].shape[axis])


@functools.cache
def concat_of(count: int) -> Primitive:
    """The primitive that puts so many tensors end to end along an axis."""
    rules = [GradientRule(_part_along, functools.partial(_place, number)) for number in range(count)]
    return Primitive("concat", lambda xp, *parts, axis: xp.concatenate(parts, axis=axis), rules)


@functools.cache
def stack_of(count: int) -> Primitive:
    """The primitive that puts so many tensors beside each other along a new axis."""
    places = [lambda inputs, result, options, number=number: (options["axis"], number) for number in range(count)]
    rules = [GradientRule(_part_along, place) for place in places]
    return Primitive("stack", lambda xp, *arrays, axis: xp.stack(arrays, axis=axis), rules)
