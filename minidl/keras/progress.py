"""The progress of a walk through batches, as Keras shows it: a bar that moves, one line, or nothing.

The bar is a line of text that is written over by the next one, where that can be: on a terminal and in a notebook.
Elsewhere, as in a pipe, only its last state is written. Nothing but the standard output is needed.
"""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

SECONDS_BETWEEN_UPDATES = 0.1
WIDTH = 20  # of the bar


class Progress:
    """Shows how far a walk is; used in a `with` block.

    Arguments:
        verbose: 1 or 'auto' for a bar, 2 for a line at the end, 0 for nothing.
        steps: how many steps there are, None where it isn't known.
        title: a line to stand above.

    Raises ValueError for another verbosity.
    """

    def __init__(self, verbose: str | int, steps: int | None, title: str = "") -> None:
        self._verbose = 1 if verbose == "auto" else verbose
        if self._verbose not in (0, 1, 2):
            raise ValueError(f"verbose is 'auto', 0, 1 or 2; {verbose!r} was given")
        self._is_terminal = getattr(sys.stdout, "isatty", bool)()
        self._moves = self._verbose == 1 and (self._is_terminal or "ipykernel" in sys.modules)
        self._steps, self._done = steps, 0
        self._length = 0  # of the line that is to be written over
        self._start = self._shown = time.perf_counter()
        if title and self._verbose:
            print(title)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._length:
            print()

    def advance(self, logs: Callable[[], Mapping[str, Any]]) -> None:
        """Take one step on; `logs` gives the numbers to show, and is called only when it is time to show them."""
        self._done += 1
        if self._moves and time.perf_counter() - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = time.perf_counter()
            room = shutil.get_terminal_size().columns - 1 if self._is_terminal else None
            self._write(self._line(logs())[:room])

    def finish(self, logs: Mapping[str, Any]) -> None:
        """Show the numbers at the end."""
        if self._verbose:
            self._steps = self._done
            self._write(self._line(logs), end="\n")
            self._length = 0

    def _write(self, line: str, end: str = "") -> None:
        """Write a line over the one before."""
        print("\r" * bool(self._length) + line.ljust(self._length), end=end, flush=True)
        self._length = len(line)

    def _line(self, logs: Mapping[str, Any]) -> str:
        seconds = time.perf_counter() - self._start
        pace = f"{_duration(seconds / max(self._done, 1))}/step"
        text = f"{self._bar()} {seconds:.0f}s {pace}" if self._verbose == 1 else f"- {seconds:.0f}s - {pace}"
        numbers = [f"{name}: {_number(value)}" for name, value in logs.items()]
        return " - ".join([f"{self._done}/{self._steps or 'Unknown'} {text}", *numbers])

    def _bar(self) -> str:
        filled = WIDTH * self._done // self._steps if self._steps else 0
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        full, empty = "━─" if "━─".encode(encoding, "ignore").decode(encoding) == "━─" else "=."
        return full * filled + empty * (WIDTH - filled)


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
