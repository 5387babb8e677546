"""The training runs: networks trained by one program on either engine, to be compared epoch by epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

from tfref.cases.making import numbers

Arrays = tuple[numpy.ndarray, ...]


@dataclasses.dataclass(frozen=True)
class Training:
    """A network, its data, and how to train it.

    Attributes:
        name: what it is called.
        data: gives the inputs, the targets, and the inputs to predict for.
        layers: the width and the activation of each Dense layer.
        epochs, batch_size: of `fit`, which doesn't shuffle.
        optimizer: the arguments of SGD.
        weights: gives the first weights; by default Glorot's, after a seed.
        units: by how many units in the last place the losses may differ from TensorFlow's, where that is promised.
    """

    name: str
    data: Callable[[], Arrays]
    layers: Sequence[tuple[int, str]]
    epochs: int
    batch_size: int
    optimizer: Mapping[str, Any]
    weights: Callable[[], Arrays] | None = None
    units: float | None = None


def moved(training: Training, pattern: int) -> Training:
    """The same training with every input moved by one unit in the last place, up or down after a pattern's number."""

    def data() -> Arrays:
        x, y, asked = training.data()
        up = numbers(x.shape, 0.0, 1.0, start=1000 * pattern) < 0.5
        return numpy.nextafter(x, numpy.where(up, numpy.inf, -numpy.inf).astype(x.dtype)), y, asked

    return dataclasses.replace(training, data=data)


def train(tf: Any, training: Training, dtype: str = "float32", **compile_options: Any) -> dict[str, numpy.ndarray]:
    """The figures of a training on one engine: losses, weights and predictions.

    Arguments:
        tf: the module.
        training: what to train.
        dtype: to compute in; float64 gives the truth for float32.
        compile_options: what else to give `compile`, such as `run_eagerly=True`.
    """
    x, y, asked = (array.astype(dtype) for array in training.data())
    tf.keras.utils.set_random_seed(1)
    outputs = inputs = tf.keras.Input(x.shape[1:], dtype=dtype)
    for units, activation in training.layers:
        outputs = tf.keras.layers.Dense(units, activation, dtype=dtype)(outputs)
    model = tf.keras.Model(inputs, outputs)
    model.set_weights(list(training.weights()) if training.weights else _glorot(tf, training, x.shape[1]))
    model.compile(
        loss=tf.keras.losses.MeanSquaredError(dtype=dtype),
        optimizer=tf.keras.optimizers.SGD(**training.optimizer),
        **compile_options,
    )
    if compile_options.get("jit_compile"):
        model._jit_compile = True  # Keras won't by itself where TensorFlow is deterministic
    history = model.fit(x, y, batch_size=training.batch_size, epochs=training.epochs, verbose=0, shuffle=False)
    found = {"losses": numpy.array(history.history["loss"], dtype)}
    found |= {f"weight {index}": weight for index, weight in enumerate(model.get_weights())}
    return found | {"predictions": model.predict(asked, verbose=0)}


def _glorot(tf: Any, training: Training, width: int) -> list[numpy.ndarray]:
    """Glorot's weights in float32, whatever the training computes in, so that the truth starts from the same."""
    weights = []
    for index, (units, _) in enumerate(training.layers):
        kernel = tf.keras.initializers.GlorotUniform(seed=index + 1)([width, units])
        weights += [numpy.array(kernel), numpy.zeros(units, "float32")]
        width = units
    return weights


# -- the runs ----------------------------------------------------------------------------------------------------


def _films() -> Arrays:
    wishes = numpy.array([[8759], [10132], [12078], [16430]], "float32")
    audiences = numpy.array([[487], [612], [866], [1030]], "float32")
    return wishes, audiences, numpy.array([[12008]], "float32")


def _waves() -> Arrays:
    """50 samples of width 4 and smooth targets of width 3: batches of 16 have a ragged end."""
    x = numbers([50, 4], -1.0, 1.0)
    y = numpy.stack([numpy.sin(2 * x[:, 0]), x[:, 1] * x[:, 2], numpy.cos(x[:, 3])], axis=1)
    return x, y.astype("float32"), numbers([5, 4], -1.0, 1.0, start=300)


def digits() -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """The 1,797 images of handwritten digits that come with scikit-learn: the first 1,400 to train, the rest to ask.

    Pixels are from 0 to 1, and targets one-hot.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = (images / 16).astype("float32")
    return x[:1400], numpy.eye(10, dtype="float32")[labels[:1400]], x[1400:]


def digit_labels() -> numpy.ndarray:
    """What the images to ask for show."""
    from sklearn.datasets import load_digits

    return numpy.asarray(load_digits(return_X_y=True)[1][1400:])


def _lessons() -> list[Training]:
    def first(weight: float) -> Callable[[], Arrays]:
        return lambda: (numpy.array([[weight]], "float32"), numpy.zeros(1, "float32"))

    return [
        Training(
            f"lesson from {weight}", _films, [(1, "linear")], 100, 32, {"learning_rate": 2e-10}, first(weight), 11.0
        )
        for weight in (1.1125909, -0.83484906, 0.25)
    ]


def _networks() -> list[Training]:
    runs = []
    for activation in ("linear", "relu", "sigmoid", "tanh", "softplus", "softmax"):
        for depth in (1, 2, 3, 4):
            layers = [(8, activation)] * (depth - 1) + [(3, activation)]
            runs.append(Training(f"{depth} x {activation}", _waves, layers, 20, 16, {"learning_rate": 0.05}))
    layers = [(8, "tanh"), (3, "linear")]
    momentum = {"learning_rate": 0.02, "momentum": 0.9}
    runs.append(Training("momentum", _waves, layers, 20, 16, momentum))
    runs.append(Training("Nesterov", _waves, layers, 20, 16, {**momentum, "nesterov": True}))
    runs.append(Training("whole batches", _waves, layers, 20, 50, {"learning_rate": 0.1}))
    runs.append(Training("single samples", _waves, layers, 5, 1, {"learning_rate": 0.02}))
    clipped = {**momentum, "nesterov": True, "weight_decay": 0.01, "global_clipnorm": 0.5}
    runs.append(Training("Nesterov, clipped, with decay", _waves, layers, 20, 16, clipped))
    return runs


DIGITS = Training("digits", digits, [(64, "relu"), (10, "linear")], 30, 16, {"learning_rate": 1.0})

TRAININGS: list[Training] = [*_lessons(), *_networks(), DIGITS]
