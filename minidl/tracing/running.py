"""What runs a program: where it keeps variables, and a guard, which runs it if called with what it is for.

Both are written out for their program. To walk over its variables, or to make a signature of the arguments and look
that up, would take longer than a small program itself.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
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


def run_and_guard(
    step: Callable[..., Any], reads: Sequence[Variable], kept: Sequence[tuple[Memory, Variable]],
    hand_out: Callable[..., Any], hands_back: bool, given: Sequence[TensorLike], arguments: Sequence[Any] | None,
) -> tuple[Any, Any]:  # fmt: skip
    """What runs a program, called with a thread's state, tensors and variables; and its guard, called with arguments.

    Arguments:
        step: the program.
        reads: the variables that it takes, behind the tensors given.
        kept: where it keeps variables, and which.
        hand_out: makes results of what it returns and, if `hands_back` says so, of the tensors given.
        given: what stands for the tensors and variables; it takes once what is given twice.
        arguments: such as the guard is for, which says ANOTHER for others; None if some are given by name. There is no
            guard but for tensors, each another, and None.
    """
    called, memories = {each.serial: f"x{index}" for index, each in enumerate(given)}, [memory for memory, _ in kept]
    names: dict[str, Any] = {"step": step, "lock": compiling, "hand_out": hand_out, "thread": thread}
    names |= {f"memory_{index}": memory for index, memory in enumerate(memories)}
    names["load"] = lambda *variables: list(map(Memory.load, memories, variables))
    for each in (*reads, *(variable for _, variable in kept)):
        names |= {called.setdefault(each.serial, f"variable_{each.serial}"): each}  # unless it is given
    taken = dict.fromkeys(each.serial for each in given if isinstance(each, Tensor))
    arrays = [f"{called[serial]}.array" for serial in (*taken, *(each.serial for each in reads))]
    run = f"found = state.run_program({', '.join(['step', *arrays])})"
    own = [f"x{index}" for index in range(len(given))]
    lines = [f"def run({', '.join(['state', *own])}):", "    with lock:"]
    if kept:
        moved = {f"memory_{index}": called[variable.serial] for index, (_, variable) in enumerate(kept)}
        lines += [f"        if {' or '.join(f'{name}.held is not {memory}' for memory, name in moved.items())}:"]
        lines += [f"            state.run_program(load, {', '.join(moved.values())})"]
        lines += ["        try:", f"            {run}", "        finally:"]
        lines += [f"            {' = '.join(f'{memory}.latest' for memory in moved)} = None"]
    else:
        lines.append(f"        {run}")
    lines.append(f"        return hand_out({', '.join(['found', *own] if hands_back else ['found'])})")
    tensors = [each for each in arguments or () if each is not None]
    if arguments is not None and {*map(type, tensors)} <= {Tensor} and len({*map(id, tensors)}) == len(tensors):
        lines += _guard_lines(arguments, names)
    exec("\n".join(lines), names)
    return names["run"], names.get("guard")


def _guard_lines(arguments: Sequence[Any], names: dict[str, Any]) -> list[str]:
    """The lines of a guard for arguments, which calls `run`; the names that it uses are put beside those known."""
    given = [f"x{index}" for index in range(len(arguments))]
    tensors = {name: each for name, each in zip(given, arguments, strict=True) if each is not None}
    names |= {"Tensor": Tensor, "ANOTHER": ANOTHER, "scope": thread.state.device}
    others = ["more", "state.listeners", "state.device is not scope"]
    others += [f"type({name}) is not Tensor" if name in tensors else f"{name} is not None" for name in given]
    others += [f"{one} is {other}" for one, other in itertools.combinations(tensors, 2)]
    for name, each in tensors.items():
        names |= {f"{name}_type": type(each.array), f"{name}_dtype": each.array.dtype, f"{name}_home": each.home}
        others += [f"type(array := {name}.array) is not {name}_type", f"array.dtype is not {name}_dtype"]
        others += [f"{name}.home is not {name}_home"] if each.home is not CPU else []  # NumPy's are all there
        others += [f"array.shape != {each.array.shape}", f"array.strides != {each.array.strides}"]
    return [
        f"def guard({', '.join([*(f'{name}=ANOTHER' for name in given), '*more'])}):", "    state = thread.state",
        f"    return ANOTHER if {' or '.join(others)} else run({', '.join(['state', *tensors])})",
    ]  # fmt: skip
