"""Compiled functions: what they refuse, how they run, and the text of their programs."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import signal
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.tracing.passes import PASSES
from tests.agree import assert_same_bits, compiler

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
    assert kept[0].shape == ()
    for use in (lambda x: x + 1.0, lambda x: x.numpy(), float, tf.Variable):
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


def test_what_only_the_making_of_a_program_needs_is_let_go_of() -> None:
    variables = [tf.Variable(tf.ones(shape)) for _ in range(64) for shape in ([64, 64], [64])]

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            for kernel, bias in zip(variables[::2], variables[1::2], strict=True):
                x = tf.nn.relu(x @ kernel + bias)
            loss = tf.reduce_mean(tf.square(x - y))
        for variable, slope in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.001 * slope)
        return loss

    samples = tf.ones([64, 64]), tf.zeros([64, 64])
    tf.function(step)(*samples)  # so that what Python keeps for all, such as its table of names, is there
    compiled = tf.function(step)
    tracemalloc.start()
    try:
        compiled(*samples)
        stays, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stays < 5e6  # of which the values of the variables are 1.1e6, and their gradients as much
    assert most < 6e6


def test_a_variable_may_be_made_of_an_argument() -> None:
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


def test_a_kernel_refuses_values_when_the_program_runs() -> None:

    def divide(x: Any) -> Any:
        whole = tf.cast(x * 1.0, tf.int32)
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
    with pytest.raises(tf.errors.InvalidArgumentError, match="divided by zero"):  # Python is long gone
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
    for results in ([{1, 2}], [(i for i in range(3))], [object()]):
        with pytest.raises(TypeError, match="gives tensors"):
            tf.function(lambda x, give=results.pop: give())(tf.constant(1.0))
        with pytest.raises(TypeError, match="may change between calls"):
            tf.function(lambda x, more={1}: x)(tf.constant(1.0))
    with pytest.raises(ValueError, match="sets the random seed"):
        tf.function(lambda: tf.random.set_seed(1))()
    assert float(tf.function(lambda x: copy.copy(x))(tf.constant(1.5))) == 1.5


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
        tf.function(3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="experimental_attributes"):
        tf.function(lambda x: x, experimental_attributes={})
    with pytest.raises(ValueError, match="no program yet"):
        tf.function(lambda x: x).source()


# -- how it runs -------------------------------------------------------------------------------------------------


def test_a_function_is_traced_once_for_each_signature() -> None:
    traces = []

    @tf.function(jit_compile=True)
    def f(x: Any, factor: Any = 1.0) -> Any:
        traces.append(x.shape)
        return x * factor

    x = tf.constant([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python warns of it where there are threads
def test_a_fork_while_another_thread_runs_a_step_leaves_a_child_that_can() -> None:
    one, other = tf.Variable(tf.zeros([100])), tf.Variable(tf.zeros([100]))
    stopping = threading.Event()

    @tf.function
    def step(x: Any) -> Any:
        one.assign_add(x)
        other.assign(tf.exp(tf.sin(one)) * 0.0 + one)
        return tf.reduce_sum(one - other)

    def work() -> None:
        while not stopping.is_set():
            step(tf.ones([100]))
            tf.function(lambda x: x * 2.0)(tf.ones([2]))

    def in_a_child() -> bool:
        whole = one.numpy().tolist() == other.numpy().tolist()
        before = float(one[0])
        found = float(step(tf.ones([100]))), float(one[0]) - before, float(tf.function(lambda x: x * 2.0)(1.5))
        return whole and found == (0.0, 1.0, 3.0)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        children = []
        for _ in range(25):
            child = os.fork()
            if not child:
                try:
                    signal.alarm(30)  # which ends who hangs
                    os._exit(0 if in_a_child() else 1)
                finally:
                    os._exit(2)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 25
    finally:
        stopping.set()
        worker.join()


def test_the_object_of_a_compiled_method_can_die() -> None:
    class Model:
        def __init__(self, value: float) -> None:
            self.weight = tf.Variable(value, name="weight")
            self.made: tf.Variable | None = None

        @tf.function
        def step(self, x: Any) -> Any:
            if self.made is None:
                self.made = tf.Variable(1.0, name="made")
            return x * self.weight * self.made

    models = [Model(2.0), Model(3.0)]
    x = tf.constant(5.0)
    assert [float(model.step(x)) for model in models for _ in range(2)] == [10.0, 10.0, 15.0, 15.0]
    assert "def step(x, weight, made):" in models[0].step.source()
    assert float(Model(4.0).step(x)) == 20.0
    alive = [weakref.ref(each) for model in models for each in (model, model.weight)]
    del models
    gc.collect()
    assert [reference() for reference in alive] == [None] * 4


def test_the_source_is_of_the_latest_call() -> None:
    f = tf.function(lambda x: x * 2.0)
    one, two = tf.constant(1.0), tf.constant([1.0, 2.0])
    f(one), f(two), f(one)
    assert "float32 ()" in f.source()
    f(two)
    assert "float32 (2,)" in f.source()


def test_draws_of_other_threads_are_not_repeated() -> None:
    drawn: list[Any] = []

    def elsewhere() -> None:
        drawn.append(tf.random.uniform([5]).numpy())

    @tf.function
    def f(x: Any) -> Any:
        worker = threading.Thread(target=elsewhere)
        worker.start()
        worker.join()
        return x + tf.random.uniform([5])

    f(tf.constant(0.0))
    elsewhere()
    assert not (drawn[0] == drawn[1]).any()


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


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer that sends signals")
def test_a_signal_handler_may_compute_in_the_midst_of_a_step() -> None:
    v, seen = tf.Variable([[1.0] * 64] * 64), []

    @tf.function
    def step(x: Any) -> Any:
        for _ in range(30):
            x = tf.matmul(x, v) * 0.01
        v.assign_add(x * 0.0)
        return x

    x = tf.constant([[1.0] * 64] * 64)
    expected = step(x).numpy()

    def handler(*_: Any) -> None:
        seen.append(float(tf.reduce_sum(tf.constant([1.0, 2.0]) * 2.0)) + float(v[0, 0]))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while len(seen) < 50:
            assert (step(x).numpy() == expected).all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert set(seen) == {7.0}


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
    c = tf.constant([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])

    @tf.function
    def f(x: Any) -> Any:
        return tf.matmul(tf.exp(c), x) + tf.sin(x)[:2] + tf.sin(x)[:2]

    f(tf.constant([[1.0], [2.0], [3.0]]))
    text = f.source()
    assert "exp" not in text
    assert text.count("sin(x") == 1


# -- variables and default values among the arguments ---------------------------------------------------------------


def _traces(tf: Any, calls: Callable[[Any], Any], outer: Any = None) -> Any:
    """The results of calls of a compiled function that moves its first argument, and after each how often it was
    traced."""
    count, found = [], []

    @tf.function
    def step(v: Any, w: Any = 2.0) -> Any:
        count.append(1)
        with tf.GradientTape() as tape:
            y = v * v * w * (1.0 if outer is None else outer)
        v.assign_sub(0.125 * tape.gradient(y, v))
        return y + v

    for arguments in calls(tf):
        found.append([step(*arguments).numpy().tolist(), len(count)])
    return found


def _of_one_kind(tf: Any) -> Any:
    one, other, third = (tf.Variable([value, 1.0]) for value in (1.5, 2.5, 3.0))
    yield from [(one,), (other,), (third,), (one,), (other,), (tf.Variable([0.5, 0.5]),)]
    yield from [(tf.Variable([1.0, 1.0, 1.0]),), (tf.Variable([0.5, 1.0], dtype="float64") * 1.0,)][:1]


def _in_pairs(tf: Any) -> Any:
    one, other, third = (tf.Variable([value]) for value in (1.5, 2.5, 3.0))
    yield from [(one, other), (other, third), (one, one), (third, third), (other, one), (one, one), (third, other)]


def _frozen(tf: Any) -> Any:
    yield from [(tf.Variable(1.0), 2.0), (tf.Variable(2.0), 2.0)]
    yield (tf.Variable(3.0), tf.Variable(2.0, trainable=False))
    yield (tf.Variable(3.0), tf.Variable(2.0))


@pytest.mark.tf
@pytest.mark.parametrize("calls", [_of_one_kind, _in_pairs, _frozen])
def test_variables_of_one_kind_take_one_trace(calls: Callable[[Any], Any], tensorflow: Any) -> None:
    assert _traces(tf, calls) == _traces(tensorflow, calls)


@pytest.mark.parametrize("level", ["plain", *PASSES])
def test_variables_that_take_turns_give_the_same_bits(level: str) -> None:
    def program(compiled: Any) -> Any:
        numbers = numpy.random.default_rng(1).normal(size=(4, 3)).astype("float32")
        variables = [tf.Variable(row) for row in numbers]
        outer = variables[3]
        kept: list[Any] = []

        @compiled
        def step(v: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                y = tf.reduce_sum(tf.square(v * outer - w))
            slopes = tape.gradient(y, [v, w])
            v.assign_sub(0.1 * slopes[0])
            w.assign(w[::-1] + v)
            outer.assign_add(0.25 * v)
            return y, v[1:]

        for first in range(4):  # each with each, itself and the one that the function knows among them
            for second in range(4):
                kept.append(variables[first].value())
                with tf.GradientTape() as tape:
                    found = step(variables[first], variables[second])
                kept += [found, tape.gradient(found, [variables[first], outer]), list(map(tf.constant, variables))]
                kept.append(step(variables[second], variables[first]))
        return kept

    assert_same_bits(program, compiler(level))


def test_a_variable_that_a_function_knows_beside_is_not_another() -> None:
    class Model:
        def __init__(self, value: float) -> None:
            self.weights = [tf.Variable(value)]

    one, other = Model(3.0), Model(10.0)

    @tf.function
    def by_name(v: Any) -> Any:
        v.assign_add(1.0)
        return (lambda: v * one.weights[0])()

    assert [float(by_name(v)) for v in (one.weights[0], other.weights[0], one.weights[0])] == [16.0, 44.0, 25.0]

    @tf.function
    def by_argument(model: Any, v: Any) -> Any:
        v.assign_add(1.0)
        return v * model.weights[0]

    assert [float(by_argument(one, v)) for v in (one.weights[0], other.weights[0])] == [36.0, 72.0]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_an_optimizer_moves_a_variable_with_its_own_state(momentum: float) -> None:
    def program(compiled: Any) -> Any:
        one, other = tf.Variable(1.0), tf.Variable(2.0)
        optimizer = tf.keras.optimizers.SGD(0.1, momentum)
        optimizer.build([one, other])

        @compiled
        def step(v: Any) -> Any:
            with tf.GradientTape() as tape:
                y = v * v
            optimizer.apply_gradients([(tape.gradient(y, v), v)])
            return y

        return [[step(v), one.numpy(), other.numpy()] for v in (one, one, other, one, other)]

    assert_same_bits(program)


def test_a_failed_call_leaves_variables_that_take_turns_as_they_were() -> None:
    @tf.function
    def step(v: Any, x: Any) -> Any:
        v.assign_add(1)
        return 6 // (v - x)

    one, other = tf.Variable(1), tf.Variable(5)
    assert step(one, tf.constant(0)).numpy() == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="divided by zero"):
        step(other, tf.constant(6))
    assert [one.numpy(), other.numpy()] == [2, 5]
    assert step(other, tf.constant(4)).numpy() == 3


def test_variables_given_to_a_function_can_die() -> None:
    step = tf.function(lambda v: v.assign_add(1.0))
    dead = []
    for value in range(20):
        v = tf.Variable(float(value))
        assert float(step(v)) == value + 1.0
        dead.append(weakref.ref(v))
    del v
    gc.collect()
    assert sum(each() is not None for each in dead) <= 2  # that of the trace, and the last


class _Scaled:
    @staticmethod
    def with_defaults(tf: Any) -> Any:
        return tf.function(lambda x, l=[1.0]: x * sum(l))  # noqa: E741

    @staticmethod
    def with_a_keyword(tf: Any) -> Any:
        def scaled(x: Any, *, l: Any = {"a": [2.0]}) -> Any:  # noqa: B006, E741
            return x * sum(l["a"])

        return tf.function(scaled)

    @staticmethod
    def with_an_array(tf: Any) -> Any:
        return tf.function(lambda x, l=numpy.ones(2, "float32"): x * tf.reduce_sum(l))  # noqa: B008, E741


@pytest.mark.tf
@pytest.mark.parametrize("make", [_Scaled.with_defaults, _Scaled.with_a_keyword, _Scaled.with_an_array])
def test_a_default_value_that_changes_is_heard(make: Callable[[Any], Any], tensorflow: Any) -> None:
    found = []
    for module in (tf, tensorflow):
        scaled, x = make(module), module.constant(2.0)
        function = scaled.python_function
        default = function.__kwdefaults__["l"]["a"] if function.__kwdefaults__ else function.__defaults__[0]
        numbers = [float(scaled(x))]
        default[0] = 5.0
        numbers += [float(scaled(x)), float(scaled(x=x))]
        default[0] = 1.0
        found.append([*numbers, float(scaled(x)), float(scaled(x))])
    assert found[0] == found[1]
    assert found[0][1] != found[0][0]


class Counted:
    @tf.function
    def add(self, x: Any, l: Any = [0.0]) -> Any:  # noqa: B006, E741
        l.append(1.0)
        return x

    @tf.function
    def total(self, x: Any, l: Any = [1.0]) -> Any:  # noqa: B006, E741
        return x * sum(l)


def test_a_method_has_default_values_too() -> None:
    counted = Counted()
    with pytest.raises(ValueError, match="changes a list or dictionary"):
        counted.add(tf.constant(1.0))
    assert float(counted.total(tf.constant(2.0))) == 2.0
    Counted.__dict__["total"].python_function.__defaults__[0].append(2.0)
    assert float(counted.total(tf.constant(2.0))) == 6.0


# -- where mutants lived -------------------------------------------------------------------------------------------


def _handed_over(compiled: Any) -> Any:
    """A variable's old value goes to another, and the variable gets a new one."""
    one, other, third = (tf.Variable([value, 2.0, -3.0]) for value in (1.5, 2.5, 3.5))

    @compiled
    def step(x: Any) -> Any:
        other.assign(one)
        one.assign(one * 2.0)
        third.assign(third[::-1] + other)
        return x + one

    return [[step(tf.ones([3])), one.numpy(), other.numpy(), third.numpy()] for _ in range(3)]


