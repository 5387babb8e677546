"""Compiled functions: what they refuse, how they run, and the text of their programs."""

from __future__ import annotations

import copy
import gc
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
    for result in ({1, 2}, (i for i in range(3)), object()):
        with pytest.raises(TypeError, match="gives tensors"):
            tf.function(lambda x, result=result: result)(tf.constant(1.0))
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
