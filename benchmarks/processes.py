"""Whole processes: the time of an import, and the lesson from start to end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Container

from .libraries import MissingError, need
from .measuring import Told, memory
from .rows import BY_HAND, Row
from .runs import Run
from .timing import Limit
from .worker import ROOT, WorkerError

IMPORT, LESSON = "import", "lesson as a process"

# Makes the memory that a process had at most, in kilobytes, its last line.
_PEAK = "\nprint(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"

_BY_HAND = """
import numpy
x = numpy.array([[8759], [10132], [12078], [16430]], "float32")
y = numpy.array([[487], [612], [866], [1030]], "float32")
weight, bias = numpy.array([[1.1125909]], "float32"), numpy.zeros(1, "float32")
for _ in range(100):
    error = x @ weight + bias - y
    weight -= 2e-10 * (x.T @ error) / 2
    bias -= 2e-10 * error.sum(axis=0) / 2
print(weight * 12008 + bias)
"""

# By hand stands for what Python and NumPy take, and for the machine where two runs are compared.
_IMPORTS = {BY_HAND: "numpy", "minidl": "minidl", "TensorFlow": "tensorflow", "PyTorch": "torch", "JAX": "jax"}
_LESSONS = {
    BY_HAND: _BY_HAND,
    "minidl": "from minidl.okja.command import main; main(['okja'])",
    "TensorFlow": "import tensorflow; from minidl.okja.lesson import lesson; lesson(tensorflow)",
}


def _output(code: str, seconds: float | None) -> str:
    """The last line that a program prints. Raises WorkerError with its last word where it fails, or takes too long."""
    # An installed module is compiled already; one in a checkout is at its first run.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
                              timeout=seconds)  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise WorkerError("no time was left for it") from error
    lines = [line for line in (done.stderr if done.returncode else done.stdout).splitlines() if line.strip()]
    if done.returncode:
        raise WorkerError(lines[-1] if lines else f"a process ended with status {done.returncode}")
    return lines[-1]


def import_time(engine: str, seconds: float | None = None) -> float:
    """The seconds that an import takes: NumPy's, or another's where NumPy is imported already."""
    first = "" if engine == BY_HAND else "import numpy\n"
    code = f"import time\n{first}start = time.perf_counter(); import {_IMPORTS[engine]}"
    return float(_output(f"{code}; print(time.perf_counter() - start)", seconds))


def lesson_process(engine: str, seconds: float | None = None) -> tuple[float, float]:
    """The seconds and the peak memory in bytes of the lesson as a whole process."""
    memory("VmRSS")  # says where the system doesn't tell
    start = time.perf_counter()
    peak = _output(_LESSONS[engine] + _PEAK, seconds)
    return time.perf_counter() - start, float(peak) * 1024


def measure_processes(
    found: Run, name: str, rounds: int, wanted: Container[str], told: Told, limit: Limit | None = None
) -> None:
    """Add the rows of imports or of the lesson, in interleaved rounds of which each is a process."""
    limit = limit or Limit(None)
    engines = [engine for engine in (_IMPORTS if name == IMPORT else _LESSONS) if engine in wanted]
    values: dict[str, list[tuple[float, ...]]] = {}
    for number in range(rounds):
        for engine in list(engines):
            told(engine, number / rounds)
            try:
                need(_IMPORTS[engine])
                found_now = (import_time(engine, limit.left),) if name == IMPORT else lesson_process(engine, limit.left)
                values.setdefault(engine, []).append(found_now)
            except (MissingError, WorkerError) as error:
                engines.remove(engine)
                found.lacks(f"{engine}: {error}")
    found.about[name] = {
        "group": "processes", "flops": None, "bytes": None, "samples": None, "size": None, "remembered": False,
        "network": False,
    }  # fmt: skip
    found.rows += [
        Row(name, engine, "cpu", what, [[value] for value in column])
        for engine, rows in values.items()
        for what, column in zip(("time", "peak memory"), zip(*rows, strict=True), strict=False)
    ]
