"""What is timed through models: training, prediction, and the time until the digits are learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from minidl.okja.films import FILMS

from . import byhand
from .libraries import load
from .workloads import LESSON, SMALL, Network, Step, Workload, model, network_by_hand


def _compiled(tf: Any, network: Network, weights: list[numpy.ndarray]) -> Any:
    found = model(tf, network, weights)
    found.compile(loss=tf.keras.losses.MeanSquaredError(), optimizer=tf.keras.optimizers.SGD(network.rate))
    return found


def lesson_fit(epochs: int = 100) -> Workload:
    """The lesson's training, from its first weight."""
    network = Network((1, 1), 4, 2e-10)

    def program(tf: Any, weights: list[numpy.ndarray]) -> tuple[Step, Sequence[Any]]:
        line = _compiled(tf, network, weights)
        return (
            lambda x, y: line.fit(x, y, epochs=epochs, verbose=0, shuffle=False).history["loss"],
            line.trainable_variables,
        )

    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        train = network_by_hand(network, "train")(xp, inputs, weights, reuse)
        return lambda x, y: [float(train(x, y)) for _ in range(epochs)]

    def films() -> list[numpy.ndarray]:
        rows = [[film.wishes, film.audience] for film in FILMS]
        return numpy.split(numpy.array(rows, numpy.float32), 2, axis=1)

    return Workload(
        f"lesson: fit, {epochs} epochs", "models", program, by_hand, films,
        lambda: [numpy.full((1, 1), 1.1125909, numpy.float32), numpy.zeros(1, numpy.float32)],
        samples=4 * epochs, compiled=False, updates=epochs, recorded="lesson from 1.1125909",
    )  # fmt: skip


# Rows at a time by hand, of which the results of a layer stay in a processor's cache.
CHUNK = 4096


def prediction(name: str, network: Network, rows: int, **options: Any) -> Workload:
    """`Model.predict`, which brings its results to NumPy."""

    def program(tf: Any, weights: list[numpy.ndarray]) -> tuple[Step, Sequence[Any]]:
        network_model = model(tf, network, weights)
        return lambda x: network_model.predict(x, verbose=0), network_model.trainable_variables

    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        to_numpy = getattr(xp, "asnumpy", numpy.asarray)
        forward = byhand.allocating(xp, weights, 0.0).forward

        def predict(x: Any) -> Any:
            results = numpy.empty((rows, network.widths[-1]), x.dtype)
            for start in range(0, rows, CHUNK):
                results[start : start + CHUNK] = to_numpy(forward(x[start : start + CHUNK]))
            return results

        return predict

    numbers = rows * (network.widths[0] + network.widths[-1])
    return Workload(
        name, "models", program, by_hand, lambda: network.samples(rows)[:1], network.weights,
        flops=network.products / network.batch * rows, bytes=4 * numbers, samples=rows, compiled=False, **options,
    )  # fmt: skip


# Of the handwritten digits every fifth is held out.
HELD_OUT = 5


def _digits() -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Pixels and, as rows of 0 and 1, digits to train on; pixels and digits held out. Reads scikit-learn's file."""
    pixels, digits = load("sklearn.datasets").load_digits(return_X_y=True)
    pixels, held = (pixels / 16).astype(numpy.float32), numpy.arange(len(pixels)) % HELD_OUT == 0
    return pixels[~held], numpy.eye(10, dtype=numpy.float32)[digits[~held]], pixels[held], digits[held]


def learning(accuracy: float = 0.9) -> Workload:
    """From the file to a network that tells so many of the digits held out: a person's time, loading included."""
    network = Network((64, 64, 10), 32, 0.1)

    def share(predictions: numpy.ndarray, digits: numpy.ndarray) -> float:
        return float(numpy.mean(predictions.argmax(axis=1) == digits))

    def program(tf: Any, weights: list[numpy.ndarray]) -> tuple[Step, Sequence[Any]]:
        reader = _compiled(tf, network, weights)

        def step() -> list[float]:
            x, y, held_x, held_digits = _digits()
            reader.set_weights(weights)
            losses: list[float] = []
            while share(reader.predict(held_x, verbose=0), held_digits) < accuracy:
                losses += reader.fit(x, y, batch_size=network.batch, shuffle=False, verbose=0).history["loss"]
            return losses

        return step, reader.trainable_variables

    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        to_numpy = getattr(xp, "asnumpy", numpy.asarray)
        steps = byhand.allocating(xp, weights, network.rate)

        def step() -> list[float]:
            x, y, held_x, held_digits = (xp.asarray(each) for each in _digits())
            held_digits = to_numpy(held_digits)
            for weight, first in zip(weights, network.weights(), strict=True):
                weight[...] = xp.asarray(first)
            losses: list[float] = []
            while share(to_numpy(steps.forward(held_x)), held_digits) < accuracy:
                starts = range(0, len(x), network.batch)
                batches = [(x[start : start + network.batch], y[start : start + network.batch]) for start in starts]
                total = sum(float(steps.train(*batch)) * len(batch[0]) for batch in batches)
                losses.append(total / len(x))
            return losses

        return step

    return Workload(
        f"digits to {accuracy:.0%} held out", "models", program, by_hand, list, network.weights,
        compiled=False, updates=300,
    )  # fmt: skip


MODELS: tuple[Workload, ...] = (
    lesson_fit(),
    prediction("lesson: predict 5 films", LESSON, 5),
    prediction("64-64-10: predict 100,000 rows", SMALL, 100_000),
    prediction("64-64-10: predict 1,000,000 rows", SMALL, 1_000_000, fills_gpu=True),
    learning(),
)
