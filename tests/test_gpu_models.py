"""Models on a GPU, with all that a model can have: inside of a scope and outside, they learn as on the CPU."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl as tf

keras: Any = tf.keras

X = numpy.linspace(-2, 2, 96, dtype="float32").reshape(32, 3)
Y = X.sum(axis=1, keepdims=True)

PROGRAMS: list[Callable[[Path], tuple[Any, Callable[[], Any]]]] = []


def program(made: Callable[[Path], tuple[Any, Callable[[], Any]]]) -> Callable[[Path], tuple[Any, Callable[[], Any]]]:
    """A program that makes a model, and what then runs it and gives numbers."""
    PROGRAMS.append(made)
    return made


def network(**options: Any) -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh", **options), keras.layers.Dense(1)])


def compiled(model: Any, optimizer: Any = "sgd", metrics: Sequence[Any] = ()) -> Any:
    model.compile(loss="mse", optimizer=optimizer, metrics=list(metrics))
    return model


def fitted(model: Any, *data: Any, **options: Any) -> Any:
    return model.fit(*(data or (X, Y)), batch_size=8 if not data else None, verbose=0, shuffle=False, **options).history


@program
def metrics(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model = compiled(network(), metrics=["mae", keras.metrics.MeanSquaredError()])
    return model, lambda: [
        fitted(model, epochs=2, validation_split=0.25), model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0),
    ]  # fmt: skip


@program
def regularizers(folder: Path) -> tuple[Any, Callable[[], Any]]:
    options = {
        "bias_regularizer": keras.regularizers.L1(0.1),
        "activity_regularizer": keras.regularizers.L1L2(0.1, 0.2),
    }
    model = compiled(network(kernel_regularizer="l2", **options))
    return model, lambda: [fitted(model), model.evaluate(X, Y, verbose=0)]


@program
def schedules(folder: Path) -> tuple[Any, Callable[[], Any]]:
    rates = [keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5, staircase=staircase) for staircase in (0, 1)]
    options = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    models = [compiled(network(), keras.optimizers.SGD(rate, **options)) for rate in rates]
    return models, lambda: [(fitted(model, epochs=2), float(model.optimizer.learning_rate)) for model in models]


@program
def clipping(folder: Path) -> tuple[Any, Callable[[], Any]]:
    limits = ({"global_clipnorm": 0.5}, {"clipnorm": 0.5}, {"clipvalue": 0.5})
    models = [compiled(network(), keras.optimizers.SGD(0.05, **limit)) for limit in limits]
    return models, lambda: [fitted(model) for model in models]


class Sparing(keras.layers.Layer):  # type: ignore[misc]
    """A product whose weights add to the loss."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(3, 1), initializer="ones", name="w")

    def call(self, x: Any) -> Any:
        self.add_loss(0.1 * tf.reduce_sum(tf.square(self.w)))
        return x @ self.w


@program
def added_losses(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model = compiled(keras.Sequential([keras.Input((3,)), Sparing()]))
    return model, lambda: fitted(model)


@program
def datasets(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model, data = compiled(network()), tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    return model, lambda: [
        fitted(model, data, validation_data=data), model.evaluate(data, verbose=0), model.predict(data, verbose=0),
    ]  # fmt: skip


@program
def batches(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model, weight = compiled(network()), numpy.linspace(0, 1, 32)
    runs: list[Any] = [lambda: fitted(model, ((X[at : at + 8], Y[at : at + 8], weight[:8]) for at in (0, 8)))]
    runs += [lambda: fitted(model, sample_weight=weight), lambda: model.train_on_batch(X, Y)]
    runs += [lambda: model.test_on_batch(X, Y), lambda: model.predict_on_batch(X)]
    return model, lambda: [each() for each in runs]


@program
def saved(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model, other = (compiled(network(), keras.optimizers.SGD(0.05, momentum=0.9)) for _ in range(2))

    def run() -> Any:
        fitted(model)
        model.save_weights(folder / "model.weights.h5")
        other.load_weights(folder / "model.weights.h5")
        others = [other, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
        return [fitted(each) for each in (model, *others)], [each.get_weights() for each in others]

    return [model, other], run


@program
def callbacks(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model = compiled(network())
    patience = keras.callbacks.EarlyStopping(patience=1, min_delta=1.0, restore_best_weights=True)
    options = {"validation_data": (X, Y), "callbacks": [patience, keras.callbacks.TerminateOnNaN()]}
    return model, lambda: [fitted(model, epochs=6, **options), model.get_weights()]


@program
def graphs(folder: Path) -> tuple[Any, Callable[[], Any]]:
    one, other = keras.Input((3,)), keras.Input((3,))
    both = keras.layers.Dense(2, kernel_initializer="ones")(one) * 2.0 + keras.ops.mean(other, axis=1, keepdims=True)
    model = compiled(keras.Model([one, other], keras.layers.Dense(1, kernel_initializer="ones")(both[:, :1])))
    return model, lambda: [fitted(model, [X, X], Y), model.predict([X, X], verbose=0)]


@program
def steps_of_ones_own(folder: Path) -> tuple[Any, Callable[[], Any]]:
    model, optimizer, measure = network(), keras.optimizers.SGD(0.05, momentum=0.9), keras.losses.MeanSquaredError()

    def run() -> list[float]:
        with tf.device(model.weights[0].device):
            x = tf.constant(X)

        @tf.function
        def step(x: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = measure(Y, model(x, training=True))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss

        return [float(step(x)) for _ in range(3)]

    return model, run


def numbers(nest: Any) -> list[numpy.ndarray]:
    values = list(nest.values()) if isinstance(nest, dict) else nest
    return [each for value in values for each in numbers(value)] if isinstance(values, (list, tuple)) else [values]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("made", PROGRAMS, ids=lambda made: made.__name__)
@pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])
def test_a_model_on_a_gpu_learns_as_on_the_cpu(made: Any, run_eagerly: bool, tmp_path: Path) -> None:
    tf.config.run_functions_eagerly(run_eagerly)
    try:
        found = {}
        for device, scope in (
            ("/cpu:0", None),
            *((f"/gpu:{n}", scope) for n in (0, 1) for scope in (None, f"/gpu:{n}")),
        ):
            with tf.device(device):
                models, run = made(tmp_path)
            with tf.device(scope):
                found[device, scope] = numbers(run())
            for model in models if isinstance(models, list) else [models]:
                variables = [*model.variables, *(model.optimizer.variables if model.optimizer else [])]
                variables += [each for metric in model.metrics for each in metric.variables]
                assert {each.device[-5:].lower() for each in variables} == {device[1:]}
    finally:
        tf.config.run_functions_eagerly(False)
    expected, *others = found.values()
    for other in others:
        for mine, on_the_cpu in zip(other, expected, strict=True):
            numpy.testing.assert_allclose(mine, on_the_cpu, rtol=2e-4, atol=1e-5)
