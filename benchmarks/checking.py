"""Whether what an engine gave is right: held against the same computation by hand in float64, and TensorFlow's."""

from __future__ import annotations

import functools
from typing import Any

import numpy

from tfref.references import Recorded
from tfref.training import TRAININGS

from .engines import flat
from .timing import Side
from .workloads import Workload

# The rounding of float32, in sums of thousands of terms, stays far below this part of a result's norm.
TOLERANCE = 1e-3


def faults(workload: Workload, side: Side) -> list[str]:
    """Make a call and compare what it gives, and how it moves the weights, with the truth in float64."""
    with side.scope():
        before = side.weights()
        results = side.arrays(side.call())
        moves = [after.astype(numpy.float64) - old for after, old in zip(side.weights(), before, strict=True)]
    inputs, given = workload.inputs(), [*results, *moves]
    truth = _truth(workload, inputs, before)
    if [array.shape for array in given] != [array.shape for array in truth]:
        return [f"gives shapes {[array.shape for array in given]}, not {[array.shape for array in truth]}"]
    eps = workload.updates * float(numpy.finfo(numpy.float32).eps)
    allowed = [TOLERANCE * _norm(array) for array in truth]
    for index, old in enumerate(before, len(results)):
        allowed[index] += eps * _norm(old)
    if _beyond(given, truth, allowed):
        # A kink of relu can be so near that rounding decides on which side of it a unit is.
        draw = numpy.random.default_rng(0).standard_normal
        for _ in range(8):
            near = _truth(workload, *([a * (1 + 8 * eps * draw(a.shape)) for a in each] for each in (inputs, before)))
            allowed = [max(most, 2 * _apart(a, b)) for most, a, b in zip(allowed, near, truth, strict=True)]
    names = [f"result {n}" for n in range(len(results))] + [f"the move of weight {n}" for n in range(len(moves))]
    return [
        f"{names[n]} is wrong by {_apart(given[n], truth[n]):g} in norm, where its norm is {_norm(truth[n]):g}"
        for n in _beyond(given, truth, allowed)
    ]


# By what part the losses of a whole training may differ from TensorFlow's.
ROUNDING = 1e-5


def faults_beside_recording(workload: Workload, side: Side, result: Any) -> list[str]:
    """Compare the losses that a first call gave with TensorFlow's, which are recorded: it needn't be installed."""
    if workload.recorded is None:
        return []
    losses = numpy.array([float(loss) for loss in side.arrays(result)])
    theirs = _recorded_losses(workload.recorded)[: len(losses)]
    apart = float(numpy.max(numpy.abs(losses / theirs - 1)))
    return [] if apart <= ROUNDING else [f"the losses are up to {apart:g} of themselves from TensorFlow's"]


@functools.cache
def _recorded_losses(name: str) -> numpy.ndarray:
    training = next(each for each in TRAININGS if each.name == name)
    return Recorded().training(training).figures["eager"]["losses"]


def _truth(workload: Workload, inputs: list[numpy.ndarray], weights: list[numpy.ndarray]) -> list[numpy.ndarray]:
    """The results and the moves of the weights in float64."""
    results, after = workload.truth(inputs, weights)
    moves = [new - old for new, old in zip(after, weights, strict=True)]
    return [numpy.asarray(array, numpy.float64) for array in (*flat(results), *moves)]


def _norm(array: numpy.ndarray) -> float:
    """The norm of all that is finite."""
    return float(numpy.linalg.norm(array[numpy.isfinite(array)]))


def _apart(given: numpy.ndarray, truth: numpy.ndarray) -> float:
    """The norm of the difference, in which NaN beside NaN and infinity beside infinity are none."""
    same = (given == truth) | (numpy.isnan(given) & numpy.isnan(truth))
    return float(numpy.linalg.norm(numpy.subtract(given, truth, where=~same, out=numpy.zeros(truth.shape))))


def _beyond(given: list[numpy.ndarray], truth: list[numpy.ndarray], allowed: list[float]) -> list[int]:
    """Which arrays are further from the truth than is allowed; one that holds NaN where the truth doesn't is, too."""
    return [n for n, most in enumerate(allowed) if not _apart(given[n], truth[n]) <= most]
