"""The machine: what it is, and the same settings on it for every engine."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

from .libraries import load

# Says in an arranged environment what malloc does.
_ARRANGED = "MINIDL_BENCHMARKS"

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # from which XLA takes the size of its pool
)

# Above these sizes malloc asks the system for memory, and gives it back, at each call.
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}

# Processors for which OpenBLAS has kernels with AVX-512.
_AVX512 = {"SkylakeX", "Cooperlake", "SapphireRapids"}

_VERSIONS = ("numpy", "cupy-cuda12x", "cupy-cuda13x", "tensorflow", "keras", "torch", "jax", "minidl")


def own_cores() -> list[int]:
    """The numbers of the cores that this process may use, where the system tells."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def cores() -> int:
    """How many cores this process may use."""
    return len(own_cores()) or os.cpu_count() or 1


def stay_on(core: int | None) -> None:
    """Let this process run on one core alone."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def threads() -> int:
    """How many threads every engine gets."""
    return int(os.environ.get("OMP_NUM_THREADS") or cores())


def arranged(count: int, malloc: str) -> dict[str, str]:
    """Variables of the environment that give every engine so many threads.

    Arguments:
        count: of threads.
        malloc: "raised", so that malloc keeps large blocks for the next call, or "default".
    """
    found = dict.fromkeys(_THREADS, str(count))
    found |= {"TF_NUM_INTEROP_THREADS": "1", "NVIDIA_TF32_OVERRIDE": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    found |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", _ARRANGED: malloc}
    return found | (_MALLOC if malloc == "raised" else {})


def describe(devices: Sequence[str]) -> dict[str, Any]:
    """The machine and what runs on it, in words and numbers."""
    found: dict[str, Any] = {
        "processor": str(_about_processor().get("brand_raw", platform.machine())),
        "cores": cores(),
        "threads": threads(),
        "malloc": os.environ.get(_ARRANGED, "default"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": {name: version for name in _VERSIONS if (version := _version(name))},
    }
    return found | _gpu() if "gpu" in devices else found


# The part of the processors that a quiet machine's other programs take.
QUIET = 0.1


class Watch:
    """Tells what part of the processors other programs took since it was made, or since it last told."""

    def __init__(self) -> None:
        self._busy, self._all = self._times()

    @staticmethod
    def _times() -> tuple[float, float]:
        """The seconds in which the processors were busy for others, and all their seconds."""
        times = load("psutil").cpu_times(percpu=True)
        times = [times[number] for number in own_cores() if number < len(times)] or times
        idle = sum(each.idle + getattr(each, "iowait", 0.0) for each in times)
        # What a virtual machine's guests take, Linux counts twice.
        total = sum(sum(each) - getattr(each, "guest", 0.0) - getattr(each, "guest_nice", 0.0) for each in times)
        return total - idle - sum(os.times()[:4]), total

    def others(self) -> float:
        """The part of the processors that others took; processes of this one's count when they have ended."""
        (before, start), (self._busy, self._all) = (self._busy, self._all), self._times()
        return max(0.0, self._busy - before) / max(self._all - start, 1e-9)


def wait_until_quiet(patience: float, told: Callable[[str], None]) -> float:
    """Wait until other programs leave the processors alone; gives the part that they take at last.

    Arguments:
        patience: how many seconds to wait at most.
        told: hears why this waits.
    """
    end = time.monotonic() + patience
    while True:
        watch = Watch()
        time.sleep(0.5)
        if (others := watch.others()) < QUIET or time.monotonic() > end:
            return others
        told(f"waiting: other programs take {others:.0%} of the processors")


@functools.cache
def _about_processor() -> dict[str, Any]:
    """What the processor says of itself, where that can be found out."""
    if importlib.util.find_spec("cpuinfo") is None:
        return {"brand_raw": platform.processor() or platform.machine()}
    from cpuinfo import get_cpu_info

    found: dict[str, Any] = get_cpu_info()
    return found


def _blas() -> str:
    """NumPy's library of matrix products, and the processor it takes this one for, where that can be found out."""
    import numpy

    built: Any = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = f"{built['name']} {built['version']}"
    if importlib.util.find_spec("threadpoolctl") is None:
        return name
    pools = importlib.import_module("threadpoolctl").threadpool_info()
    kernels = {pool.get("architecture") for pool in pools if "numpy" in pool["filepath"]} - {None}
    return f"{name}, kernels for {', '.join(sorted(kernels))}" if kernels else name


def leaves_avx512_unused(blas: str) -> bool:
    """Whether the processor has AVX-512, and NumPy's BLAS takes it for one that hasn't."""
    has_it = "avx512f" in _about_processor().get("flags", ())
    return has_it and "kernels for" in blas and not any(name in blas for name in _AVX512)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpu() -> dict[str, Any]:
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(0)["name"]
    runtime, driver = cupy.cuda.runtime.runtimeGetVersion(), cupy.cuda.runtime.driverGetVersion()
    return {
        "gpu": name.decode() if isinstance(name, bytes) else str(name),
        "cuda": f"{runtime // 1000}.{runtime % 1000 // 10}",
        "driver": f"{driver // 1000}.{driver % 1000 // 10}",
    }
