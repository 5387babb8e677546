"""What runs a program, and a guard: it runs it if called with arguments of the program's signature, else says so.

Both are written out for their program. To walk over its variables, or to make a signature of the arguments and look
that up, would take longer than a small program itself.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minidl.context import compiling, thread
from minidl.tensor import Tensor, Variable
from minidl.tracing.memory import Memory

# What a guard gives for arguments of another signature.
ANOTHER = object()


@dataclasses.dataclass
class Parts:
    """A program, and what it needs to run.

    Attributes:
        step: the program.
        takes: the numbers of the tensors that it takes, among those given.
        reads: the variables that it takes.
        memories: the variables that it keeps, and where it keeps them.
        hand_out: makes results of what it returns and, if `hands_back` says so, of the tensors given.
    """

    step: Callable[..., Any]
    takes: Sequence[int]
    reads: Sequence[Variable]
    memories: Sequence[tuple[Variable, Memory]]
    hand_out: Callable[..., Any] = Tensor
    hands_back: bool = False

    def _load(self) -> None:
        """Bring the values of variables, where others than this program assigned them, to where it keeps them."""
        for variable, memory in self.memories:
            memory.load(variable)

    def names(self) -> dict[str, Any]:
        """What the lines that run the program need, by name."""
        names = {"step": self.step, "load": self._load, "lock": compiling, "hand_out": self.hand_out, "thread": thread}
        for index, variable in enumerate(self.reads):
            names[f"read_{index}"] = variable
        for index, (variable, memory) in enumerate(self.memories):
            names |= {f"kept_{index}": variable, f"memory_{index}": memory}
        return names

    def lines(self, tensors: Sequence[str], arrays: Sequence[str]) -> list[str]:
        """The lines that run the program, in a function where the tensors given and their arrays are called so."""
        given = [arrays[index] for index in self.takes] + [f"read_{index}.array" for index in range(len(self.reads))]
        call = f"found = state.run_program({', '.join(['step', *given])})"
        kept = range(len(self.memories))
        lines = ["    with lock:"]
        if self.memories:
            lines += [f"        if {' or '.join(f'kept_{i}.held is not memory_{i}' for i in kept)}:"]
            lines += ["            load()", "        try:", f"            {call}", "        finally:"]
            lines += [f"            {' = '.join(f'memory_{i}.latest' for i in kept)} = None"]
        else:
            lines += [f"        {call}"]
        return [*lines, f"    return hand_out({', '.join(['found', *tensors] if self.hands_back else ['found'])})"]


def runner(parts: Parts) -> Callable[..., Any]:
    """What runs a program, called with the tensors given."""
    count = max(parts.takes, default=-1) + 1
    named = [f"x{index}" for index in range(count)]
    head = [f"def run({', '.join([*named, '*more'])}):", "    state = thread.state"]
    tensors = [*named, "*more"]
    return _defined("run", head + parts.lines(tensors, [f"{name}.array" for name in named]), parts.names())


def guard_for(arguments: Sequence[Any], parts: Parts) -> Callable[..., Any] | None:
    """A guard for a program compiled for these arguments.

    None where they aren't of the kinds that a guard knows: tensors on the CPU, each another, and None.
    """
    given = [f"x{index}" for index in range(len(arguments))]
    tensors = {name: each for name, each in zip(given, arguments, strict=True) if each is not None}
    if any(type(each) is not Tensor or type(each.array) is not numpy.ndarray for each in tensors.values()):
        return None
    if len(set(map(id, tensors.values()))) < len(tensors):
        return None
    names = {**parts.names(), "Tensor": Tensor, "ndarray": numpy.ndarray, "ANOTHER": ANOTHER}
    others = ["more", "state.listeners", "state.device is not None"]
    others += [f"type({name}) is not Tensor" if name in tensors else f"{name} is not None" for name in given]
    others += [f"{one} is {other}" for one, other in itertools.combinations(tensors, 2)]
    parameters = ", ".join([*(f"{name}=ANOTHER" for name in given), "*more"])
    lines = [f"def guard({parameters}):", "    state = thread.state", f"    if {' or '.join(others)}:"]
    lines.append("        return ANOTHER")
    for name, each in tensors.items():
        names[f"{name}_dtype"] = each.array.dtype
        lines += [
            f"    {name}_array = {name}.array",
            f"    if (type({name}_array) is not ndarray or {name}_array.dtype is not {name}_dtype",
            f"            or {name}_array.shape != {each.array.shape}",
            f"            or {name}_array.strides != {each.array.strides}):",
            "        return ANOTHER",
        ]
    return _defined("guard", lines + parts.lines(list(tensors), [f"{name}_array" for name in tensors]), names)


def _defined(name: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    exec("\n".join(lines), names)
    made: Callable[..., Any] = names[name]
    return made
