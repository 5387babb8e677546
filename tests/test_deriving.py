"""What users derive from Keras's classes: programs that train alike on either engine, eagerly and compiled."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import minidl
from tests.agree import assert_agree
from tfref.cases.making import numbers

pytestmark = pytest.mark.usefixtures("device")

X = numbers([12, 4], -1.0, 1.0)
Y = numbers([12, 2], -1.0, 1.0, start=60)


def trained(tf: Any, optimizer: Any = "sgd", loss: Any = "mse", epochs: int = 3, **options: Any) -> Any:
    """The losses and weights of a small network after a training."""
    dense = tf.keras.layers.Dense
    initializer = options.pop("kernel_initializer", "glorot_uniform")
    model = tf.keras.Sequential(
        [
            tf.keras.Input((4,)),
            dense(3, "tanh", kernel_initializer=initializer),
            dense(2, kernel_initializer=initializer),
        ]
    )
    if initializer == "glorot_uniform":
        model.set_weights([numbers(weight.shape, -0.5, 0.5, start=7 * i) for i, weight in enumerate(model.weights)])
    model.compile(optimizer=optimizer, loss=loss, **options)
    history = model.fit(X, Y, epochs=epochs, batch_size=5, shuffle=False, verbose=0).history
    return {name: numpy.array(values, "float32") for name, values in history.items()}, model.get_weights()


# -- the exercises: at most 25 lines each ------------------------------------------------------------------------


def adam(tf: Any) -> Any:
    class Adam(tf.keras.optimizers.Optimizer):  # type: ignore[misc]
        def __init__(self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999) -> None:
            super().__init__(learning_rate=learning_rate)
            self.beta_1, self.beta_2 = beta_1, beta_2

        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.means = [self.add_variable_from_reference(v, name="mean") for v in variables]
            self.squares = [self.add_variable_from_reference(v, name="square") for v in variables]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            index = self._get_variable_index(variable)
            mean, square = self.means[index], self.squares[index]
            step = tf.cast(self.iterations + 1, variable.dtype)
            rate = learning_rate * tf.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
            self.assign_add(mean, (gradient - mean) * (1.0 - self.beta_1))
            self.assign_add(square, (tf.square(gradient) - square) * (1.0 - self.beta_2))
            self.assign_sub(variable, mean * rate / (tf.sqrt(square) + 1e-7))

    return trained(tf, Adam(0.05)), [trained(tf, Adam(0.05), run_eagerly=True)]


def huber(tf: Any) -> Any:
    class Huber(tf.keras.losses.Loss):  # type: ignore[misc]
        def __init__(self, delta: float = 1.0, **options: Any) -> None:
            super().__init__(**options)
            self.delta = delta

        def call(self, y_true: Any, y_pred: Any) -> Any:
            error = tf.abs(y_true - y_pred)
            quadratic = tf.minimum(error, self.delta)
            return tf.reduce_mean(0.5 * quadratic**2 + self.delta * (error - quadratic), axis=-1)

    loss = Huber(0.5, name="huber", reduction="sum")
    return trained(tf, tf.keras.optimizers.SGD(0.1), loss), loss(Y, Y + 1.0), loss(Y, 0.5 * Y, sample_weight=X[:, 0])


def largest_error(tf: Any) -> Any:
    class LargestError(tf.keras.metrics.Metric):  # type: ignore[misc]
        def __init__(self, name: str = "largest_error", **options: Any) -> None:
            super().__init__(name=name, **options)
            self.largest = self.add_weight(shape=(), initializer="zeros", name="largest")
            self.mean = tf.keras.metrics.Mean()

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            errors = tf.abs(y_true - y_pred)
            self.largest.assign(tf.maximum(self.largest, tf.reduce_max(errors)))
            self.mean.update_state(errors)

        def result(self) -> Any:
            return self.largest + self.mean.result()

    metric = LargestError()
    found = [metric(tf.constant(Y), tf.constant(Y * 0.5)), metric(tf.constant(Y), tf.constant(Y * 2.0))]
    metric.reset_state()
    return found, metric.result(), len(metric.variables), trained(tf, metrics=[LargestError()])


def orthogonal_start(tf: Any) -> Any:
    class Diagonal(tf.keras.initializers.Initializer):  # type: ignore[misc]
        def __init__(self, gain: float = 1.0) -> None:
            self.gain = gain

        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            rows = tf.reshape(tf.range(shape[0]), [-1, 1])
            return tf.cast(tf.equal(rows, tf.range(shape[1])), dtype) * self.gain

    weights = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(3, kernel_initializer=Diagonal(2.0))])
    return weights.get_weights(), trained(tf, kernel_initializer=Diagonal(0.5))


def warming_up(tf: Any) -> Any:
    class WarmingUp(tf.keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __init__(self, highest: float, steps: float) -> None:
            self.highest, self.steps = highest, steps

        def __call__(self, step: Any) -> Any:
            return self.highest * tf.minimum(tf.cast(step + 1, tf.float32) / self.steps, 1.0)

    optimizer = tf.keras.optimizers.SGD(WarmingUp(0.25, 4.0), momentum=0.5)
    first = trained(tf, optimizer)
    return first, optimizer.learning_rate, int(optimizer.iterations), len(optimizer.variables)


PROGRAMS = [adam, huber, largest_error, orthogonal_start, warming_up]


# -- what else they must do alike --------------------------------------------------------------------------------


def decay(tf: Any) -> Any:
    schedule = tf.keras.optimizers.schedules.ExponentialDecay
    optimizer = tf.keras.optimizers.SGD(schedule(0.3, decay_steps=2, decay_rate=0.5))
    w = tf.Variable([1.0, 2.0])
    values = []
    for _ in range(5):
        values.append(optimizer.learning_rate)
        optimizer.apply_gradients([(tf.constant([1.0, -1.0]), w)])
        values.append(tf.identity(w))
    values.append(tf.function(lambda step, rate: schedule(0.3, 3.0, rate)(step))(tf.constant(5), tf.constant(0.5)))
    steps = [schedule(0.3, 3, 0.5, staircase=staircase)(step) for staircase in (False, True) for step in range(5)]
    stairs = tf.keras.optimizers.SGD(schedule(0.3, 2, 0.5, staircase=True), weight_decay=0.1)
    return values, steps, trained(tf, optimizer.__class__(schedule(0.3, 2, 0.5))), trained(tf, stairs)


def compiled_by_the_user(tf: Any) -> Any:
    optimizer = tf.keras.optimizers.SGD(tf.keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5), momentum=0.9)
    w = tf.Variable([1.0, 2.0])

    @tf.function
    def step(gradient: Any) -> Any:
        optimizer.apply_gradients([(gradient, w)])
        return optimizer.learning_rate

    return [(step(tf.constant([1.0, -1.0])), w.numpy()) for _ in range(4)]


def state(tf: Any) -> Any:
    v, w = tf.Variable([1.0, 2.0], name="v"), tf.Variable([[3.0]], name="w")
    optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
    before = len(optimizer.variables)
    optimizer.apply([tf.constant([1.0, 1.0]), None], [v, w])
    optimizer.apply([tf.constant([1.0, 1.0]), tf.constant([[1.0]])])
    optimizer.apply([])
    plain = tf.keras.optimizers.SGD(tf.keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))
    plain.build([v])
    return before, [each.numpy() for each in optimizer.variables], len(plain.variables), v, w, optimizer.built


def constraints(tf: Any) -> Any:
    layer = tf.keras.layers.Dense(2, kernel_initializer="ones")
    layer.build((None, 3))
    optimizer = tf.keras.optimizers.SGD(0.5, clipvalue=1.0)
    optimizer.apply_gradients([(tf.constant(numbers([3, 2], -3.0, 3.0)), layer.kernel)])
    return layer.get_weights()


@pytest.mark.tf
@pytest.mark.parametrize(
    "program", [*PROGRAMS, decay, compiled_by_the_user, state, constraints], ids=lambda program: program.__name__
)
def test_a_program_gives_what_it_gives_on_keras(program: Callable[[Any], Any], tensorflow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_agree(program, tensorflow, units=16.0)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_an_exercise_is_short(program: Callable[[Any], Any]) -> None:
    lines = [line for line in inspect.getsource(program).splitlines()[1:] if line.strip()]
    assert len(lines) <= 25


# -- minidl alone ------------------------------------------------------------------------------------------------


def _model(optimizer: Any) -> Any:
    model = minidl.keras.Sequential([minidl.keras.Input((4,)), minidl.keras.layers.Dense(2, kernel_initializer="ones")])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def test_a_schedule_is_computed_inside_the_compiled_step() -> None:
    calls = []

    class Noted(minidl.keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            calls.append(step)
            return 0.1 * 0.5 ** minidl.cast(step, minidl.float32)

    fits = [_model(minidl.keras.optimizers.SGD(Noted())) for _ in range(2)]
    fits[1].run_eagerly = True
    for model in fits:
        calls.clear()
        model.fit(X, Y, batch_size=2, epochs=3, verbose=0, shuffle=False)
        assert len(calls) == (18 if model.run_eagerly else 1)
    for ours, eager in zip(fits[0].get_weights(), fits[1].get_weights(), strict=True):
        numpy.testing.assert_array_equal(ours, eager)


def test_another_schedule_is_followed_from_the_next_fit_on() -> None:
    decay = minidl.keras.optimizers.schedules.ExponentialDecay
    model = _model(minidl.keras.optimizers.SGD(decay(0.1, 1, 0.5)))
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    model.optimizer.learning_rate = decay(1e-30, 1, 0.5)
    model.fit(X, Y, verbose=0)
    numpy.testing.assert_array_equal(model.get_weights()[0], before[0])
    with pytest.raises(TypeError, match=r"schedule.*0\.5"):
        model.optimizer.learning_rate = 0.5


def test_a_function_is_asked_at_each_step() -> None:
    rates = iter([0.5, 0.25, 0.125])
    w = minidl.Variable([0.0])
    optimizer = minidl.keras.optimizers.SGD(lambda: next(rates))
    for _ in range(3):
        optimizer.apply_gradients([(minidl.constant([1.0]), w)])
    assert w.numpy() == [-0.875]
    assert len(optimizer.variables) == 1
    optimizer.learning_rate = 0.5
    assert float(optimizer.learning_rate) == 0.5


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_of_an_optimizer_goes_on_alone(copied: Callable[[Any], Any], device: str) -> None:
    if device != "/cpu:0":
        pytest.skip("a copy lives on the CPU")
    w = minidl.Variable([1.0, 2.0])
    optimizer = minidl.keras.optimizers.SGD(0.1, momentum=0.9)
    gradient = minidl.constant([1.0, -1.0])
    optimizer.apply_gradients([(gradient, w)])
    other, v = copied([optimizer, w])
    for _ in range(2):
        other.apply_gradients([(gradient, v)])
    assert int(optimizer.iterations) == 1
    for _ in range(2):
        optimizer.apply_gradients([(gradient, w)])
    for mine, its in zip([w, *optimizer.variables], [v, *other.variables], strict=True):
        numpy.testing.assert_array_equal(mine.numpy(), its.numpy())


def test_a_refused_step_changes_nothing() -> None:
    v, w = minidl.Variable([1.0, 2.0], name="v"), minidl.Variable([3.0], name="w")
    one, two = minidl.constant([1.0]), minidl.constant([1.0, 1.0])
    optimizer = minidl.keras.optimizers.SGD(0.1, momentum=0.9)
    for pairs, words in (([], "none"), ([(None, v)], "gradient"), ([(two, v), (two, w)], r"'w' has shape \(1,\)")):
        with pytest.raises(ValueError, match=words):
            optimizer.apply_gradients(pairs)
        assert not optimizer.built
    with pytest.raises(ValueError, match="build"):
        optimizer.apply([two])
    optimizer.apply_gradients([(two, v)])
    before = [each.numpy() for each in (v, *optimizer.variables)]
    with pytest.raises(ValueError, match=r"\['w'\]"):
        optimizer.apply_gradients([(two, v), (one, w)])
    with pytest.raises(ValueError, match="2 gradients"):
        optimizer.apply([two, one])
    assert [each.numpy().tolist() for each in (v, *optimizer.variables)] == [each.tolist() for each in before]


def test_what_must_be_defined_says_so() -> None:
    keras = minidl.keras
    v = minidl.Variable([1.0])
    for call, word in (
        (lambda: keras.optimizers.Optimizer(0.1).apply_gradients([(minidl.constant([1.0]), v)]), "update_step"),
        (lambda: keras.optimizers.schedules.LearningRateSchedule()(0), "__call__"),
        (lambda: keras.losses.Loss()([1.0], [2.0]), "call"),
        (lambda: keras.metrics.Metric()([1.0], [2.0]), "update_state"),
        (lambda: keras.initializers.Initializer()([2]), "__call__"),
    ):
        with pytest.raises(NotImplementedError, match=word):
            call()


def test_a_schedule_module_can_be_imported_as_keras_has_it() -> None:
    names: dict[str, Any] = {}
    exec("from minidl.keras.optimizers.schedules import ExponentialDecay, LearningRateSchedule", names)
    assert issubclass(names["ExponentialDecay"], minidl.keras.optimizers.schedules.LearningRateSchedule)
