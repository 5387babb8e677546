"""What takes a process of its own: peak memory, the time of an import, the lesson from start to end.

`python -m benchmarks.processes WORKLOAD ENGINE DEVICE` prints the peak memory of a workload on an engine.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Container
from pathlib import Path

from benchmarks import scaling
from benchmarks.catalogue import ENGINES
from benchmarks.engines import MissingError, load
from benchmarks.rows import Row
from benchmarks.workloads import LESSON, WORKLOADS, network_step

_STATUS = Path("/proc/self/status")

_ROOT = Path(__file__).parents[1]

# Makes the memory that a process had at most, in kilobytes, its last line.
_PEAK = "\nprint(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"

IMPORT, PROCESS = "import, over NumPy's", "lesson as a process"

_LESSONS = {
    "minidl": "from minidl.okja.command import main; main(['okja'])",
    "TensorFlow": "import tensorflow; from minidl.okja.lesson import lesson; lesson(tensorflow)",
}
_MODULES = {"minidl": "minidl", "TensorFlow": "tensorflow", "PyTorch": "torch", "JAX": "jax"}


def memory(name: str) -> int:
    """The bytes of memory of this process: now ("VmRSS") or at most ("VmHWM").

    Raises MissingError where the system doesn't tell.
    """
    if not _STATUS.exists():
        raise MissingError("peak memory is read from /proc, which this system doesn't have")
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def main(workload_name: str, engine_name: str, device: str) -> None:
    """Print the bytes that a workload takes at most, its inputs and first call included, on the device."""
    workload = {each.name: each for each in (*WORKLOADS, *scaling.WORKLOADS)}[workload_name]
    engine = {each.name: each for each in ENGINES}[engine_name]
    # What an engine loads and sets up for any workload doesn't count for this one.
    small = engine.prepare(network_step(LESSON, "train"), device)
    small.finish(small.call())
    gc.collect()
    before = memory("VmRSS") if device == "cpu" else 0
    Path("/proc/self/clear_refs").write_text("5")
    side = engine.prepare(workload, device)
    with side.scope():
        for _ in range(3):
            side.finish(side.call())
    print(memory("VmHWM") - before if device == "cpu" else engine.device_peak())


def _output(*arguments: str) -> str:
    """The last line that Python prints. Raises RuntimeError with its last word where it fails."""
    # A malloc that keeps what was freed would hide what is allocated after it; an installed module is compiled already.
    unwanted = "MALLOC_", "PYTHONDONTWRITEBYTECODE"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, env=environment, capture_output=True, text=True, encoding="utf-8",
        check=False,
    )  # fmt: skip
    lines = [line for line in (done.stderr if done.returncode else done.stdout).splitlines() if line.strip()]
    if done.returncode:
        raise RuntimeError(lines[-1] if lines else f"a process ended with status {done.returncode}")
    return lines[-1]


def peak_memory(workload: str, engine: str, device: str) -> Row:
    """The peak memory of a workload, in bytes, measured in a fresh process."""
    return Row(workload, engine, device, "peak memory", [float(_output("-m", __spec__.name, workload, engine, device))])


def import_time(engine: str) -> float:
    """The seconds that an import takes where NumPy is imported already."""
    module = _MODULES[engine]
    load(module)
    code = f"import time, numpy; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return float(_output("-c", code))


def lesson_process(engine: str) -> tuple[float, float]:
    """The seconds and the peak memory in bytes of the lesson as a whole process."""
    if engine == "TensorFlow":
        load("tensorflow")
    memory("VmRSS")  # says where the system doesn't tell
    start = time.perf_counter()
    peak = _output("-c", _LESSONS[engine] + _PEAK)
    return time.perf_counter() - start, float(peak) * 1024


def process_rows(name: str, rounds: int, wanted: Container[str]) -> tuple[list[Row], list[str]]:
    """The rows of imports or of the lesson, in interleaved rounds after one to warm up, and what is missing."""
    names = [engine for engine in (_MODULES if name == IMPORT else _LESSONS) if engine in wanted]
    missing: list[str] = []
    values: dict[str, list[tuple[float, ...]]] = {}
    for number in range(rounds + 1):
        for engine in list(names):
            try:
                found = (import_time(engine),) if name == IMPORT else lesson_process(engine)
            except MissingError as error:
                names.remove(engine)
                missing.append(f"{engine}: {error}")
                continue
            if number:
                values.setdefault(engine, []).append(found)
    return [
        Row(name, engine, "cpu", what, list(column))
        for engine, found in values.items()
        for what, column in zip(("time", "peak memory"), zip(*found, strict=True), strict=False)
    ], missing


if __name__ == "__main__":
    main(*sys.argv[1:])
