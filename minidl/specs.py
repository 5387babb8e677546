"""What tensors look like, in TensorFlow's words: TensorShape, a tuple that can do more, and TensorSpec."""

import math
from collections.abc import Iterable
from typing import Any

from minidl.ops.creation import convert_to_tensor
from minidl.tensor import TensorLike
from minidl.values import as_dtype, float32

__all__ = ["TensorShape", "TensorSpec"]


class TensorShape(tuple[int, ...]):
    """The length of each axis, as a tuple; None among them stands for any length.

    >>> shape = tf.ones([2, 3]).shape
    >>> shape, shape.rank, shape.as_list(), shape + [4], shape == [2, 3]
    ((2, 3), 2, [2, 3], (2, 3, 4), True)
    """

    __slots__ = ()

    rank = ndims = property(lambda self: len(self), doc="The number of axes.")

    def as_list(self) -> list[int]:
        """The lengths as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """How many entries a tensor of this shape has; None where a length isn't known."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        """Whether all lengths are known."""
        return None not in self

    def is_compatible_with(self, other: Iterable[int]) -> bool:
        """Whether a shape could be this one, None standing for any length."""
        lengths = tuple(other)
        pairs = zip(self, lengths, strict=False)
        return len(self) == len(lengths) and all(a == b or a is None or b is None for a, b in pairs)

    def concatenate(self, other: Iterable[int]) -> "TensorShape":
        """The shape with the axes of another behind its own."""
        return TensorShape((*self, *other))

    __add__ = concatenate  # type: ignore[assignment]  # a tuple adds tuples alone

    def __radd__(self, other: Iterable[int]) -> "TensorShape":
        return TensorShape((*other, *self))

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return TensorShape(found) if isinstance(index, slice) else found

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


class TensorSpec:
    """What a tensor must look like.

    Arguments:
        shape: its shape, where None stands for any length; None for any shape.
        dtype: its dtype.
        name: what it is called.

    >>> tf.TensorSpec([None, 2], tf.float32)
    TensorSpec(shape=(None, 2), dtype=float32, name=None)
    """

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None) -> None:
        self.shape = None if shape is None else TensorShape(shape)
        self.dtype, self.name = as_dtype(dtype), name

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype}, name={self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def checked(self, value: Any) -> TensorLike:
        """A value as a tensor (a variable as itself) that looks so. Raises TypeError for one that doesn't."""
        found = value if isinstance(value, TensorLike) else convert_to_tensor(value, self.dtype)
        if found.dtype != self.dtype or (self.shape is not None and not self.shape.is_compatible_with(found.shape)):
            raise TypeError(f"A {self!r} is wanted; a tensor of shape {found.shape}, dtype {found.dtype} was given")
        return found
