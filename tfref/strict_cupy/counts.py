"""What a program asks of a GPU, counted, so that a test can say how much that may be."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator


@dataclasses.dataclass
class Counts:
    """What was asked for.

    Attributes:
        lookups: questions for an array's `device`, or its `data`, which knows that too.
        scopes: devices made the current one.
        kernels: kernels started, by the names of their functions.
        conversions: kernels among them that only convert to a dtype, be it the same.
        uploads: copies from the CPU to a GPU.
        downloads: copies from a GPU to the CPU.
        synchronizations: waits of the CPU for a GPU, those for downloads among them.
        launches: graphs started.
    """

    lookups: int = 0
    scopes: int = 0
    kernels: Counter[str] = dataclasses.field(default_factory=Counter)
    conversions: int = 0
    uploads: int = 0
    downloads: int = 0
    synchronizations: int = 0
    launches: int = 0


_counting: list[Counts] = []


@contextlib.contextmanager
def counting() -> Iterator[Counts]:
    """A scope, and the counts of what is asked for in it.

    >>> with counting() as counted:
    ...     count("uploads")
    >>> counted.uploads
    1
    """
    counts = Counts()
    _counting.append(counts)
    try:
        yield counts
    finally:
        _counting.remove(counts)


def count(what: str) -> None:
    for counts in _counting:
        setattr(counts, what, getattr(counts, what) + 1)


def count_kernel(name: str) -> None:
    for counts in _counting:
        counts.kernels[name] += 1
