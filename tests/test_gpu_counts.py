"""What a program asks of a GPU: bounds on look-ups, scopes, transfers and waits, and the memory that it writes into.

Each look-up of an array's device, each scope, and above all each wait of the CPU costs microseconds on a GPU in which
it could have computed. What they cost there, only a GPU can say; how many there are is seen without one.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.context import thread
from minidl.nest import flatten
from minidl.primitive import Listener
from minidl.tracing.passes import PASSES
from tests.agree import compiler
from tfref.cases import CASES
from tfref.strict_cupy import arrays

pytestmark = pytest.mark.usefixtures("double")

MINIDL = str(Path(tf.__file__).parent)
BATCHES = 10


def counted(double: Any, program: Callable[[], Any], warm: int = 2) -> Any:
    """What a program asks for, when all that is made once has been made by earlier calls."""
    for _ in range(warm):
        program()
    with double.counting() as counts:
        program()
    return counts


class Calls(Listener):
    """Counts the calls of primitives."""

    def __init__(self) -> None:
        self.count = 0

    def hear(self, *_: Any) -> None:
        self.count += 1


def primitive_calls(program: Callable[[], Any]) -> int:
    calls = Calls()
    thread.state.enter(calls)
    try:
        program()
    finally:
        thread.state.leave(calls)
    return calls.count


def python_calls(program: Callable[[], Any]) -> int:
    """How many functions of minidl, and of the text that it writes, a program calls."""
    found = 0

    def note(frame: Any, event: str, _: Any) -> None:
        nonlocal found
        found += event == "call" and frame.f_code.co_filename.startswith((MINIDL, "<"))

    sys.setprofile(note)
    try:
        program()
    finally:
        sys.setprofile(None)
    return found


def lesson_step(device: str) -> tuple[Callable[..., Any], list[Any]]:
    """The training step of the lesson, and what it takes, on a device."""
    with tf.device(device):
        kernel, bias = tf.Variable([[1.1125909]]), tf.Variable([0.0])
        samples = [tf.constant([[8759.0]] * 4), tf.constant([[487.0]] * 4)]

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - (tf.matmul(x, kernel) + bias)))
        gradients = tape.gradient(loss, [kernel, bias])
        kernel.assign_sub(2e-10 * gradients[0])
        bias.assign_sub(2e-10 * gradients[1])
        return loss

    return step, samples


# -- call by call ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [None, "/gpu:0"])
def test_an_eager_step_looks_up_one_device_a_call(double: Any, scope: str | None) -> None:
    step, samples = lesson_step("/gpu:0")
    with tf.device(scope):
        calls = primitive_calls(lambda: step(*samples))
        assert counted(double, lambda: step(*samples)).lookups <= calls


@pytest.mark.parametrize("scope", [None, "/gpu:0"])
def test_an_eager_step_enters_one_scope_a_call_and_never_waits(double: Any, scope: str | None) -> None:
    step, samples = lesson_step("/gpu:0")
    with tf.device(scope):
        calls = primitive_calls(lambda: step(*samples))
        counts = counted(double, lambda: step(*samples))
    assert calls >= 10
    assert counts.scopes <= calls
    assert (counts.uploads, counts.downloads, counts.synchronizations, counts.conversions) == (0, 0, 0, 0)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_gather_waits_once_at_most(double: Any, compiled: bool) -> None:
    with tf.device("/gpu:0"):
        x, indices = tf.constant([1.0, 2.0, 3.0]), tf.constant([2, 0, 2])
    gather = tf.function(tf.gather) if compiled else tf.gather
    counts = counted(double, lambda: gather(x, indices))
    assert counts.synchronizations <= 1
    assert counts.uploads == 0


def test_the_gradient_of_gather_never_waits(double: Any) -> None:
    with tf.device("/gpu:0"):
        x, indices = tf.Variable([1.0, 2.0, 3.0]), tf.constant([2, 0, 2])

    def program() -> Any:
        with tf.GradientTape() as tape:
            y = tf.gather(x, indices)
        with double.counting() as counts:
            tape.gradient(y, x)
        return counts

    program()
    counts = program()
    assert (counts.synchronizations, counts.uploads) == (0, 0)


# Whole numbers are checked before they divide, indices before they pick, and how many entries a mask picks is counted.
WAITING = {"boolean_mask", "gather", "math.floordiv", "math.floormod", "pow", "random.shuffle", "slices", "where"}
WAITING |= {"constant"}  # that is given a shape, and so values to repeat


def test_no_other_operation_waits(double: Any) -> None:
    waiting = set()
    for case in CASES:
        with tf.device("/gpu:0"):
            inputs = [tf.constant(each) if isinstance(each, numpy.ndarray) else each for each in case.inputs]
            counts = counted(double, functools.partial(case.program, tf, *inputs), warm=1)
        if counts.synchronizations:
            waiting.add(case.op)
    assert waiting == WAITING


# -- compiled ----------------------------------------------------------------------------------------------------


def test_a_compiled_step_transfers_nothing_and_enters_one_scope(double: Any) -> None:
    step, samples = lesson_step("/gpu:0")
    compiled = tf.function(step)
    counts = counted(double, lambda: compiled(*samples))
    assert (counts.uploads, counts.downloads, counts.synchronizations, counts.conversions) == (0, 0, 0, 0)
    assert counts.scopes == 1
    assert counts.lookups <= len(samples)


@pytest.mark.parametrize("scope", [None, "/gpu:0"])
def test_a_compiled_step_on_a_gpu_is_guarded_as_on_the_cpu(scope: str | None) -> None:
    step, samples = lesson_step("/cpu:0")
    on_the_cpu = guarded_calls(tf.function(step), samples)
    step, samples = lesson_step("/gpu:0")
    with tf.device(scope):
        assert guarded_calls(tf.function(step), samples) <= on_the_cpu + len(samples)  # each is asked where it is


def guarded_calls(compiled: Any, samples: Sequence[Any]) -> int:
    for _ in range(2):
        compiled(*samples)
    return python_calls(lambda: compiled(*samples))


@pytest.mark.parametrize("others", ["shape", "dtype", "device", "scope", "same"])
def test_a_guard_lets_no_other_arrays_of_a_gpu_pass(others: str) -> None:
    """Each look of an argument, and the scope, has its own program; the guards of the others turn it away."""
    with tf.device("/gpu:0"):
        x, y = tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0]])
    traced = []

    @tf.function
    def program(x: Any, y: Any) -> Any:
        traced.append((x.shape, x.dtype, x.device))
        return x * y

    for _ in range(2):
        assert program(x, y).numpy().tolist() == [[3.0, 8.0]]
    assert len(traced) == 1
    with tf.device("/gpu:1" if others == "device" else "/gpu:0"):
        made = {"shape": [[2.0], [5.0]]}.get(others, [[2.0, 5.0]])
        z = tf.constant(made, "float64" if others == "dtype" else "float32")
    with tf.device("/gpu:1" if others == "scope" else None):
        found = program(z, z) if others == "same" else program(z, z + 0.0)
    assert found.numpy().tolist() == numpy.square(made).tolist()
    assert found.device[-1] == ("1" if others in ("device", "scope") else "0")
    assert len(traced) == 2


# -- memory of programs ------------------------------------------------------------------------------------------


def several_variables(device: str) -> tuple[Callable[..., Any], list[Any]]:
    """A step that moves small variables, which a CPU's program joins, and its samples."""
    with tf.device(device):
        shapes = [(3, 2), (2,), (2, 1), (1,), (5,)]
        a, b, c, d, e = variables = [tf.Variable(numpy.full(shape, 0.5, "float32")) for shape in shapes]
        samples = [tf.reshape(tf.range(12.0), [4, 3]), tf.constant([[1.0], [2.0], [3.0], [4.0]])]

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            errors = tf.nn.relu(x @ a + b) @ c + d - y
            loss = tf.reduce_mean(tf.square(errors)) + tf.reduce_sum(e * e)
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.01 * gradient)
        return loss

    return step, samples


