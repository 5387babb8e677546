"""Workloads and engines of one's own, out of a Python file.

The file has one or both of

    WORKLOADS = {"name": (program, input, ...), ...}
    ENGINES = [engine, ...]

A workload's `program(tf, *inputs)` gives a tensor, or a list of tensors. An input is an array. What is more than that
(weights that a step moves, the same computation by hand) is a `Workload` with all its attributes in place of the tuple.

An engine has a `name`, and `prepare(workload, device)` gives a function without arguments, whose calls are timed, or a
`Side`. `takes(workload)` says which workloads are for it; without it, those of the same file. `devices` are ("cpu",).
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

from .engines import Engine, flat, to_numpy
from .timing import Side
from .workloads import Step, Workload

GROUP = "own workloads"


class OwnError(Exception):
    """A file that holds no workloads and no engines; the message says why."""


class OwnEngine(Engine):
    """An engine out of a file, which may be of any class."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.name = engine.name
        self.devices = tuple(getattr(engine, "devices", ("cpu",)))

    def takes(self, workload: Workload) -> bool:
        if hasattr(self.engine, "takes"):
            return bool(self.engine.takes(workload))
        return workload.group == GROUP

    def prepare(self, workload: Workload, device: str) -> Side:
        made = self.engine.prepare(workload, device)
        if callable(made):
            made = Side(made, arrays=lambda result: [numpy.array(to_numpy(each)) for each in flat(result)])
        if not isinstance(made, Side):
            raise TypeError(f"prepare gives a function to time, or a Side; it gave {made!r}")
        return made

    def device_peak(self) -> int:
        return int(self.engine.device_peak())


def read(file: Path) -> tuple[list[Workload], list[Engine]]:
    """The workloads and the engines of a file. Raises OwnError where it has none, or where one is none."""
    module = _module(file)
    workloads, engines = getattr(module, "WORKLOADS", {}), getattr(module, "ENGINES", [])
    if not isinstance(workloads, Mapping):
        raise OwnError(f"{file}: WORKLOADS is a dictionary of names and (program, input, ...); it is {workloads!r}")
    if not isinstance(engines, Sequence):
        raise OwnError(f"{file}: ENGINES is a list of engines; it is {engines!r}")
    if not workloads and not engines:
        raise OwnError(f"{file} has neither WORKLOADS = {{name: (program, input, ...)}} nor ENGINES = [engine]")
    for engine in engines:
        if not isinstance(getattr(engine, "name", None), str) or not callable(getattr(engine, "prepare", None)):
            raise OwnError(f"{file}: an engine has a name and a function prepare(workload, device); {engine!r} hasn't")
    return [_workload(file, *item) for item in workloads.items()], [OwnEngine(engine) for engine in engines]


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise OwnError(f"There is no Python file {file}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))  # what stands beside it, it imports
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise OwnError(f"{file} can't be run: {type(error).__name__}: {error}") from error
    return module


def _workload(file: Path, name: Any, given: Any) -> Workload:
    if isinstance(given, Workload):
        return dataclasses.replace(given, name=str(name), group=GROUP, quick=True)
    if not isinstance(name, str) or not isinstance(given, tuple) or not given or not callable(given[0]):
        raise OwnError(f"{file}: a workload is (program, input, ...) under its name; {name!r} is {given!r}")
    program, *inputs = given

    def step(tf: Any, _: list[numpy.ndarray]) -> tuple[Step, Sequence[Any]]:
        return functools.partial(program, tf), ()

    return Workload(name, GROUP, step, None, lambda: [numpy.array(each) for each in inputs], quick=True,
                    remembered=True)  # fmt: skip
