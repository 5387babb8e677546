"""All workloads and all engines, in the order in which they are reported."""

from __future__ import annotations

from pathlib import Path

from . import own, scaling
from .engines import ByHand, Engine, ModuleEngine
from .jobs import Job
from .models import MODELS
from .peers import Captured, Jax, Torch
from .rows import BY_HAND, LIMIT
from .workloads import WORKLOADS, Workload, slowed

ENGINES: tuple[Engine, ...] = (
    ByHand(LIMIT, True),
    ByHand(BY_HAND, False),
    ModuleEngine("minidl", "minidl"),
    ModuleEngine("minidl function", "minidl", {}),
    ModuleEngine("TensorFlow", "tensorflow"),
    ModuleEngine("TensorFlow function", "tensorflow", {}),
    ModuleEngine("TensorFlow XLA", "tensorflow", {"jit_compile": True}),
    Torch(),
    Captured(),
    Jax(),
)

ALL: tuple[Workload, ...] = (*WORKLOADS, *MODELS)


def find(job: Job) -> tuple[list[Workload], list[Engine], list[str]]:
    """The workloads and the engines of a job, and what it leaves out, each with the reason.

    Raises OwnError where one's own file has none.
    """
    workloads, engines = list(scaling.WORKLOADS if job.group == "scaling" else ALL), list(ENGINES)
    if job.group == "scaling":
        engines = [engine for engine in engines if engine.name in scaling.ENGINES]
    if job.own:
        own_workloads, own_engines = own.read(Path(job.own))
        for engine in own_engines:
            if any(engine.name == other.name for other in ENGINES):
                raise own.OwnError(f"{job.own}: there is an engine {engine.name!r} already; give yours another name")
        workloads, engines = own_workloads or workloads, [*engines, *own_engines]
    engines = [engine for engine in engines if job.frameworks or engine.starts_at_once]
    engines = [engine for engine in engines if job.by_hand or not isinstance(engine, ByHand)]
    named = [each for each in workloads if job.only.lower() in each.name.lower() and (each.quick or not job.quick)]
    if job.names is not None:
        named = [each for each in workloads if each.name in job.names]
    named = [slowed(each) if each.name == job.slowed else each for each in named]
    if job.only or job.names is not None:
        return named, engines, []
    left_out = {each.name: "it takes long" for each in named if each.long}
    if "gpu" not in job.devices:
        left_out |= {each.name: "it is made to fill a GPU" for each in named if each.fills_gpu}
    missing = [f"{name}: {why}; ask for it with --only '{name}'" for name, why in left_out.items()]
    return [each for each in named if each.name not in left_out], engines, missing
