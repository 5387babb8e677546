"""Which processes measure what, one after the other."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import processes
from .catalogue import ALL, ENGINES
from .comparing import Change, Comparison, compare
from .jobs import Job
from .machine import Watch, cores, leaves_avx512_unused, own_cores, wait_until_quiet
from .measuring import Told, without_time
from .runs import Run, joined
from .timing import Effort, Limit
from .worker import ROOT, WorkerError, ask, ask_in_turns


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
        seconds: how many all of a run may take, None for as many as it needs.
        slowed: the name of the chain that gets a tenth more to do in the second of two checkouts.
    """

    scaling: bool = False
    own: str | None = None
    only: str = ""
    quick: bool = False
    devices: tuple[str, ...] = ("cpu",)
    memory: bool = True
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    patience: float = 0.0
    seconds: float | None = None
    slowed: str | None = None

    @property
    def job(self) -> Job:
        group = "scaling" if self.scaling else "run"
        return Job(group=group, own=self.own, only=self.only, quick=self.quick, devices=self.devices)

    @property
    def compared(self) -> Job:
        """What each process of a comparison measures."""
        fine = time.get_clock_info("process_time").resolution <= 1e-6
        effort = Effort(5, 0.01, 4.0, processor=fine and self.environment.get("OMP_NUM_THREADS") == "1")
        names = None
        if self.slowed:
            names = tuple(each.name for each in ALL if each.quick and (each.flops or 0.0) < LARGE)
        return dataclasses.replace(self.job, names=names, frameworks=False, by_hand=False, in_turns=True, effort=effort)

    @property
    def jobs(self) -> list[Job]:
        """What each process of a run measures: frameworks, which take long to start, in the first alone."""
        few = dataclasses.replace(self.job, effort=Effort(3, 0.04, 4.0), frameworks=False)
        first = dataclasses.replace(self.job, effort=Effort(5, 0.04, 4.0), peaks=True)
        return [first, *[few] * (2 if self.quick or self.scaling else 4)]


# How many pairs of processes a comparison starts: at least so many that the second and the last but one bound the
# median with the confidence that is asked for, and at most; late ones measure the few rows that aren't sure.
LEAST_PAIRS, MOST = 12, 100

# Floating-point operations that take longer than is worth while where only the comparison is tried.
LARGE = 1e9


def run(plan: Plan, told: Told, clock: Callable[[], float] = time.monotonic) -> Run:
    """Measure all that is asked for, or as much as there is time for, and say then what is left out.

    Raises WorkerError where there is no such workload, or no time for any.
    """
    limit = Limit(plan.seconds, clock)
    watch, waiting, jobs = Watch(), _Patience(plan.patience, told), plan.jobs
    runs: list[Run] = []
    for number, job in enumerate(jobs):
        if limit.is_over:
            break
        waiting.wait(limit.left)
        part = _part(told, f"process {number + 1} of {len(jobs)}", number, len(jobs))
        try:
            runs.append(ask(dataclasses.replace(job, seconds=limit.left), plan.environment, part))
        except WorkerError:
            if not runs or not limit.is_over:
                raise
        if not runs[0].about:
            break
    found = joined(runs)
    _say_what_was_short(found, runs, len(jobs))
    if leaves_avx512_unused(found.machine["blas"]):
        found.lacks("AVX-512: NumPy's BLAS doesn't use it; OPENBLAS_CORETYPE=SkylakeX in the environment makes it")
    if plan.memory:
        _measure_memory(found, plan, told, limit)
    if not plan.scaling and not plan.own and "cpu" in plan.devices:
        _measure_processes(found, plan, told, limit)
    if not found.about:
        raise WorkerError(f"no workload has {plan.only!r} in its name")
    found.machine["others"] = round(watch.others(), 3)
    return found


def _say_what_was_short(found: Run, runs: Sequence[Run], wanted: int) -> None:
    """Say where time ran out: in how many of the processes each workload was measured, those alike in one line."""
    unbegun, short = wanted - len(runs), dict[int, list[str]]()
    for name in found.about:
        if count := unbegun + sum(name not in run.about or without_time(name) in run.missing for run in runs):
            short.setdefault(wanted - count, []).append(name)
    for count, names in sorted(short.items()):
        found.missing = [reason for reason in found.missing if reason not in map(without_time, names)]
        how = f"measured in {count} of {wanted} processes" if count else "not measured"
        found.lacks(f"{how}, for want of time: {'; '.join(names)}")
    for name in short.get(0, []):
        del found.about[name]


