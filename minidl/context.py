"""What a thread is in the middle of: who listens to its operations, and on which device they run."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from minidl.devices import Device
    from minidl.primitive import Listener
    from minidl.tensor import Tensor


# Compiled functions are traced and run one at a time, since each call overwrites the buffers of the one before. Who
# binds a variable's value, or copies it out of a buffer, waits for them too.
compiling = threading.RLock()


class Here:
    """The state of one thread.

    listeners: the tapes and other listeners in force, the outermost first.
    assigned:  inside a function that is traced, the tensors that it assigned, by the id of the variable: nobody else
               sees them. None elsewhere.
    device:    the device of the innermost `with device(...)`, or None outside of any.
    outer:     the devices of the scopes around it.
    silently:  calls a kernel with NumPy's floating-point warnings off, as TensorFlow has none.
               (A context of its own makes that as cheap as the call; `numpy.errstate` would double it.)
    program_silently: calls a compiled program so. It has another context, since no context can be entered twice, and
               a signal handler may call kernels in the midst of a program.
    """

    __slots__ = ("assigned", "device", "listeners", "outer", "program_silently", "silently")

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.assigned: dict[int, Tensor] | None = None
        self.device: Device | None = None
        self.outer: list[Device | None] = []
        self.silently, self.program_silently = _silent(), _silent()

    def enter(self, listener: Listener) -> None:
        self.listeners = (*self.listeners, listener)

    def leave(self, listener: Listener) -> None:
        if self.listeners and self.listeners[-1] is listener:
            self.listeners = self.listeners[:-1]
        else:
            self.listeners = tuple(other for other in self.listeners if other is not listener)


def _silent() -> Callable[..., Any]:
    """What calls a function in a context of its own, in which NumPy gives no floating-point warnings."""
    context = contextvars.copy_context()
    context.run(numpy.seterr, all="ignore")
    return context.run


class _Thread(threading.local):
    def __init__(self) -> None:
        self.here: Any = Here()


thread = _Thread()
