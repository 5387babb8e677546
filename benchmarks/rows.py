"""What was measured, and the statistics of one run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy

LIMIT = "by hand, reused buffers"
BY_HAND = "by hand, allocating"
FRAMEWORKS = ("TensorFlow", "PyTorch", "JAX")

# Bytes from which on a difference of memories says something: they come in pages, and libraries need some themselves.
TELLING = 1e6

# The quartiles of a quiet machine are closer together than the first part of the median; where they are further apart
# than the second, the median alone says little.
NOISY, UNSURE = 0.1, 0.3


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing measured.

    Attributes:
        workload, engine, device: of what.
        what: "time", "first call", "peak memory".
        values: in seconds or bytes, what each round of each process found. Processes differ in where things lie in
            their memory, and so in speed, however long each measures.
    """

    workload: str
    engine: str
    device: str
    what: str
    values: list[list[float]]

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.workload, self.engine, self.device, self.what

    @property
    def rounds(self) -> list[float]:
        """The values of all processes."""
        return [value for process in self.values for value in process]

    @property
    def median(self) -> float:
        return float(numpy.median(self.rounds))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = numpy.percentile(self.rounds, (25, 75))
        return float(low), float(high)

    @property
    def spread(self) -> float:
        """How far apart the quartiles are, as a part of the median; infinitely far of fewer than three values."""
        low, high = self.quartiles
        return (high - low) / self.median if len(self.rounds) > 2 else math.inf

    @property
    def is_framework(self) -> bool:
        return self.engine.startswith(FRAMEWORKS)

    @property
    def is_by_hand(self) -> bool:
        return self.engine in (LIMIT, BY_HAND)


def ratio(row: Row, other: Row) -> float:
    """The median over the rounds of one row's value to the other's in the same round of the same process."""
    pairs = [
        mine / theirs
        for process, beside in zip(row.values, other.values, strict=False)
        for mine, theirs in zip(process, beside, strict=False)
    ]
    return float(numpy.median(pairs)) if pairs else row.median / other.median


def best_framework(rows: Iterable[Row]) -> Row | None:
    """The fastest row of another framework."""
    return min((row for row in rows if row.is_framework), key=lambda row: row.median, default=None)


def geometric_mean(ratios: Sequence[float]) -> float:
    return float(numpy.exp(numpy.mean(numpy.log(ratios))))


def weighted_mean(ratios: Sequence[float], weights: Sequence[float]) -> float:
    return float(numpy.average(ratios, weights=weights))


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The exponent k of values ~ size^k, fitted to the larger half of the sizes, where fixed costs have faded."""
    half = len(sizes) // 2
    return float(numpy.polyfit(numpy.log(sizes[half:]), numpy.log(values[half:]), 1)[0])
