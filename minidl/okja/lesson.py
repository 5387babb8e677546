"""The lesson as a program that takes the module: `lesson(minidl)` and `lesson(tensorflow)` are the same steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy

from minidl.okja.films import FILMS, OKJA

EPOCHS = 100
LEARNING_RATE = 2e-10
SEED = 1


@dataclasses.dataclass(frozen=True)
class State:
    """A model at one moment.

    Attributes:
        weight, bias: of its one layer: prediction = weight * wishes + bias.
        predictions: for the four films.
        okja: for Okja.
        line: for the numbers of wishes from 7,500 to 18,000, every 500th.
    """

    weight: float
    bias: float
    predictions: list[float]
    okja: float
    line: list[float]


@dataclasses.dataclass(frozen=True)
class Result:
    """What the lesson finds.

    Attributes:
        model: the trained model.
        before, after: its state before and after the training.
        losses: the mean squared error in each epoch.
    """

    model: Any
    before: State
    after: State
    losses: list[float]


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of the training.

    Attributes:
        wishes, audience: the films' numbers, as tensors.
        loss: the mean squared error before the step.
        gradients: of the weight and of the bias.
        before, after: the weight and the bias, as arrays.
    """

    wishes: Any
    audience: Any
    loss: Any
    gradients: list[Any]
    before: list[numpy.ndarray]
    after: list[numpy.ndarray]


LINE = range(7500, 18001, 500)


def make_model(tf: Any, dtype: str | None = None) -> Any:
    """One Dense layer of one unit: a straight line through the films."""
    inputs = tf.keras.Input((1,), name="x")
    outputs = tf.keras.layers.Dense(1, name="output", dtype=dtype)(inputs)
    return tf.keras.Model(inputs, outputs, name="model")


def column(numbers: Any) -> numpy.ndarray:
    """Numbers as samples of width 1."""
    return numpy.array(numbers, numpy.float32)[:, None]


def state_of(model: Any) -> State:
    """Everything about a model at one moment."""
    kernel, bias = model.get_weights()
    wishes = [*(film.wishes for film in FILMS), OKJA.wishes, *LINE]
    predictions = [float(value) for value in model.predict(column(wishes), verbose=0)[:, 0]]
    films = len(FILMS)
    return State(float(kernel[0, 0]), float(bias[0]), predictions[:films], predictions[films], predictions[films + 1 :])


def lesson(
    tf: Any,
    epochs: int = EPOCHS,
    learning_rate: float = LEARNING_RATE,
    seed: int = SEED,
    first_weight: float | None = None,
    before_training: Callable[[Any, State], Any] | None = None,
    on_epoch_end: Callable[[int, dict[str, float]], Any] | None = None,
) -> Result:
    """Make the model, train it on the four films, and predict Okja's audience.

    Arguments:
        tf: the module, minidl or TensorFlow.
        epochs, learning_rate: of the training.
        seed: of the first weight.
        first_weight: a first weight to have instead of a random one.
        before_training: called with the model and its state.
        on_epoch_end: called with each epoch's number and logs.
    """
    tf.keras.utils.set_random_seed(seed)
    model = make_model(tf)
    if first_weight is not None:
        model.set_weights([numpy.array([[first_weight]], numpy.float32), numpy.zeros(1, numpy.float32)])
    before = state_of(model)
    if before_training is not None:
        before_training(model, before)
    model.compile(loss=tf.keras.losses.MeanSquaredError(), optimizer=tf.keras.optimizers.SGD(learning_rate))
    history = model.fit(
        column([film.wishes for film in FILMS]),
        column([film.audience for film in FILMS]),
        epochs=epochs,
        verbose=0,
        shuffle=False,
        callbacks=[tf.keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
    )
    return Result(model, before, state_of(model), history.history.get("loss", []))


def first_step(tf: Any, learning_rate: float = LEARNING_RATE, seed: int = SEED) -> Step:
    """The first step of the training, in the open: what `fit` does with each batch."""
    tf.keras.utils.set_random_seed(seed)
    model = make_model(tf)
    before = model.get_weights()
    wishes = tf.constant(column([film.wishes for film in FILMS]))
    audience = tf.constant(column([film.audience for film in FILMS]))
    with tf.GradientTape() as tape:
        loss = tf.keras.losses.MeanSquaredError()(audience, model(wishes))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer = tf.keras.optimizers.SGD(learning_rate)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return Step(wishes, audience, loss, gradients, before, model.get_weights())


def gradient_by_differences(tf: Any, step: Step) -> list[float]:
    """The gradient of a step without any rule, in float64: (loss(w + h) - loss(w - h)) / 2h, with h = 1/1024."""
    model, mean_squared_error = make_model(tf, "float64"), tf.keras.losses.MeanSquaredError(dtype="float64")

    def loss(*weights: Any) -> Any:
        model.set_weights([weight.numpy() for weight in weights])
        return mean_squared_error(step.audience, model(step.wishes))

    _, numerical = tf.test.compute_gradient(loss, [weight.astype("float64") for weight in step.before])
    return [float(column[0, 0]) for column in numerical]


def derivative_of_logarithm(tf: Any, at: float = 3.0) -> float:
    """The derivative of log(2 x + 3): the rate at which it grows with x."""
    x = tf.Variable(at, dtype=tf.float32)
    with tf.GradientTape() as tape:
        z = tf.math.log(2.0 * x + 3.0)
    return float(tape.gradient(z, x))


def descent(tf: Any, start: float = 5.0, rate: float = 0.1, steps: int = 30) -> list[float]:
    """Gradient descent on (x - 50)² + 100: the values of x, from the start on."""
    x = tf.Variable(start, dtype=tf.float32)
    path = [start]
    for _ in range(steps):
        with tf.GradientTape() as tape:
            height = (x - 50.0) ** 2 + 100.0
        x.assign_sub(rate * tape.gradient(height, x))
        path.append(float(x.numpy()))
    return path
