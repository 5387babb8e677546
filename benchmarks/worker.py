"""A process that measures: it reads a job, and says in lines of JSON what it does and what it found."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import minidl

from . import catalogue, machine
from .engines import array_module
from .jobs import Job
from .libraries import MissingError
from .measuring import Told, by_importance, measure, measure_memory, measure_peaks
from .own import OwnError
from .rows import Row
from .runs import Run

HERE = Path(__file__).parent
ROOT = Path(minidl.__file__).parents[1]

# Runs this module with the minidl that stands in a folder, which may be another checkout's. As a module of minidl it
# has the same name in a checkout and where it is installed, for the files of one's own that import it.
_START = """
import importlib.util, sys
root, here = sys.argv[1:]
sys.path.insert(0, root)
import minidl
spec = importlib.util.spec_from_file_location("minidl.benchmarks", here + "/__init__.py",
                                              submodule_search_locations=[here])
sys.modules["minidl.benchmarks"] = minidl.benchmarks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(minidl.benchmarks)
from minidl.benchmarks.worker import main
main()
"""


class WorkerError(Exception):
    """A process that couldn't do its job; the message is its last word."""


def ask(job: Job, environment: dict[str, str], told: Told) -> Run:
    """Let a fresh process do a job.

    Arguments:
        job: what to do.
        environment: its variables, beside those of this process.
        told: hears what is being done, and what part of the job is done.

    Gives what it had found when its seconds were over, if they were. Raises WorkerError where it fails, or found
    nothing by then.
    """
    return ask_in_turns([job], environment, told)[0]


def ask_in_turns(jobs: Sequence[Job], environment: dict[str, str], told: Told) -> list[Run]:
    """Let fresh processes, one for each job, work at the same time, but so that while one works the others wait.

    What one times all others time right after it, and the next time the last is the first, so that nobody gains by
    what the machine does meanwhile.
    """
    runs: dict[int, Run] = {}
    talks = dict(enumerate(_talk(job, environment, told) for job in jobs))
    order = list(talks)
    try:
        while talks:
            for number in [each for each in order if each in talks]:
                try:
                    next(talks[number])
                except StopIteration as end:
                    runs[number] = end.value
                    del talks[number]
            order.reverse()
    finally:
        for talk in talks.values():
            talk.close()
    return [runs[number] for number in range(len(jobs))]


def _talk(job: Job, environment: dict[str, str], told: Told) -> Generator[None, None, Run]:
    """Start a process, which goes on when this does and stops where it is another's turn; returns what it found."""
    command, found = [sys.executable, "-P", "-c", _START, job.root or str(ROOT), str(HERE)], Run()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, encoding="utf-8",
            env={**os.environ, **environment},
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        is_over = threading.Event()

        def cut_off() -> None:
            is_over.set()
            process.kill()

        end = threading.Timer(job.seconds or 0.0, cut_off)
        if job.seconds is not None:
            end.start()
        try:
            print(job.to_json(), file=process.stdin, flush=True)
            for line in process.stdout:
                said = json.loads(line)
                if "error" in said:
                    raise WorkerError(said["error"])
                if "run" in said:
                    run = said["run"]
                    found = Run(**run | {"rows": [Row(**row) for row in run["rows"]]})
                if "turn" in said:
                    yield
                    print(file=process.stdin, flush=True)
                elif "told" in said:
                    told(said["told"], said["share"])
                else:
                    return found
        except BaseException:
            process.kill()
            raise
        finally:
            end.cancel()
        process.wait()
        if is_over.is_set() and found.about:
            return found
        if is_over.is_set():
            raise WorkerError("no time was left to find anything")
        words.seek(0)
        lines = [line for line in words.read().splitlines() if line.strip()]
        raise WorkerError(lines[-1] if lines else f"a process ended with status {process.returncode}")


def main() -> None:
    """Do the job in the first line of standard input, whose other lines each say that it is this process's turn."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a program prints is nobody's

    def say(**words: Any) -> None:
        print(json.dumps(words), file=lines, flush=True)

    def turn() -> None:
        say(turn=True)
        sys.stdin.readline()

    job, run = Job.from_json(sys.stdin.readline()), Run()

    def told(what: str, share: float) -> None:  # with what was found so far, lest it be lost where the time is over
        say(told=what, share=share, run=dataclasses.asdict(run))

    try:
        _do(job, run, told, turn if job.in_turns else lambda: None)
    except (MissingError, OwnError) as error:
        say(error=str(error))
    else:
        say(run=dataclasses.asdict(run))


def _do(job: Job, found: Run, told: Told, turn: Callable[[], None]) -> None:
    """Do a job, and add to what is found."""
    machine.stay_on(job.core)
    workloads, engines, found.missing = catalogue.find(job)
    if job.memory:
        workload_name, engine_name, device = job.memory
        workload = next(each for each in workloads if each.name == workload_name)
        engine = next(each for each in engines if each.name == engine_name)
        found.rows = [measure_memory(workload, engine, device)]
        return
    for device in job.devices:
        array_module(device)  # says what a GPU lacks
    if job.peaks:
        found.machine = machine.describe(job.devices)
        found.peaks = {device: measure_peaks(device, job.effort) for device in job.devices}
    found.about = {workload.name: workload.about for workload in workloads}  # in the order of a report
    ordered = workloads if job.seconds is None else by_importance(workloads)
    measure(found, ordered, engines, job.devices, job.effort, told, turn)
