"""Random tensors, under the names of `tensorflow.random`.

The `stateless_` draws are a function of their seed, and give TensorFlow's values. The others give new numbers at
each call, and the same row of them after `set_seed`.
"""

from __future__ import annotations

import random
from typing import Any

import numpy

from minidl import philox
from minidl.context import thread
from minidl.devices import CPU, device
from minidl.errors import InvalidArgumentError
from minidl.ops.creation import shape_of
from minidl.ops.inputs import convert
from minidl.primitive import Primitive, call, move, primitive
from minidl.tensor import Tensor
from minidl.values import FLOATS, as_dtype, float32

__all__ = ["normal", "set_seed", "stateless_normal", "stateless_uniform", "uniform"]


class _Draws:
    """Where the draws with a state stand: a seed, and how many were made since it was set."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.count = 0

    def next_pair(self, seed: int | None) -> tuple[int, int]:
        self.count += 1
        return self.seed + (seed or 0) * 2**32, self.count - 1


_draws = _Draws(random.SystemRandom().randrange(2**32))


# Primitives without inputs: what they give is other at each call.


@primitive()
def _uniform(xp, *, seed, shape, dtype):
    return philox.uniform(_draws.next_pair(seed), shape, dtype)


@primitive()
def _integers(xp, *, seed, shape, dtype, first, last):
    return philox.integers(_draws.next_pair(seed), shape, dtype, first, last)


@primitive()
def _normal(xp, *, seed, shape, dtype):
    return philox.normal(_draws.next_pair(seed), shape, dtype)


for _primitive in (_uniform, _integers, _normal):
    _primitive.like = lambda shape, dtype, **_: numpy.broadcast_to(numpy.zeros((), dtype), shape)

_ON_THE_CPU = device("/cpu:0")  # draws are made there whatever the device, so that a GPU starts from the same bits


def _drawn(primitive: Primitive, **options: Any) -> Tensor:
    with _ON_THE_CPU:
        drawn = call(primitive, (), options)
    return move(drawn, thread.state.device or CPU)


def set_seed(seed: int) -> None:
    """Make everything random that follows repeatable: draws, initial weights, the order in which `fit` shuffles.

    Arguments:
        seed: a whole number.

    It seeds Python's and NumPy's generators too, as `keras.utils.set_random_seed` does, which means the same here.
    (With Keras 3, TensorFlow's own `set_seed` no longer fixes initial weights.)

    >>> tf.random.set_seed(1)
    >>> first = tf.random.uniform([2]).numpy()
    >>> tf.random.set_seed(1)
    >>> bool((tf.random.uniform([2]).numpy() == first).all())
    True
    """
    global _draws
    if not isinstance(seed, int):
        raise ValueError(f"A seed is a whole number; {seed!r} was given")
    if thread.state.trace is not None:
        thread.state.trace.refuse_seed()
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    _draws = _Draws(seed)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Random numbers between two bounds, each equally likely; other ones at each call.

    Arguments:
        shape: of the tensor.
        minval, maxval: the bounds, the upper excluded; by default 0 and 1. Integers need the upper one.
        dtype: of the tensor: floats, int32 or int64.
        seed: makes this row of draws another than those with another seed.

    Raises ValueError for integers without a bound, InvalidArgumentError for bounds in the wrong order.

    >>> tf.random.uniform([2, 3]).shape
    (2, 3)
    """
    dtype, lengths = as_dtype(dtype), shape_of(shape)
    if dtype in FLOATS:
        return _between(minval, maxval, _drawn(_uniform, seed=seed, shape=lengths, dtype=dtype))
    first, last = _bounds(minval, maxval, dtype)
    return _drawn(_integers, seed=seed, shape=lengths, dtype=dtype, first=first, last=last)


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Random numbers of the normal distribution; other ones at each call.

    Arguments:
        shape: of the tensor.
        mean, stddev: of the distribution: numbers, or tensors that broadcast to the shape.
        dtype: of the tensor, of floats.
        seed: makes this row of draws another than those with another seed.

    >>> tf.random.normal([2, 3]).shape
    (2, 3)
    """
    dtype = _of_floats(dtype)
    draws = _drawn(_normal, seed=seed, shape=shape_of(shape), dtype=dtype)
    return draws * convert(stddev, dtype) + convert(mean, dtype)


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """Random numbers between two bounds, each equally likely; the same for the same seed, and TensorFlow's.

    Arguments:
        shape: of the tensor.
        seed: two whole numbers.
        minval, maxval: the bounds, the upper excluded; by default 0 and 1. Integers need the upper one.
        dtype: of the tensor: floats, int32 or int64.

    Raises ValueError for integers without a bound, InvalidArgumentError for a seed that isn't two numbers and for
    bounds in the wrong order.

    >>> tf.random.stateless_uniform([2], seed=[1, 2]).numpy()
    array([0.8440604 , 0.19204533], dtype=float32)
    """
    dtype, pair, lengths = as_dtype(dtype), _pair(seed), shape_of(shape)
    if dtype in FLOATS:
        return _between(minval, maxval, _on_device(philox.uniform(pair, lengths, dtype)))
    return _on_device(philox.integers(pair, lengths, dtype, *_bounds(minval, maxval, dtype)))


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
) -> Tensor:
    """Random numbers of the normal distribution; the same for the same seed, and TensorFlow's.

    Arguments:
        shape: of the tensor.
        seed: two whole numbers.
        mean, stddev: of the distribution: numbers, or tensors that broadcast to the shape.
        dtype: of the tensor, of floats.

    Raises InvalidArgumentError for a seed that isn't two numbers, or a dtype that isn't of floats.

    >>> tf.random.stateless_normal([2], seed=[1, 2]).numpy().round(4)
    array([0.5441, 0.2074], dtype=float32)
    """
    dtype = _of_floats(dtype)
    draws = _on_device(philox.normal(_pair(seed), shape_of(shape), dtype))
    return draws * convert(stddev, dtype) + convert(mean, dtype)


def _between(minval: Any, maxval: Any, draws: Tensor) -> Tensor:
    """Draws between 0 and 1, spread between two bounds."""
    low = convert(minval, draws.dtype)
    return draws * (convert(1 if maxval is None else maxval, draws.dtype) - low) + low


def _bounds(minval: Any, maxval: Any, dtype: numpy.dtype) -> tuple[int, int]:
    if maxval is None:
        raise ValueError(f"Draws of dtype {dtype} need an upper bound, maxval")
    first, last = int(minval), int(maxval)
    if first >= last:
        raise InvalidArgumentError(f"Draws from {first} to {last}, {last} excluded, have nothing to choose from")
    return first, last


def _of_floats(dtype: Any) -> numpy.dtype:
    found = as_dtype(dtype)
    if found not in FLOATS:
        raise InvalidArgumentError(f"Normal draws are floats; dtype {found} was asked for")
    return found


def _on_device(array: numpy.ndarray) -> Tensor:
    return Tensor((thread.state.device or CPU).place(array))


def _pair(seed: Any) -> tuple[int, int]:
    numbers = numpy.asarray(seed)
    if numbers.shape != (2,) or numbers.dtype.kind not in "iu":
        raise InvalidArgumentError(f"A seed is two whole numbers; {seed!r} was given")
    return int(numbers[0]), int(numbers[1])
