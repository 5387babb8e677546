"""Two runs compared: what got faster or slower, what stayed, and what the noise hides.

Two processes of the same code differ by more than the rounds within one do, so that a process counts as one
observation. What happened to the machine is taken out of it, and SciPy says between which factors the change lies:

- Where two checkouts were timed in turns, an observation is a pair of processes: the median over the rounds of the
  ratio of what both took one right after the other. The factor is the median over the pairs, and its interval that of
  SciPy's quantile test, which asks for no distribution: a process that is several times as slow as others of the same
  code, as few are on a busy machine, moves neither.
- Of two runs that were kept, an observation is a process: the median over its rounds of the time over that of the rows
  by hand in the same round. SciPy's t test by Welch and Yuen leaves out the most extreme tenths.
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

# A smaller change isn't worth a line, and one as large as the second would be noticed where a row is the same.
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
    def is_sure(self) -> bool:
        """Whether the factor lies within so little that 1 and what is to be noticed aren't both possible."""
        return self.high <= NOTICED * self.low

    @property
    def verdict(self) -> Verdict:
        if self.after.what == "peak memory" and max(self.before.median, self.after.median) < TELLING:
            return Verdict.SAME
        apart = max(self.factor, 1 / self.factor)
        if apart >= (NOTICED if self.after.what == "peak memory" else LEAST) and not self.low <= 1.0 <= self.high:
            return Verdict.CHANGED
        return Verdict.SAME if self.is_sure else Verdict.UNSURE


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        before, after: the runs.
        changes: the rows that both have.
        drift: how many times as long the rows by hand took in the later one; None where both were timed in turns.
        alone: how many rows only the one or the other has.
        single: how many rows are of one process, which says nothing of the noise, so that they aren't compared.
    """

    before: Run
    after: Run
    changes: list[Change]
    drift: float | None
    alone: dict[str, int]
    single: int


def compare(before: Run, after: Run, in_turns: bool = False) -> Comparison:
    """Compare two runs row by row; `in_turns` says whether their processes took turns, pair by pair."""
    earlier, later = ({row.key for row in run.rows if _is_compared(row)} for run in (before, after))
    counts = {"the first": len(earlier - later), "the second": len(later - earlier)}
    alone = {name: count for name, count in counts.items() if count}
    found = changes(before.rows, after.rows, in_turns)
    machine = None if in_turns else drift(before.rows, after.rows)
    return Comparison(before, after, found, machine, alone, len(earlier & later) - len(found))


def _is_compared(row: Row) -> bool:
    """All but first calls, and rows by hand, which stand for the machine."""
    return row.what != "first call" and not row.is_by_hand


def _tells_noise(row: Row) -> bool:
    return row.what == "peak memory" or sum(map(bool, row.values)) > 1


def changes(before: Iterable[Row], after: Iterable[Row], in_turns: bool = False) -> list[Change]:
    """The rows that both runs have and that can be compared."""
    earlier, later = _by_key(before), _by_key(after)
    both = [
        (earlier[key], row)
        for key, row in later.items()
        if key in earlier and _is_compared(row) and _tells_noise(row) and _tells_noise(earlier[key])
    ]
    if in_turns:
        return [Change(one, other, *_factor_of_pairs(one, other)) for one, other in both]
    return [_change(one, other, _yardstick(earlier, one.key), _yardstick(later, one.key)) for one, other in both]


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


def _factor_of_pairs(before: Row, after: Row) -> tuple[float, float, float]:
    """The factor, and between what it lies, of processes that were timed in turns."""
    statistics: Any = load("scipy.stats")
    pairs = [
        numpy.median([math.log(later / earlier) for earlier, later in zip(one, other, strict=False)])
        for one, other in zip(before.values, after.values, strict=True)
        if one and other
    ]
    # Too few pairs leave an end of the interval unknown (nan): it is anywhere.
    low, high = statistics.quantile_test(pairs, q=0.0, p=0.5).confidence_interval(CONFIDENCE)
    low, high = (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)
    return math.exp(numpy.median(pairs)), math.exp(low), float(numpy.exp(high))


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
