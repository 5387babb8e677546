"""Compiled functions give the same bits as eager ones, whatever is done with variables, views and results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.nest import flatten
from minidl.tracing.passes import PASSES
from tests.agree import Compiler, assert_same_bits, bits, compiler
from tfref.cases import CASES
from tfref.running import Case

LEVELS = ["plain", *list(PASSES)[:-1]]  # the last is what runs anyhow


@pytest.fixture(params=["no scope", *LEVELS, "cpu", "double", pytest.param("gpu", marks=pytest.mark.gpu)])
def compiled(request: pytest.FixtureRequest) -> Iterator[Compiler]:
    """What compiles: outside of any device scope, where a guard is all that a call passes, at each level of the
    program; and in a scope on each device, at the last."""
    if request.param == "no scope":
        yield tf.function
        return
    if request.param in LEVELS:
        yield compiler(request.param)
        return
    if request.param == "double":
        request.getfixturevalue("double")
    with tf.device("/cpu:0" if request.param == "cpu" else "/gpu:0"):
        yield tf.function


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
def test_a_case_gives_the_same_bits_compiled(case: Case, compiled: Compiler) -> None:
    def program(compiled: Compiler) -> Any:
        inputs = [tf.constant(value) if isinstance(value, numpy.ndarray) else value for value in case.inputs]
        function, plain = compiled(_differentiated(case)), compiled(lambda *inputs: case.program(tf, *inputs))
        with tf.GradientTape() as tape:
            tape.watch([x for x in inputs if isinstance(x, tf.Tensor)])
            results = [each for each in flatten(plain(*inputs)) if "float" in str(each.dtype)]
        outside = tape.gradient(results, [x for x in inputs if isinstance(x, tf.Tensor)]) if results else []
        return [function(*inputs) for _ in range(3)], [plain(*inputs) for _ in range(2)], outside

    try:
        assert_same_bits(program, compiled)
    except ValueError as error:
        if "makes the variable" not in str(error) and "sets the random seed" not in str(error):
            raise
        assert case.eager_only  # functions refuse variables made at each call, as TensorFlow's do, and seeds
    except TypeError as error:
        if "Python looked at" not in str(error):
            raise
        assert case.op in ("where", "slices", "boolean_mask", "gather"), case.name


def test_gradients_of_gather_are_the_same_bits_on_the_cpu_and_the_same_sums_on_a_gpu(compiled: Compiler) -> None:
    """A GPU adds to one place in an order that nobody knows, another each time."""
    parts = numpy.array([1e8, 1.0, -1e8, 1.0, 3e7, -3e7, 0.5], "float32")
    x, upstream = tf.Variable([0.0, 0.0]), tf.constant(parts)

    def slope(upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            picked = tf.gather(x, [1] * len(parts)) * upstream
        return tape.gradient(picked, x)

    found = [slope(upstream), *(compiled(slope)(upstream) for _ in range(5))]
    if found[0].device.endswith("CPU:0"):
        assert len(set(map(bits, found))) == 1
    for each in found:
        rounding = float(numpy.finfo("float32").eps * numpy.abs(parts).sum())
        numpy.testing.assert_allclose(each.numpy(), [0.0, 2.5], rtol=0, atol=rounding)


# -- traps -------------------------------------------------------------------------------------------------------

TRAPS: list[Callable[[Compiler], Any]] = []


def trap(program: Callable[[Compiler], Any]) -> Callable[[Compiler], Any]:
    """A program that is run twice, with functions that are compiled, and with functions that aren't."""
    TRAPS.append(program)
    return program


