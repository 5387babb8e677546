"""What a thread is in the middle of: who listens to its calls, on which device they run, and what is being traced."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from minidl.devices import Device
    from minidl.primitive import Listener


class State:
    """The state of one thread.

    listeners:   the tapes and other listeners in force, the outermost first.
    device:      the device of the innermost `with device(...)`, or None outside of any.
    outer:       the devices of the scopes around it.
    trace:       what writes down the calls of a function that is being traced, None where none is.
    run_rule:    calls a forward rule with NumPy's floating-point warnings off, as TensorFlow has none.
                 (A context of its own makes that as cheap as the call; `numpy.errstate` would double it.)
    run_program: calls a compiled program so, in another context, since none can be entered twice, and a signal handler
                 may compute in the midst of a program.
    """

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.device: Device | None = None
        self.outer: list[Device | None] = []
        self.trace: Any = None
        self.run_rule, self.run_program = quiet_call(), quiet_call()

    def enter(self, listener: Listener) -> None:
        """Tell a listener of the calls that follow."""
        self.listeners = (*self.listeners, listener)

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        self.listeners = tuple([other for other in self.listeners if other is not listener])


def quiet_call() -> Callable[..., Any]:
    """What calls a function in a context of its own, in which NumPy gives no floating-point warnings."""
    context = contextvars.copy_context()
    context.run(numpy.seterr, all="ignore")
    return context.run


class _Thread(threading.local):
    def __init__(self) -> None:
        self.state: Any = State()


thread = _Thread()


# Functions are traced, and their programs run, one at a time, since each run overwrites the buffers of the one before.
# Who gives a variable a value, or copies it out of a program's memory, waits for them too. So does a fork: its child
# has but one of the threads, and a lock that another held would never be let go of there.
compiling = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=compiling.acquire, after_in_parent=compiling.release, after_in_child=compiling.release)
