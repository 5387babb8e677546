"""Runs workloads on engines, and keeps what was found."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks import processes
from benchmarks.checking import faults
from benchmarks.engines import Engine, MissingError, array_module, wait_for_cupy
from benchmarks.rows import Row
from benchmarks.timing import FULL, Effort, Side, at_once, calls_for, interleaved, time_calls
from benchmarks.workloads import Workload

Told = Callable[[str], None]


@dataclasses.dataclass
class Run:
    """One run of the benchmarks.

    Attributes:
        machine: its description; see `machine.describe`.
        about: by the name of each workload its group, flops, bytes and size.
        rows: what was measured.
        peaks: by device the floating-point operations and the bytes that it does in a second at most, as one large
            matrix product and one large copy show.
        missing: what could not be run, each with the reason.
        faults: what gave wrong numbers.
    """

    machine: dict[str, Any]
    about: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    rows: list[Row] = dataclasses.field(default_factory=list)
    peaks: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    missing: list[str] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)

    def of(self, workload: str, what: str) -> list[Row]:
        """The rows of a workload about one thing."""
        return [row for row in self.rows if row.workload == workload and row.what == what]

    def groups(self) -> dict[str, list[str]]:
        """The names of the workloads by group."""
        found: dict[str, list[str]] = {}
        for name, about in self.about.items():
            found.setdefault(about["group"], []).append(name)
        return found

    def lacks(self, reason: str) -> None:
        if reason not in self.missing:
            self.missing.append(reason)


def run(
    found: Run,
    workloads: Iterable[Workload],
    engines: Sequence[Engine],
    devices: Sequence[str],
    effort: Effort,
    told: Told,
) -> None:
    """Time workloads on engines and devices, and check every result before and after."""
    for workload in workloads:
        found.about[workload.name] = {
            "group": workload.group, "flops": workload.flops, "bytes": workload.bytes, "size": workload.size,
        }  # fmt: skip
        ready: dict[tuple[str, str], Side] = {}
        for device in devices:
            for engine in engines:
                told(f"{workload.name}: {engine.name} on {device}")
                if side := _prepared(found, workload, engine, device):
                    ready[engine.name, device] = side
        told(f"{workload.name}: timing")
        timed = interleaved(list(ready.values()), effort)
        for ((name, device), side), values in zip(ready.items(), timed, strict=True):
            found.rows.append(Row(workload.name, name, device, "time", values))
            wrong = faults(workload, side)
            found.faults += [f"{workload.name}, {name} on {device}, after the timing: {each}" for each in wrong]
        ready.clear()
        gc.collect()


def _prepared(found: Run, workload: Workload, engine: Engine, device: str) -> Side | None:
    """A workload made ready and found right, with its first call timed in a row of its own."""
    if not engine.takes(workload):
        return None
    for name, reason in workload.refuses.items():
        if engine.name.startswith(name):
            found.lacks(f"{engine.name}, {workload.name}: {reason}")
            return None
    try:
        side = engine.prepare(workload, device)
        start = time.perf_counter()
        with side.scope():
            side.finish(side.call())
        found.rows.append(Row(workload.name, engine.name, device, "first call", [time.perf_counter() - start]))
        wrong = faults(workload, side)
    except MissingError as error:
        found.lacks(f"{engine.name} on {device}: {error}")
        return None
    except Exception as error:  # one engine's failure is a finding, and not the end of the others
        wrong = [f"{type(error).__name__}: {error}"]
    found.faults += [f"{workload.name}, {engine.name} on {device}: {each}" for each in wrong]
    return None if wrong else side


def measure_memory(
    found: Run, workloads: Iterable[Workload], engines: Sequence[Engine], devices: Sequence[str], told: Told
) -> None:
    """Add the peak memory of whatever was timed."""
    timed = {(row.workload, row.engine, row.device) for row in found.rows if row.what == "time"}
    for workload in workloads:
        for engine in engines:
            for device in devices:
                if (key := (workload.name, engine.name, device)) in timed:
                    told(f"{workload.name}: memory of {engine.name}")
                    try:
                        found.rows.append(processes.peak_memory(*key))
                    except RuntimeError as error:
                        found.lacks(f"{engine.name}, {workload.name}: no peak memory: {error}")


def measure_processes(found: Run, name: str, rounds: int, engines: Sequence[Engine], told: Told) -> None:
    """Add the rows of imports or of the lesson as a whole process."""
    told(name)
    rows, missing = processes.process_rows(name, rounds, {engine.name for engine in engines})
    found.about[name] = {"group": "processes", "flops": None, "bytes": None, "size": None}
    found.rows += rows
    for reason in missing:
        found.lacks(reason)


def measure_peaks(device: str) -> dict[str, float]:
    """The floating-point operations and bytes in a second of one large matrix product and one large copy."""
    xp = array_module(device)
    size = 2048 if device == "cpu" else 8192
    matrix, other = xp.ones((size, size), "float32"), xp.ones((1 << 26,), "float32")
    product, copy = xp.empty_like(matrix), xp.empty_like(other)

    def fastest(call: Callable[[], Any]) -> float:
        side = Side(call, at_once if device == "cpu" else wait_for_cupy)
        count = calls_for(side, FULL.seconds)
        return min(time_calls(side, count) for _ in range(5))

    return {
        "flops": 2 * size**3 / fastest(lambda: xp.matmul(matrix, matrix, out=product)),
        "bytes": 2 * other.nbytes / fastest(lambda: xp.copyto(copy, other)),
    }