def _numbers_everywhere(compiled: Any) -> Any:
    """Arrays of one number beside others that look like the result, and that don't."""

    @compiled
    def f(x: Any, row: Any, square: Any) -> Any:
        ones, halves = tf.ones([3, 3]), tf.fill([3, 3], 0.5)
        turned = tf.transpose(square)
        return [ones * x, x - halves, ones / row, row + halves, ones * square, turned * halves, ones + ones, halves - x]

    square = tf.constant(numpy.arange(9.0, dtype="float32").reshape(3, 3))
    return [[f(tf.constant(2.5), square[:1], square), f(tf.constant(2.5), square[:, 1:2], square)] for _ in range(2)]


def _equal_factors(compiled: Any) -> Any:
    """BLAS has another way for a matrix and itself."""

    @compiled
    def f(x: Any) -> Any:
        return tf.matmul(tf.exp(x), tf.exp(x), transpose_b=True), tf.matmul(tf.exp(x), tf.exp(x), transpose_a=True)

    x = tf.constant(numpy.random.default_rng(0).normal(size=(70, 70)).astype("float32"))
    return [f(x) for _ in range(2)]


def _turned_squares(compiled: Any) -> Any:
    v = tf.Variable([[1.5, 2.0], [3.0, 4.5]])

    @compiled
    def step() -> Any:
        v.assign(v + tf.transpose(v))
        v.assign(v * v[:1])
        return v.value()

    return [step() for _ in range(3)]


