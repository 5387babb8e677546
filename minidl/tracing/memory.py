"""Where a compiled program keeps a variable: memory that each of its runs overwrites."""

from __future__ import annotations

import operator
from typing import Any

from minidl.context import compiling
from minidl.devices import device_of
from minidl.errors import InvalidArgumentError
from minidl.tensor import Tensor, Variable


class Memory:
    """A program's memory for a variable, which the variable holds instead of a tensor once the program has run.

    Attributes:
        array: the memory. Whoever looks at it must not keep it.
        latest: a tensor of its own with what is there, None until somebody asks for it after a run.
    """

    __slots__ = ("array", "latest")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.latest: Tensor | None = None

    @property
    def tensor(self) -> Tensor:
        """What is there now, as a tensor that stays."""
        found = self.latest
        if found is None:
            with compiling:
                found = self.latest
                if found is None:
                    found = self.latest = Tensor(device_of(self.array).run(self.array.copy))
        return found

    def load(self, variable: Variable) -> None:
        """Bring a variable's value here, unless it is here; the lock is held meanwhile."""
        held = variable.held
        if held is not self:
            device = device_of(self.array)
            if device_of(held.array) is not device:
                raise InvalidArgumentError(
                    f"Variable {variable.name!r} is on {device_of(held.array)} now, but was on {device} when this "
                    "function was compiled; make the function anew with tf.function"
                )
            device.run(operator.setitem, self.array, Ellipsis, held.array)
            self.latest, variable.held = held if isinstance(held, Tensor) else None, self