X = [[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]


@trap
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


@trap
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


@trap
def swapped_and_changed(compiled: Compiler) -> Any:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @compiled
    def f() -> None:
        old = a * 2.0
        a.assign(b - a)
        b.assign(old)

    return [f() for _ in range(3)], a, b


@trap
def old_value_returned(compiled: Compiler) -> Any:
    v = tf.Variable([1.0, 2.0])

    @compiled
    def f() -> Any:
        old = v.value()
        v.assign_add([1.0, 1.0])
        return old

    return [f() for _ in range(3)], v


@trap
def viewed(compiled: Compiler) -> Any:
    v = tf.Variable(X)

    @compiled
    def f() -> Any:
        first, turned = v[0], tf.transpose(v)
        v.assign(v * 2.0)
        return first + 1.0, tf.reduce_sum(turned, 0), tf.reshape(v, [-1]), first

    return [f() for _ in range(3)], v


@trap
def cast_as_it_lies(compiled: Compiler) -> Any:
    """A cast is laid out as what it casts, and a sum adds up in that order."""
    x = tf.reshape(tf.sin(tf.range(30_000.0)), [100, 300])

    @compiled
    def f(x: Any) -> Any:
        cast = tf.cast(tf.transpose(x), tf.float16)
        return [tf.reduce_sum(tf.cast(cast, tf.float32) * 1.1, axis) for axis in (0, 1, None)]

    return [f(x) for _ in range(2)]


@trap
def one_value_for_two(compiled: Compiler) -> Any:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @compiled
    def f(x: Any) -> Any:
        new = a * x
        a.assign(new)
        b.assign(new)
        return new

    return [f(tf.constant([2.0, 3.0])) for _ in range(3)], a, b


@trap
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


@trap
def assigned_between(compiled: Compiler) -> Any:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([1.0])

    @compiled
    def f() -> Any:
        v.assign_add([1.0, 1.0])
        w.assign_add([1.0])
        return v * 1.0

    return f(), f(), v.assign([7.0, 8.0]), f(), f(), v, w


@trap
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


@trap
def captured_and_argument(compiled: Compiler) -> Any:
    c = tf.constant([1.0, 2.0])

    @compiled
    def f(x: Any) -> Any:
        return x * c, c + 1.0, c

    return f(c), f(tf.constant([5.0, 6.0])), f(c)


@trap
def one_tensor_twice(compiled: Compiler) -> Any:
    x, y = tf.constant([1.0, 2.0]), tf.constant([3.0, 5.0])

    @compiled
    def f(x: Any, y: Any) -> Any:
        return x - y, x * y

    return f(x, x), f(x, y), f(y, y), f(y, x)


@trap
def tensor_assigned(compiled: Compiler) -> Any:
    v, x = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])

    @compiled
    def f(x: Any) -> Any:
        v.assign(x)
        result = v + 1.0
        v.assign(v * 2.0)
        return result

    return f(x), f(x), x, v


@trap
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


@trap
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