def _moved_alike_and_not(compiled: Any) -> Any:
    """Small variables are moved by one call, but for those whose rates or layouts are others."""
    values = numpy.random.default_rng(0).normal(size=(6, 2, 3)).astype("float32")
    variables = [tf.Variable(value) for value in values]

    @compiled
    def step(x: Any, slope: Any) -> Any:
        rates = [x, x * 2.0]
        for place in (0, 1):
            variables[place].assign_sub(rates[place] * variables[place])
            variables[place + 2].assign_sub(x * tf.transpose(slope + float(place)))
            variables[place + 4].assign_sub(x * (variables[place + 4] + tf.reduce_sum(slope[place])))
        return x

    slope = tf.constant(values[0].T)
    narrow = [tf.Variable(value[0, :2]) for value in values[:2]]

    @compiled
    def step_of_few(x: Any, y: Any) -> Any:
        narrow[0].assign_sub(tf.exp(x) * narrow[0])
        narrow[1].assign_sub(tf.exp(y) * narrow[1])
        return x

    found = [[step(tf.constant(0.25), slope), *(v.numpy() for v in variables)]]
    return found + [[step_of_few(tf.constant(0.5), tf.constant(0.125)), *(v.numpy() for v in narrow)] for _ in range(3)]


@pytest.mark.parametrize("level", ["plain", *PASSES])
@pytest.mark.parametrize(
    "program", [_handed_over, _numbers_everywhere, _equal_factors, _turned_squares, _moved_alike_and_not]
)
def test_it_gives_the_same_bits_at_each_level(program: Callable[[Any], Any], level: str) -> None:
    assert_same_bits(program, compiler(level))


