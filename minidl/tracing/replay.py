"""What a function did, to be done again for who listens outside of it: a tape around a compiled function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from minidl.context import thread
from minidl.primitive import Primitive, _move, call, move
from minidl.tensor import Tensor, Variable


class Reference(NamedTuple):
    """Stands for a tensor of the trace, by its serial number there."""

    serial: int


Given = Any  # a reference, or a value itself
Found = dict[int, Tensor]  # tensors of today by the serial numbers that they had in the trace


class Replay:
    """The calls, reads and assignments of a trace, in order."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._steps: list[Callable[[Found], None]] = []

    def know(self, tensor: Tensor) -> None:
        """A tensor of the trace has another in its place each time."""
        self._known.add(tensor.serial)

    def given(self, value: Any) -> Given:
        """The reference to a tensor that is known; any other value itself."""
        is_known = isinstance(value, Tensor) and value.serial in self._known
        return Reference(value.serial) if is_known else value

    def note_call(
        self, primitive: Primitive, inputs: Sequence[Tensor], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        given, serial = tuple(map(self.given, inputs)), result.serial

        def again(found: Found) -> None:
            today = tuple([value_of(each, found) for each in given])
            found[serial] = move(*today, **options) if primitive is _move else call(primitive, today, options)

        self._steps.append(again)
        self.know(result)

    def note_read(self, variable: Variable, value: Tensor) -> None:
        serial = value.serial

        def again(found: Found) -> None:
            found[serial] = variable.read()

        self._steps.append(again)
        self.know(value)

    def note_assignment(self, variable: Variable, value: Tensor) -> None:
        given = self.given(value)
        self._steps.append(lambda found: variable.bind(value_of(given, found)))

    def run(self, found: Found) -> None:
        """Do all once more; `found` begins with the arguments, and gets the results."""
        state = thread.state
        device, state.device = state.device, None  # each call runs where it ran
        try:
            for step in self._steps:
                step(found)
        finally:
            state.device = device


def value_of(given: Given, found: Found) -> Any:
    """What a reference stands for today; any other value itself."""
    return found[given.serial] if isinstance(given, Reference) else given
