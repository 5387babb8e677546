"""What a function did, to be done again for who listens outside of it: a tape around a compiled function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidl.context import thread
from minidl.devices import Device
from minidl.nest import flatten, pack
from minidl.ops.calling import _move, as_tensor, call, move
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


@dataclasses.dataclass(frozen=True)
class CustomCall:
    """A function with a gradient of its own was called.

    Attributes:
        function: the function.
        given: its arguments and those given by name.
        device: the device in scope.
        inside: what it did inside, which nobody hears, but its gradient may have used.
        results: the serial numbers of its results.
    """

    function: Callable[..., Any]
    given: Any
    device: Device | None
    inside: list[Step]
    results: list[int]

    def again(self, found: Found) -> None:
        self.compute_inside(found)
        here = thread.here
        arguments, options = pack(self.given, [value_of(each, found) for each in flatten(self.given)])
        scope, here.device = here.device, self.device
        try:
            results = flatten(self.function(*arguments, **options))
        finally:
            here.device = scope
        found.update(zip(self.results, map(as_tensor, results), strict=True))

    def compute_inside(self, found: Found) -> None:
        """Compute the tensors inside once more, unheard."""
        here = thread.here
        listeners, here.listeners = here.listeners, ()
        try:
            for step in self.inside:
                if isinstance(step, CustomCall):
                    step.compute_inside(found)
                elif not isinstance(step, Assignment):  # the function itself assigns
                    step.again(found)
        finally:
            here.listeners = listeners


Step = Call | Read | Assignment | CustomCall


def issue_again(steps: Sequence[Step], found: Found) -> None:
    """Do all once more; `found` begins with the arguments, and gets the results."""
    here = thread.here
    scope, here.device = here.device, None  # each call runs where it ran
    try:
        for step in steps:
            step.again(found)
    finally:
        here.device = scope
