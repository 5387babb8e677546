"""Where an array lives: NumPy's arrays on `/cpu:0`, CuPy's on `/gpu:0`, `/gpu:1` and so on.

A device is an array module and an ordinal. The modules are alike, so every operation is written once, against
whichever module holds its arrays. CuPy is imported when a GPU is asked for, and not before.
"""

import contextlib
import functools
import importlib
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

from minidl.context import quiet_call, thread
from minidl.errors import InvalidArgumentError

__all__ = ["device"]

_NAME = re.compile(r"(?:/job:localhost)?(?:/replica:0)?(?:/task:0)?/?(?:device:)?([a-z]+)(?::(\d+))?", re.IGNORECASE)


class Device:
    """One processor that arrays live on, with the module that computes there.

    Attributes:
        kind: "cpu" or "gpu".
        ordinal: which of its kind, from 0.
        module: the array module, `numpy` or `cupy`.
    """

    def __init__(self, kind: str, ordinal: int, module: Any) -> None:
        self.kind, self.ordinal, self.module = kind, ordinal, module

    def __str__(self) -> str:
        return f"/{self.kind}:{self.ordinal}"

    __repr__ = __str__

    def run(self, kernel: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What a function gives for arrays of this device: always an array, also where NumPy gives a scalar."""
        if self is CPU:
            try:
                return numpy.asarray(thread.state.run_rule(kernel, *arguments, **options))
            except RuntimeError as error:
                if "already entered" not in str(error):
                    raise
            return numpy.asarray(quiet_call()(kernel, *arguments, **options))  # a signal came in the midst of a rule
        with self.module.cuda.Device(self.ordinal):
            return kernel(*arguments, **options)

    def place(self, array: Any) -> Any:
        """The array, brought here from wherever it is."""
        if self is CPU:
            return self.to_numpy(array) if device_of(array) is not CPU else array
        # CuPy makes 0.0 of a NumPy array -0.0 without axes, and moves between GPUs only what lies together.
        given = numpy.atleast_1d(array) if isinstance(array, numpy.ndarray) else array
        given = given if given.flags.forc else device_of(given).run(given.copy)
        with self.module.cuda.Device(self.ordinal):
            return self.module.asarray(given).reshape(array.shape)

    def to_numpy(self, array: Any) -> numpy.ndarray:
        """A NumPy array of its own with the values of an array of any device."""
        return array.copy() if isinstance(array, numpy.ndarray) else array.get()


CPU = Device("cpu", 0, numpy)


def device_of(array: Any) -> Device:
    """The device on which an array lives, or would live: what stands for one while a function is traced knows it."""
    if type(array) is numpy.ndarray:
        return CPU
    found = array.device
    return found if isinstance(found, Device) else _gpu(found.id)


def is_gpu_array(value: Any) -> bool:
    """Whether this is one of CuPy's arrays (which can only be where CuPy is imported)."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, cupy.ndarray)


def _cupy() -> Any:
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        why = "A GPU is asked for, but CuPy is not installed: pip install 'minidl[cuda13]' (or, for CUDA 12, [cuda12])"
        raise InvalidArgumentError(why) from error


def _gpu_count() -> int:
    """How many GPUs CuPy finds; an error that says why where it finds none."""
    cupy = _cupy()
    try:
        if count := int(cupy.cuda.runtime.getDeviceCount()):
            return count
        reason = "no NVIDIA GPU is there"
    except Exception as error:  # CuPy's own error types can't be named before it is imported
        reason = str(error)
    why = f"A GPU is asked for and CuPy is installed, but it finds no GPU ({reason})"
    raise InvalidArgumentError(f"{why}. `nvidia-smi` shows what the driver sees; without a GPU, use '/cpu:0'")


@functools.cache
def _gpu(ordinal: int) -> Device:
    return Device("gpu", ordinal, _cupy())


def find_device(name: str) -> Device:
    """The device of a name such as '/gpu:0', 'CPU' or '/device:GPU:1'.

    Raises ValueError for a name of another form, InvalidArgumentError for a device that isn't there.
    """
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None or match[1].lower() not in ("cpu", "gpu"):
        raise ValueError(f"Unknown device {name!r}; write '/cpu:0' or '/gpu:0' (or '/gpu:1', ...)")
    kind, ordinal = match[1].lower(), int(match[2] or 0)
    count = 1 if kind == "cpu" else _gpu_count()
    if ordinal >= count:
        raise InvalidArgumentError(f"There is no device {name!r}; the last of its kind is '/{kind}:{count - 1}'")
    return CPU if kind == "cpu" else _gpu(ordinal)


class device:  # noqa: N801  # TensorFlow's name
    """A scope in which every operation runs on one device and brings its inputs along.

    Arguments:
        name: '/cpu:0', '/gpu:0' and so on, in any of TensorFlow's spellings; None for no scope: operations
            run where their inputs are.

    Raises ValueError for a name of another form, and InvalidArgumentError where the device is not there; the
    message says whether CuPy or a GPU is missing. Results stay on the device after the scope.

    >>> x = tf.constant([1], tf.float32)
    >>> with tf.device('/cpu:0'):
    ...     x = x + 1
    >>> x.device
    '/job:localhost/replica:0/task:0/device:CPU:0'
    """

    def __init__(self, name: str | None) -> None:
        self._device = None if name is None else find_device(name)

    def __enter__(self) -> None:
        state = thread.state
        state.outer.append(state.device)
        state.device = self._device

    def __exit__(self, *_: object) -> None:
        thread.state.device = thread.state.outer.pop()


class PhysicalDevice(NamedTuple):
    """A device as `config.list_physical_devices` lists it."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this machine.

    Arguments:
        device_type: 'CPU' or 'GPU' for those only.

    Without CuPy, or without a GPU, the list simply holds no GPU.

    >>> tf.config.list_physical_devices('CPU')
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    devices = [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []
    if device_type in (None, "GPU"):
        with contextlib.suppress(InvalidArgumentError):
            devices += [PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(_gpu_count())]
    return devices
