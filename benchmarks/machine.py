"""The machine: what it is, and the same settings on it for every engine."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from typing import Any

# Set in a process whose environment is arranged.
ARRANGED = "MINIDL_BENCHMARKS"

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


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    found |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", ARRANGED: malloc}
    return found | (_MALLOC if malloc == "raised" else {})


def restart_arranged(count: int, malloc: str) -> None:
    """Start this process anew in an arranged environment, since libraries read it when they are loaded."""
    if ARRANGED not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **arranged(count, malloc)})


def describe(device: str) -> dict[str, Any]:
    """The machine and what runs on it, in words and numbers."""
    found: dict[str, Any] = {
        "processor": str(_about_processor().get("brand_raw", platform.machine())),
        "cores": cores(),
        "threads": threads(),
        "malloc": os.environ.get(ARRANGED, "default"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": {name: version for name in _VERSIONS if (version := _version(name))},
    }
    return found | _gpu() if device == "gpu" else found


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
