"""Cases of what networks are made of and trained with: losses, metrics, optimizers, layers, initializers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from tfref.cases.making import POSITIVE, REAL, numbers, rows
from tfref.running import Case


def losses() -> Iterator[Case]:
    def loss(tf: Any, y: Any, reduction: Any = "sum_over_batch_size") -> Any:
        return tf.keras.losses.MeanSquaredError(reduction=reduction, dtype=y.dtype.name)

    weights = numbers([4], *POSITIVE)
    yield from rows(
        "keras.losses.MeanSquaredError",
        {
            "mean": lambda tf, x, y: loss(tf, y)(x, y),
            "sum": lambda tf, x, y: loss(tf, y, "sum")(x, y),
            "none": lambda tf, x, y: loss(tf, y, None)(x, y),
            "sample weights": lambda tf, x, y: loss(tf, y)(x, y, sample_weight=weights),
            "sample weights, summed": lambda tf, x, y: loss(tf, y, "sum")(x, y, sample_weight=weights),
            "mean with sample weights": lambda tf, x, y: loss(tf, y, "mean_with_sample_weight")(x, y, weights),
            "one weight": lambda tf, x, y: loss(tf, y)(x, y, sample_weight=2.0),
            "one column beside none": lambda tf, x, y: loss(tf, y)(x[:, 0], y[:, :1]),
            "three axes": lambda tf, x, y: loss(tf, y)(tf.reshape(x, [2, 2, 3]), tf.reshape(y, [2, 2, 3])),
        },
        numbers([4, 3], *REAL), numbers([4, 3], *REAL, start=9), order=1,
    )  # fmt: skip


def metrics() -> Iterator[Case]:
    one_hot = numpy.eye(3, dtype="float32")[[0, 2, 1, 1]]
    for name in ("MeanAbsoluteError", "MeanSquaredError", "CategoricalAccuracy", "Accuracy"):

        def twice(tf: Any, x: Any, y: Any, name: str = name) -> Any:
            metric = getattr(tf.keras.metrics, name)()
            metric.update_state(x, y)
            metric.update_state(x[:1], x[:1])
            return metric.result()

        yield Case(
            f"keras.metrics.{name}", "two batches", twice, (one_hot, numbers([4, 3], 0.0, 1.0)), 0, eager_only=True
        )
    yield from rows(
        "keras.metrics.BinaryAccuracy",
        {"threshold": lambda tf, x, y: tf.keras.metrics.BinaryAccuracy(threshold=0.4)(x, y)},
        one_hot[:, :1], numbers([4, 1], 0.0, 1.0), order=0, eager_only=True,
    )  # fmt: skip
    yield from rows(
        "keras.metrics.SparseCategoricalAccuracy",
        {"indices": lambda tf, x, y: tf.keras.metrics.SparseCategoricalAccuracy()(x, y)},
        numpy.array([0, 2, 1, 1], "int32"), numbers([4, 3], 0.0, 1.0), order=0, eager_only=True,
    )  # fmt: skip


def optimizers() -> Iterator[Case]:
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "momentum": {"momentum": 0.9},
        "Nesterov": {"momentum": 0.9, "nesterov": True},
        "weight decay": {"weight_decay": 0.01},
        "clipnorm": {"clipnorm": 1.0},
        "clipvalue": {"clipvalue": 0.5},
        "global_clipnorm": {"global_clipnorm": 1.0},
        "momentum and weight decay": {"momentum": 0.5, "weight_decay": 0.1},
        "Nesterov and clipnorm": {"momentum": 0.9, "nesterov": True, "clipnorm": 0.7},
        "all at once": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.02, "global_clipnorm": 0.5},
    }
    for label, settings in options.items():

        def steps(tf: Any, x: Any, y: Any, settings: dict[str, Any] = settings) -> Any:
            optimizer = tf.keras.optimizers.SGD(0.25, **settings)
            variables = [tf.Variable(x), tf.Variable(y)]
            for factor in (1.0, -3.0, 0.5):
                optimizer.apply_gradients([(y * factor, variables[0]), (x * factor, variables[1])])
            return [tf.convert_to_tensor(variable) for variable in variables]

        inputs = numbers([3, 2], *REAL), numbers([3, 2], *REAL, start=7)
        yield Case("keras.optimizers.SGD", label, steps, inputs, 0, eager_only=True)


def layers() -> Iterator[Case]:
    def dense(tf: Any, x: Any, **options: Any) -> Any:
        layer = tf.keras.layers.Dense(3, dtype=x.dtype.name, **options)
        layer.build(x.shape)
        # Small weights, so that softmax and sigmoid aren't so sure that their gradients cancel to nothing.
        layer.set_weights([numbers(weight.shape, -0.5, 0.5, start=i) for i, weight in enumerate(layer.weights)])
        with tf.GradientTape() as tape:
            y = layer(x)
            square = tf.reduce_sum(y * y * 0.5 + y)
        return [y, *tape.gradient(square, layer.trainable_variables)]

    x = numbers([5, 4], *REAL)
    for activation in ("linear", "relu", "sigmoid", "tanh", "softplus", "softmax", None):
        program = lambda tf, x, activation=activation: dense(tf, x, activation=activation)  # noqa: E731
        yield Case("keras.layers.Dense", f"{activation}", program, (x,), eager_only=True)
    yield from rows(
        "keras.layers.Dense",
        {
            "no bias": lambda tf, x: dense(tf, x, use_bias=False),
            "three axes": lambda tf, x: dense(tf, tf.reshape(x, [1, 5, 4]), activation="tanh"),
            "no samples": lambda tf, x: dense(tf, x[:0]),
        },
        x, order=1, eager_only=True,
    )  # fmt: skip


def initializers() -> Iterator[Case]:
    for name, options in {
        "GlorotUniform": {"seed": 7},
        "HeUniform": {"seed": 123456789},
        "RandomUniform": {"minval": -2.0, "maxval": 3.0, "seed": 1},
        "RandomNormal": {"mean": 1.0, "stddev": 0.5, "seed": 3},
        "Zeros": {},
        "Ones": {},
        "Constant": {"value": 0.3},
    }.items():

        def make(tf: Any, shape: Sequence[int], name: str = name, options: Any = options) -> Any:
            return getattr(tf.keras.initializers, name)(**options)(shape)

        for shape in ([3, 4], [5], [], [2, 3, 4]):
            yield Case(
                f"keras.initializers.{name}", f"{shape}", lambda tf, make=make, shape=shape: make(tf, shape), (), 0,
                eager_only=True,
            )  # fmt: skip
