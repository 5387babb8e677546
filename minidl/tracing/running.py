"""What runs a program: where it keeps variables, and a guard, which runs it if called with what it is for.

Both are written out for their program. To walk over its variables, or to make a signature of the arguments and look
that up, would take longer than a small program itself.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidl.context import compiling, thread
from minidl.devices import CPU, device_of
from minidl.errors import InvalidArgumentError
from minidl.tensor import Tensor, TensorLike, Variable

ANOTHER = object()  # what a guard gives for arguments of another signature


class Memory:
    """A program's memory for a variable, which the variable holds instead of a tensor once the program has run.

    Attributes:
        array: the memory. Whoever looks at it must not keep it.
        variable: the last that was brought here: where it is given, each call may bring another.
        latest: a tensor of its own with what is there, None until somebody asks for it after a run.
    """

    __slots__ = ("array", "latest", "variable")

    def __init__(self, array: Any, variable: Variable) -> None:
        self.array, self.variable = array, variable
        self.latest: Tensor | None = None

    @property
    def tensor(self) -> Tensor:
        """What is there now, as a tensor that stays."""
        with compiling:
            if self.latest is None:
                self.latest = Tensor(device_of(self.array).run(self.array.copy))
            return self.latest

    def load(self, variable: Variable) -> None:
        """Bring a variable's value here, unless it is here; the lock is held meanwhile."""
        held, device = variable.held, device_of(self.array)
        if held is self:
            return
        if variable.home is not device:
            where = f"was on {device} when this function was compiled, and is on {variable.home} now"
            raise InvalidArgumentError(f"Variable {variable.name!r} {where}; make the function anew with tf.function")
        if self.variable.held is self:  # another, which keeps its value
            self.variable.held = self.tensor
        device.run(operator.setitem, self.array, Ellipsis, held.array)
        self.latest, self.variable, variable.held = None, variable, self


@dataclasses.dataclass
class Runner:
    """A program, and what it needs to run.

    Attributes:
        step: the program.
        reads: the variables that it takes, behind the tensors given.
        kept: where it keeps variables, and which.
        hand_out: makes results of what it returns and, if `hands_back` says so, of the tensors given.
    """

    step: Callable[..., Any]
    reads: Sequence[Variable]
    kept: Sequence[tuple[Memory, Variable]]
    hand_out: Callable[..., Any]
    hands_back: bool

    def _defined(self, name: str, lines: list[str], given: Mapping[str, Any], arrays: list[str], **names: Any) -> Any:
        """A function that runs the program, of the lines that come before that, and what it is given, by name."""
        memories, called = [memory for memory, _ in self.kept], {each.serial: name for name, each in given.items()}
        for each in (*self.reads, *(variable for _, variable in self.kept)):
            names |= {called.setdefault(each.serial, f"variable_{each.serial}"): each}  # unless it is given
        names |= {"step": self.step, "lock": compiling, "hand_out": self.hand_out, "thread": thread}
        names |= {f"memory_{index}": memory for index, memory in enumerate(memories)}
        names["load"] = lambda *variables: list(map(Memory.load, memories, variables))
        reads, kept = [called[each.serial] for each in self.reads], [called[each.serial] for _, each in self.kept]
        run = f"found = state.run_program({', '.join(['step', *arrays, *(f'{each}.array' for each in reads)])})"
        if self.kept:
            numbers = range(len(self.kept))
            moved = " or ".join(f"{each}.held is not memory_{i}" for i, each in enumerate(kept))
            load = f"        state.run_program(load, {', '.join(kept)})"
            body = [f"    if {moved}:", load, "    try:", f"        {run}", "    finally:"]
            body.append(f"        {' = '.join(f'memory_{i}.latest' for i in numbers)} = None")
        else:
            body = [f"    {run}"]
        end = f"return hand_out({', '.join(['found', *given] if self.hands_back else ['found'])})"
        exec("\n    ".join([*lines, "with lock:", *body, end]), names)
        return names[name]

    def run(self, given: Sequence[TensorLike]) -> Any:
        """What runs the program, called with tensors, of which it takes those once that were one, and variables."""
        names = {f"x{index}": each for index, each in enumerate(given)}
        arrays = {each.serial: f"{name}.array" for name, each in names.items() if isinstance(each, Tensor)}
        lines = [f"def run({', '.join(names)}):", "state = thread.state"]
        return self._defined("run", lines, names, list(arrays.values()))

    def guard(self, arguments: Sequence[Any]) -> Any:
        """What runs the program if called with arguments like these, and else says that they are others.

        None where they aren't of the kinds that a guard knows: tensors, each another, and None.
        """
        given = [f"x{index}" for index in range(len(arguments))]
        tensors = {name: each for name, each in zip(given, arguments, strict=True) if each is not None}
        if set(map(type, tensors.values())) - {Tensor} or len(set(map(id, tensors.values()))) < len(tensors):
            return None
        names: dict[str, Any] = {"Tensor": Tensor, "ANOTHER": ANOTHER, "scope": thread.state.device}
        others = ["more", "state.listeners", "state.device is not scope"]
        others += [f"type({name}) is not Tensor" if name in tensors else f"{name} is not None" for name in given]
        others += [f"{one} is {other}" for one, other in itertools.combinations(tensors, 2)]
        lines = [f"def guard({', '.join([*(f'{name}=ANOTHER' for name in given), '*more'])}):", "state = thread.state"]
        lines.append(f"if {' or '.join(others)}: return ANOTHER")
        for name, each in tensors.items():
            names |= {f"{name}_type": type(each.array), f"{name}_dtype": each.array.dtype, f"{name}_home": each.home}
            looks = f"{name}_array.shape != {each.array.shape} or {name}_array.strides != {each.array.strides}"
            kind = f"type({name}_array) is not {name}_type or {name}_array.dtype is not {name}_dtype"
            kind += f" or {name}.home is not {name}_home" if each.home is not CPU else ""  # NumPy's are all there
            lines += [f"{name}_array = {name}.array", f"if {kind} or {looks}: return ANOTHER"]
        return self._defined("guard", lines, tensors, [f"{name}_array" for name in tensors], **names)
