"""Compiled functions: the same bits as the eager run, whatever is done with variables, views and results."""

from __future__ import annotations

import contextlib
import copy
import gc
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.nest import flatten
from tests.agree import Compiler, assert_same_bits, bits, lose_values
from tfref.cases import CASES
from tfref.running import Case


@pytest.fixture(params=["no scope", "no values", "cpu", "double", pytest.param("gpu", marks=pytest.mark.gpu)])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each test that uses this runs outside of any device scope, where a guard is all that a call passes, and in one
    on each device; and once with all traced tensors losing their values, as otherwise only large ones do."""
    if request.param == "no values":
        lose_values(monkeypatch)
    if request.param in ("no scope", "no values"):
        yield "/cpu:0"
        return
    if request.param == "double":
        request.getfixturevalue("double")
    name = "/cpu:0" if request.param == "cpu" else "/gpu:0"
    with tf.device(name):
        yield name


# -- every operation ---------------------------------------------------------------------------------------------


def _differentiated(case: Case) -> Callable[..., Any]:
    """A case's program, with the gradients of its results as often as the case takes them."""

    def program(*inputs: Any) -> Any:
        watched = [x for x in inputs if isinstance(x, tf.Tensor) and "float" in str(x.dtype) and case.order]
        with tf.GradientTape() as outer:
            outer.watch(watched)
            with tf.GradientTape() as tape:
                tape.watch(watched)
                results = flatten(case.program(tf, *inputs))
            found = list(results)
            differentiable = [each for each in results if "float" in str(each.dtype)]
            if watched and differentiable:
                found += tape.gradient(differentiable, watched)
        if case.order > 1:
            gradients = [each for each in found[len(results) :] if each is not None]
            found += outer.gradient(gradients, watched)
        return found

    return program


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_the_same_bits_compiled(case: Case, place: str) -> None:
    def program(compiled: Compiler) -> Any:
        inputs = [tf.constant(value) if isinstance(value, numpy.ndarray) else value for value in case.inputs]
        function, plain = compiled(_differentiated(case)), compiled(lambda *inputs: case.program(tf, *inputs))
        with tf.GradientTape() as tape:
            tape.watch([x for x in inputs if isinstance(x, tf.Tensor)])
            results = [each for each in flatten(plain(*inputs)) if "float" in str(each.dtype)]
        outside = tape.gradient(results, [x for x in inputs if isinstance(x, tf.Tensor)]) if results else []
        return [function(*inputs) for _ in range(3)], [plain(*inputs) for _ in range(2)], outside

    try:
        assert_same_bits(program)
    except ValueError as error:
        if "makes the variable" not in str(error):
            raise
        assert case.eager_only  # as TensorFlow's functions do, ours refuse variables made at each call
    except TypeError as error:
        if "Python looked at" not in str(error):
            raise
        assert case.op in ("where", "slices", "boolean_mask", "gather"), case.name


# -- traps -------------------------------------------------------------------------------------------------------

X = [[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]


def assigned_and_read(compiled: Compiler) -> Any:
    v = tf.Variable([1.0, 2.0])

    @compiled
    def f(x: Any) -> Any:
        before = v + 0.0
        v.assign(v * x)
        between = v + 1.0
        v.assign_add(x)
        return before, between, v.read_value(), v * 1.0

    return [f(tf.constant([2.0, 3.0])) for _ in range(3)], v


def swapped(compiled: Compiler) -> Any:
    a, b, c = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0]), tf.Variable([5.0, 6.0])

    @compiled
    def f() -> Any:
        old = tf.identity(a)
        a.assign(b)
        b.assign(c)
        c.assign(old)
        return old

    return [f() for _ in range(4)], a, b, c


def swapped_and_changed(compiled: Compiler) -> Any:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @compiled
    def f() -> None:
        old = a * 2.0
        a.assign(b - a)
        b.assign(old)

    return [f() for _ in range(3)], a, b


def old_value_returned(compiled: Compiler) -> Any:
    v = tf.Variable([1.0, 2.0])

    @compiled
    def f() -> Any:
        old = v.value()
        v.assign_add([1.0, 1.0])
        return old

    return [f() for _ in range(3)], v


def viewed(compiled: Compiler) -> Any:
    v = tf.Variable(X)

    @compiled
    def f() -> Any:
        first, turned = v[0], tf.transpose(v)
        v.assign(v * 2.0)
        return first + 1.0, tf.reduce_sum(turned, 0), tf.reshape(v, [-1]), first

    return [f() for _ in range(3)], v


