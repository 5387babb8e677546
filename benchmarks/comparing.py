"""Two runs compared: what got faster or slower, what stayed, and what the noise hides.

Two processes of the same code differ by more than the rounds within one do, so that each process of a run counts as
one observation: the median over its rounds of the time over that of the rows by hand in the same round, which takes
out what happened to the machine. SciPy's t test by Welch and Yuen, which leaves out the most extreme tenths, says
between which factors the change lies.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy

from .libraries import load
from .rows import TELLING, Row, geometric_mean
from .runs import Run

# Of a hundred intervals, this part hold the true factor.
CONFIDENCE = 0.99

# Of ten processes the fastest and the slowest are left out, of five none.
TRIMMED = 0.1

# A smaller change isn't worth a line, and one as large as the second would be noticed where nothing is said.
LEAST, NOTICED = 1.05, 1.10


class Verdict(enum.Enum):
    """What can be said of a row in two runs."""

    CHANGED = "changed"
    SAME = "the same"
    UNSURE = "too noisy to tell"


@dataclasses.dataclass(frozen=True)
class Change:
    """A row in two runs.

    Attributes:
        before, after: the row in each.
        factor: how many times the later is the earlier, without what the machine did to both.
        low, high: between what the factor lies.
    """

    before: Row
    after: Row
    factor: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        if self.after.what == "peak memory" and max(self.before.median, self.after.median) < TELLING:
            return Verdict.SAME
        apart = max(self.factor, 1 / self.factor)
        if apart >= (NOTICED if self.after.what == "peak memory" else LEAST) and not self.low <= 1.0 <= self.high:
            return Verdict.CHANGED
        return Verdict.SAME if self.high <= NOTICED**2 * self.low else Verdict.UNSURE


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        before, after: the runs.
        changes: the rows that both have.
        drift: how many times as long the rows by hand took in the later one.
        alone: how many rows only the one or the other has.
        single: how many rows are of one process, which says nothing of the noise, so that they aren't compared.
    """

    before: Run
    after: Run
    changes: list[Change]
    drift: float
    alone: dict[str, int]
    single: int


def compare(before: Run, after: Run) -> Comparison:
    """Compare two runs row by row."""
    earlier, later = ({row.key for row in run.rows if _is_compared(row)} for run in (before, after))
    counts = {"the first": len(earlier - later), "the second": len(later - earlier)}
    alone = {name: count for name, count in counts.items() if count}
    found = changes(before.rows, after.rows)
    return Comparison(before, after, found, drift(before.rows, after.rows), alone, len(earlier & later) - len(found))


def _is_compared(row: Row) -> bool:
    """All but first calls, and rows by hand, which stand for the machine."""
    return row.what != "first call" and not row.is_by_hand


def _tells_noise(row: Row) -> bool:
    return row.what == "peak memory" or sum(map(bool, row.values)) > 1


def changes(before: Iterable[Row], after: Iterable[Row]) -> list[Change]:
    """The rows that both runs have and that can be compared."""
    earlier, later = _by_key(before), _by_key(after)
    return [
        _change(earlier[key], row, _yardstick(earlier, key), _yardstick(later, key))
        for key, row in later.items()
        if key in earlier and _is_compared(row) and _tells_noise(row) and _tells_noise(earlier[key])
    ]


def drift(before: Iterable[Row], after: Iterable[Row]) -> float:
    """How many times as long the rows by hand took in the later run: what happened to the machine, not the code."""
    earlier = _by_key(before)
    factors = [
        row.median / earlier[row.key].median
        for row in after
        if row.is_by_hand and row.what == "time" and row.key in earlier
    ]
    return geometric_mean(factors) if factors else 1.0


def _by_key(rows: Iterable[Row]) -> dict[tuple[str, ...], Row]:
    return {row.key: row for row in rows}


def _yardstick(rows: dict[tuple[str, ...], Row], key: tuple[str, ...]) -> list[Row]:
    """The rows by hand that were timed in the same rounds."""
    workload, _, device, what = key
    beside = [row for row in rows.values() if (row.workload, row.device, row.what) == (workload, device, what)]
    return [row for row in beside if row.is_by_hand and what == "time"]


def _observations(row: Row, yardstick: Sequence[Row]) -> list[float]:
    """The logarithm of what each process found."""
    found = []
    for number, process in enumerate(row.values):
        if process:
            beside = [numpy.log(other.values[number]) for other in yardstick if other.values[number]]
            found.append(float(numpy.median(numpy.log(process) - (numpy.mean(beside, axis=0) if beside else 0.0))))
    return found


def _change(before: Row, after: Row, before_beside: Sequence[Row], after_beside: Sequence[Row]) -> Change:
    if after.what == "peak memory":  # the same at each run, nearly; and some take none
        factor = max(after.median, 1.0) / max(before.median, 1.0)
        return Change(before, after, factor, factor, factor)
    earlier, later = _observations(before, before_beside), _observations(after, after_beside)
    return Change(before, after, *_factor(earlier, later))


def _factor(earlier: Sequence[float], later: Sequence[float]) -> tuple[float, float, float]:
    """The factor, and between what it lies."""
    statistics: Any = load("scipy.stats")
    difference = statistics.trim_mean(later, TRIMMED) - statistics.trim_mean(earlier, TRIMMED)
    low = high = difference
    if numpy.std(earlier) + numpy.std(later) > 1e-9:  # else there is no noise, and nothing to test
        tested = statistics.ttest_ind(later, earlier, equal_var=False, trim=TRIMMED)
        low, high = tested.confidence_interval(CONFIDENCE)
    return math.exp(difference), math.exp(low), float(numpy.exp(high))
