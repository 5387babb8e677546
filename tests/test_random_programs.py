"""Random programs, drawn by hypothesis, give on minidl what they give on TensorFlow, and compiled the same bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

import minidl
from minidl.tracing.passes import PASSES
from tests.agree import Compiler, assert_same_bits, compiler
from tfref.judging import TIMES, UNITS, units_apart
from tfref.running import Case, figures

# Operations that keep numbers in bounds, by the number of their inputs; every value has shape [2, 3]. Nothing is
# driven far into the ends of tanh, where its derivative 1 - tanh² cancels to nothing on either engine.
ONE: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda tf, x: tf.tanh(x),
    "sin": lambda tf, x: tf.sin(x),
    "cos": lambda tf, x: tf.cos(x),
    "sigmoid": lambda tf, x: tf.sigmoid(x),
    "softplus": lambda tf, x: tf.math.softplus(x),
    "relu": lambda tf, x: tf.nn.relu(x),
    "abs": lambda tf, x: abs(x),
    "negative": lambda tf, x: -x,
    "exp of tanh": lambda tf, x: tf.exp(tf.tanh(x)),
    "root": lambda tf, x: tf.sqrt(tf.square(x) + 1.0),
    "log1p": lambda tf, x: tf.math.log1p(tf.square(x)),
    "expm1": lambda tf, x: tf.math.expm1(tf.sin(x)),
    "softmax": lambda tf, x: tf.nn.softmax(x, axis=0),
    "mean of rows": lambda tf, x: x - tf.reduce_mean(x, 1, keepdims=True),
    "sum of columns": lambda tf, x: tf.tanh(tf.reduce_sum(x, 0)) * x,
    "largest": lambda tf, x: tf.reduce_max(x, 1, keepdims=True) - x,
    "turned": lambda tf, x: tf.transpose(tf.reshape(x, [3, 2])),
    "reversed": lambda tf, x: x[::-1, ::-1],
    "picked": lambda tf, x: tf.gather(x, [2, 0, 0], axis=1),
    "clipped": lambda tf, x: tf.clip_by_value(x, -0.7, 0.8),
    "powers": lambda tf, x: tf.pow(tf.abs(x) + 0.5, 1.5),
    "halves": lambda tf, x: tf.concat([x[:, :1], tf.sin(x[:, 1:])], 1),
}
TWO: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda tf, x, y: x + y,
    "subtract": lambda tf, x, y: x - y,
    "multiply": lambda tf, x, y: tf.tanh(x) * y,
    "divide": lambda tf, x, y: x / (tf.square(y) + 1.0),
    "maximum": lambda tf, x, y: tf.maximum(x, y),
    "minimum": lambda tf, x, y: tf.minimum(x, y),
    "where": lambda tf, x, y: tf.where(x > y, x, 0.5 * y),
    "product": lambda tf, x, y: tf.tanh(0.2 * tf.matmul(x, y, transpose_b=True)) @ y,
    "squared difference": lambda tf, x, y: tf.tanh(0.2 * tf.math.squared_difference(x, y)),
    "a row": lambda tf, x, y: x + tf.reduce_mean(y, 0),
    "a column": lambda tf, x, y: tf.sin(x) * tf.reduce_sum(y, 1, keepdims=True),
    "stacked": lambda tf, x, y: tf.reduce_mean(tf.stack([x, y]), 0),
}

Step = tuple[str, int, int]


def steps() -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.tuples(st.sampled_from([*ONE, *TWO]), st.integers(0, 40), st.integers(0, 40)), min_size=5, max_size=30
    )


def program(drawn: list[Step]) -> Callable[..., Any]:
    """The program that takes the steps: each works on values that are there already, the last ones more often."""

    def run(tf: Any, x: Any, y: Any) -> Any:
        values = [x, y]
        for name, one, other in drawn:
            first, second = values[-1 - one % min(len(values), 4)], values[-1 - other % len(values)]
            values.append(ONE[name](tf, first) if name in ONE else TWO[name](tf, first, second))
        return values[-1]

    return run


PATTERNS = 4  # in how many ways the inputs are moved by one unit in the last place


@pytest.mark.tf
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(drawn=steps(), seed=st.integers(0, 2**16))
def test_a_random_program_agrees(drawn: list[Step], seed: int, tensorflow: Any) -> None:
    generator = numpy.random.default_rng(seed)
    x, y = (generator.uniform(-2, 2, (2, 3)).astype("float32") for _ in range(2))
    case = Case("random", "program", program(drawn), (x, y), order=2)
    truth = figures(tensorflow, case.in_float64())
    runs = [figures(tensorflow, case)]
    for _ in range(PATTERNS):
        far = numpy.where(generator.random((2, 3)) < 0.5, 9, -9).astype("float32")
        moved = dataclasses.replace(case, inputs=(numpy.nextafter(x, far), numpy.nextafter(y, -far)))
        runs.append(figures(tensorflow, moved))
    ours = figures(minidl, case)
    assert ours.keys() == runs[0].keys()
    for name, array in ours.items():
        own = max(units_apart(run[name], truth[name]) for run in runs)
        # A program on a kink, or one that cancels to nothing, proves nothing: a unit moves it by many.
        assume(own < 1000 and numpy.isfinite(truth[name]).all())
        assert units_apart(array, truth[name]) <= max(UNITS, TIMES * own), name


# New values of a variable v that are made of parts of it which overlap the places that they are put into.
OVERLAPPING: dict[str, Callable[[Any], Any]] = {
    "rows turned": lambda v: minidl.concat([v[1:], v[:1]], 0),
    "columns turned": lambda v: minidl.concat([v[:, 2:], v[:, :2]], 1),
    "with itself": lambda v: minidl.concat([v, v], 0)[1:3],
    "beside itself": lambda v: minidl.concat([v, v, v], 1)[:, 2:8:2],
    "stacked on itself": lambda v: minidl.stack([v[1], v[0]]),
    "mirrored": lambda v: v[::-1, ::-1],
    "folded": lambda v: v + v[::-1],
    "spread": lambda v: v[:1] + 0.5 * v[:, 1:2],
    "multiplied": lambda v: minidl.matmul(v, [[0.5, -0.25, 0.0], [0.25, 0.5, 1.0], [0.0, 0.5, -0.5]]),
    "multiplied from the left": lambda v: minidl.matmul([[0.5, -0.5], [0.25, 0.75]], v),
    "multiplied inside": lambda v: minidl.tanh(minidl.matmul(minidl.exp(v), [[0.5, -0.25, 0.0]] * 3) + 1.0),
    "laid anew": lambda v: minidl.reshape(minidl.transpose(v), [2, 3]),
}


@pytest.mark.parametrize("level", ["plain", *PASSES])
@pytest.mark.parametrize("name", OVERLAPPING)
def test_a_variable_may_be_made_of_its_own_parts(name: str, level: str, device: str) -> None:
    def assigned(compiled: Compiler) -> Any:
        variables = [minidl.Variable([[1.5, 2.5, 3.5], [-4.0, 5.5, 0.25]]) for _ in range(2)]

        @compiled
        def step() -> Any:
            before = variables[0] * 1.0
            for variable in variables:
                variable.assign(OVERLAPPING[name](variable))
            return before, variables[0][::-1]

        return [[step(), *(variable.numpy() for variable in variables)] for _ in range(3)]

    assert_same_bits(assigned, compiler(level))


ASSIGNED = ("assigned", "assigned and viewed", "swapped", "read", "descended", *OVERLAPPING)


def worked(drawn: list[Step], seed: int) -> Callable[[Compiler], Any]:
    """A program that takes the steps, on variables that it assigns on the way, and is called a few times."""

    def run(compiled: Compiler) -> Any:
        generator = numpy.random.default_rng(seed)
        numbers = [generator.uniform(-2, 2, (2, 3)).astype("float32") for _ in range(4)]
        variables = [minidl.Variable(array) for array in numbers[:3]]

        @compiled
        def step(x: Any) -> Any:
            values, kept = [x, variables[0].value()], []
            for name, one, other in drawn:
                first, second = values[-1 - one % min(len(values), 4)], values[-1 - other % len(values)]
                one_of, another = variables[one % 3], variables[other % 3]
                if name == "assigned":
                    one_of.assign(first)
                elif name == "assigned and viewed":
                    one_of.assign_add(0.5 * first)
                    kept.append(another.value()[::-1, 1:])
                elif name == "swapped":
                    old = one_of.value()
                    one_of.assign(another)
                    another.assign(old)
                elif name == "read":
                    values.append(one_of.value())
                elif name in OVERLAPPING:
                    one_of.assign(OVERLAPPING[name](one_of))
                    kept += [another.value()[:, 1:]] * (other % 2)
                elif name == "descended":
                    with minidl.GradientTape() as tape:
                        loss = minidl.reduce_mean(minidl.square(one_of * first - second))
                    one_of.assign_sub(0.1 * tape.gradient(loss, one_of))
                elif name in ONE:
                    values.append(ONE[name](minidl, first))
                else:
                    values.append(TWO[name](minidl, one_of if other % 2 else first, second))
            return [values[-1], kept, values[len(values) // 2]]

        found = []
        for call in range(4):
            found.append([step(minidl.constant(numbers[3] * (call + 1))), [each.numpy() for each in variables]])
            if call == 1:
                variables[2].assign(numbers[3])
        return found

    return run


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    drawn=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(ASSIGNED), st.sampled_from([*ONE, *TWO])), st.integers(0, 40), st.integers(0, 40)
        ),
        min_size=3,
        max_size=20,
    ),
    seed=st.integers(0, 2**16),
    level=st.sampled_from(["plain", *PASSES]),
)
def test_a_random_program_gives_the_same_bits_compiled(drawn: list[Step], seed: int, level: str) -> None:
    assert_same_bits(worked(drawn, seed), compiler(level))