def test_objects_are_told_apart_and_numbers_are_not() -> None:
    class Factor:
        def __init__(self, value: float) -> None:
            self.value = value

        def __repr__(self) -> str:
            return "a factor"

    count: list[int] = []

    @tf.function
    def scaled(x: Any, factor: Any) -> Any:
        count.append(1)
        return x * getattr(factor, "value", factor)

    factors = [Factor(2.0), Factor(3.0)]
    assert [float(scaled(tf.constant(1.0), each)) for each in (*factors, *factors)] == [2.0, 3.0, 2.0, 3.0]
    assert len(count) == 2
    numbers = [float(digits) for digits in ("1000.5", "1000.5", "2000.5", "1000.5")]  # each an object of its own
    assert [float(scaled(tf.constant(1.0), each)) for each in numbers] == numbers
    assert len(count) == 4


def test_an_array_of_a_gpu_is_an_argument(double: Any) -> None:
    doubled = tf.function(lambda x: x * 2.0)
    found = doubled(double.asarray([1.0, 2.0], "float32"))
    assert found.device.endswith("GPU:0")
    assert found.numpy().tolist() == [2.0, 4.0]


def test_a_bound_method_has_the_signature_of_the_method() -> None:
    class Scale:
        @tf.function
        def call(self, x: Any, scale: float = 1.0) -> Any:
            return x * scale

    scale = Scale()
    assert list(inspect.signature(scale.call).parameters) == ["x", "scale"]
    assert float(scale.call(tf.constant(2.0), 3.0)) == 6.0
    assert list(inspect.signature(Scale.call).parameters) == ["self", "x", "scale"]


def test_a_layer_whose_call_is_compiled_takes_other_arguments() -> None:
    class Scale(tf.keras.layers.Layer):
        @tf.function
        def call(self, inputs: Any, scale: Any) -> Any:
            return inputs * scale

    assert float(Scale()(tf.constant([2.0]), 3.0)[0]) == 6.0
