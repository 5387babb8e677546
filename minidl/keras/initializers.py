"""First values of weights, the same as Keras's for the same seed."""

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy

import minidl as tf
from minidl.keras.names import Configured, find
from minidl.values import as_dtype

__all__ = ["Constant", "GlorotUniform", "HeUniform", "Initializer", "Ones", "RandomNormal", "RandomUniform", "Zeros",
           "constant", "get", "glorot_uniform", "he_uniform", "ones", "random_normal", "random_uniform",
           "zeros"]  # fmt: skip


class Initializer(Configured):
    """Gives a tensor for a shape; to derive from.

    >>> class Halves(tf.keras.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return tf.fill(shape, 0.5)
    >>> tf.keras.layers.Dense(1, bias_initializer=Halves()).bias_initializer([2]).numpy()
    array([0.5, 0.5], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype=None)")


class Zeros(Initializer):
    """Zeros everywhere.

    >>> tf.keras.initializers.Zeros()([2]).numpy()
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return tf.zeros(shape, dtype or tf.float32)


class Ones(Initializer):
    """Ones everywhere.

    >>> tf.keras.initializers.Ones()([2]).numpy()
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return tf.ones(shape, dtype or tf.float32)


class Constant(Initializer):
    """One number everywhere, or what is given.

    Arguments:
        value: the number, or a tensor or an array of a shape that broadcasts to the wanted one.

    >>> tf.keras.initializers.Constant(1.5)([2]).numpy()
    array([1.5, 1.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return tf.broadcast_to(tf.cast(self.value, dtype or tf.float32), shape)


class _Random(Initializer):
    """Random numbers after a seed; without one, after a seed drawn from Python's `random`, as Keras does."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = random.randint(1, 10**9) if seed is None else seed


class RandomUniform(_Random):
    """Random numbers between two bounds, each equally likely.

    Arguments:
        minval, maxval: the bounds.
        seed: a whole number; the same seed gives the same numbers, and Keras's.

    >>> tf.keras.initializers.RandomUniform(-1.0, 1.0, seed=1)([2]).numpy()
    array([ 0.75697637, -0.0800395 ], dtype=float32)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, (self.seed, 0), self.minval, self.maxval, dtype or tf.float32)


class RandomNormal(_Random):
    """Random numbers of the normal distribution.

    Arguments:
        mean, stddev: of the distribution.
        seed: a whole number; the same seed gives the same numbers, and Keras's.

    >>> tf.keras.initializers.RandomNormal(seed=1)([2]).shape
    (2,)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return tf.random.stateless_normal(shape, (self.seed, 0), self.mean, self.stddev, dtype or tf.float32)


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many numbers a weight of this shape adds up for one result, and to how many results one number goes."""
    if len(shape) < 2:
        return (math.prod(shape),) * 2
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class GlorotUniform(_Random):
    """Uniform random numbers within √(6 / (fan_in + fan_out)) of 0, so that signals keep their size both ways.

    After Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, equation 16.

    Arguments:
        seed: a whole number; the same seed gives the same numbers, and Keras's.

    >>> tf.keras.initializers.GlorotUniform(seed=1)([1, 1]).shape
    (1, 1)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return self._within(1.0 / max(1.0, sum(_fans(shape)) / 2.0), shape, dtype)

    def _within(self, scale: float, shape: Sequence[int], dtype: Any) -> tf.Tensor:
        limit = math.sqrt(3.0 * scale)
        return tf.random.stateless_uniform(shape, (self.seed, 0), -limit, limit, dtype or tf.float32)


class HeUniform(GlorotUniform):
    """Uniform random numbers within √(6 / fan_in) of 0, for layers with relu, which halves the signal.

    After He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, equation 10.

    Arguments:
        seed: a whole number; the same seed gives the same numbers, and Keras's.

    >>> tf.keras.initializers.HeUniform(seed=1)([4, 1]).shape
    (4, 1)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        return self._within(2.0 / max(1.0, _fans(shape)[0]), shape, dtype)


class Stateful:
    """What keeps variables of its own, such as a metric or an optimizer."""

    _dtype = tf.float32
    _added: list[tf.Variable]

    def add_variable(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> tf.Variable:
        """Make a variable to keep something in.

        Arguments:
            shape, initializer, dtype, name: as of `Layer.add_weight`; zeros of float32 by default.
        """
        first = get(initializer)(tuple(shape), dtype=as_dtype(dtype or self._dtype))
        self._added.append(tf.Variable(first, trainable=False, name=name or "variable"))
        return self._added[-1]


# Keras's other names for them.
zeros, ones, constant = Zeros, Ones, Constant
random_uniform, random_normal, glorot_uniform, he_uniform = RandomUniform, RandomNormal, GlorotUniform, HeUniform

# TensorFlow's own.
constant_initializer, ones_initializer, zeros_initializer = Constant, Ones, Zeros
random_normal_initializer, random_uniform_initializer = RandomNormal, RandomUniform


def get(identifier: Any) -> Any:
    """The initializer of a name such as 'glorot_uniform' or 'GlorotUniform'; an initializer stays itself, and None too.

    A tensor or an array is the `Constant` of it. Raises ValueError for an unknown name.

    >>> type(tf.keras.initializers.get('zeros')).__name__
    'Zeros'
    """
    if isinstance(identifier, (tf.Tensor, tf.Variable, numpy.ndarray, numpy.generic)):
        return Constant(identifier)
    others = {"zero": Zeros, "one": Ones, "uniform": RandomUniform, "normal": RandomNormal}
    return find("initializer", identifier, globals(), **others)
