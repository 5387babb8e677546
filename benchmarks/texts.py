"""Numbers and names as a report says them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .rows import NOISY, TELLING, UNSURE, Row, ratio
from .runs import Run

_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def three(number: float) -> str:
    """A number to three digits, or all those before its point."""
    return f"{number:,.0f}" if number >= 99.95 else f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def time_text(seconds: float) -> str:
    """Seconds in the unit that suits them, to three digits."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{three(seconds / size)} {unit}"
    return f"{three(seconds / 1e-9)} ns"


def bytes_text(count: float) -> str:
    """Bytes in the unit that suits them, to three digits."""
    return f"{count:.0f} B" if count < 1e3 else f"{count_text(count)}B"


def count_text(count: float) -> str:
    """A large number to three digits, with the letter that stands for its thousands."""
    for size, letter in _LARGE:
        if count >= size:
            return f"{three(count / size)} {letter}"
    return three(count)


def range_text(row: Row) -> str:
    """The median of a row of times, or its quartiles where they are so far apart that it says little."""
    if row.spread <= UNSURE or row.spread == math.inf:
        return time_text(row.median)
    low, high = row.quartiles
    number, unit = time_text(high).split()
    size = high / float(number.replace(",", ""))
    return f"{three(low / size)}-{number} {unit}"


def spread_text(row: Row) -> str:
    """Half the distance of the quartiles in percent, marked where it is large."""
    return f"{row.spread * 50:.0f}{'!' if row.spread > NOISY else ''}" if row.spread < math.inf else "-"


def over_text(row: Row, other: Row | None) -> str:
    """How many times as long one row takes as another, where that can be said."""
    if other is None:
        return "-"
    if any(UNSURE < each.spread < math.inf for each in (row, other)):
        return "?"
    times = ratio(row, other)
    return three(times) if times >= 0.1 else f"{times:.1g}"


def labels(names: Sequence[str]) -> dict[str, str]:
    """The names of a group, without what follows the colon where that is the same in all."""
    kinds = {name.partition(": ")[2] for name in names}
    return {name: name.partition(": ")[0] if len(kinds) == 1 else name for name in names}


def side_text(row: Row, run: Run) -> str:
    """The engine of a row, with its device where there are several."""
    return f"{row.engine} ({row.device})" if len(run.devices) > 1 else row.engine


# By engine and device its sizes, and what was measured at each.
Curves = dict[str, tuple[list[float], list[float]]]


def curves(run: Run, names: Iterable[str], what: str) -> Curves:
    """Sizes and medians by engine and device."""
    found: Curves = {}
    for name in names:
        for row in run.of(name, what):
            if what == "peak memory" and row.median < TELLING:
                continue
            sizes, values = found.setdefault(side_text(row, run), ([], []))
            sizes.append(run.about[name]["size"])
            values.append(row.median)
    return found
