"""Data for models: arrays, tensors, lists, pandas' series and frames, or batches one after another."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import Device, device_of, is_gpu_array
from minidl.tensor import Tensor, TensorLike
from minidl.values import DTYPES, float32, float64

Batch = tuple[Any, Any, Any]  # inputs, targets and sample weights, each a tensor, a list of tensors, or None
Rows = Any  # a slice, or the numbers of the rows


def as_array(role: str, data: Any) -> Any:
    """Data as an array of numbers with at least one axis, not copied where it is one.

    Raises ValueError for anything else, strings for example.
    """
    if isinstance(data, TensorLike):
        array = data.tensor.array
    elif is_gpu_array(data) or isinstance(data, numpy.ndarray):
        array = data
    else:
        try:
            array = numpy.asarray(data)
        except ValueError as error:
            raise ValueError(f"{role} is no array: its lists differ in length ({error})") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{role} must be numbers; data of dtype {array.dtype} was given")
    if array.ndim == 0:
        raise ValueError(f"{role} must have an axis of samples; the single number {data!r} was given")
    return array


def arranged(role: str, data: Any, names: Sequence[str] | None) -> list[Any]:
    """The arrays in data, one for each name: from a dictionary by name, from a list in order.

    For a single name, a list of numbers is an array itself. Without names, for a model that defines `call` itself,
    data is a list of arrays, or one. Raises ValueError for a number of arrays that doesn't fit, or an unknown name.
    """
    if isinstance(data, dict):
        if names is None or set(data) != set(names):
            raise ValueError(f"{role} has the names {sorted(data)}; the model has {names}")
        return [as_array(f"{role}[{name!r}]", data[name]) for name in names]
    arrays = isinstance(data, (list, tuple)) and len(data) > 0 and all(map(_is_array, data))
    if names is None and arrays:
        return [as_array(role, part) for part in data]
    if names is None or len(names) == 1:
        return [as_array(role, data[0] if arrays and len(data) == 1 else data)]
    if not isinstance(data, (list, tuple)) or len(data) != len(names):
        raise ValueError(f"{role} needs {len(names)} arrays, for {', '.join(names)}; {type(data).__name__} was given")
    return [as_array(f"{role}[{index}]", part) for index, part in enumerate(data)]


def _is_array(data: Any) -> bool:
    return not isinstance(data, (int, float, list, tuple)) and getattr(data, "ndim", 0) > 0


@dataclasses.dataclass
class Samples:
    """Arrays with a row for each sample.

    Attributes:
        x, y, weight: the inputs, the targets and the sample weights, in lists; empty where there are none.
        dtypes: what to cast each input to; None leaves integers as they are.
    """

    x: list[Any]
    y: list[Any]
    weight: list[Any]
    dtypes: list[Any]

    def __post_init__(self) -> None:
        lengths = {role: [len(array) for array in getattr(self, role)] for role in ("x", "y", "weight")}
        if len({length for sizes in lengths.values() for length in sizes}) > 1:
            said = "; ".join(f"{role}: {', '.join(map(str, sizes))}" for role, sizes in lengths.items() if sizes)
            raise ValueError(f"The arrays differ in how many samples they hold ({said})")

    def __len__(self) -> int:
        return len(self.x[0])

    def part(self, rows: Rows) -> Samples:
        """Some of the samples."""
        x, y, weight = ([array[rows] for array in arrays] for arrays in (self.x, self.y, self.weight))
        return Samples(x, y, weight, self.dtypes)

    def split(self, fraction: float) -> tuple[Samples, Samples]:
        """The first samples, and the last ones that make up a fraction."""
        at = math.floor(len(self) * (1.0 - fraction))
        if not 0 < at < len(self):
            raise ValueError(
                f"A validation_split of {fraction} of {len(self)} samples leaves none on one side; choose another"
            )
        return self.part(slice(at)), self.part(slice(at, None))

    def batch(self, rows: Rows, device: Device) -> Batch:
        """Some of the samples as tensors on a device, a list of one as the tensor itself."""
        x = [_tensor(array, rows, device, dtype) for array, dtype in zip(self.x, self.dtypes, strict=True)]
        y = [_tensor(array, rows, device, float32) for array in self.y]
        weight = [_tensor(array, rows, device, float32) for array in self.weight]
        return _plain(x), _plain(y), _plain(weight)

    def batches(self, size: int, device: Device, shuffled: bool = False) -> Iterator[Batch]:
        """All samples, so and so many at a time, the last time what is left."""
        order = numpy.random.permutation(len(self)) if shuffled else None
        for start in range(0, max(len(self), 1), size):  # one empty batch, where there are no samples
            rows = slice(start, start + size)
            yield self.batch(rows if order is None else order[rows], device)


def _plain(tensors: list[Tensor]) -> Any:
    return None if not tensors else tensors[0] if len(tensors) == 1 else tensors


def _tensor(array: Any, rows: Rows, device: Device, dtype: Any) -> Tensor:
    if isinstance(rows, numpy.ndarray) and not isinstance(array, numpy.ndarray):
        rows = device_of(array).place(rows)
    part = array[rows]
    if dtype is None:
        dtype = part.dtype if part.dtype in DTYPES and part.dtype != float64 else float32
    placed = device.place(numpy.asarray(part) if isinstance(part, numpy.ndarray) else part)
    is_a_copy = isinstance(rows, numpy.ndarray)  # what a slice gives is the caller's memory still
    return Tensor(thread.state.run_rule(placed.astype, dtype, copy=not is_a_copy))


@dataclasses.dataclass
class Stream:
    """Batches from a generator or another iterable.

    Attributes:
        source: gives `x`, `(x, y)` or `(x, y, sample_weight)` for each batch.
        arrange: makes Samples of one of them.
    """

    source: Iterable[Any]
    arrange: Callable[..., Samples]

    def batches(self, size: int, device: Device, shuffled: bool = False) -> Iterator[Batch]:
        """The batches as tensors; their size and order are the source's."""
        for given in self.source:
            yield self.arrange(*(given if isinstance(given, tuple) else (given,))).batch(slice(None), device)


def is_stream(data: Any) -> bool:
    """Whether this gives batches one after another, and is no array, list or dictionary."""
    return hasattr(data, "__iter__") and not hasattr(data, "__array__") and not isinstance(data, (list, tuple, dict))


def steps_in(data: Samples | Stream, size: int, steps: int | None) -> int | None:
    """How many batches a walk has, None where it isn't known."""
    if steps is None and isinstance(data, Samples):
        return -(-len(data) // size) or 1
    return steps


def walks(
    data: Samples | Stream, size: int, device: Device, shuffled: bool, steps: int | None
) -> Iterator[Iterator[Batch]]:
    """One walk after another: each through all batches or, with a number of steps, so many further on.

    Raises ValueError where no batch is left to begin a walk with.
    """

    def endless() -> Iterator[Batch]:
        while True:
            batch = None
            for batch in data.batches(size, device, shuffled):
                yield batch
            if batch is None:
                return

    following = endless()
    while True:
        walk = data.batches(size, device, shuffled) if steps is None else itertools.islice(following, steps)
        first = next(walk, None)
        if first is None:
            raise ValueError(
                "No batches are left; a generator is walked through once, so give fit steps_per_epoch, "
                "or an iterable that can begin anew"
            )
        yield itertools.chain([first], walk)
