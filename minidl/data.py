"""Data element by element, under the names of `tensorflow.data`: Dataset."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minidl.nest import flatten, pack
from minidl.ops.creation import constant, convert_to_tensor
from minidl.ops.inputs import whole
from minidl.ops.shaping import stack

__all__ = ["AUTOTUNE", "Dataset"]

AUTOTUNE = -1  # TensorFlow's word for as many at a time as it thinks best; here each comes when it is asked for


def _as_tensors(value: Any) -> Any:
    """A value with tensors in it: tuples and dictionaries are nests, and anything else makes a tensor."""
    if isinstance(value, dict):
        return {name: _as_tensors(each) for name, each in value.items()}
    if not isinstance(value, tuple):
        return convert_to_tensor(value)
    return getattr(value, "_make", tuple)(map(_as_tensors, value))  # which named tuples have


class Dataset:
    """Elements one after another: tensors, or tuples and dictionaries of them. Each walk begins anew.

    `Dataset.from_tensor_slices` and `Dataset.range` make one, and `fit`, `evaluate` and `predict` take one of batches.

    Arguments:
        begin: gives an iterator over the elements, for each walk.
        length: how many there are; None where nobody knows, or they never end.

    >>> data = tf.data.Dataset.range(5).map(lambda n: n * n).batch(2)
    >>> [batch.numpy().tolist() for batch in data]
    [[0, 1], [4, 9], [16]]
    """

    def __init__(self, begin: Callable[[], Iterator[Any]], length: int | None = None) -> None:
        self._begin, self._length = begin, length

    def __iter__(self) -> Iterator[Any]:
        return self._begin()

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("Nobody knows how many elements this dataset has, or they never end")
        return self._length

    def __bool__(self) -> bool:
        return True

    # -- made

    @staticmethod
    def from_tensor_slices(tensors: Any) -> "Dataset":
        """The parts of tensors along their first axis, which is as long for all: ValueError for others.

        >>> [(int(x), float(y)) for x, y in tf.data.Dataset.from_tensor_slices(([1, 2], [0.5, 1.5]))]
        [(1, 0.5), (2, 1.5)]
        """
        whole = _as_tensors(tensors)
        shapes = [each.shape for each in flatten(whole)]
        if not all(shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"from_tensor_slices takes tensors whose first axes are as long, not of shapes {shapes}")
        return Dataset(lambda: (pack(whole, parts) for parts in zip(*flatten(whole), strict=True)), shapes[0][0])

    @staticmethod
    def range(*arguments: Any) -> "Dataset":
        """Whole numbers, as Python's `range` gives them, in int64."""
        numbers = range(*map(int, arguments))
        return Dataset(lambda: (constant(n, "int64") for n in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> "Dataset":
        """Tuples of the elements of several, as long as the shortest; or what a tuple of datasets says."""
        nest = datasets[0] if len(datasets) == 1 else datasets
        length = _least(part._length for part in flatten(nest))
        return Dataset(lambda: (pack(nest, each) for each in zip(*flatten(nest), strict=False)), length)

    # -- changed

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None) -> "Dataset":
        """What a function gives for each element; the parts of a tuple are its arguments.

        It is Python and runs for each element of each walk, where TensorFlow traces it once.
        """
        return Dataset(lambda: (_as_tensors(_called(map_func, each)) for each in self), self._length)

    def filter(self, predicate: Callable[..., Any]) -> "Dataset":
        """The elements for which a function gives True."""
        return Dataset(lambda: (each for each in self if _called(predicate, each)))

    def batch(self, batch_size: Any, drop_remainder: bool = False, num_parallel_calls: Any = None,
              deterministic: Any = None) -> "Dataset":  # fmt: skip
        """So and so many elements in one, along a new first axis; the last batch holds what is left, if not dropped."""
        size = whole("batch_size", batch_size)

        def batches() -> Iterator[Any]:
            left = iter(self)
            while batch := list(itertools.islice(left, size)):
                if len(batch) == size or not drop_remainder:
                    yield pack(batch[0], map(stack, zip(*map(flatten, batch), strict=True)))

        return Dataset(batches, self._length and (self._length + (0 if drop_remainder else size - 1)) // size)

    def shuffle(self, buffer_size: Any, seed: int | None = None, reshuffle_each_iteration: bool = True) -> "Dataset":
        """The elements in random order, each drawn from so many that come next; the order isn't TensorFlow's.

        Arguments:
            buffer_size: from how many.
            seed: a whole number, for an order that comes again; as `random.set_seed` makes it by default.
            reshuffle_each_iteration: whether the next walk has another order.
        """
        size = whole("buffer_size", buffer_size)
        first = random.getrandbits(64) if seed is None else int(seed)
        lasting = random.Random(first)

        def shuffled() -> Iterator[Any]:
            generator = lasting if reshuffle_each_iteration else random.Random(first)
            left = iter(self)
            waiting = list(itertools.islice(left, size))
            while waiting:
                place = generator.randrange(len(waiting))
                waiting[place], element = waiting[-1], waiting[place]
                waiting[-1:] = itertools.islice(left, 1)
                yield element

        return Dataset(shuffled, self._length)

    def repeat(self, count: Any = None) -> "Dataset":
        """All elements so many times over; without a number, or with -1, without an end."""
        times = None if count is None or int(count) < 0 else int(count)

        def walks() -> Iterator[Any]:
            for _ in itertools.count() if times is None else range(times):
                first = list(itertools.islice(walk := iter(self), 1))
                yield from itertools.chain(first, walk)
                if not first:  # and so would be each walk without an end
                    return

        return Dataset(walks, self._length and (None if times is None else self._length * times))

    def take(self, count: Any) -> "Dataset":
        """The first so many elements; all of them for -1."""
        number = None if int(count) < 0 else int(count)
        return Dataset(lambda: itertools.islice(self, number), _least((number, self._length)))

    def skip(self, count: Any) -> "Dataset":
        """All but the first so many elements."""
        number = whole("count", count, 0)
        return Dataset(lambda: itertools.islice(self, number, None), self._length and max(self._length - number, 0))

    def enumerate(self, start: Any = 0) -> "Dataset":
        """Tuples of a number, from `start` on, and the element."""
        return Dataset(lambda: ((constant(n, "int64"), each) for n, each in enumerate(self, int(start))), self._length)

    def prefetch(self, buffer_size: Any) -> "Dataset":
        """The same elements: here each is made when it is asked for."""
        return self

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy's arrays and numbers."""
        return (pack(element, [each.numpy() for each in flatten(element)]) for element in self)


def _called(function: Callable[..., Any], element: Any) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)


def _least(lengths: Iterable[int | None]) -> int | None:
    return min((length for length in lengths if length is not None), default=None)
