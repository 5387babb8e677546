"""Interleaved rounds: every side runs in each round, so that a busy moment of the machine falls on all of them."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import repeat
from typing import Any, NamedTuple

import numpy

# Thread pools spin for a while after their last job; a side begins when those of the side before it sleep. Where one
# thread is timed alone, there are none.
PAUSE = 0.02

# A side's turn is cut in so many pieces, and their median is what the round found: on a busy machine, where programs
# take turns of a few milliseconds, most pieces are so short that nobody comes between. What a device computes while
# the program goes on has to be waited for after each piece, which takes a little itself.
PIECES, AWAITED = 100, 5


class Effort(NamedTuple):
    """How long a process measures.

    rounds:  how many rounds, where they fit into the budget.
    seconds: how long a side runs in one round at least.
    budget:  the seconds for one workload, which only the first round may exceed.
    processor: whether the time is that of the processor, in which this process ran, and not the clock's: what other
             programs take between is left out then. For one thread on the CPU alone.
    """

    rounds: int
    seconds: float
    budget: float
    processor: bool = False

    @property
    def clock(self) -> Callable[[], float]:
        return time.process_time if self.processor else time.perf_counter


class Limit:
    """The end of the time that something may take.

    Arguments:
        seconds: from now; None for no end.
        clock: gives the seconds since some moment.
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds

    @property
    def left(self) -> float | None:
        """How many seconds are left, or None where there is no end."""
        return None if self._end is None else max(0.0, self._end - self._clock())

    @property
    def is_over(self) -> bool:
        return self.left == 0.0


def at_once(result: Any) -> None:
    """The `finish` of a side whose results are there when its calls return."""


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a comparison: a workload made ready on an engine.

    Attributes:
        call: what is timed; its arguments are on the device already.
        finish: waits until the device is done with the result of the last call.
        scope: what the calls run in.
        weights: the weights as they are now, which a call may change, as copies.
        arrays: the arrays in a result, as copies.
    """

    call: Callable[[], Any]
    finish: Callable[[Any], Any] = at_once
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    weights: Callable[[], list[numpy.ndarray]] = list
    arrays: Callable[[Any], list[numpy.ndarray]] = list


def time_calls(side: Side, count: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """The seconds that a call takes: of so many calls, after one to warm up; a single one is taken to be warm.

    Many calls are cut in pieces, of which this is the median: what happens in fewer than half of them, such as an
    interruption or a large garbage collection, is not in it.
    """
    call, pieces = side.call, min(PIECES if side.finish is at_once else AWAITED, count)
    with side.scope():
        side.finish(call() if count > 1 else None)
        found = []
        for _ in range(pieces):
            start = clock()
            for _ in repeat(None, count // pieces):
                result = call()
            side.finish(result)
            found.append((clock() - start) / (count // pieces))
        return float(numpy.median(found))


def calls_for(side: Side, seconds: float) -> int:
    """How many calls take so long."""
    count = 1
    while True:
        taken = time_calls(side, count) * count
        if taken > seconds / 4 or count >= 1 << 20:
            return max(1, round(count * seconds / taken))
        count *= 4


def seconds(call: Callable[[], Any], calls: int = 3) -> float:
    """The seconds that a call takes, roughly: the fastest of a few."""
    return min(time_calls(Side(call), 1) for _ in range(calls))


def interleaved(
    sides: Sequence[Side], effort: Effort, turn: Callable[[], None] = lambda: None
) -> list[list[float] | Exception]:
    """Time sides in rounds, each in another order; gives the seconds of a call in each round, by side.

    Before a side is timed `turn` is called, which returns when nobody else measures. Of a side whose call raises an
    error, it gives that.
    """
    found: list[list[float] | Exception] = []
    counts = []
    for side in sides:
        try:
            counts.append(calls_for(side, effort.seconds))
            found.append([])
        except Exception as error:
            counts.append(0)
            found.append(error)
    order = numpy.random.default_rng(0)
    spent = 0.0  # without the turns of others
    with _only_own_garbage():
        for number in range(effort.rounds):
            if number and spent * (number + 1) / number > effort.budget:
                break
            for index in order.permutation(len(sides)):
                seconds = found[index]
                if isinstance(seconds, Exception):
                    continue
                time.sleep(0.0 if effort.processor else PAUSE)
                turn()
                start = time.perf_counter()
                try:
                    seconds.append(time_calls(sides[index], counts[index], effort.clock))
                except Exception as error:
                    found[index] = error
                spent += time.perf_counter() - start
    return found


@contextmanager
def _only_own_garbage() -> Iterator[None]:
    """A scope in which a garbage collection walks what was made in it, not all that the frameworks' imports made."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
