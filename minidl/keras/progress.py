"""The progress of a walk through batches, as Keras shows it: a bar that moves, one line, or nothing."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

SECONDS_BETWEEN_UPDATES = 0.1


class Progress:
    """Shows how far a walk is.

    Arguments:
        verbose: 1 or 'auto' for a bar, which moves where a person looks on, 2 for a line at the end, 0 for nothing.
        steps: how many steps there are, None where it isn't known.
        title: a line to stand above.

    Raises ValueError for another verbosity.
    """

    def __init__(self, verbose: str | int, steps: int | None, title: str = "") -> None:
        self._verbose = 1 if verbose == "auto" else verbose
        if self._verbose not in (0, 1, 2):
            raise ValueError(f"verbose is 'auto', 0, 1 or 2; {verbose!r} was given")
        self._moves = self._verbose == 1 and (getattr(sys.stdout, "isatty", bool)() or "ipykernel" in sys.modules)
        self._steps = steps
        self._done = 0
        self._start = self._shown = time.perf_counter()
        if title and self._verbose:
            print(title)

    def advance(self, logs: Callable[[], Mapping[str, Any]]) -> None:
        """Take one step on; `logs` gives the numbers to show, and is called only when it is time to show them."""
        self._done += 1
        now = time.perf_counter() if self._moves else self._shown
        if now - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = now
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{self._line(logs())[:width]:<{width}}", end="", flush=True)

    def finish(self, logs: Mapping[str, Any]) -> None:
        """Show the numbers at the end."""
        if self._verbose:
            self._steps = self._done
            width = shutil.get_terminal_size().columns - 1 if self._moves else 0
            print(("\r" if self._moves else "") + self._line(logs).ljust(width))

    def _line(self, logs: Mapping[str, Any]) -> str:
        seconds = time.perf_counter() - self._start
        filled = "=" * (20 * self._done // self._steps) if self._steps else ""
        bar = f" [{filled:.<20}]" if self._verbose == 1 else ""
        pace = f"{seconds:.0f}s {_duration(seconds / max(self._done, 1))}/step"
        parts = [f"{self._done}/{self._steps or 'Unknown'}{bar}", pace]
        return " - ".join([*parts, *(f"{name}: {_number(value)}" for name, value in logs.items())])


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
