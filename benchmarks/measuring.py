"""Measures workloads on engines in this process."""

from __future__ import annotations

import gc
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy

from .checking import faults, faults_beside_recording
from .engines import Engine, array_module, wait_for_cupy
from .libraries import MissingError
from .rows import Row
from .runs import Run
from .timing import Effort, Side, at_once, calls_for, interleaved, time_calls
from .workloads import LESSON, Workload, network_step

# Hears what is being measured, and what part is done.
Told = Callable[[str, float], None]

_STATUS = Path("/proc/self/status")


def measure(
    found: Run,
    workloads: Sequence[Workload],
    engines: Sequence[Engine],
    devices: Sequence[str],
    effort: Effort,
    told: Told,
    turn: Callable[[], None] = lambda: None,
) -> None:
    """Time workloads on engines and devices, and check every result before and after; for `turn`, see interleaved.

    What isn't measured yet is missing in what is found, at any moment, so that who is cut off has said so.
    """
    found.about |= {workload.name: workload.about for workload in workloads}
    found.missing += [without_time(workload.name) for workload in workloads]
    for number, workload in enumerate(workloads):
        told(workload.name, number / len(workloads))
        ready: dict[tuple[str, str], Side] = {}
        for device in devices:
            for engine in engines:
                if side := _prepared(found, workload, engine, device):
                    ready[engine.name, device] = side
        timed = interleaved(list(ready.values()), effort, turn)
        for ((name, device), side), values in zip(ready.items(), timed, strict=True):
            if isinstance(values, Exception):
                wrong = [_said(values)]
            else:
                found.rows.append(Row(workload.name, name, device, "time", [values]))
                wrong = _faults(workload, side)
            found.faults += [f"{workload.name}, {name} on {device}, after its first call: {each}" for each in wrong]
        ready.clear()
        gc.collect()
        found.missing.remove(without_time(workload.name))


def without_time(name: str) -> str:
    """What a run says of a workload for which no time was left."""
    return f"{name}: no time was left for it"


def by_importance(workloads: Sequence[Workload]) -> list[Workload]:
    """The order in which workloads are measured where time is short: the quick ones, those made for a GPU, the rest."""
    return sorted(workloads, key=lambda workload: (not workload.quick, not workload.fills_gpu))


def _prepared(found: Run, workload: Workload, engine: Engine, device: str) -> Side | None:
    """A workload made ready and found right, with its first call timed in a row of its own."""
    if device not in engine.devices or not engine.takes(workload):
        return None
    for name, reason in workload.refuses.items():
        if name == device or engine.name.startswith(name):
            found.lacks(f"{engine.name} on {device}, {workload.name}: {reason}")
            return None
    try:
        side = engine.prepare(workload, device)
        start = time.perf_counter()
        with side.scope():
            side.finish(result := side.call())
        found.rows.append(Row(workload.name, engine.name, device, "first call", [[time.perf_counter() - start]]))
        wrong = faults_beside_recording(workload, side, result) + faults(workload, side)
    except MissingError as error:
        found.lacks(f"{engine.name} on {device}: {error}")
        return None
    except Exception as error:  # one engine's failure is a finding, and not the end of the others
        wrong = [_said(error)]
    found.faults += [f"{workload.name}, {engine.name} on {device}: {each}" for each in wrong]
    return None if wrong else side


def _faults(workload: Workload, side: Side) -> list[str]:
    try:
        return faults(workload, side)
    except Exception as error:
        return [_said(error)]


def _said(error: Exception) -> str:
    """An error in a line."""
    return textwrap.shorten(f"{type(error).__name__}: {error}".partition("\n")[0], 300, placeholder=" ...")


def measure_peaks(device: str, effort: Effort) -> dict[str, float]:
    """The floating-point operations and bytes in a second of one large matrix product and one large copy.

    Of random numbers, since a processor that multiplies nothing but ones stays cooler and so is faster.
    """
    xp, draw = array_module(device), numpy.random.default_rng(0).random

    def fastest(call: Callable[[], Any]) -> float:
        side = Side(call, at_once if device == "cpu" else wait_for_cupy)
        count = calls_for(side, effort.seconds)
        return min(time_calls(side, count) for _ in range(5))

    def product(size: int) -> float:
        matrix = xp.asarray(draw((size, size), numpy.float32))
        result = xp.empty_like(matrix)
        return fastest(lambda: xp.matmul(matrix, matrix, out=result))

    size = 1024
    while (taken := product(size)) < effort.seconds / 4 and size < LARGEST_MATRIX:
        size *= 2
    array = xp.asarray(draw(1 << 26, numpy.float32))
    copy = xp.empty_like(array)
    return {"flops": 2 * size**3 / taken, "bytes": 2 * array.nbytes / fastest(lambda: xp.copyto(copy, array))}


# Rows of the matrix beyond which no GPU multiplies faster, and drawing the numbers takes longer than the products.
LARGEST_MATRIX = 8192


def memory(name: str) -> int:
    """The bytes of memory of this process: now ("VmRSS") or at most ("VmHWM").

    Raises MissingError where the system doesn't tell.
    """
    if not _STATUS.exists():
        raise MissingError("peak memory is read from /proc, which this system doesn't have")
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def measure_memory(workload: Workload, engine: Engine, device: str) -> Row:
    """The bytes that a workload takes at most on a device, its inputs and first calls included.

    What an engine loads and sets up for any workload doesn't count for this one, which begins in a fresh process.
    """
    if engine.takes(small := network_step(LESSON, "train")):
        side = engine.prepare(small, device)
        side.finish(side.call())
    gc.collect()
    before = memory("VmRSS") if device == "cpu" else 0
    Path("/proc/self/clear_refs").write_text("5")
    side = engine.prepare(workload, device)
    with side.scope():
        for _ in range(3):
            side.finish(side.call())
    peak = memory("VmHWM") - before if device == "cpu" else engine.device_peak()
    return Row(workload.name, engine.name, device, "peak memory", [[float(peak)]])
