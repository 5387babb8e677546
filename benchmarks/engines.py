"""Who computes: each engine makes of a workload one call to time, and says where its numbers are."""

from __future__ import annotations

import abc
import dataclasses
import functools
import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy

import minidl
from minidl.okja.reference import start_tensorflow

from .libraries import MissingError, need
from .machine import threads
from .timing import Side, at_once
from .workloads import Workload


def flat(result: Any) -> list[Any]:
    """The arrays in a nest of tuples and lists."""
    return [array for each in result for array in flat(each)] if isinstance(result, (list, tuple)) else [result]


class Engine(abc.ABC):
    """Somebody who computes.

    Attributes:
        name: what it is called.
        devices: where it computes, where there is such a device.
        starts_at_once: whether its library is loaded within a second.
    """

    name: str
    devices: Sequence[str] = ("cpu", "gpu")
    starts_at_once = True

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
        return workload.by_hand is not None and not (self.reuse and workload.ops)

    def prepare(self, workload: Workload, device: str) -> Side:
        xp = array_module(device)
        inputs, weights = (
            [xp.asarray(array) for array in arrays] for arrays in (workload.inputs(), workload.weights())
        )
        assert workload.by_hand is not None
        step = workload.by_hand(xp, inputs, weights, self.reuse)
        copied = numpy.array if xp is numpy else xp.asnumpy

        def arrays(nest: Any) -> list[numpy.ndarray]:
            return [copied(xp.asarray(each)) for each in flat(nest)]

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

    @property
    def starts_at_once(self) -> bool:  # type: ignore[override]  # an attribute of its base, derived here
        return self.module == "minidl"

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
            lambda result: [numpy.array(to_numpy(each)) for each in flat(result)],
        )

    def _load(self, device: str) -> Any:
        if self.module == "minidl":
            array_module(device)
            return minidl
        tensorflow = tensorflow_with_threads()
        if device == "gpu" and not tensorflow.config.list_physical_devices("GPU"):
            raise MissingError("TensorFlow finds no GPU; install it with: pip install 'tensorflow[and-cuda]'")
        return tensorflow

    def device_peak(self) -> int:
        if self.module == "minidl":
            return _cupy_peak()
        return int(tensorflow_with_threads().config.experimental.get_memory_info("GPU:0")["peak"])


def to_numpy(value: Any) -> Any:
    """The array in a tensor; anything else as it is."""
    return value.numpy() if hasattr(value, "numpy") else value


@functools.cache
def tensorflow_with_threads() -> Any:
    need("tensorflow")
    tensorflow = start_tensorflow()
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads())
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    return tensorflow
