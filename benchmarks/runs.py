"""One run of the benchmarks: what was found, and on which machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from .rows import Row


@dataclasses.dataclass
class Run:
    """One run of the benchmarks.

    Attributes:
        machine: its description; see `machine.describe`.
        about: by the name of each workload its group, flops, bytes, samples and size, whether its memory tells, and
            whether it is a network's.
        rows: what was measured.
        peaks: by device the floating-point operations and the bytes that it does in a second at most, as one large
            matrix product and one large copy show.
        missing: what could not be run, each with the reason.
        faults: what gave wrong numbers.
    """

    machine: dict[str, Any] = dataclasses.field(default_factory=dict)
    about: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    rows: list[Row] = dataclasses.field(default_factory=list)
    peaks: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    missing: list[str] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)

    def of(self, workload: str, what: str) -> list[Row]:
        """The rows of a workload about one thing."""
        return [row for row in self.rows if row.workload == workload and row.what == what]

    @property
    def devices(self) -> list[str]:
        return list(dict.fromkeys(row.device for row in self.rows))

    def groups(self) -> dict[str, list[str]]:
        """The names of the workloads by group."""
        found: dict[str, list[str]] = {}
        for name, about in self.about.items():
            found.setdefault(about["group"], []).append(name)
        return found

    def lacks(self, reason: str) -> None:
        if reason not in self.missing:
            self.missing.append(reason)


def joined(runs: Iterable[Run]) -> Run:
    """One run of what several processes found, in the order of the first that has each row."""
    runs = list(runs)
    found = Run()
    rows: dict[tuple[str, ...], Row] = {}
    for number, run in enumerate(runs):
        found.machine |= run.machine
        found.about |= {name: about for name, about in run.about.items() if name not in found.about}
        found.peaks |= run.peaks
        for reason in run.missing:
            found.lacks(reason)
        found.faults += [fault for fault in run.faults if fault not in found.faults]
        for row in run.rows:
            kept = rows.setdefault(row.key, dataclasses.replace(row, values=[[] for _ in runs]))
            kept.values[number].extend(value for process in row.values for value in process)
    found.rows = list(rows.values())
    return found
