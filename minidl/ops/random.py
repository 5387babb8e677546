"""Random tensors, under the names of `tensorflow.random`.

The `stateless_` draws are a function of their seed, and give TensorFlow's values. The others give new numbers at
each call, and the same row of them after `set_seed`.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy

from minidl import philox
from minidl.context import thread
from minidl.devices import CPU
from minidl.errors import InvalidArgumentError
from minidl.ops.calling import as_tensor
from minidl.ops.creation import shape_of
from minidl.tensor import FLOATS, Tensor, as_dtype, float32

__all__ = ["normal", "set_seed", "stateless_normal", "stateless_uniform", "uniform"]


class _Draws:
    """Where the draws with a state stand: a seed, and how many were made since it was set."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.count = itertools.count()

    def next_pair(self, seed: int | None) -> tuple[int, int]:
        return self.seed + (seed or 0) * 2**32, next(self.count)


_draws = _Draws(random.SystemRandom().randrange(2**32))


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
    return stateless_uniform(shape, _draws.next_pair(seed), minval, maxval, dtype)


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
    return stateless_normal(shape, _draws.next_pair(seed), mean, stddev, dtype)


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
        draws = _on_device(philox.uniform(pair, lengths, dtype))
        low = as_tensor(minval, dtype)
        return draws * (as_tensor(1 if maxval is None else maxval, dtype) - low) + low
    if maxval is None:
        raise ValueError(f"Draws of dtype {dtype} need an upper bound, maxval")
    first, last = int(minval), int(maxval)
    if first >= last:
        raise InvalidArgumentError(f"Draws from {first} to {last}, {last} excluded, have nothing to choose from")
    return _on_device(philox.integers(pair, lengths, dtype, first, last))


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
    dtype = as_dtype(dtype)
    if dtype not in FLOATS:
        raise InvalidArgumentError(f"Normal draws are floats; dtype {dtype} was asked for")
    draws = _on_device(philox.normal(_pair(seed), shape_of(shape), dtype))
    return draws * as_tensor(stddev, dtype) + as_tensor(mean, dtype)


def _on_device(array: numpy.ndarray) -> Tensor:
    return Tensor((thread.here.device or CPU).place(array))


def _pair(seed: Any) -> tuple[int, int]:
    numbers = numpy.asarray(seed)
    if numbers.shape != (2,) or numbers.dtype.kind not in "iu":
        raise InvalidArgumentError(f"A seed is two whole numbers; {seed!r} was given")
    return int(numbers[0]), int(numbers[1])
