"""Who computes: each engine makes of a workload one call to time, and says where its numbers are."""

from __future__ import annotations

import abc
import dataclasses
import functools
import importlib
import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy

from benchmarks.rows import LIMIT
from benchmarks.timing import Side, at_once
from benchmarks.workloads import Workload
from minidl.okja.reference import start_tensorflow


class MissingError(Exception):
    """What an engine lacks here, in a sentence."""


def flat(result: Any) -> list[Any]:
    """The arrays in a nest of tuples and lists."""
    return [array for each in result for array in flat(each)] if isinstance(result, (list, tuple)) else [result]


class Engine(abc.ABC):
    """Somebody who computes.

    Attributes:
        name: what it is called.
    """

    name: str

    def takes(self, workload: Workload) -> bool:
        """Whether the workload is one for this engine at all."""
        return True

    @abc.abstractmethod
    def prepare(self, workload: Workload, device: str) -> Side:
        """Make a workload ready on "cpu" or "gpu". Raises MissingError where that isn't to be had here."""

    @abc.abstractmethod
    def device_peak(self) -> int:
        """The largest number of bytes that this process had on the GPU."""


def array_module(device: str) -> Any:
    """NumPy or CuPy. Raises MissingError where CuPy or a GPU is missing."""
    if device == "cpu":
        return numpy
    import minidl

    try:
        minidl.device("/gpu:0")
    except minidl.errors.InvalidArgumentError as error:
        raise MissingError(error.message) from error
    return importlib.import_module("cupy")


def _cupy_peak() -> int:
    # The pool gives nothing back by itself, so what it holds is the most that it ever lent.
    return int(importlib.import_module("cupy").get_default_memory_pool().total_bytes())


def wait_for_cupy(_: Any) -> None:
    """The `finish` of a side on CuPy: returns when the GPU is done with all that it was given."""
    importlib.import_module("cupy").cuda.get_current_stream().synchronize()


@dataclasses.dataclass(frozen=True)
class ByHand(Engine):
    """Plain NumPy or CuPy, with buffers made beforehand or not."""

    name: str
    reuse: bool

    def takes(self, workload: Workload) -> bool:
        return not (self.reuse and workload.ops)

    def prepare(self, workload: Workload, device: str) -> Side:
        xp = array_module(device)
        inputs, weights = (
            [xp.asarray(array) for array in arrays] for arrays in (workload.inputs(), workload.weights())
        )
        step = workload.by_hand(xp, inputs, weights, self.reuse)
        to_numpy = numpy.array if xp is numpy else xp.asnumpy

        def arrays(nest: Any) -> list[numpy.ndarray]:
            return [to_numpy(xp.asarray(each)) for each in flat(nest)]

        finish = at_once if xp is numpy else wait_for_cupy
        return Side(functools.partial(step, *inputs), finish, nullcontext, lambda: arrays(weights), arrays)

    def device_peak(self) -> int:
        return _cupy_peak()


@dataclasses.dataclass(frozen=True)
class ModuleEngine(Engine):
    """A module that the programs take: minidl or TensorFlow.

    Attributes:
        module: its name.
        options: those of `function`, or None to run eagerly.
    """

    name: str
    module: str
    options: dict[str, Any] | None = None

    def takes(self, workload: Workload) -> bool:
        return self.options is None or workload.compiled

    def prepare(self, workload: Workload, device: str) -> Side:
        tf = self._load(device)
        name = f"/{device}:0"
        is_tensorflow = self.module == "tensorflow"
        with tf.device(name):
            step, variables = workload.program(tf, workload.weights())
            if self.options is not None:
                step = tf.function(step, **self.options)
            inputs = [tf.constant(array) for array in workload.inputs()]
        # TensorFlow puts an op on a GPU wherever there is one; minidl, where the op's inputs are.
        scope: Callable[[], AbstractContextManager[Any]] = (lambda: tf.device(name)) if is_tensorflow else nullcontext
        finish: Callable[[Any], Any] = at_once
        if device == "gpu":
            finish = (lambda _: tf.test.experimental.sync_devices()) if is_tensorflow else wait_for_cupy
        return Side(
            functools.partial(step, *inputs),
            finish,
            scope,
            lambda: [numpy.array(variable.numpy()) for variable in variables],
            lambda result: [numpy.array(_to_numpy(each)) for each in flat(result)],
        )

    def _load(self, device: str) -> Any:
        if self.module == "minidl":
            array_module(device)
            import minidl

            return minidl
        tensorflow = _tensorflow()
        if device == "gpu" and not tensorflow.config.list_physical_devices("GPU"):
            raise MissingError("TensorFlow finds no GPU; install it with: pip install 'tensorflow[and-cuda]'")
        return tensorflow

    def device_peak(self) -> int:
        if self.module == "minidl":
            return _cupy_peak()
        return int(_tensorflow().config.experimental.get_memory_info("GPU:0")["peak"])


def _to_numpy(value: Any) -> Any:
    return value.numpy() if hasattr(value, "numpy") else value


def load(module: str) -> Any:
    """A module. Raises MissingError with the command that installs it."""
    check_is_installed(module)
    return importlib.import_module(module)


def check_is_installed(module: str) -> None:
    """Raises MissingError, with the command that installs it, where a module is missing."""
    if importlib.util.find_spec(module) is None:
        extra = "test" if module == "tensorflow" else "peers"
        raise MissingError(f"{module} is not installed; install it with: pip install 'minidl[{extra}]'")


@functools.cache
def _tensorflow() -> Any:
    from benchmarks.machine import threads

    check_is_installed("tensorflow")
    tensorflow = start_tensorflow()
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads())
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    return tensorflow


def engines() -> list[Engine]:
    """All engines, the limit first."""
    from benchmarks.peers import Jax, Torch

    return [
        ByHand(LIMIT, True),
        ByHand("by hand, allocating", False),
        ModuleEngine("minidl", "minidl"),
        ModuleEngine("minidl function", "minidl", {}),
        ModuleEngine("TensorFlow", "tensorflow"),
        ModuleEngine("TensorFlow function", "tensorflow", {}),
        ModuleEngine("TensorFlow XLA", "tensorflow", {"jit_compile": True}),
        Torch(),
        Jax(),
    ]


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
            allowed = [max(most, 2 * _norm(a - b)) for most, a, b in zip(allowed, near, truth, strict=True)]
    names = [f"result {n}" for n in range(len(results))] + [f"the move of weight {n}" for n in range(len(moves))]
    return [
        f"{names[n]} is wrong by {_norm(given[n] - truth[n]):g} in norm, where its norm is {_norm(truth[n]):g}"
        for n in _beyond(given, truth, allowed)
    ]


def _truth(workload: Workload, inputs: list[numpy.ndarray], weights: list[numpy.ndarray]) -> list[numpy.ndarray]:
    """The results and the moves of the weights in float64."""
    results, after = workload.truth(inputs, weights)
    moves = [new - old for new, old in zip(after, weights, strict=True)]
    return [numpy.asarray(array, numpy.float64) for array in (*flat(results), *moves)]


def _norm(array: numpy.ndarray) -> float:
    return float(numpy.linalg.norm(array))


def _beyond(given: list[numpy.ndarray], truth: list[numpy.ndarray], allowed: list[float]) -> list[int]:
    """Which arrays are further from the truth than is allowed; one that holds NaN is, too."""
    return [n for n, most in enumerate(allowed) if not _norm(given[n] - truth[n]) <= most]
