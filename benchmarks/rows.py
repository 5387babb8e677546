"""What was measured, and the statistics of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy

LIMIT = "by hand, reused buffers"
FRAMEWORKS = ("TensorFlow", "PyTorch", "JAX")

# Bytes from which on a difference of memories says something: they come in pages, and libraries need some themselves.
TELLING = 1e6

# The quartiles of a quiet machine are closer together than this part of the median.
NOISY = 0.1


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing measured.

    Attributes:
        workload, engine, device: of what.
        what: "time", "first call", "peak memory".
        values: what each round found, in seconds or bytes.
    """

    workload: str
    engine: str
    device: str
    what: str
    values: list[float]

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.workload, self.engine, self.device, self.what

    @property
    def median(self) -> float:
        return float(numpy.median(self.values))

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = numpy.percentile(self.values, (25, 75))
        return float(low), float(high)

    @property
    def spread(self) -> float:
        """How far apart the quartiles are, as a part of the median."""
        low, high = self.quartiles
        return (high - low) / self.median if self.median else 0.0

    @property
    def noisy(self) -> bool:
        return self.spread > NOISY

    @property
    def is_framework(self) -> bool:
        return self.engine.startswith(FRAMEWORKS)


def ratio(row: Row, other: Row) -> float:
    """The median over the rounds of one row's value to the other's in the same round."""
    pairs = zip(row.values, other.values, strict=False)
    return float(numpy.median([mine / theirs for mine, theirs in pairs]))


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


@dataclasses.dataclass(frozen=True)
class Change:
    """A row in two runs: how many times the later's median is the earlier's, and whether noise can explain it."""

    before: Row
    after: Row

    @property
    def factor(self) -> float:
        return self.after.median / self.before.median

    @property
    def is_noise(self) -> bool:
        """Whether the medians are less than 5 % apart, or the quartiles of the two runs overlap."""
        if self.after.what == "peak memory" and max(self.before.median, self.after.median) < TELLING:
            return True
        (low, high), (later_low, later_high) = self.before.quartiles, self.after.quartiles
        return abs(self.factor - 1) < 0.05 or (later_low <= high and low <= later_high)


def changes(before: Iterable[Row], after: Iterable[Row]) -> list[Change]:
    """The rows that both runs have, but for first calls: of one call alone, nothing tells the noise."""
    earlier = {row.key: row for row in before if row.what != "first call"}
    return [Change(earlier[row.key], row) for row in after if row.key in earlier]
