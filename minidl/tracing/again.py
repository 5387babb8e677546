"""What a function did, to be done again for who listens outside of it: a tape around a compiled function."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from minidl.context import thread
from minidl.ops.calling import _move, call, move
from minidl.primitive import Primitive
from minidl.tensor import Tensor, Variable


@dataclasses.dataclass(frozen=True)
class Place:
    """Stands for a tensor of the trace, by its serial number there."""

    serial: int


Given = Any  # the place of a tensor, or a value itself
Found = dict[int, Tensor]  # tensors of today by the serial numbers that they had in the trace


def value_of(given: Given, found: Found) -> Any:
    """What a place stands for today; any other value itself."""
    return found[given.serial] if isinstance(given, Place) else given


@dataclasses.dataclass(frozen=True)
class Call:
    """A primitive was called."""

    primitive: Primitive
    options: Mapping[str, Any]
    inputs: Sequence[Given]
    result: int

    def again(self, found: Found) -> None:
        inputs = tuple(value_of(each, found) for each in self.inputs)
        moves = self.primitive is _move
        found[self.result] = move(*inputs, **self.options) if moves else call(self.primitive, inputs, self.options)


@dataclasses.dataclass(frozen=True)
class Read:
    """A variable was read."""

    variable: Variable
    result: int

    def again(self, found: Found) -> None:
        found[self.result] = self.variable.read()


@dataclasses.dataclass(frozen=True)
class Assignment:
    """A variable was assigned."""

    variable: Variable
    value: Given

    def again(self, found: Found) -> None:
        self.variable.bind(value_of(self.value, found))


Step = Call | Read | Assignment


def issue_again(steps: Sequence[Step], found: Found) -> None:
    """Do all once more; `found` begins with the arguments, and gets the results."""
    here = thread.here
    scope, here.device = here.device, None  # each call runs where it ran
    try:
        for step in steps:
            step.again(found)
    finally:
        here.device = scope
