"""Data for models: arrays, tensors, lists, pandas' series and frames, or batches one after another."""

import dataclasses
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy

from minidl.devices import Device, device_of, is_gpu_array
from minidl.keras.models.network import in_order
from minidl.nest import flatten, pack
from minidl.tensor import Tensor, TensorLike
from minidl.values import DTYPES, float32, float64, uint8

Batch = Any  # inputs, or a tuple of inputs, targets and sample weights: tensors and nests of them


class NoBatchesError(ValueError):
    """No batch is left to begin a walk with."""


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The inputs, the targets and the sample weights in a batch, as a model's `train_step` is given it.

    Arguments:
        data: x, or a tuple of x, of x and y, or of x, y and the sample weights.

    What isn't there is None. Raises ValueError for a longer tuple.

    >>> tf.keras.utils.unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"A batch is x, (x,), (x, y) or (x, y, sample_weight); {len(parts)} parts were given")
    return (*parts, None, None)[:3]


def as_array(role: str, data: Any) -> Any:
    """Data as an array of numbers with at least one axis, not copied where it is one.

    Raises ValueError for anything else, strings for example.
    """
    try:
        array = data.tensor.array if isinstance(data, TensorLike) else data
        array = array if is_gpu_array(array) else numpy.asarray(array)
    except ValueError as error:
        raise ValueError(f"{role} makes no array: {error}") from error
    if array.dtype.kind not in "fiub":
        what = {"U": "strings", "S": "bytes", "O": "objects"}.get(array.dtype.kind, f"data of dtype {array.dtype}")
        raise ValueError(f"{role} must be numbers; {what} were given")
    if array.ndim == 0:
        raise ValueError(f"{role} must have an axis of samples; the single number {data!r} was given")
    return array


def _holds_arrays(data: Any) -> bool:
    """Whether this is a dictionary or list of arrays, and no array itself."""
    is_list = isinstance(data, (list, tuple)) and len(data) > 0
    return isinstance(data, dict) or (is_list and all(getattr(part, "ndim", 0) > 0 for part in data))


def arranged(role: str, data: Any, form: Any) -> Any:
    """Data as arrays in the nest of a model's names; in the data's own where the model has none."""
    if form is None:
        parts = flatten(data) if _holds_arrays(data) else [data]
        return pack(data if _holds_arrays(data) else None, [as_array(role, part) for part in parts])
    roles = [role if isinstance(form, str) else f"{role} for {name!r}" for name in flatten(form)]
    arrays = list(map(as_array, roles, in_order(role, data, form)))
    return pack(form, arrays) if isinstance(form, dict) or len(arrays) > 1 else arrays[0]


@dataclasses.dataclass
class Samples:
    """Arrays with a row for each sample.

    Attributes:
        arrays: the inputs, the targets and the sample weights, in nests; None where there are none.
        dtypes: what to cast each input to; None leaves integers as they are.
        parts: how many parts a batch has as a tuple; None for no more than are there, and for a lone x, unless that
            is a list, x itself.
    """

    arrays: tuple[Any, Any, Any]
    dtypes: list[Any]
    parts: int | None = None

    def __post_init__(self) -> None:
        counts = [[len(array) for array in flatten(nest) if array is not None] for nest in self.arrays]
        if len({count for each in counts for count in each}) > 1:
            roles = zip(("x", "y", "weight"), counts, strict=True)
            said = "; ".join(f"{role}: {', '.join(map(str, each))}" for role, each in roles if each)
            raise ValueError(f"The arrays differ in how many samples they hold ({said})")

    def __len__(self) -> int:
        return len(flatten(self.arrays)[0])

    def part(self, rows: slice) -> "Samples":
        """Some of the samples."""
        parts = [None if array is None else array[rows] for array in flatten(self.arrays)]
        return dataclasses.replace(self, arrays=pack(self.arrays, parts))

    def split(self, fraction: float) -> tuple["Samples", "Samples"]:
        """The first samples, and the last ones that make up a fraction."""
        at = int(len(self) * (1.0 - fraction))
        if not 0 < at < len(self):
            raise ValueError(f"A validation_split of {fraction} of {len(self)} samples leaves none on one side")
        return self.part(slice(at)), self.part(slice(at, None))

    def batch(self, rows: Any, device: Device) -> Batch:
        """Some of the samples, by a slice or their numbers, as tensors on a device."""
        pairs = itertools.zip_longest(flatten(self.arrays), self.dtypes, fillvalue=float32)
        whole = pack(self.arrays, [None if each is None else _tensor(each, rows, device, to) for each, to in pairs])
        if self.parts is not None:
            return whole[: self.parts]
        there = whole[: 1 + max(place for place, part in enumerate(whole) if part is not None)]
        return there[0] if len(there) == 1 and not isinstance(there[0], (list, tuple)) else there

    def batches(self, size: int, device: Device, shuffled: bool = False) -> Iterator[Batch]:
        """All samples, so and so many at a time, the last time what is left."""
        order = numpy.random.permutation(len(self)) if shuffled else None
        for start in range(0, max(len(self), 1), size):  # one empty batch, where there are no samples
            rows = slice(start, start + size)
            yield self.batch(rows if order is None else order[rows], device)


