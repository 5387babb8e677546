"""Cases of sums, means and extremes over axes, and of products of matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from tfref.cases.making import NOT_FINITE, REAL, in_each_dtype, inf, named, nan, numbers, rows, unary
from tfref.running import Case


def reductions() -> Iterator[Case]:
    x, ties = numbers([2, 3, 4], *REAL), numpy.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], "float32")
    for op in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min"):
        run = named(op)
        order = 2 if op in ("reduce_sum", "reduce_mean") else 1
        yield from unary(op, edges=NOT_FINITE, smooth=order == 2, integers=True)
        yield from rows(
            op,
            {
                "axis 0": lambda tf, x, run=run: run(tf, x, 0),
                "the last axis": lambda tf, x, run=run: run(tf, x, -1),
                "two axes": lambda tf, x, run=run: run(tf, x, [0, -1]),
                "two axes kept": lambda tf, x, run=run: run(tf, x, [2, 0], True),
                "all axes kept": lambda tf, x, run=run: run(tf, x, None, True),
                "of squares, squared": lambda tf, x, run=run: tf.square(run(tf, x * x, 0)),
                "over no axes": lambda tf, x, run=run: run(tf, x, []),
            },
            x, order=order,
        )  # fmt: skip
        empty = numbers([3, 0], *REAL)
        yield from rows(
            op,
            {
                "an axis without entries": lambda tf, x, run=run: run(tf, x, 1),
                "beside an axis without entries": lambda tf, x, run=run: run(tf, x, 0),
            },
            empty, order=1, edge=True,
        )  # fmt: skip
        yield from rows(
            op,
            {
                "ties": lambda tf, x, run=run: run(tf, x),
                "ties by rows": lambda tf, x, run=run: run(tf, x, 1),
            },
            ties, order=1, edge=True,
        )  # fmt: skip
        yield Case(op, "many entries of one sign", run, (numbers([5000], 0.0, 1.0),))
        yield Case(op, "many rows", lambda tf, x, run=run: run(tf, x, 0), (numbers([1000, 3], 0.0, 1.0),))
    for op, worst in (("argmax", -inf), ("argmin", inf)):
        run = named(op)
        yield from rows(
            op,
            {
                "axis 0": run,
                "the last axis": lambda tf, x, run=run: run(tf, x, -1),
                "int32": lambda tf, x, run=run: run(tf, x, 1, tf.int32),
                "ties": lambda tf, x, run=run: run(tf, x * 0.0, 1),
            },
            x,
        )
        beside = numpy.array([[0, nan, 0.5], [nan, 1, 2], [nan, nan, nan], [worst, nan, worst]], "float32")
        yield Case(op, "beside NaN", lambda tf, x, run=run: [run(tf, x, 1), run(tf, x, 0)], (beside,), edge=True)
    large = numpy.array([[2**53 + 1, -7, 2**62], [2**53 + 1, 2, 2**62]], "int64")
    yield Case("reduce_mean", "large whole numbers", lambda tf, x: [tf.reduce_mean(x, 0), tf.reduce_mean(x)], (large,))
    yield Case("reduce_mean", "no whole numbers", lambda tf, x: tf.reduce_mean(x, 0), (numpy.zeros((0, 2), "int32"),))
    for op in ("reduce_sum", "reduce_mean"):
        run, rows_of_16 = named(op), numbers([2000, 16], 0.29, 0.31, "float16")
        yield Case(op, "many rows of float16", lambda tf, x, run=run: run(tf, x, 0), (rows_of_16,))
    yield from rows(
        "nn.softmax",
        {
            "the last axis": lambda tf, x: tf.nn.softmax(x),
            "axis 0": lambda tf, x: tf.nn.softmax(x, axis=0),
            "far apart": lambda tf, x: tf.nn.softmax(x * 100.0),
            "large": lambda tf, x: tf.nn.softmax(x + 1000.0),
        },
        x,
    )
    yield from in_each_dtype("nn.softmax", named("nn.softmax"), [[2, 3]])
    yield Case(
        "nn.softmax",
        "edges",
        named("nn.softmax"),
        (numpy.array([[inf, 0], [nan, 0], [-inf, 0]], "float32"),),
        edge=True,
    )
    yield Case("nn.softmax", "no entries", named("nn.softmax"), (numbers([0, 3], *REAL),))


def matrices() -> Iterator[Case]:
    yield from in_each_dtype("matmul", named("matmul"), [[2, 3], [3, 4]])
    for transpose_a in (False, True):
        for transpose_b in (False, True):
            yield Case(
                "matmul",
                f"transposed {transpose_a}, {transpose_b}",
                lambda tf, x, y, a=transpose_a, b=transpose_b: tf.matmul(x, y, transpose_a=a, transpose_b=b),
                (numbers([3, 2] if transpose_a else [2, 3], *REAL), numbers([4, 3] if transpose_b else [3, 4], *REAL)),
                2,
            )
    shapes = {
        "a batch": ([5, 2, 3], [5, 3, 4]),
        "a batch and a matrix": ([5, 2, 3], [3, 4]),
        "a matrix and a batch": ([2, 3], [5, 3, 4]),
        "batches that broadcast": ([1, 4, 2, 3], [5, 1, 3, 2]),
        "rows and columns": ([1, 3], [3, 1]),
        "one by one": ([4, 1], [1, 1]),
        "no inner entries": ([2, 0], [0, 3]),
        "no rows": ([0, 3], [3, 2]),
        "long rows": ([3, 700], [700, 2]),
    }
    for label, (first, second) in shapes.items():
        yield Case("matmul", label, named("matmul"), (numbers(first, *REAL), numbers(second, *REAL, start=7)), 2)
    yield Case("matmul", "int32", named("matmul"), (numpy.array([[1, 2]], "int32"), numpy.array([[3], [4]], "int32")))
    yield from in_each_dtype("nn.bias_add", named("nn.bias_add"), [[2, 3], [3]])
    yield Case("nn.bias_add", "three axes", named("nn.bias_add"), (numbers([2, 2, 3], *REAL), numbers([3], *REAL)), 2)
