"""The case table: every operation, with the inputs on which it is held against TensorFlow.

`unary` and `binary` make the cases that every operation of one or two tensors has: each dtype, shapes that
broadcast, numbers and lists beside tensors, no entries, and the edges given. The others stand one by one. A program
takes the module, `program(tf, *inputs)`, and so runs on either engine.
"""

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


def _rounded(values: Any, dtype: str) -> numpy.ndarray:
    with numpy.errstate(over="ignore"):  # float16 ends at 65504
        return numpy.array(values, dtype)


def _named(op: str) -> Program:
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
    run = program or _named(op)
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
            yield Case(op, f"edges {dtype}", run, (_rounded(edges, dtype),), edge=True)
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
    run = program or _named(op)
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
            first, second = _rounded(edges, dtype).T.copy()
            yield Case(op, f"edges {dtype}", run, (first, second), edge=True)
    if integers:
        for dtype in ("int32", "int64"):
            yield Case(op, dtype, run, (numpy.array([[-3, 0, 2], [1, 7, -1]], dtype), numpy.array([2, 3, 1], dtype)))


def rows(
    op: str, programs: dict[str, Callable[..., Any]], *inputs: Any, order: int = 2, **about: bool
) -> Iterator[Case]:
    """One case for each labelled program, all on the same inputs."""
    for label, program in programs.items():
        yield Case(op, label, program, inputs, order, **about)


def in_each_dtype(op: str, program: Program, shapes: Sequence[Sequence[int]], values: Range = REAL) -> Iterator[Case]:
    """One case for each dtype of floats, on inputs of these shapes."""
    for dtype in FLOATS:
        yield Case(
            op, dtype, program, tuple(numbers(shape, *values, dtype, 5 * i) for i, shape in enumerate(shapes)), 2
        )


NOT_FINITE = (inf, -inf, nan)
EXTREMES = ((inf, 1.0), (-inf, inf), (nan, 1.0), (1.0, nan), (inf, 0.0), (3e38, 3e38))
TIES = ((1.0, 1.0), (0.0, 0.0), (-2.0, -2.0), (0.0, -0.0))


def _elementwise() -> Iterator[Case]:
    yield from binary("add", edges=EXTREMES, integers=True)
    yield from binary("subtract", edges=EXTREMES, integers=True)
    yield from binary("multiply", edges=EXTREMES, integers=True)
    yield from binary("divide", right=POSITIVE, edges=[*EXTREMES, (1.0, 0.0), (0.0, 0.0), (-1.0, 0.0)], integers=True)
    yield from binary("math.floordiv", right=POSITIVE, edges=[(7.5, -2.0), (-7.5, 2.0), (1.0, inf)], integers=True)
    yield from binary(
        "math.floormod", right=POSITIVE, edges=[(7.5, -2.0), (-7.5, 2.0), (0.0, 3.0)], smooth=False, integers=True
    )
    yield from binary(
        "pow",
        left=POSITIVE,
        edges=[(0.0, 2.0), (0.0, 0.0), (0.0, -1.0), (-2.0, 3.0), (-2.0, 0.5), (0.0, 0.5), (2.0, inf)],
    )
    yield Case(
        "pow", "whole powers", _named("pow"), (numpy.array([2, -3, 0], "int32"), numpy.array([3, 2, 0], "int32"))
    )
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
        },
        numbers([2, 3], *REAL), numbers([3], *REAL),
    )  # fmt: skip
    for op in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        yield from binary(op, edges=[*TIES, (1.0, 2.0), *EXTREMES], smooth=False, integers=True)
    yield from unary("math.is_finite", edges=(0.0, *NOT_FINITE), smooth=False)
    holds = numpy.array([[True, True], [False, False]])
    others = numpy.array([True, False])
    for op in ("logical_and", "logical_or", "math.logical_xor"):
        yield from rows(op, {"two rows": _named(op)}, holds, others)
    yield Case("logical_not", "two rows", _named("logical_not"), (holds,))


def _operators() -> Iterator[Case]:
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