def is_joined(text: str) -> bool:
    """Whether a program's text makes memory of several arrays, or puts a value into a part of some."""
    return "concatenate" in text or re.search(r"= \w+\[\d+:\d+\]", text) is not None


@pytest.mark.parametrize("level", ["plain", *PASSES])
def test_on_a_gpu_no_memory_is_joined_at_any_level(level: str) -> None:
    """A part of memory isn't aligned as an array of its own is; on a GPU that picks other kernels, with other bits."""
    for device in ("/gpu:0", "/gpu:1"):
        step, samples = several_variables(device)
        compiled = tf.function(step)
        compiled(*samples)
        assert not is_joined(compiled.source(level))
    step, samples = several_variables("/cpu:0")
    compiled = tf.function(step)
    compiled(*samples)
    packed = list(PASSES).index("packing")
    assert is_joined(compiled.source(level)) == (level != "plain" and list(PASSES).index(level) >= packed)


def turned(device: str) -> tuple[Callable[..., Any], list[Any]]:
    """Results that NumPy lays out as the operands are, column by column, and CuPy row by row."""
    with tf.device(device):
        samples = [tf.reshape(tf.linspace(-2.0, 2.0, 12), [3, 4]) + float(n) for n in range(2)]

    def program(x: Any, y: Any) -> list[Any]:
        x, y = tf.transpose(x), tf.transpose(y)
        sums = tf.exp(x) * 2.0 + y
        masked = tf.where(x > 0.0, tf.sqrt(tf.abs(x)), y)
        return [
            sums,
            masked,
            sums - masked,
            tf.cast(x, tf.float64),
            tf.reduce_sum(tf.stack([x, y]), 0),
            x[:, ::2] * y[:, 1:],
        ]

    return program, samples


