"""Where to put the boxes of a diagram: in rows, with all arrows downwards and few of them crossing.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", IEEE Transactions
on Systems, Man, and Cybernetics 11, 1981: each box stands in the row of the longest path that leads to it; an arrow
over several rows bends in each; boxes and bends are ordered by the means of their neighbours' places.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

Point = tuple[float, float]
Arrow = tuple[int, int]

ROUNDS = 12  # of ordering, and of placing
GAP, ROW_GAP = 18.0, 36.0  # between boxes and between rows, in points
STUB = 9.0  # of which an arrow goes straight, below and above a row
BEND = 8.0  # the width that a bend takes
LEAF = 0.001  # the weight of a box without arrows to it, so that it stands aside for what leads on


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where everything is, in points from the top left corner.

    Attributes:
        centers: of the boxes.
        routes: for each arrow, the points that it passes: straight down from the first to the second, over to the
            third, down again to the fourth, and so on.
        width, height: of the whole.
    """

    centers: list[Point]
    routes: dict[Arrow, list[Point]]
    width: float
    height: float


def arranged(sizes: Sequence[Point], arrows: Sequence[Arrow]) -> Layout:
    """Lay boxes of these widths and heights out; every arrow leads from one box to a later one."""
    rows_of = _rows(len(sizes), arrows)
    chains = _chains(rows_of, arrows)
    widths = [*(width for width, _ in sizes), *[BEND] * (len(rows_of) - len(sizes))]
    rows: list[list[int]] = [[] for _ in range(max(rows_of, default=-1) + 1)]
    for place, row in enumerate(rows_of):
        rows[row].append(place)
    above: list[list[int]] = [[] for _ in rows_of]
    below: list[list[int]] = [[] for _ in rows_of]
    for upper, lower in itertools.chain.from_iterable(map(itertools.pairwise, chains.values())):
        below[upper].append(lower)
        above[lower].append(upper)
    _order(rows, above, below)
    x = _places(rows, above, below, widths)
    heights = [max(sizes[place][1] for place in row if place < len(sizes)) for row in rows]
    tops = list(itertools.accumulate((height + ROW_GAP for height in heights), initial=0.0))
    centers = [(x[place], tops[rows_of[place]] + heights[rows_of[place]] / 2) for place in range(len(sizes))]
    routes = {}
    for (start, end), chain in chains.items():
        passed = []
        for place in chain:
            row_top = tops[rows_of[place]]
            passed += [(x[place], row_top), (x[place], row_top + heights[rows_of[place]])]
        leave, arrive = passed[1][1] + STUB, passed[-2][1] - STUB
        first, last = centers[start][1] + sizes[start][1] / 2, centers[end][1] - sizes[end][1] / 2
        routes[start, end] = [(x[start], first), (x[start], leave), *passed[2:-2], (x[end], arrive), (x[end], last)]
    width = max((x[place] + width / 2 for place, width in enumerate(widths)), default=0.0)
    return Layout(centers, routes, width, max(tops[-1] - ROW_GAP, 0.0))


def _rows(count: int, arrows: Sequence[Arrow]) -> list[int]:
    """The row of each box: one below all that it hangs on; what hangs on nothing, just above what needs it."""
    rows = [0] * count
    for start, end in sorted(arrows):
        rows[end] = max(rows[end], rows[start] + 1)
    for place in set(range(count)) - {end for _, end in arrows}:
        rows[place] = min((rows[end] for start, end in arrows if start == place), default=1) - 1
    return rows


def _chains(rows_of: list[int], arrows: Sequence[Arrow]) -> dict[Arrow, list[int]]:
    """For each arrow what it passes: its start, a bend in each row between, which is added to `rows_of`, its end."""
    chains = {}
    for start, end in arrows:
        between = range(rows_of[start] + 1, rows_of[end])
        chains[start, end] = [start, *range(len(rows_of), len(rows_of) + len(between)), end]
        rows_of += between
    return chains


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Order each row by the means of the places of its boxes' neighbours, from above and from below by turns."""
    place: dict[int, float] = {}
    for row in rows:
        place |= {box: index for index, box in enumerate(row)}
    for turn in range(ROUNDS):
        neighbours = below if turn % 2 else above
        for row in reversed(rows) if turn % 2 else rows:
            row.sort(key=lambda box: _mean([place[each] for each in neighbours[box]], place[box]))
            place |= {box: index for index, box in enumerate(row)}


def _places(
    rows: list[list[int]], above: list[list[int]], below: list[list[int]], widths: Sequence[float]
) -> list[float]:
    """The x of the center of each box and bend: as near as the row allows to the mean of its neighbours, from 0 on."""
    x = [0.0] * len(widths)
    weights = [1.0 if before else LEAF for before in above]
    for turn in range(ROUNDS + 1):
        neighbours = below if turn % 2 else above
        for row in reversed(rows) if turn % 2 else rows:
            wanted = [
                _mean([x[each] for each in neighbours[box]], x[box], [weights[each] for each in neighbours[box]])
                for box in row
            ]
            found = _apart(wanted, [widths[box] for box in row], [weights[box] for box in row])
            for box, value in zip(row, found, strict=True):
                x[box] = value
    left = min((value - width / 2 for value, width in zip(x, widths, strict=True)), default=0.0)
    return [value - left for value in x]


def _mean(values: Sequence[float], otherwise: float, weights: Sequence[float] | None = None) -> float:
    weights = weights or [1.0] * len(values)
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return total / sum(weights) if values else otherwise


def _apart(wanted: Sequence[float], widths: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The numbers nearest to those wanted, in the same order, that keep boxes of these widths apart.

    Less what the boxes before them take, they only have to rise: where they don't, neighbours are pooled to their
    mean (Ayer and others, "An empirical distribution function for sampling with incomplete information", 1955).
    """
    steps = ((one + other) / 2 + GAP for one, other in itertools.pairwise(widths))
    taken = list(itertools.accumulate(steps, initial=0.0))
    pools: list[tuple[float, float, int]] = []  # mean, weight and how many
    for value, offset, weight in zip(wanted, taken, weights, strict=False):
        pool = (value - offset, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, heavy, count = pools.pop()
            both = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / both, both, count + pool[2])
        pools.append(pool)
    risen = [mean for mean, _, count in pools for _ in range(count)]
    return [value + offset for value, offset in zip(risen, taken, strict=False)]
