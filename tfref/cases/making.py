"""How cases are made: the inputs, and the cases that operations of one or two tensors all have."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy

from tfref.running import Case, Program

inf, nan = math.inf, math.nan
Range = tuple[float, float]

REAL: Range = (-2.5, 2.5)
POSITIVE: Range = (0.1, 4.0)
FLOATS = ("float16", "float32", "float64")


def numbers(shape: Sequence[int], low: float, high: float, dtype: str = "float32", start: int = 0) -> numpy.ndarray:
    """Numbers between two bounds in no order: multiples of the golden ratio, without their whole part."""
    steps = numpy.arange(start, start + math.prod(shape), dtype=numpy.float64)
    return (low + (high - low) * ((steps + 1) * (math.sqrt(5) - 1) / 2 % 1)).reshape(shape).astype(dtype)


def rounded(values: Any, dtype: str) -> numpy.ndarray:
    with numpy.errstate(over="ignore"):  # float16 ends at 65504
        return numpy.array(values, dtype)


def named(op: str) -> Program:
    """The program that calls an operation by its name, such as `math.log`."""
    find = operator.attrgetter(op)
    return lambda tf, *inputs: find(tf)(*inputs)


def unary(
    op: str,
    values: Range = REAL,
    edges: Sequence[float] = (),
    smooth: bool = True,
    integers: bool = False,
    program: Program | None = None,
) -> Iterator[Case]:
    """The cases of an operation on one tensor.

    Arguments:
        op: its name, as it stands behind `tf.`.
        values: where to take inputs from.
        edges: kinks, ends and numbers that aren't finite, on which to do as TensorFlow does.
        smooth: whether it is differentiated twice.
        integers: whether it takes them.
        program: what to run instead of a call by name.
    """
    run = program or named(op)
    order = 2 if smooth else 1
    for dtype in FLOATS:
        yield Case(op, dtype, run, (numbers([2, 3], *values, dtype),), order)
    yield Case(op, "many entries", run, (numbers([64], *values),), order)
    yield Case(op, "no axes", run, (numbers([], *values),), order)
    yield Case(op, "one entry", run, (numbers([1, 1], *values),), order)
    yield Case(op, "no entries", run, (numbers([0, 3], *values),), order)
    yield Case(op, "a number", run, (float(numbers([], *values)),))
    yield Case(op, "a list", run, ([[float(numbers([], *values))], [1.0]],))
    if edges:
        for dtype in FLOATS:
            yield Case(op, f"edges {dtype}", run, (rounded(edges, dtype),), edge=True)
    if integers:
        for dtype in ("int32", "int64"):
            yield Case(op, dtype, run, (numpy.array([[-3, 0, 2], [1, 7, -1]], dtype),))


def binary(
    op: str,
    left: Range = REAL,
    right: Range = REAL,
    edges: Sequence[tuple[float, float]] = (),
    smooth: bool = True,
    integers: bool = False,
    program: Program | None = None,
) -> Iterator[Case]:
    """The cases of an operation on two tensors that broadcast; arguments as of `unary`."""
    run = program or named(op)
    order = 2 if smooth else 1

    def case(label: str, first: Sequence[int], second: Sequence[int], dtype: str = "float32") -> Case:
        return Case(op, label, run, (numbers(first, *left, dtype), numbers(second, *right, dtype, 131)), order)

    for dtype in FLOATS:
        yield case(dtype, [2, 3], [2, 3], dtype)
    yield case("many entries", [64], [64])
    yield case("a row on the left", [3], [2, 3])
    yield case("a row on the right", [2, 3], [3])
    yield case("a column and a row", [2, 1], [1, 3])
    yield case("no axes on the left", [], [2, 3])
    yield case("no axes on the right", [2, 3], [])
    yield case("one entry", [1], [1, 1])
    yield case("no entries", [0, 3], [1, 3])
    number = float(numbers([], *right, start=131))
    tensor = numbers([2, 3], *left)
    yield Case(op, "a number on the left", run, (float(numbers([], *left)), numbers([2, 3], *right, start=131)), order)
    yield Case(op, "a number on the right", run, (tensor, number), order)
    yield Case(op, "a list on the right", run, (tensor, [number, 1.0, 2.0]), order)
    yield Case(op, "a whole number on the right", run, (tensor, 2), order)
    if edges:
        for dtype in FLOATS:
            first, second = rounded(edges, dtype).T.copy()
            yield Case(op, f"edges {dtype}", run, (first, second), edge=True)
    if integers:
        for dtype in ("int32", "int64"):
            yield Case(op, dtype, run, (numpy.array([[-3, 0, 2], [1, 7, -1]], dtype), numpy.array([2, 3, 1], dtype)))


def rows(
    op: str,
    programs: dict[str, Callable[..., Any]],
    *inputs: Any,
    order: int = 2,
    edge: bool = False,
    eager_only: bool = False,
) -> Iterator[Case]:
    """One case for each labelled program, all on the same inputs."""
    for label, program in programs.items():
        yield Case(op, label, program, inputs, order, edge, eager_only)


def in_each_dtype(op: str, program: Program, shapes: Sequence[Sequence[int]], values: Range = REAL) -> Iterator[Case]:
    """One case for each dtype of floats, on inputs of these shapes."""
    for dtype in FLOATS:
        yield Case(
            op, dtype, program, tuple(numbers(shape, *values, dtype, 5 * i) for i, shape in enumerate(shapes)), 2
        )


NOT_FINITE = (inf, -inf, nan)
EXTREMES = ((inf, 1.0), (-inf, inf), (nan, 1.0), (1.0, nan), (inf, 0.0), (3e38, 3e38))
TIES = ((1.0, 1.0), (0.0, 0.0), (-2.0, -2.0), (0.0, -0.0))