def _reductions() -> Iterator[Case]:
    x, ties = numbers([2, 3, 4], *REAL), numpy.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], "float32")
    for op in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min"):
        run = _named(op)
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
    yield from rows(
        "argmax",
        {
            "axis 0": lambda tf, x: tf.argmax(x),
            "the last axis": lambda tf, x: tf.argmax(x, axis=-1),
            "int32": lambda tf, x: tf.argmax(x, 1, tf.int32),
            "ties": lambda tf, x: tf.argmax(x * 0.0, axis=1),
        },
        x,
    )
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
    yield from in_each_dtype("nn.softmax", _named("nn.softmax"), [[2, 3]])
    yield Case(
        "nn.softmax",
        "edges",
        _named("nn.softmax"),
        (numpy.array([[inf, 0], [nan, 0], [-inf, 0]], "float32"),),
        edge=True,
    )
    yield Case("nn.softmax", "no entries", _named("nn.softmax"), (numbers([0, 3], *REAL),))


def _matrices() -> Iterator[Case]:
    yield from in_each_dtype("matmul", _named("matmul"), [[2, 3], [3, 4]])
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
        yield Case("matmul", label, _named("matmul"), (numbers(first, *REAL), numbers(second, *REAL, start=7)), 2)
    yield Case("matmul", "int32", _named("matmul"), (numpy.array([[1, 2]], "int32"), numpy.array([[3], [4]], "int32")))
    yield from in_each_dtype("nn.bias_add", _named("nn.bias_add"), [[2, 3], [3]])
    yield Case("nn.bias_add", "three axes", _named("nn.bias_add"), (numbers([2, 2, 3], *REAL), numbers([3], *REAL)), 2)