@trap
def results_stay(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        y = x * 2.0
        z = y + 1.0
        return z, tf.reshape(z, [-1]), tf.reduce_sum(z), y

    found = [f(tf.constant(X) + float(i)) for i in range(3)]
    return found, [f(tf.constant(X)) for _ in range(2)]


@trap
def layouts(compiled: Compiler) -> Any:
    wide = tf.constant(numpy.random.default_rng(0).normal(size=(40, 30)).astype("float32"))

    @compiled
    def f(x: Any) -> Any:
        return tf.reduce_sum(x * 1.5), tf.reduce_sum(x, 0), tf.matmul(x, x, transpose_b=True), tf.reshape(x, [-1])

    square = wide[:30]
    return f(square), f(tf.transpose(square)), f(wide[::-1][:30]), f(wide[10:, :]), f(square)


@trap
def in_place_beside_a_view(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        y = x + 1.0
        turned = tf.transpose(y)
        z = y * 2.0  # y's memory is still read, through the view
        w = tf.reshape(z, [3, 2]) + turned
        return tf.matmul(w, z) - w[:, :1], tf.concat([z, y], 0)

    return [f(tf.constant(X)) for _ in range(2)]


@trap
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


@trap
def without_axes(compiled: Compiler) -> Any:
    v = tf.Variable(2.0)

    @compiled
    def f(x: Any) -> Any:
        total = tf.reduce_sum(x)
        v.assign(v * total)
        return total, total / 3.0, v * 1.0, tf.sqrt(tf.abs(total)), x[0, 0], x[0, 0] + 1.0, tf.nn.softmax(x)

    return [f(tf.constant(X)) for _ in range(3)], v


@trap
def nothing(compiled: Compiler) -> Any:
    v = tf.Variable(tf.zeros([0, 3]))

    @compiled
    def f(x: Any) -> Any:
        v.assign(v + x)
        return tf.reduce_sum(x), tf.reduce_max(x, 1), tf.concat([x, v], 0), tf.matmul(x, x, transpose_a=True)

    return [f(tf.zeros([0, 3])) for _ in range(2)], v


@trap
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


@trap
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


@trap
def draws(compiled: Compiler) -> Any:
    @compiled
    def f() -> Any:
        a, b = tf.random.uniform([3]), tf.random.uniform([3])
        return a, b, a - b, tf.random.normal([2], stddev=2.0), tf.random.uniform([4], 0, 10, tf.int32)

    found = [f() for _ in range(3)]
    assert len({bits(each[0]) for each in found}) == 3
    assert bits(found[0][0]) != bits(found[0][1])
    return found


@trap
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


@trap
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


@trap
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


@trap
def own_gradients_made_inside(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        factor = x * 3.0

        @tf.custom_gradient
        def scaled(y: Any) -> Any:
            return y * 2.0 + tf.random.uniform([2]), lambda upstream: upstream * factor

        return scaled(x)

    x = tf.constant([1.0, 2.0])
    found = [f(x)]
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        found += [y, tape.gradient(y, x)]
    return found, f(x)


@trap
def an_argument_seen_otherwise(compiled: Compiler) -> Any:
    x, found = tf.constant([1.0, 2.0]), []
    for f in (tf.identity, tf.stop_gradient):
        y = compiled(lambda x, f=f: f(x))(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = x * y
        found.append(tape.gradient(z, x))
    return found


@trap
def a_variable_made_of_draws(compiled: Compiler) -> Any:
    made: list[Any] = []

    @compiled
    def f(x: Any) -> Any:
        if not made:
            made.append(tf.Variable(tf.random.normal([2])))
        return x * tf.random.normal([2]) + made[0]

    return [f(tf.constant([1.0, 2.0])) for _ in range(3)], made


@trap
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


@trap
def iterated(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        total = tf.zeros([3])
        for row in x:
            total = total * 0.5 + row
        return total, len(x)

    return f(tf.constant(X)), f(tf.constant(X))


@trap
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


@trap
def repeated_expressions(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any) -> Any:
        return tf.exp(x) + tf.exp(x), tf.exp(x), (x + 1.0) * (x + 1.0), x[0] + x[0]

    return [f(tf.constant(X)) for _ in range(2)]


@trap
def constant_parts(compiled: Compiler) -> Any:
    c = tf.constant(X)

    @compiled
    def f(x: Any) -> Any:
        part = tf.matmul(c, c, transpose_b=True) * 2.0
        return tf.matmul(part, x), part, tf.ones_like(x) * x, tf.zeros([2]) - 0.0

    return [f(tf.constant(X)) for _ in range(2)]


@trap
def strided_value_assigned(compiled: Compiler) -> Any:
    w, v = tf.Variable([0.0, 0.0, 0.0]), tf.Variable(tf.zeros([37, 61]))
    wide = tf.constant(numpy.random.default_rng(0).normal(size=(61, 37)).astype("float32"))

    @compiled
    def f(x: Any, y: Any) -> Any:
        w.assign((x / 2.0)[::-1])
        v.assign(tf.transpose(y))
        return tf.identity(w), tf.reduce_sum(v), tf.reduce_sum(v, 0), tf.matmul(v, v, transpose_b=True)

    return [f(tf.constant([2.0, 4.0, 6.0]) * float(i), wide) for i in range(3)], w


@trap
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


@trap
def layout_of_results(compiled: Compiler) -> Any:
    v = tf.Variable(numpy.random.default_rng(0).normal(size=(33, 47)).astype("float32"))

    @compiled
    def f() -> Any:
        v.assign(v * 1.5)
        return tf.transpose(v), v[::-1], v[:, ::2]

    f()
    return [tf.reduce_sum(each) for each in f()], [tf.reduce_sum(each, 0) for each in f()]


@trap
def constants_alone(compiled: Compiler) -> Any:
    v = tf.Variable(tf.ones([2, 3]))

    @compiled
    def f() -> Any:
        v.assign(tf.zeros([2, 3]))
        return v + tf.ones([2, 3]), tf.reshape(v + 2.0, [3, 2])

    return f(), f(), v


@trap
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


@trap
def unused_draws(compiled: Compiler) -> Any:
    @compiled
    def f() -> Any:
        tf.random.uniform([2])
        return tf.random.uniform([2])

    return f(), f(), tf.random.uniform([2])


@trap
def names_that_look_alike(compiled: Compiler) -> Any:
    names = ["fi", "ﬁ", "ª", "x²", "½", "gpu_0", "None", "add", "empty", "", "step", "é", "f", "x"]
    variables = [tf.Variable([float(i), 1.0], name=name) for i, name in enumerate(names)]

    @compiled
    def step(add: Any, empty: Any) -> Any:
        for variable in variables:
            variable.assign_add(add * empty)
        return [variable * 2.0 for variable in variables]

    return step(tf.constant([1.0, 2.0]), tf.constant(2.0)), variables


@trap
def one_tensor_given_twice_and_watched(compiled: Compiler) -> Any:
    @compiled
    def f(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = x * y
        return tape.gradient(z, x)

    a, b = tf.constant(3.0), tf.constant(3.0)
    return f(a, a), f(a, b), f(a, a), f(b, a)


@trap
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


@trap
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


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_it_gives_the_same_bits_compiled(trap: Callable[[Compiler], Any], compiled: Compiler) -> None:
    assert_same_bits(trap)
