"""What of a function's arguments its program depends on: everything, but for the values in tensors."""

from __future__ import annotations

import inspect
from array import array
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy

from minidl.devices import device_of, is_gpu_array
from minidl.nest import flatten
from minidl.tensor import Tensor, TensorLike, as_tensor


def as_argument(value: Any) -> Any:
    """What holds numbers as a tensor, such as an array or a series of pandas's; anything else as it is.

    Raises TypeError for what may change without anybody knowing.
    """
    if isinstance(value, TensorLike) or not (hasattr(value, "__array__") or is_gpu_array(value)):
        if isinstance(value, (set, bytearray, array)):
            raise TypeError(f"A compiled function doesn't take {value!r}, which may change between calls; give a tuple")
        return value
    if isinstance(value, (numpy.generic, type)):
        return value
    return as_tensor(value if isinstance(value, numpy.ndarray) or is_gpu_array(value) else numpy.asarray(value))


def signature_of(nest: Any, leaves: Sequence[Any]) -> Hashable:
    """The signature of a nest of arguments with these values in it."""
    tensors = [leaf.serial for leaf in leaves if type(leaf) is Tensor]
    repeated = None if len(set(tensors)) == len(tensors) else tuple(map(tensors.index, tensors))
    return _form(nest), tuple(map(_signature, leaves)), repeated


def _form(nest: Any) -> Hashable:
    if isinstance(nest, (list, tuple)):
        return type(nest), tuple(map(_form, nest))
    if isinstance(nest, dict):
        return type(nest), tuple((type(key), key, _form(nest[key])) for key in nest)
    return None


def _signature(leaf: Any) -> Hashable:
    if type(leaf) is Tensor:
        held = leaf.array
        return held.shape, held.dtype, held.strides, device_of(held)
    if isinstance(leaf, (bool, int, float, complex, str, bytes, type(None), numpy.generic)):
        return type(leaf), repr(leaf)  # which tells -0.0 from 0.0, and takes a NaN for itself
    return _Same(leaf)


class _Same:
    """An object as a key: equal to itself alone, and held so that no other takes its place."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __hash__(self) -> int:
        return id(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value


def parameter_names(func: Callable[..., Any], nest: Any) -> list[str]:
    """For each value in a nest of arguments, the parameter that it is given for."""
    try:
        bound = inspect.signature(func).bind(*nest[0], **nest[1]).arguments
    except (TypeError, ValueError):
        bound = {}
    found = {id(leaf): name for name, value in bound.items() for leaf in flatten(value)}
    return [found.get(id(leaf), "x") for leaf in flatten(nest)]
