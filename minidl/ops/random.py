"""Random tensors, under the names of `tensorflow.random`, and of its values.

The `stateless_` draws are a function of their seed. The others give new numbers at each call, and the same row of them
after `set_seed`.
"""

import math
import operator
import random
from typing import Any

import numpy

from minidl import philox
from minidl.context import compiling, thread
from minidl.devices import CPU
from minidl.errors import InvalidArgumentError, brief
from minidl.ops.creation import shape_of, stop_gradient
from minidl.ops.inputs import convert
from minidl.ops.operation import Operation
from minidl.ops.shaping import gather
from minidl.primitive import move, primitive
from minidl.tensor import Tensor, TensorLike
from minidl.values import FLOATS, as_dtype, float32, int64

__all__ = ["normal", "set_seed", "shuffle", "stateless_normal", "stateless_uniform", "truncated_normal", "uniform"]


_LIMIT = 2**31 - 1  # TensorFlow takes seeds modulo this
_USUAL_SEED = 87654321  # which a draw's own seed stands beside where `set_seed` gave none


class _Draws:
    """Where the draws with a state stand since a seed was set, as TensorFlow's eager ones do.

    The key of the generator is the seed set. The upper half of the counter is the draw's own seed, and each kind of
    draw goes on from where the one before with that seed ended; without one it is a new random number.
    """

    def __init__(self, seed: int | None) -> None:
        self.seed = seed
        self._seeds = random.SystemRandom() if seed is None else random.Random(seed)
        self._places: dict[Any, int] = {}

    def start(self, kind: str, dtype: numpy.dtype, seed: Any, shape: tuple[int, ...]) -> philox.Start:
        if self.seed is None and seed is None:
            return self._seeds.getrandbits(64), 0, self._seeds.getrandbits(64)
        key = _USUAL_SEED if self.seed is None else self.seed % _LIMIT
        own = (self._seeds.randint(0, _LIMIT) if seed is None else operator.index(seed)) % _LIMIT
        own = own or (0 if key else _LIMIT)
        if seed is None:
            return key, 0, own
        with compiling:  # one thread at a time
            place = self._places.get((kind, dtype, own), 0)
            size = math.prod(shape)
            self._places[kind, dtype, own] = place + (256 * size if kind != "permutation" else (size + 2) // 4)
        return key, place, own


_draws = _Draws(None)


@primitive()
def _draw(xp, *, kind, seed, shape, dtype, bounds):
    """A primitive without inputs: what it gives is other at each call."""
    return xp.asarray(getattr(philox, kind)(_draws.start(kind, dtype, seed, shape), shape, dtype, *bounds))


_draw.like = lambda shape, dtype, **_: numpy.broadcast_to(numpy.zeros((), dtype), shape)


def _drawn(kind: str, shape: Any, dtype: numpy.dtype, seed: Any, *bounds: int) -> Tensor:
    """Draws that go on from those before. (They are made on the CPU, so that a GPU starts from the same bits.)"""
    return _draw(kind=kind, seed=seed, shape=shape_of(shape), dtype=dtype, bounds=bounds)


def _drawn_from(kind: str, shape: Any, dtype: numpy.dtype, seed: Any, *bounds: int) -> Tensor:
    """Draws that are a function of their seed."""
    numbers = numpy.asarray(seed)
    if numbers.shape != (2,) or numbers.dtype.kind not in "iu":
        raise InvalidArgumentError(f"A seed is two whole numbers; {brief(seed)} was given")
    drawn = getattr(philox, kind)(philox.scrambled(numbers.tolist()), shape_of(shape), dtype, *bounds)
    return Tensor((thread.state.device or CPU).place(drawn))


def set_seed(seed: Any) -> None:
    """Make everything random that follows repeatable: draws, initial weights, the order in which `fit` shuffles.

    Arguments:
        seed: a whole number; None for draws that nobody can repeat, but for those with a seed of their own.

    Draws are TensorFlow's after the same seed. It seeds Python's and NumPy's generators too, as
    `keras.utils.set_random_seed` does, which means the same here. (With Keras 3, TensorFlow's own `set_seed` no longer
    fixes initial weights.) Raises ValueError for what is no whole number.

    >>> tf.random.set_seed(1)
    >>> tf.random.uniform([2]).numpy()
    array([0.16513085, 0.9014813 ], dtype=float32)
    """
    global _draws
    if seed is not None:
        if not isinstance(seed, (int, float, numpy.number, TensorLike)) or int(seed) != seed:
            raise ValueError(f"A seed is a whole number; {brief(seed)} was given")
        seed = int(seed)
    if thread.state.trace is not None:
        thread.state.trace.refuse("sets the random seed", "Do that outside of it: later calls wouldn't")
    random.seed(seed)
    numpy.random.seed(None if seed is None else seed % 2**32)
    _draws = _Draws(seed)


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: Any = None,
            name: str | None = None) -> Tensor:  # fmt: skip
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
    return _uniform(_drawn, shape, seed, minval, maxval, dtype)


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None,
           name: str | None = None) -> Tensor:  # fmt: skip
    """Random numbers of the normal distribution; other ones at each call.

    Arguments:
        shape: of the tensor.
        mean, stddev: of the distribution: numbers, or tensors that broadcast to the shape.
        dtype: of the tensor, of floats.
        seed: makes this row of draws another than those with another seed.

    >>> tf.random.normal([2, 3]).shape
    (2, 3)
    """
    return _normal(_drawn, "normal", shape, seed, mean, stddev, dtype)


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None,
                     name: str | None = None) -> Tensor:  # fmt: skip
    """Random numbers of the normal distribution, none farther than two standard deviations from the mean.

    Arguments as of `normal`.

    >>> bool(tf.reduce_max(tf.abs(tf.random.truncated_normal([1000]))) < 2.0)
    True
    """
    return _normal(_drawn, "truncated_normal", shape, seed, mean, stddev, dtype)


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """The parts of a tensor along its first axis in random order; another one at each call. It has no gradient.

    Arguments:
        value: of one axis or more.
        seed: makes this row of orders another than those with another seed.

    >>> sorted(tf.random.shuffle([1, 2, 3]).numpy().tolist())
    [1, 2, 3]
    """
    x = convert(value)
    order = _drawn("permutation", x.shape[:1], int64, seed) if x.shape else None
    return stop_gradient(x if order is None else gather(x, move(order, x.home)))


