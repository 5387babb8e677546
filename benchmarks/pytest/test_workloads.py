"""Every workload on every engine and device, under pytest-benchmark: `pytest benchmarks`."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.catalogue import ENGINES
from benchmarks.checking import faults
from benchmarks.engines import Engine
from benchmarks.libraries import MissingError
from benchmarks.timing import at_once, calls_for, seconds
from benchmarks.workloads import WORKLOADS, Workload

_CASES = [
    pytest.param(workload, engine, device, id=f"{workload.name}-{engine.name}-{device}")
    for workload in WORKLOADS
    for device in ("cpu", "gpu")
    for engine in ENGINES
    if engine.takes(workload)
]

# Seconds for a call from which on one call is enough.
SLOW = 0.5


@pytest.mark.parametrize(("workload", "engine", "device"), _CASES)
def test_workload(workload: Workload, engine: Engine, device: str, benchmark: Any) -> None:
    """Timed in a few rounds, or once where it is slow, and right after that."""
    if workload.fills_gpu and device == "cpu":
        pytest.skip("fills a GPU, and would take the CPU minutes")
    for name, reason in workload.refuses.items():
        if engine.name.startswith(name):
            pytest.skip(reason)
    try:
        side = engine.prepare(workload, device)
    except MissingError as error:
        pytest.skip(str(error))
    timed = side.call if side.finish is at_once else lambda: side.finish(side.call())
    with side.scope():
        side.finish(side.call())
        first = seconds(timed, 1)
        rounds, count = (3, calls_for(side, 0.005)) if first < SLOW else (1, 1)
        benchmark.group = f"{workload.name} on {device}"
        benchmark.pedantic(timed, rounds=rounds, iterations=count)
    assert faults(workload, side) == []