def _tensor(array: Any, rows: Any, device: Device, dtype: Any) -> Tensor:
    """Some rows of an array on a device, in a dtype: converted where they are, so that they travel once."""
    home = device_of(array)
    dtype = dtype or (array.dtype if array.dtype in DTYPES - {float64, uint8} else float32)
    copy = home is device and isinstance(rows, slice)  # what a slice gives is the caller's memory still
    rows = home.place(rows) if isinstance(rows, numpy.ndarray) else rows
    return Tensor(device.place(home.run(lambda: array[rows].astype(dtype, copy=copy))))


@dataclasses.dataclass
class Stream:
    """Batches from a generator or another iterable.

    Attributes:
        source: gives `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)` for each batch.
        arrange: makes Samples of inputs, targets and sample weights.
    """

    source: Iterable[Any]
    arrange: Callable[..., Samples]

    def batches(self, size: int, device: Device, shuffled: bool = False) -> Iterator[Batch]:
        """The batches as tensors; their size and order are the source's."""
        for given in self.source:
            is_tuple = isinstance(given, tuple)
            samples = self.arrange(*unpack_x_y_sample_weight(given if is_tuple else (given,)))
            samples.parts = len(given) if is_tuple else None
            yield samples.batch(slice(None), device)


Data = Samples | Stream


def is_stream(data: Any) -> bool:
    """Whether this gives batches one after another, and is no array, list or dictionary."""
    return hasattr(data, "__iter__") and not hasattr(data, "__array__") and not isinstance(data, (list, tuple, dict))


def steps_in(data: Data, size: int) -> int | None:
    """How many batches there are, None where it isn't known."""
    if isinstance(data, Samples):
        return -(-len(data) // size) or 1
    try:
        return len(data.source)  # type: ignore[arg-type]  # not every stream has a length
    except TypeError:  # it doesn't know
        return None


def walks(
    data: Data, size: int, device: Device, shuffled: bool, steps: int | None, begin: int = 0
) -> Iterator[Iterator[Batch]]:
    """One walk after another: each through all batches or, with a number of steps, so many further on.

    A walk ends with the data, and warns where that has fewer batches than steps; the next begins anew. Where no batch
    is left to begin one with, there are no more walks, with a warning; NoBatchesError for the first. Warnings count
    epochs from `begin` on.
    """
    left: Iterator[Batch] = iter(())
    for number in itertools.count(begin):
        first = None if steps is None else next(left, None)
        if first is None:
            left = data.batches(size, device, shuffled)
            first = next(left, None)
        if first is None:
            said = "No batches are left; give steps_per_epoch, or an iterable that can begin anew"
            if number == begin:
                raise NoBatchesError(said)
            warnings.warn(f"The training ends before epoch {number + 1}: {said}", stacklevel=2)
            return
        yield _walk(first, left, steps)


def _walk(first: Batch, left: Iterator[Batch], steps: int | None) -> Iterator[Batch]:
    taken = 0
    for batch in itertools.islice(itertools.chain([first], left), steps):
        taken += 1
        yield batch
    if steps is not None and taken < steps:
        warnings.warn(f"The data ran out after {taken} of {steps} steps, and the walk ends there", stacklevel=2)