def stateless_uniform(shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32,
                      name: str | None = None) -> Tensor:  # fmt: skip
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
    return _uniform(_drawn_from, shape, seed, minval, maxval, dtype)


def stateless_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32,
                     name: str | None = None) -> Tensor:  # fmt: skip
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
    return _normal(_drawn_from, "normal", shape, seed, mean, stddev, dtype)


def _uniform(draw: Operation, shape: Any, seed: Any, minval: Any, maxval: Any, dtype: Any) -> Tensor:
    """Draws between two bounds, made by `_drawn` or `_drawn_from`."""
    dtype = as_dtype(dtype)
    if dtype in FLOATS:
        draws = draw("uniform", shape, dtype, seed)
        if maxval is None and type(minval) is int and minval == 0:
            return draws
        low = convert(minval, dtype)
        return draws * (convert(1 if maxval is None else maxval, dtype) - low) + low
    if maxval is None:
        raise ValueError(f"Draws of dtype {dtype} need an upper bound, maxval")
    first, last = operator.index(minval), operator.index(maxval)
    if first >= last:
        raise InvalidArgumentError(f"Draws from {first} to {last}, {last} excluded, have nothing to choose from")
    return draw("integers", shape, dtype, seed, first, last)


def _normal(draw: Operation, kind: str, shape: Any, seed: Any, mean: Any, stddev: Any, dtype: Any) -> Tensor:
    dtype = as_dtype(dtype)
    if dtype not in FLOATS:
        raise InvalidArgumentError(f"Normal draws are floats; dtype {dtype} was asked for")
    return draw(kind, shape, dtype, seed) * convert(stddev, dtype) + convert(mean, dtype)