def one_value_for_two(compiled: Compiler) -> Any:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @compiled
    def f(x: Any) -> Any:
        new = a * x
        a.assign(new)
        b.assign(new)
        return new

    return [f(tf.constant([2.0, 3.0])) for _ in range(3)], a, b


def kept_outside(compiled: Compiler) -> Any:
    v = tf.Variable([1.0, 2.0])

    @compiled
    def f() -> None:
        v.assign(v * 2.0)

    f()
    kept, part = v.read_value(), v[:1]
    with tf.GradientTape() as tape:
        y = v * v
    f()
    f()
    return kept, part, tape.gradient(y, v), v


def assigned_between(compiled: Compiler) -> Any:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([1.0])

    @compiled
    def f() -> Any:
        v.assign_add([1.0, 1.0])
        w.assign_add([1.0])
        return v * 1.0

    return f(), f(), v.assign([7.0, 8.0]), f(), f(), v, w


def two_programs(compiled: Compiler) -> Any:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([5.0])

    @compiled
    def double(x: Any) -> Any:
        v.assign(v * 2.0)
        w.assign(w * 2.0)
        return v + x

    @compiled
    def add(x: Any) -> Any:
        v.assign(v + x)
        return v * 1.0

    @compiled
    def look(x: Any) -> Any:
        return v * x + w

    x = tf.constant([1.0, 3.0])
    return [(double(x), look(x), add(x), look(x)) for _ in range(3)], v, w


def captured_and_argument(compiled: Compiler) -> Any:
    c = tf.constant([1.0, 2.0])

    @compiled
    def f(x: Any) -> Any:
        return x * c, c + 1.0, c

    return f(c), f(tf.constant([5.0, 6.0])), f(c)


def one_tensor_twice(compiled: Compiler) -> Any:
    x, y = tf.constant([1.0, 2.0]), tf.constant([3.0, 5.0])

    @compiled
    def f(x: Any, y: Any) -> Any:
        return x - y, x * y

    return f(x, x), f(x, y), f(y, y), f(y, x)


def tensor_assigned(compiled: Compiler) -> Any:
    v, x = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])

    @compiled
    def f(x: Any) -> Any:
        v.assign(x)
        result = v + 1.0
        v.assign(v * 2.0)
        return result

    return f(x), f(x), x, v


def results_of_every_kind(compiled: Compiler) -> Any:
    v, c = tf.Variable(X), tf.constant([1.0])

    @compiled
    def f(x: Any) -> Any:
        y = x * 2.0
        v.assign(v + y)
        return {
            "x": x,
            "v": v.value(),
            "view": v[0],
            "of x": tf.reshape(x, [-1]),
            "twice": (y, y),
            "c": c,
            "none": None,
        }

    first = f(tf.constant(X))
    second = f(tf.constant(X))
    assert set(first) == set(second)
    return [first[key] for key in sorted(first)], [second[key] for key in sorted(second)], v


