"""Cases of the operations that are composed of others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from tfref.cases.making import NOT_FINITE, POSITIVE, REAL, in_each_dtype, named, numbers, rows, unary
from tfref.running import Case


def composed() -> Iterator[Case]:
    x, y = numbers([2, 3, 4], *REAL), numbers([2, 3, 4], *REAL, start=24)
    yield from unary("math.rsqrt", POSITIVE, edges=(0.0, -1.0, *NOT_FINITE))
    yield from unary("math.is_nan", edges=(0.0, *NOT_FINITE), smooth=False)
    yield from unary("round", edges=(0.5, 1.5, 2.5, -0.5, -0.0, *NOT_FINITE), smooth=False, integers=True)
    yield from unary("nn.elu", edges=(-200.0, 0.0, 200.0, *NOT_FINITE))
    yield from unary("nn.leaky_relu", edges=(0.0, *NOT_FINITE), smooth=False, integers=True)
    yield Case("nn.leaky_relu", "another slope", lambda tf, x: tf.nn.leaky_relu(x, alpha=0.05) * x, (x,), 2)
    yield from rows(
        "nn.log_softmax",
        {
            "the last axis": lambda tf, x: tf.nn.log_softmax(x),
            "axis 0": lambda tf, x: tf.nn.log_softmax(x, axis=0),
            "far apart": lambda tf, x: tf.nn.log_softmax(x * 100.0),
        },
        x,
    )
    yield from in_each_dtype("nn.log_softmax", named("nn.log_softmax"), [[2, 3]])
    yield from rows(
        "add_n",
        {
            "two": lambda tf, x, y: tf.add_n([x, y * y]),
            "one": lambda tf, x, y: tf.add_n([x]) * y,
            "three, one twice": lambda tf, x, y: tf.add_n([x, y, x]) * x,
        },
        x, y,
    )  # fmt: skip
    for op in ("math.reduce_std", "math.reduce_variance"):
        run = named(op)
        yield from in_each_dtype(op, run, [[2, 3]])
        for label, shape in {"many entries": [64], "no axes": [], "one entry": [1, 1], "no entries": [0, 3]}.items():
            yield Case(op, label, run, (numbers(shape, *REAL),), 2, edge=label != "many entries")
        yield Case(op, "not finite", run, (numpy.array(NOT_FINITE, "float32"),), edge=True)
        yield from rows(
            op,
            {
                "the last axis": lambda tf, x, run=run: run(tf, x, -1),
                "two axes kept": lambda tf, x, run=run: run(tf, x, [2, 0], True),
            },
            x,
        )
    zeros = numpy.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, -2.0, 5.0]], "float32")
    yield from unary("reduce_prod", integers=True)
    yield from rows(
        "reduce_prod",
        {
            "axis 0": lambda tf, x: tf.reduce_prod(x, 0),
            "two axes kept": lambda tf, x: tf.reduce_prod(x, [2, 0], True),
            "over no axes": lambda tf, x: tf.reduce_prod(x, []),
        },
        x,
    )
    yield Case("reduce_prod", "of zeros", lambda tf, x: tf.reduce_prod(x, 1), (zeros,), edge=True)
    yield Case("reduce_prod", "of nothing", lambda tf, x: tf.reduce_prod(x, 1), (numpy.zeros((2, 0), "float32"),))
    holds = numpy.array([[True, True], [False, True], [False, False]])
    for op in ("reduce_any", "reduce_all"):
        run = named(op)
        yield from rows(
            op,
            {
                "all": run,
                "rows": lambda tf, x, run=run: run(tf, x, 1),
                "columns, kept": lambda tf, x, run=run: run(tf, x, 0, True),
                "nothing": lambda tf, x, run=run: run(tf, x[:0], 0),
            },
            holds,
        )
    yield from rows(
        "norm",
        {
            "all": lambda tf, x: tf.norm(x),
            "an axis": lambda tf, x: tf.norm(x, axis=1),
            "matrices, kept": lambda tf, x: tf.norm(x, axis=[0, 2], keepdims=True),
            "1": lambda tf, x: tf.norm(x, 1, axis=-1),
            "3": lambda tf, x: tf.norm(x, 3, axis=-1),
        },
        x,
    )
    yield Case("norm", "inf", lambda tf, x: tf.norm(x, numpy.inf, axis=-1), (x,))
    yield from rows(
        "clip_by_norm",
        {
            "longer": lambda tf, x: tf.clip_by_norm(x, 1.0),
            "shorter": lambda tf, x: tf.clip_by_norm(x, 100.0),
            "rows": lambda tf, x: tf.clip_by_norm(x, 2.0, axes=[-1]),
        },
        x,
    )
    yield Case("clip_by_norm", "zeros", lambda tf, x: tf.clip_by_norm(x * 0.0, 1.0), (x,), edge=True)
    yield from rows(
        "clip_by_global_norm",
        {
            "longer": lambda tf, x, y: [*tf.clip_by_global_norm([x, y[0]], 1.0)[0], tf.linalg.global_norm([x, y[0]])],
            "shorter": lambda tf, x, y: tf.clip_by_global_norm([x, None, y], 100.0)[0][2],
        },
        x, y, order=1,
    )  # fmt: skip


def made() -> Iterator[Case]:
    """Cases of what is made of numbers, and of parts and repetitions."""
    x, ends = numbers([2, 3, 4], *REAL), numbers([2, 3], *REAL)
    yield from rows(
        "linspace",
        {"numbers": lambda tf, a: tf.linspace(0.0, 1.0, 7), "whole numbers": lambda tf, a: tf.linspace(0, 10, 5)},
        ends,
    )
    yield from rows(
        "linspace",
        {
            "tensors": lambda tf, a: tf.linspace(a[0], a[1], 5) * 2.0,
            "another axis": lambda tf, a: tf.linspace(a[0], a[1], 4, axis=-1),
            "one": lambda tf, a: tf.linspace(a[0], a[1], 1),
        },
        ends, order=1, eager_only=True,
    )  # fmt: skip
    yield from rows(
        "eye",
        {
            "square": lambda tf, x: tf.eye(3),
            "oblong, int32": lambda tf, x: tf.eye(2, 3, dtype=tf.int32),
            "several": lambda tf, x: tf.eye(2, batch_shape=[3], dtype=x.dtype) * x[0, 0, 0],
        },
        x,
    )
    indices = numpy.array([[0, 2], [-1, 3]], "int32")
    yield from rows(
        "one_hot",
        {
            "by default": lambda tf, i: tf.one_hot(i, 3),
            "values": lambda tf, i: tf.one_hot(i, 4, on_value=5, off_value=-1),
            "in front": lambda tf, i: tf.one_hot(i, 3, axis=0, dtype=tf.float64),
            "an index": lambda tf, i: tf.one_hot(i[0, 1], 3),
        },
        indices,
    )
    yield from rows(
        "slice",
        {
            "within": lambda tf, x: tf.slice(x, [0, 1, 1], [1, 2, 2]),
            "the rest": lambda tf, x: tf.slice(x, [1, 0, 2], [-1, -1, -1]) * 2.0,
            "nothing": lambda tf, x: tf.slice(x, [0, 0, 0], [0, 3, 4]),
        },
        x, order=1, eager_only=True,
    )  # fmt: skip
    yield from rows(
        "split",
        {
            "equal parts": lambda tf, x: [part * (n + 1.0) for n, part in enumerate(tf.split(x, 2, axis=-1))],
            "lengths": lambda tf, x: tf.split(x, [1, 2], axis=1),
            "the rest": lambda tf, x: tf.split(x, [1, -1], axis=1)[1],
        },
        x,
    )
    yield from rows(
        "tile",
        {
            "each axis": lambda tf, x: tf.tile(x, [2, 1, 3]) ** 2.0,
            "once": lambda tf, x: tf.tile(x, [1, 1, 1]),
            "never": lambda tf, x: tf.tile(x, [0, 1, 1]),
        },
        x,
    )
    yield from rows(
        "boolean_mask",
        {
            "rows": lambda tf, x: tf.boolean_mask(x, [True, False]),
            "entries of two axes": lambda tf, x: tf.boolean_mask(x, [[True, False, True], [False, True, False]]),
            "another axis": lambda tf, x: tf.boolean_mask(x, [False, True, True], axis=1) * 2.0,
        },
        x,
    )  # fmt: skip


def sums_of_products() -> Iterator[Case]:
    x, y, z = numbers([2, 3, 4], *REAL), numbers([4, 3], *REAL, start=24), numbers([2, 4], *REAL, start=36)
    yield from rows(
        "tensordot",
        {
            "one axis": lambda tf, x, y, z: tf.tensordot(x, y, 1),
            "two axes": lambda tf, x, y, z: tf.tensordot(x, y, [[2, 1], [0, 1]]),
            "an axis by number": lambda tf, x, y, z: tf.tensordot(x, z, [[0], [0]]),
            "no axes": lambda tf, x, y, z: tf.tensordot(y, z, 0),
        },
        x, y, z,
    )  # fmt: skip
    yield from rows(
        "einsum",
        {
            "a product": lambda tf, x, y, z: tf.einsum("ij,kj->ik", x[0], z),
            "matrices in a batch": lambda tf, x, y, z: tf.einsum("bij,bj->bi", x, z),
            "a transpose": lambda tf, x, y, z: tf.einsum("ijk->kij", x),
            "sums alone": lambda tf, x, y, z: tf.einsum("ijk->j", x),
            "a number": lambda tf, x, y, z: tf.einsum("ij,ji->", x[0], y),
            "outer": lambda tf, x, y, z: tf.einsum("i,j->ij", y[0], z[0]),
            "three": lambda tf, x, y, z: tf.einsum("bij,jk,bj->bik", x, y, z),
            "other axes": lambda tf, x, y, z: tf.einsum("...j,jk->...k", x, y),
            "no result named": lambda tf, x, y, z: tf.einsum("ij,jk", x[0], y),
            "a diagonal": lambda tf, x, y, z: tf.einsum("ii->i", y[:3]),
            "a trace": lambda tf, x, y, z: tf.einsum("bibj->ij", tf.stack([x[:, :2], x[:, 1:]], 2)),
        },
        x, y, z,
    )  # fmt: skip
