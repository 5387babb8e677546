"""Cases of the operations that work entry by entry, and of the operators."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from tfref.cases.making import EXTREMES, NOT_FINITE, POSITIVE, REAL, TIES, binary, inf, named, numbers, rows, unary
from tfref.running import Case


def elementwise() -> Iterator[Case]:
    yield from binary("add", edges=EXTREMES, integers=True)
    yield from binary("subtract", edges=EXTREMES, integers=True)
    yield from binary("multiply", edges=EXTREMES, integers=True)
    yield from binary("divide", right=POSITIVE, edges=[*EXTREMES, (1.0, 0.0), (0.0, 0.0), (-1.0, 0.0)], integers=True)
    yield from binary("math.floordiv", right=POSITIVE, edges=[(7.5, -2.0), (-7.5, 2.0), (1.0, inf)], integers=True)
    yield from binary(
        "math.floormod",
        right=POSITIVE,
        edges=[(7.5, -2.0), (-7.5, 2.0), (0.0, 3.0), (-3.0, 3.0), (3.0, -3.0), (-0.0, 3.0), (-3.0, inf), (3.0, -inf)],
        smooth=False,
        integers=True,
    )
    yield from binary(
        "pow",
        left=POSITIVE,
        edges=[(0.0, 2.0), (0.0, 0.0), (0.0, -1.0), (-2.0, 3.0), (-2.0, 0.5), (0.0, 0.5), (2.0, inf)],
    )
    yield Case("pow", "whole powers", named("pow"), (numpy.array([2, -3, 0], "int32"), numpy.array([3, 2, 0], "int32")))
    yield from binary("maximum", edges=[*TIES, *EXTREMES], smooth=False, integers=True)
    yield from binary("minimum", edges=[*TIES, *EXTREMES], smooth=False, integers=True)
    yield from binary("math.squared_difference", edges=[*TIES, *EXTREMES], integers=True)
    yield from unary("negative", edges=NOT_FINITE, integers=True)
    yield from unary("abs", edges=(0.0, -0.0, *NOT_FINITE), smooth=False, integers=True)
    yield from unary("sign", edges=(0.0, -0.0, *NOT_FINITE), smooth=False, integers=True)
    yield from unary("square", edges=(0.0, 3e38, *NOT_FINITE), integers=True)
    yield from unary("math.reciprocal", POSITIVE, edges=(0.0, -0.0, *NOT_FINITE))
    yield from unary("sqrt", POSITIVE, edges=(0.0, -1.0, *NOT_FINITE))
    yield from unary("exp", edges=(-200.0, 200.0, *NOT_FINITE))
    yield from unary("math.expm1", edges=(-200.0, 200.0, 1e-7, *NOT_FINITE))
    yield from unary("math.log", POSITIVE, edges=(0.0, -1.0, *NOT_FINITE))
    yield from unary("math.log1p", POSITIVE, edges=(-1.0, -2.0, 1e-7, *NOT_FINITE))
    yield from unary("sin", edges=(0.0, *NOT_FINITE))
    yield from unary("cos", edges=(0.0, *NOT_FINITE))
    yield from unary("tanh", edges=(-50.0, 50.0, *NOT_FINITE))
    yield from unary("sigmoid", edges=(-200.0, -80.0, -20.0, 0.0, 20.0, 200.0, *NOT_FINITE))
    yield from unary("math.softplus", edges=(-200.0, -80.0, -20.0, 0.0, 20.0, 200.0, *NOT_FINITE))
    yield from unary("nn.relu", edges=(0.0, -0.0, *NOT_FINITE), smooth=False, integers=True)
    yield Case("nn.relu", "times squares", lambda tf, x: tf.nn.relu(x) * x * x, (numbers([2, 3], *REAL),), 2)
    clip = lambda tf, x: tf.clip_by_value(x, -1.0, 1.0)  # noqa: E731  # a program, like its neighbours
    yield from unary("clip_by_value", edges=(-1.0, 1.0, 0.0, *NOT_FINITE), smooth=False, program=clip)
    yield from rows(
        "clip_by_value",
        {
            "bounds that are tensors": lambda tf, x, low, high: tf.clip_by_value(x, low, high),
            "bounds in the wrong order": lambda tf, x, low, high: tf.clip_by_value(x, high, low),
        },
        numbers([2, 3], *REAL), numbers([3], -1.0, 0.0), numbers([2, 1], 0.0, 1.0), order=1,
    )  # fmt: skip
    yield from rows(
        "where",
        {
            "both broadcast": lambda tf, x, y: tf.where(x > 0.0, x, y),
            "a number": lambda tf, x, y: tf.where(x > 0.0, x, 0.0),
            "a row of conditions": lambda tf, x, y: tf.where([True, False, True], x, y * y),
            "indices": lambda tf, x, y: tf.where(x > 0.0),
            "an array of numbers": lambda tf, x, y: tf.where(numpy.array([1, 0, 2]), x, y * y),
        },
        numbers([2, 3], *REAL), numbers([3], *REAL),
    )  # fmt: skip
    for op in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        yield from binary(op, edges=[*TIES, (1.0, 2.0), *EXTREMES], smooth=False, integers=True)
    yield from unary("math.is_finite", edges=(0.0, *NOT_FINITE), smooth=False)
    holds = numpy.array([[True, True], [False, False]])
    others = numpy.array([True, False])
    for op in ("logical_and", "logical_or", "math.logical_xor"):
        yield from rows(op, {"two rows": named(op)}, holds, others)
    yield Case("logical_not", "two rows", named("logical_not"), (holds,))


def operators() -> Iterator[Case]:
    x, y = numbers([2, 3], *POSITIVE), numbers([3], *POSITIVE, start=4)
    yield from rows(
        "operators",
        {
            "arithmetic": lambda tf, x, y: [x + y, x - y, x * y, x / y, -x, abs(-x), x**y, x // y, x % y],
            "numbers on the right": lambda tf, x, y: [x + 2.0, x - 2, x * 2.0, x / 2, x**2, x // 2.0, x % 2.0],
            "numbers on the left": lambda tf, x, y: [2.0 + x, 2 - x, 2.0 * x, 2 / x, 2.0**x, 2.0 // x, 2.0 % x],
            "arrays on the left": lambda tf, x, y: [numpy.ones(3) * x, numpy.full(3, 2) - y],
            "matrices": lambda tf, x, y: x @ tf.transpose(x),
            "comparisons": lambda tf, x, y: [x < y, x <= y, x > y, x >= y, x == y, x != y, x < 1, x == 1.0],
            "logic": lambda tf, x, y: [(x < y) & (x < 1), (x < y) | (x < 1), (x < y) ^ (x < 1), ~(x < y)],
        },
        x, y, order=1,
    )  # fmt: skip
