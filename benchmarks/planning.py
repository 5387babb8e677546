"""Which processes measure what, one after the other."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from . import processes
from .catalogue import ENGINES
from .jobs import Job
from .machine import Watch, leaves_avx512_unused, wait_until_quiet
from .measuring import Told
from .runs import Run, joined
from .timing import Effort
from .worker import WorkerError, ask


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        scaling: whether it is the workloads of different sizes.
        own: the file of one's own workloads and engines, or None.
        only: what the names of workloads must hold.
        quick: whether only the quick workloads are asked for.
        devices: on which devices.
        memory: whether to measure the peak memory.
        environment: of all that measures.
        patience: how many seconds to wait in all for other programs to leave the processors alone.
    """

    scaling: bool = False
    own: str | None = None
    only: str = ""
    quick: bool = False
    devices: tuple[str, ...] = ("cpu",)
    memory: bool = True
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    patience: float = 0.0

    @property
    def job(self) -> Job:
        group = "scaling" if self.scaling else "run"
        return Job(group, self.own, self.only, self.quick, self.devices)

    @property
    def jobs(self) -> list[Job]:
        """What each process of a run measures: frameworks, which take long to start, in the first alone."""
        few = dataclasses.replace(self.job, effort=Effort(3, 0.04, 4.0), frameworks=False)
        first = dataclasses.replace(self.job, effort=Effort(5, 0.04, 4.0), peaks=True)
        return [first, *[few] * (2 if self.quick or self.scaling else 4)]


# How many processes of each checkout a comparison starts.
PAIRS = 10


def run(plan: Plan, told: Told) -> Run:
    """Measure all that is asked for. Raises WorkerError where there is no such workload."""
    watch, waiting, jobs = Watch(), _Patience(plan.patience, told), plan.jobs
    runs: list[Run] = []
    for number, job in enumerate(jobs):
        waiting.wait()
        runs.append(ask(job, plan.environment, _part(told, f"process {number + 1} of {len(jobs)}", number, len(jobs))))
        if not runs[0].about:
            break
    found = joined(runs)
    if leaves_avx512_unused(found.machine["blas"]):
        found.lacks("AVX-512: NumPy's BLAS doesn't use it; OPENBLAS_CORETYPE=SkylakeX in the environment makes it")
    if plan.memory:
        _measure_memory(found, plan, told)
    if not plan.scaling and not plan.own and "cpu" in plan.devices:
        _measure_processes(found, plan, told)
    if not found.about:
        raise WorkerError(f"no workload has {plan.only!r} in its name")
    found.machine["others"] = round(watch.others(), 3)
    return found


class _Patience:
    """So many seconds in which to wait for a quiet machine, before one process or another."""

    def __init__(self, seconds: float, told: Told) -> None:
        self.seconds, self.told = seconds, told

    def wait(self) -> None:
        start = time.monotonic()
        wait_until_quiet(self.seconds, lambda why: self.told(why, 0.0))
        self.seconds = max(0.0, self.seconds - (time.monotonic() - start))


def _part(told: Told, what: str, number: int, count: int) -> Told:
    """Tells of one of so many parts."""
    return lambda name, share: told(f"{what}: {name}", (number + share) / count)


def _measure_memory(found: Run, plan: Plan, told: Told) -> None:
    """Add the peak memory of what was timed, of each in a process of its own."""
    slow = {engine.name for engine in ENGINES if not engine.starts_at_once} if plan.quick or plan.scaling else ()
    rows = [
        row
        for row in found.rows
        if row.what == "time" and found.about[row.workload]["remembered"] and row.engine not in slow
    ]
    # A malloc that keeps what was freed would hide what is allocated after it.
    environment = {name: value for name, value in plan.environment.items() if not name.startswith("MALLOC_")}
    for number, row in enumerate(rows):
        told(f"memory of {row.engine}: {row.workload}", number / len(rows))
        job = dataclasses.replace(plan.job, memory=(row.workload, row.engine, row.device))
        try:
            found.rows += ask(job, environment, lambda *_: None).rows
        except WorkerError as error:
            found.lacks(f"{row.engine}, {row.workload}: no peak memory: {error}")


def _measure_processes(found: Run, plan: Plan, told: Told) -> None:
    names = [name for name in (processes.IMPORT, processes.LESSON) if plan.only.lower() in name.lower()]
    wanted = {engine.name for engine in ENGINES if engine.starts_at_once or not plan.quick}
    for number, name in enumerate(names):
        processes.measure_processes(found, name, 3, wanted, _part(told, name, number, len(names)))


def compare_checkouts(plan: Plan, before: Path, after: Path, told: Told) -> tuple[Run, Run]:
    """Time two checkouts in turns, in processes of their own. Raises WorkerError where one is none."""
    folders = [folder.resolve() for folder in (before, after)]
    for folder in folders:
        if not (folder / "minidl" / "__init__.py").is_file():
            raise WorkerError(f"{folder} is no checkout of minidl: it has no minidl/__init__.py")
    watch, waiting = Watch(), _Patience(plan.patience, told)
    job = dataclasses.replace(plan.job, frameworks=False, effort=Effort(3, 0.04, 4.0))
    runs: tuple[list[Run], list[Run]] = ([], [])
    for number in range(2 * PAIRS):
        # A B, B A, A B and so on, so that neither is always the first.
        which = (number + number // 2) % 2
        waiting.wait()
        part = _part(told, f"process {number + 1} of {2 * PAIRS}", number, 2 * PAIRS)
        runs[which].append(ask(job, plan.environment, part, folders[which]))
        if not runs[which][0].about:
            raise WorkerError(f"no workload has {plan.only!r} in its name")
    found = joined(runs[0]), joined(runs[1])
    found[1].machine["others"] = round(watch.others(), 3)
    return found