@pytest.mark.parametrize("made", [turned, several_variables])
@pytest.mark.parametrize("level", ["plain", *PASSES])
def test_a_program_writes_where_cupy_would_have_laid_its_results_out(
    double: Any, made: Any, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a call writes into is row by row and of the result's shape, as a result of its own is; and what comes out
    is laid out as eagerly."""
    program, samples = made("/gpu:0")
    outs: list[Any] = []
    computed = arrays._result

    def result(name: str, found: Any, kernel: Any, out: Any, given: Any) -> Any:
        if out is not None:
            outs.append((name, out.flags.c_contiguous and out.shape == found.shape))
        return computed(name, found, kernel, out, given)

    monkeypatch.setattr(arrays, "_result", result)
    strides = [array.array.strides for array in flatten(program(*samples))]
    assert outs == [], "eagerly nothing is given to write into"
    compiled = compiler(level)(program)
    for _ in range(3):
        assert [array.array.strides for array in flatten(compiled(*samples))] == strides
    assert all(is_laid_out_so for _, is_laid_out_so in outs)
    assert bool(outs) == (level == "buffers" or (level == "inplace" and made is several_variables))


# -- models ------------------------------------------------------------------------------------------------------


def model_and_data(dtype: str, metrics: Sequence[str] = ()) -> tuple[Any, numpy.ndarray, numpy.ndarray]:
    with tf.device("/gpu:0"):
        model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        model.compile(loss="mse", optimizer="sgd", metrics=list(metrics))
        model(tf.zeros([1, 3]))
    x = numpy.arange(BATCHES * 32 * 3).reshape(-1, 3) % 7
    return model, x.astype(dtype), x.sum(axis=1, keepdims=True).astype(dtype)


def epoch_of(double: Any, dtype: str = "float32", metrics: Sequence[str] = (), **options: Any) -> dict[str, Any]:
    """What one more epoch asks for."""
    model, x, y = model_and_data(dtype, metrics)
    one = counted(double, lambda: model.fit(x, y, epochs=1, verbose=0, **options))
    two = counted(double, lambda: model.fit(x, y, epochs=2, verbose=0, **options))
    return {name: getattr(two, name) - getattr(one, name) for name in vars(one)}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_an_epoch_uploads_two_arrays_a_batch_and_reads_its_logs_once(double: Any, dtype: str, shuffle: bool) -> None:
    epoch = epoch_of(double, dtype, shuffle=shuffle)
    assert epoch["uploads"] == 2 * BATCHES
    assert epoch["downloads"] <= 1
    assert epoch["synchronizations"] <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_an_epoch_converts_its_data_on_the_cpu(double: Any, dtype: str, shuffle: bool) -> None:
    assert epoch_of(double, dtype, shuffle=shuffle)["conversions"] == 0


def test_an_epoch_reads_the_logs_of_all_metrics_at_once(double: Any) -> None:
    assert epoch_of(double, metrics=["mae", "mse"])["downloads"] <= 1


def test_evaluate_reads_its_logs_once(double: Any) -> None:
    model, x, y = model_and_data("float32")
    counts = counted(double, lambda: model.evaluate(x, y, verbose=0))
    assert counts.downloads <= 1


def test_predict_of_a_million_rows_reads_back_twenty_times_at_most(double: Any) -> None:
    model, x, _ = model_and_data("float32")
    rows = numpy.resize(x, (1_000_000, 3))
    model.predict(rows[:5000], verbose=0)
    counts = counted(double, lambda: model.predict(rows, verbose=0), warm=0)
    assert counts.downloads <= 20
    assert counts.uploads <= 20


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_model_on_another_gpu_is_used_outside_of_any_scope(dtype: str) -> None:
    with tf.device("/gpu:1"):
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    optimizer = tf.keras.optimizers.SGD(0.01, momentum=0.9)
    model.compile(loss="mse", optimizer=optimizer, metrics=["mae"])
    x, y = numpy.ones((20, 3), dtype), numpy.ones((20, 1), dtype)
    with tf.device("/gpu:0"):
        elsewhere = tf.constant(x)
    for data in (x, elsewhere):
        for shuffle in (True, False):
            model.fit(data, y, verbose=0, shuffle=shuffle, validation_split=0.25, sample_weight=numpy.ones(20))
        assert model.predict(data, verbose=0).shape == (20, 1)
        assert model.evaluate(data, y, verbose=0)[0] < 10.0
    variables = [*model.weights, *optimizer.variables, *(each for m in model.metrics for each in m.variables)]
    assert {variable.device[-5:] for variable in variables} == {"GPU:1"}


def test_what_is_printed_in_a_function_may_be_on_several_devices(capsys: pytest.CaptureFixture[str]) -> None:
    with tf.device("/gpu:0"):
        x = tf.constant([1.0, 2.0])
    label = tf.constant([3])

    @tf.function
    def doubled(x: Any) -> Any:
        tf.print("x", x, label)
        return x * 2.0

    doubled(x)
    doubled(x)
    assert capsys.readouterr().err == "x [1 2] [3]\nx [1 2] [3]\n"