def _shapes() -> Iterator[Case]:
    x, y = numbers([2, 3], *REAL), numbers([2, 3], *REAL, start=6)
    yield from rows(
        "reshape",
        {
            "a row": lambda tf, x, y: tf.reshape(x, [6]),
            "the rest": lambda tf, x, y: tf.reshape(x, [-1, 2]) * 2.0,
            "behind a transpose": lambda tf, x, y: tf.reshape(tf.transpose(x), [2, 3]) * y,
            "one entry": lambda tf, x, y: tf.reshape(tf.reduce_sum(x), [1, 1]),
            "no entries": lambda tf, x, y: tf.reshape(x[:0], [-1, 3]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "transpose",
        {
            "two axes": lambda tf, x, y: tf.transpose(x),
            "in order": lambda tf, x, y: tf.transpose(tf.reshape(x, [1, 2, 3]), [2, 0, 1]),
            "nothing": lambda tf, x, y: tf.transpose(x, [0, 1]),
            "no axes": lambda tf, x, y: tf.transpose(tf.reduce_sum(x)),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "squeeze",
        {
            "all": lambda tf, x, y: tf.squeeze(tf.reshape(x, [1, 6, 1])),
            "one axis": lambda tf, x, y: tf.squeeze(tf.reshape(x, [1, 6, 1]), axis=-1),
            "two axes": lambda tf, x, y: tf.squeeze(tf.reshape(x, [1, 6, 1]), axis=[0, 2]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "expand_dims",
        {
            "in front": lambda tf, x, y: tf.expand_dims(x, 0),
            "behind": lambda tf, x, y: tf.expand_dims(x, -1) * y[0, 0],
            "between": lambda tf, x, y: tf.expand_dims(x, axis=1),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "broadcast_to",
        {
            "new axes": lambda tf, x, y: tf.broadcast_to(x, [4, 2, 3]),
            "an axis of one": lambda tf, x, y: tf.broadcast_to(x[:, :1], [2, 5]),
            "a number": lambda tf, x, y: tf.broadcast_to(x[0, 0], [2, 2]),
            "no entries": lambda tf, x, y: tf.broadcast_to(x[0], [0, 3]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "concat",
        {
            "axis 0": lambda tf, x, y: tf.concat([x, y[:1]], 0),
            "the last axis": lambda tf, x, y: tf.concat([x, y[:, :2], x], axis=-1),
            "one tensor": lambda tf, x, y: tf.concat([x], 0),
            "a list": lambda tf, x, y: tf.concat([x[0], [1.0, 2.0]], 0),
            "no entries": lambda tf, x, y: tf.concat([x[:0], y], 0),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "stack",
        {
            "axis 0": lambda tf, x, y: tf.stack([x, y]),
            "the last axis": lambda tf, x, y: tf.stack([x, y, x], axis=-1),
            "numbers": lambda tf, x, y: tf.stack([x[0, 0], 2.0]),
            "a list with tensors": lambda tf, x, y: tf.convert_to_tensor([[x[0, 0], 1.0], [2.0, y[1, 1]]]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "gather",
        {
            "repeated": lambda tf, x, y: tf.gather(x, [1, 0, 1]),
            "along columns": lambda tf, x, y: tf.gather(x, [[0, 2], [2, 2]], axis=1),
            "one": lambda tf, x, y: tf.gather(x, 1),
            "the last axis": lambda tf, x, y: tf.gather(x, [2], axis=-1),
            "none": lambda tf, x, y: tf.gather(x, tf.constant([], tf.int32)),
            "of squares": lambda tf, x, y: tf.gather(x * x, [1, 0, 1]) * y[0],
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "slices",
        {
            "a row": lambda tf, x, y: x[1],
            "from behind": lambda tf, x, y: x[-1, -2],
            "ranges": lambda tf, x, y: x[:, 1:] * y[:, :2],
            "steps": lambda tf, x, y: x[::-1, ::2],
            "dots": lambda tf, x, y: x[..., 0],
            "a new axis": lambda tf, x, y: x[:, tf.newaxis, 1],
            "nothing": lambda tf, x, y: x[2:],
            "an index that is a tensor": lambda tf, x, y: x[tf.constant(1), 0],
            "a mask": lambda tf, x, y: x[x > 0.0],
            "a mask of rows": lambda tf, x, y: x[tf.constant([False, True])],
        },
        x, y,
    )  # fmt: skip
    yield Case("slices", "iteration", lambda tf, x: [row * 2.0 for row in x], (x,), 2, eager_only=True)


def _values() -> Iterator[Case]:
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


def _random() -> Iterator[Case]:
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


def _losses() -> Iterator[Case]:
    def loss(tf: Any, y: Any, reduction: Any = "sum_over_batch_size") -> Any:
        return tf.keras.losses.MeanSquaredError(reduction=reduction, dtype=y.dtype.name)

    weights = numbers([4], *POSITIVE)
    yield from rows(
        "keras.losses.MeanSquaredError",
        {
            "mean": lambda tf, x, y: loss(tf, y)(x, y),
            "sum": lambda tf, x, y: loss(tf, y, "sum")(x, y),
            "none": lambda tf, x, y: loss(tf, y, None)(x, y),
            "sample weights": lambda tf, x, y: loss(tf, y)(x, y, sample_weight=weights),
            "sample weights, summed": lambda tf, x, y: loss(tf, y, "sum")(x, y, sample_weight=weights),
            "mean with sample weights": lambda tf, x, y: loss(tf, y, "mean_with_sample_weight")(x, y, weights),
            "one weight": lambda tf, x, y: loss(tf, y)(x, y, sample_weight=2.0),
            "one column beside none": lambda tf, x, y: loss(tf, y)(x[:, 0], y[:, :1]),
            "three axes": lambda tf, x, y: loss(tf, y)(tf.reshape(x, [2, 2, 3]), tf.reshape(y, [2, 2, 3])),
        },
        numbers([4, 3], *REAL), numbers([4, 3], *REAL, start=9), order=1,
    )  # fmt: skip


def _metrics() -> Iterator[Case]:
    one_hot = numpy.eye(3, dtype="float32")[[0, 2, 1, 1]]
    for name in ("MeanAbsoluteError", "MeanSquaredError", "CategoricalAccuracy", "Accuracy"):

        def twice(tf: Any, x: Any, y: Any, name: str = name) -> Any:
            metric = getattr(tf.keras.metrics, name)()
            metric.update_state(x, y)
            metric.update_state(x[:1], x[:1])
            return metric.result()

        yield Case(
            f"keras.metrics.{name}", "two batches", twice, (one_hot, numbers([4, 3], 0.0, 1.0)), 0, eager_only=True
        )
    yield from rows(
        "keras.metrics.BinaryAccuracy",
        {"threshold": lambda tf, x, y: tf.keras.metrics.BinaryAccuracy(threshold=0.4)(x, y)},
        one_hot[:, :1], numbers([4, 1], 0.0, 1.0), order=0, eager_only=True,
    )  # fmt: skip
    yield from rows(
        "keras.metrics.SparseCategoricalAccuracy",
        {"indices": lambda tf, x, y: tf.keras.metrics.SparseCategoricalAccuracy()(x, y)},
        numpy.array([0, 2, 1, 1], "int32"), numbers([4, 3], 0.0, 1.0), order=0, eager_only=True,
    )  # fmt: skip


def _optimizers() -> Iterator[Case]:
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "momentum": {"momentum": 0.9},
        "Nesterov": {"momentum": 0.9, "nesterov": True},
        "weight decay": {"weight_decay": 0.01},
        "clipnorm": {"clipnorm": 1.0},
        "clipvalue": {"clipvalue": 0.5},
        "global_clipnorm": {"global_clipnorm": 1.0},
        "momentum and weight decay": {"momentum": 0.5, "weight_decay": 0.1},
        "Nesterov and clipnorm": {"momentum": 0.9, "nesterov": True, "clipnorm": 0.7},
        "all at once": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.02, "global_clipnorm": 0.5},
    }
    for label, settings in options.items():

        def steps(tf: Any, x: Any, y: Any, settings: dict[str, Any] = settings) -> Any:
            optimizer = tf.keras.optimizers.SGD(0.25, **settings)
            variables = [tf.Variable(x), tf.Variable(y)]
            for factor in (1.0, -3.0, 0.5):
                optimizer.apply_gradients([(y * factor, variables[0]), (x * factor, variables[1])])
            return [tf.convert_to_tensor(variable) for variable in variables]

        inputs = numbers([3, 2], *REAL), numbers([3, 2], *REAL, start=7)
        yield Case("keras.optimizers.SGD", label, steps, inputs, 0, eager_only=True)


def _layers() -> Iterator[Case]:
    def dense(tf: Any, x: Any, **options: Any) -> Any:
        layer = tf.keras.layers.Dense(3, dtype=x.dtype.name, **options)
        layer.build(x.shape)
        # Small weights, so that softmax and sigmoid aren't so sure that their gradients cancel to nothing.
        layer.set_weights([numbers(weight.shape, -0.5, 0.5, start=i) for i, weight in enumerate(layer.weights)])
        with tf.GradientTape() as tape:
            y = layer(x)
            square = tf.reduce_sum(y * y * 0.5 + y)
        return [y, *tape.gradient(square, layer.trainable_variables)]

    x = numbers([5, 4], *REAL)
    for activation in ("linear", "relu", "sigmoid", "tanh", "softplus", "softmax", None):
        program = lambda tf, x, activation=activation: dense(tf, x, activation=activation)  # noqa: E731
        yield Case("keras.layers.Dense", f"{activation}", program, (x,), eager_only=True)
    yield from rows(
        "keras.layers.Dense",
        {
            "no bias": lambda tf, x: dense(tf, x, use_bias=False),
            "three axes": lambda tf, x: dense(tf, tf.reshape(x, [1, 5, 4]), activation="tanh"),
            "no samples": lambda tf, x: dense(tf, x[:0]),
        },
        x, order=1, eager_only=True,
    )  # fmt: skip


def _initializers() -> Iterator[Case]:
    for name, options in {
        "GlorotUniform": {"seed": 7},
        "HeUniform": {"seed": 123456789},
        "RandomUniform": {"minval": -2.0, "maxval": 3.0, "seed": 1},
        "RandomNormal": {"mean": 1.0, "stddev": 0.5, "seed": 3},
        "Zeros": {},
        "Ones": {},
        "Constant": {"value": 0.3},
    }.items():

        def make(tf: Any, shape: Sequence[int], name: str = name, options: Any = options) -> Any:
            return getattr(tf.keras.initializers, name)(**options)(shape)

        for shape in ([3, 4], [5], [], [2, 3, 4]):
            yield Case(
                f"keras.initializers.{name}", f"{shape}", lambda tf, make=make, shape=shape: make(tf, shape), (), 0,
                eager_only=True,
            )  # fmt: skip


CASES: list[Case] = [
    case
    for group in (
        _elementwise, _operators, _reductions, _matrices, _shapes, _values, _random,
        _losses, _metrics, _optimizers, _layers, _initializers,
    )
    for case in group()
]  # fmt: skip
