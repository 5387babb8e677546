"""The progress of a walk through batches, as Keras shows it: a bar that moves, one line, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

SECONDS_BETWEEN_UPDATES = 0.1


class Progress:
    """Shows how far a walk is; used in a `with` block.

    Arguments:
        verbose: 1 or 'auto' for a bar, 2 for a line at the end, 0 for nothing.
        steps: how many steps there are, None where it isn't known.
        title: a line to stand above.

    Raises ValueError for another verbosity.
    """

    def __init__(self, verbose: str | int, steps: int | None, title: str = "") -> None:
        verbose = 1 if verbose == "auto" else verbose
        if verbose not in (0, 1, 2):
            raise ValueError(f"verbose is 'auto', 0, 1 or 2; {verbose!r} was given")
        self._verbose = verbose
        self._steps = steps
        self._title = title
        self._done = 0
        self._start = self._shown = time.perf_counter()

    def __enter__(self) -> Progress:
        if self._verbose:
            self._open()
        return self

    def _open(self) -> None:
        from rich.console import Console  # it takes its time to import

        self._console = Console(highlight=False)
        if self._title:
            self._console.print(self._title)
        if self._verbose == 1:
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar
            from rich.table import Column

            # What doesn't fit beside the bar goes on below.
            steps = TextColumn("[bold]{task.fields[steps]}", table_column=Column(no_wrap=True, min_width=9))
            text = TextColumn("{task.fields[text]}", table_column=Column(overflow="fold"))
            self._bar = Bar(steps, BarColumn(20), text, console=self._console)
            self._task = self._bar.add_task("", total=self._steps, steps="", text="")
            self._bar.start()

    def __exit__(self, *_: object) -> None:
        if self._verbose == 1:
            self._bar.stop()

    def advance(self, logs: Callable[[], Mapping[str, Any]]) -> None:
        """Take one step on; `logs` gives the numbers to show, and is called only when it is time to show them."""
        self._done += 1
        now = time.perf_counter() if self._verbose == 1 else self._shown
        if now - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = now
            self._bar.update(self._task, completed=self._done, steps=self._count(), text=self._text(logs()))

    def finish(self, logs: Mapping[str, Any]) -> None:
        """Show the numbers at the end."""
        if self._verbose == 1:
            total = max(self._done, 1)
            self._bar.update(self._task, total=total, completed=total, steps=self._count(), text=self._text(logs))
        elif self._verbose == 2:
            self._console.print(f"{self._count()} - {self._text(logs, ' - ')}", soft_wrap=True)

    def _count(self) -> str:
        return f"{self._done}/{self._steps or self._done}"

    def _text(self, logs: Mapping[str, Any], between: str = " ") -> str:
        seconds = time.perf_counter() - self._start
        parts = [f"{seconds:.0f}s{between}{_duration(seconds / max(self._done, 1))}/step"]
        parts += [f"{name}: {_number(value)}" for name, value in logs.items()]
        return " - ".join(parts)


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
