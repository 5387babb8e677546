"""Ctrl-C, which comes at any moment, put off to the end of a step: a model is never left in the midst of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class WholeSteps:
    """Runs steps whole, in a `with` block: Ctrl-C during a step is heard when the step is done.

    Python hears of Ctrl-C in its main thread alone, so elsewhere there is nothing to put off.
    """

    def __init__(self) -> None:
        self._is_stepping = False
        self._waiting: tuple[int, FrameType | None] | None = None
        self._outer: Any = None

    def __enter__(self) -> WholeSteps:
        outer = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(outer):  # not ignored, nor the system's
            self._outer = outer
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        if self._outer is not None and signal.getsignal(signal.SIGINT) == self._hear:
            signal.signal(signal.SIGINT, self._outer)
        self._pass_on()

    def run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """What a step gives."""
        self._is_stepping = True
        try:
            return step(*arguments)
        finally:
            self._is_stepping = False
            self._pass_on()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._waiting = number, frame
        if not self._is_stepping:
            self._pass_on()

    def _pass_on(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._outer(*waiting)
