"""The lesson's chart for the machine at hand: how many times as fast one side is as another, over all workloads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from .rows import BY_HAND, UNSURE, Row, geometric_mean, ratio, weighted_mean
from .runs import Run


@dataclasses.dataclass(frozen=True)
class Speedups:
    """How many times as fast one side is as another.

    Attributes:
        name: of the side.
        factors: by workload.
        weights: the floating-point operations of each workload, where they can be counted.
        noisy: how many of the factors are of times that say little by themselves.
    """

    name: str
    factors: dict[str, float]
    weights: dict[str, float]
    noisy: int

    @property
    def geometric(self) -> float:
        """GM, the geometric mean, in which every workload counts the same."""
        return geometric_mean(list(self.factors.values()))

    @property
    def weighted(self) -> float | None:
        """WM, the mean weighted by floating-point operations, in which the large workloads decide."""
        if not self.weights:
            return None
        return weighted_mean([self.factors[name] for name in self.weights], [*self.weights.values()])


OVER_NUMPY, OVER_TENSORFLOW, OVER_CPU = "over NumPy by hand", "over TensorFlow on the CPU", "GPU over CPU"


def charts(run: Run) -> dict[str, list[Speedups]]:
    """By heading, the sides that have something to be compared with: over all networks, if there are any."""
    names = [name for name, about in run.about.items() if about["size"] is None and about["group"] != "processes"]
    return speedups(run, [name for name in names if run.about[name]["network"]] or names)


def by_workload(run: Run) -> list[Speedups]:
    """The GPU over the CPU for a few engines, over all workloads that aren't scaling's."""
    names = [name for name, about in run.about.items() if about["size"] is None]
    return [side for side in speedups(run, names).get(OVER_CPU, []) if side.name in _FEW]


_FEW = (BY_HAND, "minidl", "minidl function", "TensorFlow function")


def speedups(run: Run, names: Sequence[str]) -> dict[str, list[Speedups]]:
    """By heading, the sides that have something to be compared with, over some workloads."""
    times = {name: {(row.engine, row.device): row for row in run.of(name, "time")} for name in names}
    found: dict[str, list[Speedups]] = {OVER_NUMPY: [], OVER_TENSORFLOW: [], OVER_CPU: []}
    for engine, device in dict.fromkeys(key for rows in times.values() for key in rows):
        name = f"{engine} ({device})" if len(run.devices) > 1 else engine
        sides = {workload: rows[engine, device] for workload, rows in times.items() if (engine, device) in rows}
        bases: dict[str, dict[str, Row]] = {
            OVER_NUMPY: {} if (engine, device) == (BY_HAND, "cpu") else _of(times, BY_HAND),
            OVER_TENSORFLOW: {} if engine in _TENSORFLOW and device == "cpu" else _of(times, *_TENSORFLOW),
            OVER_CPU: _of(times, engine) if device == "gpu" else {},
        }
        for heading, base in bases.items():
            pairs = {workload: (other, row) for workload, row in sides.items() if (other := base.get(workload))}
            if pairs:
                factors = {workload: ratio(*pair) for workload, pair in pairs.items()}
                weights = {w: flops for w in pairs if (flops := run.about[w]["flops"])}
                noisy = sum(any(UNSURE < row.spread < math.inf for row in pair) for pair in pairs.values())
                found[heading].append(Speedups(engine if heading == OVER_CPU else name, factors, weights, noisy))
    return {heading: sides for heading, sides in found.items() if sides}


# As TensorFlow's users run it: as a function where that can be.
_TENSORFLOW = ("TensorFlow function", "TensorFlow")

_Times = dict[str, dict[tuple[str, str], Row]]


def _of(times: _Times, *engines: str) -> dict[str, Row]:
    """By workload the row on the CPU of the first of some engines that has one."""
    found = {}
    for workload, rows in times.items():
        if here := [rows[engine, "cpu"] for engine in engines if (engine, "cpu") in rows]:
            found[workload] = here[0]
    return found
