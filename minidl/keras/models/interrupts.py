"""Ctrl-C, which comes at any moment, put off to the end of a step: a model is never left in the midst of one."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def whole_steps() -> Iterator[Callable[..., Any]]:
    """What runs steps whole, in a `with` block: Ctrl-C during a step is heard when the step is done.

    It is called with a step and its arguments, and gives what the step gives. Python hears of Ctrl-C in its main thread
    alone, so elsewhere there is nothing to put off.
    """
    outer: Any = signal.getsignal(signal.SIGINT)
    waiting: list[Any] = []
    is_stepping = False

    def pass_on() -> None:
        if waiting:
            outer(*waiting.pop())

    def hear(*heard: Any) -> None:
        waiting[:] = [heard]
        if not is_stepping:
            pass_on()

    def run(step: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal is_stepping
        is_stepping = True
        try:
            return step(*arguments)
        finally:
            is_stepping = False
            pass_on()

    if threading.current_thread() is threading.main_thread() and callable(outer):  # not ignored, nor the system's
        signal.signal(signal.SIGINT, hear)
    try:
        yield run
    finally:
        if signal.getsignal(signal.SIGINT) is hear:
            signal.signal(signal.SIGINT, outer)