class _Patience:
    """So many seconds in which to wait for a quiet machine, before one process or another."""

    def __init__(self, seconds: float, told: Told) -> None:
        self.seconds, self.told = seconds, told

    def wait(self, most: float | None = None) -> None:
        start = time.monotonic()
        wait_until_quiet(self.seconds if most is None else min(self.seconds, most), lambda why: self.told(why, 0.0))
        self.seconds = max(0.0, self.seconds - (time.monotonic() - start))


def _part(told: Told, what: str, number: int, count: int) -> Told:
    """Tells of one of so many parts."""
    return lambda name, share: told(f"{what}: {name}", (number + share) / count)


def _measure_memory(found: Run, plan: Plan, told: Told, limit: Limit) -> None:
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
        job = dataclasses.replace(plan.job, memory=(row.workload, row.engine, row.device), seconds=limit.left)
        try:
            found.rows += ask(job, environment, lambda *_: None).rows
        except WorkerError as error:
            found.lacks(f"{row.engine}, {row.workload}: no peak memory: {error}")


def _measure_processes(found: Run, plan: Plan, told: Told, limit: Limit) -> None:
    names = [name for name in (processes.IMPORT, processes.LESSON) if plan.only.lower() in name.lower()]
    wanted = {engine.name for engine in ENGINES if engine.starts_at_once or not plan.quick}
    for number, name in enumerate(names):
        processes.measure_processes(found, name, 3, wanted, _part(told, name, number, len(names)), limit)


def compare_checkouts(plan: Plan, before: Path, after: Path, told: Told) -> Comparison:
    """Time two checkouts in turns, with the workloads that stand beside this, and say what changed.

    Pairs of processes are started until each row is sure, or there are `MOST` pairs. Of one thread each, both processes
    of a pair run on the same core, and the next pair on the next: cores differ, in what else happens on them too, and
    each process would stay on its own. Raises WorkerError where a folder is no checkout.
    """
    folders = [folder.resolve() for folder in (before, after)]
    for folder in folders:
        if not (folder / "minidl" / "__init__.py").is_file():
            raise WorkerError(f"{folder} is no checkout of minidl: it has no minidl/__init__.py")
    watch, waiting = Watch(), _Patience(plan.patience, told)
    jobs = [dataclasses.replace(plan.compared, root=str(folder)) for folder in folders]
    jobs[1] = dataclasses.replace(jobs[1], slowed=plan.slowed)
    threads = int(plan.environment.get("OMP_NUM_THREADS", cores()))
    places: list[int | None] = [*own_cores()] if threads == 1 else []
    pairs: list[list[Run]] = []
    while len(pairs) < MOST:
        waiting.wait()
        core = places[len(pairs) % len(places)] if places else None
        both = [dataclasses.replace(job, core=core) for job in jobs]
        pairs.append(ask_in_turns(both, plan.environment, _part(told, f"pair {len(pairs) + 1}", len(pairs), MOST)))
        if not pairs[0][0].about:
            raise WorkerError(f"no workload has {plan.only!r} in its name")
        first, second = (joined(runs) for runs in zip(*pairs, strict=True))
        found = compare(first, second, in_turns=True)
        if len(pairs) < LEAST_PAIRS:
            continue
        names = tuple({change.after.workload: None for change in found.changes if not change.is_sure})
        if not names:
            break
        jobs = [dataclasses.replace(job, names=names) for job in jobs]
    found.after.machine |= {"threads": threads, "others": round(watch.others(), 3)}
    found.before.machine["threads"] = threads
    return found


# A tenth more work is hidden in this one, to see whether it is found.
SLOWED = "chain of 1,000 scalar ops"


def compare_itself(plan: Plan, told: Told) -> tuple[Comparison, Change]:
    """Compare this code with itself, one workload with a tenth more to do; gives that row apart."""
    found = compare_checkouts(dataclasses.replace(plan, slowed=SLOWED), ROOT, ROOT, told)
    slowed = next(change for change in found.changes if change.after.workload == SLOWED)
    return dataclasses.replace(found, changes=[each for each in found.changes if each is not slowed]), slowed
