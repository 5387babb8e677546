"""The strict double of CuPy where minidl looks for CuPy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minidl import devices
from tfref import strict_cupy


@contextmanager
def double_for_cupy() -> Iterator[Any]:
    """A scope in which the strict double stands for CuPy, so that `/gpu:0` and `/gpu:1` are there. Gives the double."""
    real = sys.modules.get("cupy")
    sys.modules["cupy"] = strict_cupy
    devices._gpu.cache_clear()
    try:
        yield strict_cupy
    finally:
        del sys.modules["cupy"]
        if real is not None:
            sys.modules["cupy"] = real
        devices._gpu.cache_clear()