def same_result_object(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        y = x * 2.0
        return y, y, x

    x = tf.constant([1.0])
    a, b, c = f(x)
    a2, b2, c2 = f(x)
    assert a is b
    assert a2 is b2
    assert c is x
    assert c2 is x
    return a, a2


def results_stay(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        y = x * 2.0
        z = y + 1.0
        return z, tf.reshape(z, [-1]), tf.reduce_sum(z), y

    found = [f(tf.constant(X) + float(i)) for i in range(3)]
    return found, [f(tf.constant(X)) for _ in range(2)]


def layouts(compiled: Compiler) -> Any:
    wide = tf.constant(numpy.random.default_rng(0).normal(size=(40, 30)).astype("float32"))

    @compiled
    def f(x: Any) -> Any:
        return tf.reduce_sum(x * 1.5), tf.reduce_sum(x, 0), tf.matmul(x, x, transpose_b=True), tf.reshape(x, [-1])

    square = wide[:30]
    return f(square), f(tf.transpose(square)), f(wide[::-1][:30]), f(wide[10:, :]), f(square)


def in_place_beside_a_view(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        y = x + 1.0
        turned = tf.transpose(y)
        z = y * 2.0  # y's memory is still read, through the view
        w = tf.reshape(z, [3, 2]) + turned
        return tf.matmul(w, z) - w[:, :1], tf.concat([z, y], 0)

    return [f(tf.constant(X)) for _ in range(2)]


def other_dtypes(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any, n: Any) -> Any:
        above = x > 0.5
        counted = tf.reduce_sum(tf.cast(above, tf.int32))
        return (
            tf.where(above, x, -x), counted, tf.reduce_sum(n), tf.reduce_mean(n), n / 2, n * 2,
            tf.cast(x, "float64") * 3, tf.cast(x * 2.0, "float16") + 1.0, tf.reduce_max(n, 0), tf.nn.relu(n),
            tf.square(x) > x,
        )  # fmt: skip

    return [f(tf.constant(X), tf.constant([[1, -2], [3, 2**30]])) for _ in range(2)]


def without_axes(compiled: Compiler) -> Any:
    v = tf.Variable(2.0)

    @compiled
    def f(x: Any) -> Any:
        total = tf.reduce_sum(x)
        v.assign(v * total)
        return total, total / 3.0, v * 1.0, tf.sqrt(tf.abs(total)), x[0, 0], x[0, 0] + 1.0, tf.nn.softmax(x)

    return [f(tf.constant(X)) for _ in range(3)], v


def nothing(compiled: Compiler) -> Any:
    v = tf.Variable(tf.zeros([0, 3]))

    @compiled
    def f(x: Any) -> Any:
        v.assign(v + x)
        return tf.reduce_sum(x), tf.reduce_max(x, 1), tf.concat([x, v], 0), tf.matmul(x, x, transpose_a=True)

    return [f(tf.zeros([0, 3])) for _ in range(2)], v


def python_arguments(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any, factor: Any = 1.0, *, more: Any = None, how: str = "add") -> Any:
        y = x * factor if how == "add" else x - factor
        return y if more is None else [y + each for each in more.values()]

    x = tf.constant([1.0, 2.0])
    return (
        f(x), f(x, 2.0), f(x, factor=2.0), f(x, 2), f(x, True), f(x, -0.0), f(x, 0.0), f(x, how="sub"), f(x, x),
        f(x, more={"a": x, "b": 2.0}), f(x, more={"a": x * 2.0, "b": 2.0}), f([1.0, 2.0] * x), f(x, numpy.ones(2, "f")),
    )  # fmt: skip


def nested(compiled: Compiler) -> Any:
    v = tf.Variable(1.0)

    @compiled
    def inner(x: Any) -> Any:
        v.assign_add(1.0)
        return x * v

    @compiled
    def outer(x: Any) -> Any:
        return inner(x) + inner(x * 2.0), inner(v)

    return [(outer(tf.constant(3.0)), inner(tf.constant(1.0))) for _ in range(3)], v


def draws(compiled: Compiler) -> Any:
    @compiled
    def f() -> Any:
        a, b = tf.random.uniform([3]), tf.random.uniform([3])
        return a, b, a - b, tf.random.normal([2], stddev=2.0), tf.random.uniform([4], 0, 10, tf.int32)

    found = [f() for _ in range(3)]
    assert len({bits(each[0]) for each in found}) == 3
    assert bits(found[0][0]) != bits(found[0][1])
    return found


def training(compiled: Compiler) -> Any:
    generator = numpy.random.default_rng(0)
    x, y = (tf.constant(generator.normal(size=(16, n)).astype("float32")) for n in (5, 2))
    variables = []
    for index, shape in enumerate([(5, 8), (8,), (8, 6), (6,), (6, 2), (2,)]):
        variables.append(tf.Variable(generator.normal(size=shape).astype("float32") * 0.5, name=f"w{index}"))
    velocities = [tf.Variable(tf.zeros_like(each)) for each in variables]

    @compiled
    def step(x: Any, y: Any, rate: Any) -> Any:
        with tf.GradientTape() as tape:
            hidden = x
            for index in range(0, 6, 2):
                hidden = tf.matmul(hidden, variables[index]) + variables[index + 1]
                hidden = tf.nn.relu(hidden) if index == 0 else tf.tanh(hidden) if index == 2 else hidden
            loss = tf.reduce_mean(tf.square(hidden - y))
        gradients = tape.gradient(loss, variables)
        for variable, velocity, gradient in zip(variables, velocities, gradients, strict=True):
            velocity.assign(velocity * 0.9 - gradient * rate)
            variable.assign_add(velocity)
        return loss, gradients[1]

    rate = tf.constant(0.05)
    return [step(x, y, rate) for _ in range(5)], step(x[:3], y[:3], rate), step(x, y, rate), variables, velocities


def second_order(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        return tf.reduce_sum(tf.exp(x) * tf.sin(x))

    @compiled
    def derivative(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, x)

    x, v = tf.constant([0.3, -0.7]), tf.Variable([0.3, -0.7])
    with tf.GradientTape() as tape:
        tape.watch(x)
        first = derivative(x)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = f(v)
        gradient = inner.gradient(y, v)
    return f(x), derivative(x), tape.gradient(first, x), gradient, outer.gradient(gradient, v)


def tape_on_captured(compiled: Compiler) -> Any:
    c, v = tf.constant([2.0, 3.0]), tf.Variable([1.0, 4.0])

    @compiled
    def f(x: Any) -> Any:
        square = c * c
        v.assign(v + 1.0)
        return x * square * v

    found = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(c)
            y = f(tf.constant([1.0, 2.0]))
        found += [y, *tape.gradient(y, [c, v])]
    return found, f(c), v


def own_gradients(compiled: Compiler) -> Any:
    v = tf.Variable([2.0, 3.0])

    @tf.custom_gradient
    def clipped(x: Any) -> Any:
        return x * 1.0, lambda upstream: tf.clip_by_value(upstream, -1.0, 1.0)

    @compiled
    def f(x: Any) -> Any:
        return clipped(x * v) * 10.0 + tf.stop_gradient(x)

    @compiled
    def inside(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return y, *tape.gradient(y, [x, v])

    @tf.custom_gradient
    def log1pexp(x: Any) -> Any:
        e = tf.exp(clipped(x))
        return tf.math.log(1.0 + e), lambda upstream: upstream * (1.0 - 1.0 / (1.0 + e))

    @tf.custom_gradient
    def failing(x: Any) -> Any:
        raise ValueError("not today")

    @compiled
    def step(x: Any) -> Any:
        with contextlib.suppress(ValueError):
            failing(x)
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(log1pexp(v * x))
        v.assign_sub(0.1 * tape.gradient(y, v))
        return y * v

    x = tf.constant([1.0, 5.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    results = [f(x), inside(x), inside(x), tape.gradient(y, [x, v])]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = step(x)
    return [*results, y, tape.gradient(y, x), step(x), v]


def iterated(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        total = tf.zeros([3])
        for row in x:
            total = total * 0.5 + row
        return total, len(x)

    return f(tf.constant(X)), f(tf.constant(X))


def made_in_the_first_call(compiled: Compiler) -> Any:
    class Counter:
        variable: Any = None

        @compiled
        def step(self, x: Any) -> Any:
            if self.variable is None:
                self.variable = tf.Variable(tf.zeros_like(x))
            self.variable.assign_add(x)
            return self.variable * 1.0

    one, other = Counter(), Counter()
    other.variable = tf.Variable([10.0])
    x = tf.constant([1.0])
    return one.step(x), one.step(x), other.step(x), one.step(x), one.variable, other.variable


def repeated_expressions(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        return tf.exp(x) + tf.exp(x), tf.exp(x), (x + 1.0) * (x + 1.0), x[0] + x[0]

    return [f(tf.constant(X)) for _ in range(2)]


def constant_parts(compiled: Compiler) -> Any:
    c = tf.constant(X)

    @compiled
    def f(x: Any) -> Any:
        part = tf.matmul(c, c, transpose_b=True) * 2.0
        return tf.matmul(part, x), part, tf.ones_like(x) * x, tf.zeros([2]) - 0.0

    return [f(tf.constant(X)) for _ in range(2)]


def strided_value_assigned(compiled: Compiler) -> Any:
    w, v = tf.Variable([0.0, 0.0, 0.0]), tf.Variable(tf.zeros([37, 61]))
    wide = tf.constant(numpy.random.default_rng(0).normal(size=(61, 37)).astype("float32"))

    @compiled
    def f(x: Any, y: Any) -> Any:
        w.assign((x / 2.0)[::-1])
        v.assign(tf.transpose(y))
        return tf.identity(w), tf.reduce_sum(v), tf.reduce_sum(v, 0), tf.matmul(v, v, transpose_b=True)

    return [f(tf.constant([2.0, 4.0, 6.0]) * float(i), wide) for i in range(3)], w


def one_new_value_from_another(compiled: Compiler) -> Any:
    variables = [tf.Variable([float(i), 2.0]) for i in range(4)]
    a, b, c, d = variables

    @compiled
    def f(x: Any) -> Any:
        s, t = tf.sin(x), tf.cos(x)
        b.assign(s * t)
        a.assign(s + b)
        c.assign(t + tf.tanh(x))
        d.assign(tf.exp(x) * c)

    @compiled
    def g() -> Any:
        t = a + b
        a.assign(t * t)
        b.assign(a * a)
        c.assign_add(t)
        d.assign_add(c)

    x = tf.constant([0.5, -1.0])
    return f(x), g(), f(x), g(), variables


def layout_of_results(compiled: Compiler) -> Any:
    v = tf.Variable(numpy.random.default_rng(0).normal(size=(33, 47)).astype("float32"))

    @compiled
    def f() -> Any:
        v.assign(v * 1.5)
        return tf.transpose(v), v[::-1], v[:, ::2]

    f()
    return [tf.reduce_sum(each) for each in f()], [tf.reduce_sum(each, 0) for each in f()]


def constants_alone(compiled: Compiler) -> Any:
    v = tf.Variable(tf.ones([2, 3]))

    @compiled
    def f() -> Any:
        v.assign(tf.zeros([2, 3]))
        return v + tf.ones([2, 3]), tf.reshape(v + 2.0, [3, 2])

    return f(), f(), v


def a_matrix_and_itself(compiled: Compiler) -> Any:
    x = tf.constant(numpy.random.default_rng(0).normal(size=(61, 37)).astype("float32"))
    v, w = tf.Variable(tf.zeros_like(x)), tf.Variable(tf.zeros_like(x))

    @compiled
    def f(x: Any, y: Any) -> Any:
        v.assign(x)
        w.assign(x)
        one, other = x * 1.7, x * 1.7
        return [tf.matmul(a, b, transpose_b=True) for a, b in ((one, other), (one, one), (x, y), (v, w), (v, v))]

    return f(x, x), f(x, x * 1.0), f(x, x)


def unused_draws(compiled: Compiler) -> Any:
    @compiled
    def f() -> Any:
        tf.random.uniform([2])
        return tf.random.uniform([2])

    return f(), f(), tf.random.uniform([2])


def names_that_look_alike(compiled: Compiler) -> Any:
    names = ["fi", "ﬁ", "ª", "x²", "½", "gpu_0", "None", "add", "empty", "", "step", "é", "f", "x"]
    variables = [tf.Variable([float(i), 1.0], name=name) for i, name in enumerate(names)]

    @compiled
    def step(add: Any, empty: Any) -> Any:
        for variable in variables:
            variable.assign_add(add * empty)
        return [variable * 2.0 for variable in variables]

    return step(tf.constant([1.0, 2.0]), tf.constant(2.0)), variables


def one_tensor_given_twice_and_watched(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = x * y
        return tape.gradient(z, x)

    a, b = tf.constant(3.0), tf.constant(3.0)
    return f(a, a), f(a, b), f(a, a), f(b, a)


def equal_results_are_two(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        return tf.exp(x), tf.exp(x)

    found = []
    for _ in range(2):
        a, b = f(tf.constant([1.0, 2.0]))
        with tf.GradientTape() as tape:
            tape.watch(a)
            y = a * b
        found.append(tape.gradient(y, a))
    return found


def methods_of_equal_objects(compiled: Compiler) -> Any:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.variable = tf.Variable(factor)

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

        @compiled
        def apply(self, x: Any) -> Any:
            return x * self.variable

    x = tf.constant([1.0, 2.0])
    return Scale(2.0).apply(x), Scale(3.0).apply(x)


TRAPS = [
    assigned_and_read, swapped, swapped_and_changed, old_value_returned, viewed, one_value_for_two, kept_outside,
    assigned_between, two_programs, captured_and_argument, one_tensor_twice, tensor_assigned, results_of_every_kind,
    same_result_object, results_stay, layouts, in_place_beside_a_view, other_dtypes, without_axes, nothing,
    python_arguments, nested, draws, training, second_order, tape_on_captured, own_gradients, iterated,
    made_in_the_first_call, repeated_expressions, constant_parts, strided_value_assigned, one_new_value_from_another,
    layout_of_results, constants_alone, a_matrix_and_itself, unused_draws, names_that_look_alike,
    one_tensor_given_twice_and_watched, equal_results_are_two, methods_of_equal_objects,
]  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_it_gives_the_same_bits_compiled(trap: Callable[[Compiler], Any], place: str) -> None:
    assert_same_bits(trap)


# -- what can't be compiled --------------------------------------------------------------------------------------


def _chooses(x: Any) -> Any:
    if x > 0.0:
        return x
    return -x


def _looks_at_a_variable(x: Any) -> Any:
    return x * float(_VARIABLE)


_VARIABLE = tf.Variable(2.0, name="looked_at")
LOOKS: list[Callable[..., Any]] = [
    _chooses, _looks_at_a_variable, lambda x: x * float(x), lambda x: x.numpy(), lambda x: int(x), lambda x: f"{x:.2f}",
    lambda x: numpy.asarray(x), lambda x: tf.range(x), lambda x: tf.constant(x, shape=[2]), lambda x: _VARIABLE.numpy(),
    lambda x: tf.where(tf.reshape(x, [1]) > 0.0), lambda x: tf.zeros([3])[tf.cast(x, "int32")], lambda x: x in [1.0],
    lambda x: tf.random.stateless_uniform([2], tf.cast(tf.stack([x, x]), "int32")), lambda x: tf.reshape(x, [x]),
]  # fmt: skip


@pytest.mark.parametrize("program", LOOKS)
def test_looking_at_a_value_is_refused(program: Callable[..., Any]) -> None:
    before = _VARIABLE.numpy()

    def with_effect(x: Any) -> Any:
        _VARIABLE.assign_add(1.0)
        return program(x)

    function = tf.function(with_effect)
    for _ in range(2):
        with pytest.raises(TypeError, match=r"Python looked at .*test_function.py, line \d+.*tf\.where"):
            function(tf.constant(1.0))
        assert _VARIABLE.numpy() == before
    assert tf.add(1.0, 2.0).numpy() == 3.0  # nobody listens any more


def test_looking_at_what_no_argument_changes_is_allowed() -> None:
    c = tf.constant(2.0)

    @tf.function
    def f(x: Any) -> Any:
        assert repr(x)
        assert str(x)
        assert x.shape == (2,)
        return x * float(c) if c > 1.0 else x

    assert f(tf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]


def test_a_variable_is_made_in_the_first_call_only() -> None:
    made: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        made.append(tf.Variable(1.0, name="again"))
        return x * made[-1]

    with pytest.raises(ValueError, match="makes the variable 'again' again, each time that it is traced"):
        f(tf.constant(1.0))


def test_a_tensor_kept_from_a_trace_says_so() -> None:
    kept: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        kept.append(x * 2.0)
        return kept[-1] + 1.0

    f(tf.constant(1.0))
    assert "out of scope" in repr(kept[0])
    assert "out of scope" in str(kept[0])
    for use in (lambda x: x + 1.0, lambda x: x.numpy(), lambda x: x.shape, float, tf.Variable):
        with pytest.raises(TypeError, match="no later call renews it"):
            use(kept[0])


def test_an_error_while_tracing_leaves_no_trace() -> None:
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def f(x: Any) -> Any:
        v.assign(v * 2.0)
        return v + x

    with pytest.raises(tf.errors.InvalidArgumentError, match="broadcast"):
        f(tf.constant([1.0, 2.0, 3.0]))
    assert v.numpy().tolist() == [1.0, 2.0]
    assert f(tf.constant([1.0, 2.0])).numpy().tolist() == [3.0, 6.0]
    assert v.numpy().tolist() == [2.0, 4.0]


def test_numbers_are_not_shown_while_a_function_is_traced() -> None:
    shown: list[str] = []
    v = tf.Variable([7.5], name="v")

    @tf.function
    def f(x: Any) -> Any:
        shown.extend([repr(x), str(x), repr(v), f"{x + v}", repr(tf.constant(2.5))])
        return x

    f(tf.constant([7.5]))
    assert [("7.5" in text, "traced" in text) for text in shown[:4]] == [(False, True)] * 4
    assert "2.5" in shown[4]
    assert "7.5" in repr(v)


def test_a_large_network_is_traced_in_the_memory_that_its_program_takes() -> None:
    kernel = tf.Variable(tf.random.normal([1000, 250]))

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.nn.relu(x @ kernel)))
        slope = tape.gradient(loss, kernel)
        kernel.assign_sub(0.01 * slope)
        return loss

    x = tf.random.normal([100, 1000])
    step(x[:2])
    tracemalloc.start()
    try:
        step(x)
        first, most = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step(x)
        assert tracemalloc.get_traced_memory()[1] < first + 1e5
    finally:
        tracemalloc.stop()
    assert first > 1e6  # the gradient's buffer
    assert most < 1.2 * (first + 1e6)  # beside the variable


def test_values_that_a_trace_needs_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    lose_values(monkeypatch)
    made: list[Any] = []

    @tf.function
    def create(x: Any) -> Any:
        doubled = x * 2.0
        if not made:
            made.extend([tf.Variable(doubled), tf.Variable(tf.reduce_sum(doubled))])
        return doubled + made[0] + made[1]

    assert create(tf.constant([1.0, 2.0])).numpy().tolist() == [10.0, 14.0]
    assert [variable.numpy().tolist() for variable in made] == [[2.0, 4.0], 6.0]
    divide = tf.function(lambda n, x: n // tf.cast(x * 2.0, tf.int32))
    assert divide(tf.constant([9]), tf.constant([1.0])).numpy().tolist() == [4]
    with pytest.raises(tf.errors.InvalidArgumentError, match="divided by zero"):
        divide(tf.constant([9]), tf.constant([0.0]))
    assert divide(tf.constant([9]), tf.constant([1.5])).numpy().tolist() == [3]


def test_a_function_may_catch_what_only_lost_values_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    lose_values(monkeypatch)

    def divide(x: Any) -> Any:
        whole = tf.cast(x * 1.0, tf.int32)  # zeros, while values are lost
        try:
            return 100 // whole
        except tf.errors.InvalidArgumentError:
            return -whole

    def divide_or_explain(x: Any) -> Any:
        try:
            return 100 // tf.cast(x * 1.0, tf.int32)
        except tf.errors.InvalidArgumentError as error:
            raise RuntimeError("no quotient") from error

    x = tf.constant([7.0])
    assert tf.function(divide)(x).numpy().tolist() == [14]
    assert tf.function(divide_or_explain)(x).numpy().tolist() == [14]
    with pytest.raises(RuntimeError, match="no quotient"):
        tf.function(divide_or_explain)(x * 0.0)


def test_a_layer_that_says_it_is_built_before_it_is() -> None:
    class Late(tf.keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.built = True
            self.kernel = self.add_weight(shape=(input_shape[-1], 200), initializer="glorot_uniform")

        def call(self, inputs: Any) -> Any:
            return inputs @ self.kernel

    x = tf.random.normal([300, 100])
    traces = []
    layers = [Late(), Late()]

    @tf.function
    def run(x: Any) -> Any:
        traces.append(1)
        return layers[1](layers[0](x))

    found = run(x)
    assert found.numpy().tobytes() == layers[1](layers[0](x)).numpy().tobytes()
    assert len(traces) == 2  # once to make the variables


def test_indices_are_checked_at_each_call() -> None:
    picked = tf.function(lambda x, indices: tf.gather(x, indices))
    x = tf.constant([1.0, 2.0, 3.0])
    assert picked(x, tf.constant([0, 2])).numpy().tolist() == [1.0, 3.0]
    for bad in ([0, 3], [-1, 0]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="is not from 0 to 2"):
            picked(x, tf.constant(bad))
    assert picked(x, tf.constant([1, 1])).numpy().tolist() == [2.0, 2.0]


def test_what_is_refused_stays_refused_where_the_function_goes_on() -> None:
    @tf.function
    def f(x: Any) -> Any:
        try:
            return x if x > 0.0 else -x
        except TypeError:
            return x * 0.0

    with pytest.raises(TypeError, match="Python looked at"):
        f(tf.constant(1.0))


def test_what_changes_unknown_is_refused() -> None:
    f = tf.function(lambda x, more: x)
    for more in ({1, 2}, bytearray(b"a")):
        with pytest.raises(TypeError, match="may change between calls"):
            f(tf.constant(1.0), more)
    for result in ({1, 2}, (i for i in range(3)), object()):
        with pytest.raises(TypeError, match="gives tensors"):
            tf.function(lambda x, result=result: result)(tf.constant(1.0))
    with pytest.raises(ValueError, match="sets the random seed"):
        tf.function(lambda: tf.random.set_seed(1))()
    with pytest.raises(TypeError, match="Python looked at"):
        tf.function(lambda x: copy.copy(x))(tf.constant(1.0))


def test_a_call_that_fails_leaves_variables_as_they_were() -> None:
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def f(x: Any, indices: Any) -> Any:
        v.assign_add([1.0, 1.0])
        return tf.gather(x, indices)

    x = tf.constant([1.0, 2.0])
    f(x, tf.constant([0]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        f(x, tf.constant([2]))
    assert v.numpy().tolist() == [2.0, 3.0]
    f(x, tf.constant([1]))
    assert v.numpy().tolist() == [3.0, 4.0]


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="3"):
        tf.function(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="input_signature"):
        tf.function(lambda x: x, input_signature=[])  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no program yet"):
        tf.function(lambda x: x).source()


# -- how it runs -------------------------------------------------------------------------------------------------


def test_a_function_is_traced_once_for_each_signature() -> None:
    traces = []

    @tf.function(jit_compile=True)
    def f(x: Any, factor: Any = 1.0) -> Any:
        traces.append(x.shape)
        return x * factor

    x = tf.constant(X)
    for _ in range(3):
        f(x)
        f(x + 1.0)
        f(x[0])
        f(tf.transpose(tf.transpose(x)))
    assert len(traces) == 2
    f(tf.transpose(x))
    f(x, 2.0)
    f(x, 2.0)
    f(tf.cast(x, "float64"))
    assert len(traces) == 5
    assert f.__name__ == "f"
    assert "function" in repr(f)


def test_another_thread_sees_nothing_of_a_trace() -> None:
    v, seen = tf.Variable([1.0, 2.0]), []

    def look() -> None:
        seen.extend([v + 0.0, v.value(), tf.Variable(v)])

    @tf.function
    def f(x: Any) -> Any:
        v.assign(v * x)
        other = threading.Thread(target=look)
        other.start()
        other.join()
        return v + x

    assert f(tf.constant(3.0)).numpy().tolist() == [6.0, 9.0]
    assert [each.numpy().tolist() for each in seen] == [[1.0, 2.0]] * 3
    assert v.numpy().tolist() == [3.0, 6.0]


def test_two_threads_may_call_one_function() -> None:
    v = tf.Variable(tf.zeros([50]))

    @tf.function
    def f(x: Any) -> Any:
        y = x * 2.0 + 1.0
        z = tf.exp(tf.sin(y)) * y
        v.assign_add(tf.ones_like(v))
        return tf.reduce_sum(z - y)

    inputs = [tf.constant(numpy.full(50, i / 10, "float32")) for i in range(8)]
    expected = [float(f(x)) for x in inputs]
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(300):
            for x, value in zip(inputs, expected, strict=True):
                if float(f(x)) != value:
                    wrong.append(float(x[0]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert v.numpy().tolist() == [4 * 300 * 8 + 8] * 50


def test_two_threads_may_trace_one_function() -> None:
    f = tf.function(lambda x: tf.reduce_sum(x * 2.0))
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(float(f(tf.constant([1.0, 2.0]))))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [6.0] * 8


def test_calls_leave_no_memory_behind() -> None:
    v = tf.Variable(tf.ones([100]))

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(v * x)
        v.assign_sub(tape.gradient(y, v) * 0.01)
        return y

    x = tf.constant(numpy.ones(100, "float32"))
    f(x)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(1000):
            f(x)
        assert len(gc.get_objects()) <= before + 5
    finally:
        gc.enable()


def test_numbers_that_overflow_are_quiet() -> None:
    f = tf.function(lambda x: (tf.exp(x), tf.math.log(x - x), 1.0 / (x - x)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            assert [float(each) for each in f(tf.constant(1000.0))] == [float("inf"), float("-inf"), float("inf")]


# -- the program's text ------------------------------------------------------------------------------------------


def lesson_step() -> tuple[Any, list[Any]]:
    kernel, bias = tf.Variable([[1.1125909]], name="kernel"), tf.Variable([0.0], name="bias")

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            prediction = tf.matmul(x, kernel) + bias
            loss = tf.reduce_mean(tf.square(y - prediction))
        kernel_gradient, bias_gradient = tape.gradient(loss, [kernel, bias])
        kernel.assign_sub(1e-9 * kernel_gradient)
        bias.assign_sub(1e-9 * bias_gradient)
        return loss

    return step, [kernel, bias]


WISHES, AUDIENCES = [[8759.0], [10132.0], [12078.0], [16430.0]], [[487.0], [612.0], [866.0], [1030.0]]


def test_the_text_runs_as_it_stands() -> None:
    step, variables = lesson_step()
    x, y = tf.constant(WISHES), tf.constant(AUDIENCES)
    losses = [step(x, y).numpy() for _ in range(3)]
    pasted: dict[str, Any] = {"kernel": numpy.array([[1.1125909]], "float32"), "bias": numpy.zeros(1, "float32")}
    exec(step.source(), pasted)
    assert [pasted["step"](x.numpy(), y.numpy()) for _ in range(3)] == losses
    assert pasted["kernel"] == variables[0].numpy()
    assert pasted["bias"] == variables[1].numpy()


def test_the_text_is_what_a_person_would_write() -> None:
    step, _ = lesson_step()
    step(tf.constant(WISHES), tf.constant(AUDIENCES))
    text = step.source()
    body = text[text.index("def step(x, y):") :].splitlines()[1:]
    calls = [line.split("#")[0].strip() for line in body if line.strip()]
    assert calls[0] == "dot(x, kernel, out=dot_1)"
    assert "add(dot_1, bias, out=prediction)" in calls
    assert "dot(all_1, negative_1, out=bias_gradient)" in calls
    assert calls[-2] == "subtract(variables, multiply_2, out=variables)"  # kernel and bias at once
    assert calls[-1] == "return loss"
    assert len(calls) == 15
    assert all("#" in line for line in body[:-1])
    assert text.count("empty((4, 1)") == 2  # eight values take two buffers


def test_what_depends_on_nothing_is_computed_once() -> None:
    c = tf.constant(X)

    @tf.function
    def f(x: Any) -> Any:
        return tf.matmul(tf.exp(c), x) + tf.sin(x)[:2] + tf.sin(x)[:2]

    f(tf.constant([[1.0], [2.0], [3.0]]))
    text = f.source()
    assert "exp" not in text
    assert text.count("sin(x") == 1
