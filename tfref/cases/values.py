"""Cases of what makes tensors: of values, of shapes, of other tensors, of random bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy

from tfref.cases.making import numbers, rows
from tfref.running import Case


def values() -> Iterator[Case]:
    x = numbers([2, 3], -3.5, 3.5)
    yield from rows(
        "cast",
        {
            "wider": lambda tf, x: tf.cast(x, tf.float64),
            "narrower": lambda tf, x: tf.cast(x, tf.float16),
            "to whole numbers": lambda tf, x: tf.cast(x, tf.int32),
            "to whole numbers and back": lambda tf, x: tf.cast(tf.cast(x, tf.int64), x.dtype) * x,
            "to bool": lambda tf, x: tf.cast(x, tf.bool),
            "the same": lambda tf, x: tf.cast(x, x.dtype) * 2.0,
            "by name": lambda tf, x: tf.cast(x, "float32"),
        },
        x, order=1,
    )  # fmt: skip
    yield from rows(
        "identity",
        {"identity": lambda tf, x: tf.identity(x), "convert_to_tensor": lambda tf, x: tf.convert_to_tensor(x)},
        x,
    )
    yield from rows(
        "stop_gradient",
        {"one way of two": lambda tf, x: x * tf.stop_gradient(x), "the only way": lambda tf, x: tf.stop_gradient(x)},
        x,
    )
    yield from rows(
        "zeros and ones",
        {
            "like": lambda tf, x: [tf.zeros_like(x), tf.ones_like(x), tf.ones_like(x, dtype=tf.int32)],
            "of a shape": lambda tf, x: [tf.zeros([2, 0]), tf.ones(3, tf.int64), tf.zeros([])],
            "fill": lambda tf, x: [tf.fill([2, 2], x[0, 0]), tf.fill([3], 7)],
        },
        x,
    )
    yield from rows(
        "range",
        {
            "to": lambda tf, x: tf.range(5),
            "of floats": lambda tf, x: tf.range(1.0, 2.0, 0.25),
            "backwards": lambda tf, x: tf.range(5, 0, -2),
            "of a dtype": lambda tf, x: tf.range(3, dtype=tf.float64),
            "nothing": lambda tf, x: tf.range(0),
        },
        x,
    )
    yield from rows(
        "constant",
        {
            "Python's numbers": lambda tf, x: [tf.constant(1), tf.constant(1.5), tf.constant(True), tf.constant([])],
            "a large number": lambda tf, x: tf.constant([2**40, 1]),
            "a shape": lambda tf, x: [tf.constant(2.0, shape=[2, 2]), tf.constant([1, 2, 3, 4], shape=[2, 2])],
            "a dtype": lambda tf, x: [tf.constant([1, 2], tf.float16), tf.constant(numpy.arange(3.0), tf.int32)],
        },
        x,
    )
    yield from rows(
        "shape, rank, size",
        {
            "of two axes": lambda tf, x: [tf.shape(x), tf.rank(x), tf.size(x)],
            "of none": lambda tf, x: [tf.shape(x[0, 0]), tf.rank(1.0), tf.size([])],
            "int64": lambda tf, x: [tf.shape(x, tf.int64), tf.size(x, out_type=tf.int64)],
        },
        x,
    )


def draws() -> Iterator[Case]:
    """Draws with a state: several in a row after a seed, with seeds of their own and without."""

    def after(seed: Any, *draws: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def program(tf: Any) -> Any:
            tf.random.set_seed(seed)
            return [draw(tf) for draw in draws]

        return program

    for seed in (3, 0, 2020):
        yield from rows(
            "random.uniform",
            {
                f"floats {seed}": after(seed, *[lambda tf: tf.random.uniform([5])] * 3),
                f"bounds {seed}": after(seed, *[lambda tf: tf.random.uniform([2, 3], -3.0, 5.0, seed=7)] * 3),
                f"float64 {seed}": after(seed, lambda tf: tf.random.uniform([5], dtype=tf.float64)),
                f"whole {seed}": after(seed, *[lambda tf: tf.random.uniform([9], -4, 100, tf.int32, seed=1)] * 2),
                f"int64 {seed}": after(seed, lambda tf: tf.random.uniform([9], 0, 2**40, tf.int64)),
            },
            eager_only=True,
        )
        yield from rows(
            "random.normal",
            {
                f"floats {seed}": after(seed, *[lambda tf: tf.random.normal([5])] * 3),
                f"a seed of its own {seed}": after(seed, *[lambda tf, own=seed: tf.random.normal([33], seed=own)] * 3),
                f"float64 {seed}": after(seed, lambda tf: tf.random.normal([5], 3.0, 2.0, tf.float64)),
            },
            eager_only=True,
        )
        yield from rows(
            "random.truncated_normal",
            {
                f"floats {seed}": after(seed, *[lambda tf: tf.random.truncated_normal([7])] * 3),
                f"a seed of its own {seed}": after(seed, *[lambda tf: tf.random.truncated_normal([33], seed=5)] * 3),
                f"float64 {seed}": after(seed, lambda tf: tf.random.truncated_normal([9], 3.0, 2.0, tf.float64)),
            },
            eager_only=True,
        )
        yield from rows(
            "random.shuffle",
            {
                f"numbers {seed}": after(seed, *[lambda tf: tf.random.shuffle(tf.range(9))] * 3),
                f"rows {seed}": after(seed, lambda tf: tf.random.shuffle([[1, 2], [3, 4], [5, 6], [7, 8]])),
                f"a seed of its own {seed}": after(
                    seed, *[lambda tf, n=n: tf.random.shuffle(tf.range(n), seed=4) for n in (5, 8, 3, 20, 1, 5)]
                ),
            },
            eager_only=True,
        )


def random() -> Iterator[Case]:
    for seed in ([1, 2], [0, 0], [-5, 123456789]):
        yield from rows(
            "random.stateless_uniform",
            {
                f"floats {seed}": lambda tf, s=seed: tf.random.stateless_uniform([7], s),
                f"bounds {seed}": lambda tf, s=seed: tf.random.stateless_uniform([2, 3], s, -3.0, 5.0),
                f"float16 {seed}": lambda tf, s=seed: tf.random.stateless_uniform([5], s, dtype=tf.float16),
                f"float64 {seed}": lambda tf, s=seed: tf.random.stateless_uniform([5], s, dtype=tf.float64),
                f"int32 {seed}": lambda tf, s=seed: tf.random.stateless_uniform([9], s, -4, 100, tf.int32),
                f"int64 {seed}": lambda tf, s=seed: tf.random.stateless_uniform([9], s, 0, 2**40, tf.int64),
                f"none {seed}": lambda tf, s=seed: tf.random.stateless_uniform([0], s),
            },
            eager_only=True,  # compiled, TensorFlow draws other numbers
        )
        yield from rows(
            "random.stateless_normal",
            {
                f"floats {seed}": lambda tf, s=seed: tf.random.stateless_normal([65], s),
                f"moments {seed}": lambda tf, s=seed: tf.random.stateless_normal([4], s, 3.0, 2.0),
                f"float16 {seed}": lambda tf, s=seed: tf.random.stateless_normal([5], s, dtype=tf.float16),
                f"float64 {seed}": lambda tf, s=seed: tf.random.stateless_normal([5], s, dtype=tf.float64),
            },
            eager_only=True,
        )
