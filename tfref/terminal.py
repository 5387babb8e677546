"""How a command ends: its status, and the one sentence that it says where it can't do what was asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would end with 1, which means more in some commands


def end(name: str, run: Callable[[Console], int], refusals: tuple[type[Exception], ...]) -> int:
    """Run a command; returns the status that it gives, or 2 where it raises one of the refusals, which is then said."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # names of anybody's in a terminal that lacks the letters
    try:
        status = run(_Console(highlight=False))
        print(end="", flush=True)
    except KeyboardInterrupt:
        return 130  # what a shell says of a command that was interrupted
    except BrokenPipeError:  # whoever read the report has read enough
        _give_up_output()
        return 141  # what a shell says of a command whose reader has gone
    except refusals as error:
        with suppress(OSError):
            print(f"{name}: {error}", file=sys.stderr)
        _give_up_output()
        return 2
    return status


def _give_up_output() -> None:
    """Let Python, as it ends, not try once more to print what couldn't be printed."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def why_not_writable(file: Path) -> str:
    """Why a file can't be written, to be said before what it is to hold is made, and not after; "" where it can."""
    if not file.parent.is_dir():
        return f"there is no folder {file.parent} to write {file.name} to"
    if file.is_dir():
        return f"{file} is a folder; name a file to write to"
    return "" if os.access(file if file.exists() else file.parent, os.W_OK) else f"{file} can't be written to"
