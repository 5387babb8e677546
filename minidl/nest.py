"""Nests: lists, tuples and dictionaries of values, to any depth, taken apart and put together again."""

import copy
from collections.abc import Hashable, Iterable
from typing import Any


def flatten(nest: Any) -> list[Any]:
    """The values in a nest, in order; dictionaries in the order of their keys. A lone value is a nest of one."""
    if not isinstance(nest, (list, tuple, dict)):
        return [nest]
    parts: Iterable[Any] = [nest[key] for key in sorted(nest)] if isinstance(nest, dict) else nest
    values: list[Any] = []
    for part in parts:
        values += flatten(part) if isinstance(part, (list, tuple, dict)) else (part,)
    return values


def pack(nest: Any, values: Iterable[Any]) -> Any:
    """A nest of the same form, with other values in it."""
    values = iter(values)  # which is itself, further in
    if not isinstance(nest, (list, tuple, dict)):
        return next(values)
    if isinstance(nest, dict):
        packed = copy.copy(nest)  # of the same type and order
        packed.update((key, pack(nest[key], values)) for key in sorted(nest))
        return packed
    parts = [pack(part, values) if isinstance(part, (list, tuple, dict)) else next(values) for part in nest]
    return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)


def form(nest: Any) -> Hashable:
    """A nest without its values, as a key."""
    if isinstance(nest, (list, tuple)):
        return type(nest), tuple(map(form, nest))
    if isinstance(nest, dict):
        return type(nest), tuple((type(key), key, form(nest[key])) for key in nest)
    return None
