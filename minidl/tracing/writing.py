"""A program as Python's text: the one that an expert would write by hand, with a comment on each line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from minidl.devices import CPU, Device
from minidl.tensor import Variable
from minidl.tracing import nodes
from minidl.tracing.names import Names
from minidl.tracing.nodes import Node, dtype_name, full
from minidl.tracing.program import Program

_WIDTH = 60  # where the comments begin
_LARGE = 1 << 16  # from so many bytes on, a constant is given instead of written
_VIEWS = {".T": "transposed", ".swapaxes": "transposed", ".transpose": "transposed", ".reshape": "reshaped"}


class _Lines(NamedTuple):
    """Some lines of the text, with the device on which they run."""

    device: Device
    code: Sequence[str]
    comment: str


class Text:
    """The text of a program, and what it needs beside it.

    Arguments:
        title: the name of the function.
        program: what to write.
        wanted: what to call some of the nodes, as they were traced.

    Attributes:
        function_name: the name of the function that it defines, which takes the arrays of the arguments and of the
            variables that it only reads, and returns an array or several.
        given: what the text needs, by name: the arrays of constants and of variables that it assigns, and functions.
        parameters: the leaves that the function takes.
        variables: the name of the memory of each variable that it assigns.
    """

    def __init__(self, title: str, program: Program, wanted: Mapping[Node, str]) -> None:
        self._program, self._wanted = program, wanted
        devices = list(dict.fromkeys(node.device for node in program.nodes))
        self._names = Names(devices, [node.function for node in program.nodes if isinstance(node, nodes.Applied)])
        self._name_of: dict[Node, str] = {}
        self._traced_as: dict[Node, str] = {}  # the same names, by the nodes as they were traced
        self._once: list[_Lines] = []  # what is run when the text is
        self._body: list[_Lines] = []  # what each call runs
        self.given = self._names.given
        self.variables: dict[str, Variable] = {}
        self.function_name = self._names.new(title)
        self.parameters = [
            node for node in program.nodes
            if isinstance(node, nodes.Argument) or (isinstance(node, nodes.Stored) and node not in program.finals)
        ]  # fmt: skip
        for node in self.parameters:
            self._name(node, node.name if isinstance(node, nodes.Argument) else node.variable.name)
        self._gpus = {
            device: self.give(f"gpu_{device.ordinal}", device.module.cuda.Device(device.ordinal), "the device")
            for device in devices if device is not CPU
        }  # fmt: skip
        for node in program.nodes:
            self._write(node)
        self._results = self._write_end()

    # -- what nodes ask

    def function(self, node: Node, name: str) -> str:
        """How to call a function of the array module on a node's device."""
        return self._names.function(node.device, name)

    def name_of(self, node: Node) -> str:
        """The name of a node that has one."""
        return self._name_of[node]

    def set_name(self, node: Node, name: str) -> None:
        """Call a node by a name that was given out."""
        self._name_of[node] = self._traced_as[node.origin] = name

    def new_name(self, node: Node) -> str:
        """A name for a node that has none yet."""
        return self._name(node, node.label)

    def give(self, wanted: str, value: Any, about: str) -> str:
        """The name of a value that the text can't make itself."""
        return self._names.give(self._names.new(wanted), value, about)

    def give_variable(self, variable: Variable) -> str:
        """The name of a variable's array, and of the memory that the text is to make for it."""
        name = self.give(variable.name, variable.array, "a variable")
        self.variables[name] = variable
        return name

    def is_in(self, node: Node, memory: Node) -> bool:
        """Whether a node's value is put into the memory of another."""
        place = self._program.places.get(node)
        return place is not None and place.memory is memory and node is not memory

    # -- names

    def _name(self, node: Node, otherwise: str, numbered: bool = False) -> str:
        """The name of a node: as it has it, or is wanted to have it, or otherwise this."""
        if node not in self._name_of:
            wanted = self._wanted.get(node.origin)
            if isinstance(node.gradient_of, nodes.Stored):
                wanted = f"{node.gradient_of.variable.name}_gradient"
            self.set_name(node, self._names.new(wanted or otherwise, numbered and wanted is None))
        return self._name_of[node]

    def _described(self, node: Node) -> str:
        """A node's dtype and shape, and what it is for."""
        if (of := node.gradient_of) is not None:
            name = of.variable.name if isinstance(of, nodes.Stored) else self._traced_as.get(of)
            if name:
                return f"{_about(node)}, gradient of {name}"
        return f"{_about(node)}, {node.about}" if node.about not in ("", node.label) else _about(node)

    # -- nodes

    def _add(self, node: Node, code: Sequence[str], comment: str = "", once: bool = False) -> None:
        (self._once if once else self._body).append(_Lines(node.device, code, comment))

    def _write(self, node: Node) -> None:
        if isinstance(node, nodes.Constant):
            self._write_constant(node)
        elif isinstance(node, nodes.View):
            self._write_view(node)
        elif node in self._program.finals:
            self._add(node, node.memory(self), node.about or _about(node), once=True)  # type: ignore[attr-defined]  # it is a variable's
        elif isinstance(node, nodes.Computed):
            into = self._make_room(node)
            name = self._name(node, node.label, numbered=True)
            lines = node.lines(self, name, into)
            over = " in place" if into and name in map(self._name_of.get, node.operands) else ""
            if lines:
                self._add(node, lines, self._described(node) + over)

    def _write_constant(self, node: nodes.Constant) -> None:
        is_small = node.sample.nbytes < _LARGE and node.is_row_by_row
        if isinstance(node, nodes.Filled) or (is_small and node.label != "constant"):
            value = node.only_value()
            assert value is not None
            self._add(node, [f"{self._name(node, node.label)} = {full(node, self, value)}"], once=True)
        else:
            self._names.give(self._name(node, node.label, numbered=node.label == "constant"), node.array, _about(node))

    def _write_view(self, node: nodes.View) -> None:
        if node in self._name_of:  # a variable's part of memory, named when that was made
            return
        program, base = self._program, node.operands[0]
        name = self._name(node, f"{self._name_of[base]}_{_VIEWS.get(node.suffix.split('(')[0], 'part')}")
        memory = program.memory(node)
        stays = memory in program.places or memory in program.finals or isinstance(memory, nodes.Constant)
        self._add(node, [f"{name} = {self._name_of[base]}{node.suffix}"], f"{_about(node)}, a view", once=stays)

    def _make_room(self, node: Node) -> bool:
        """Have a node's name stand for the memory that its value is put into; whether there is such memory."""
        place = self._program.places.get(node)
        if place is None:
            return False
        if node in self._name_of:
            return True
        if place.memory is node:
            name = self._name(node, node.label, numbered=True)
            self._add(node, [f"{name} = {node.empty(self)}"], _about(node), once=True)
            return True
        memory, shape = place.memory, node.sample.shape
        self._make_room(memory)
        if memory in self._program.finals and memory.sample.shape == shape:
            self._name_of[node] = self._name_of[memory]  # in place of a variable
            return True
        name, whole = self._name(node, node.label, numbered=True), self._name_of[memory]
        if memory.sample.size == node.sample.size:
            same = whole if memory.sample.shape == shape else f"{whole}.reshape({shape})"
            self._add(node, [f"{name} = {same}"], f"{_about(node)}, the same memory", once=True)
        else:
            reshaped = "" if len(shape) == 1 else f".reshape({shape})"
            part = f"{whole}[{place.start}:{place.start + node.sample.size}]{reshaped}"
            self._add(node, [f"{name} = {part}"], f"{_about(node)}, a part", once=True)
        return True

    # -- the end

    def _write_end(self) -> list[str]:
        """Copies of what is handed out from memory that is used again, then the new values of variables.

        Returns the names of the results.
        """
        program, handed = self._program, {}
        for node in dict.fromkeys(program.results):
            memory = program.memory(node)
            handed[node] = self._name_of[node]
            if isinstance(memory, nodes.Stored) or memory in program.finals or memory in program.places:
                handed[node] = self._names.new("result")
                base, views = node, ""
                while isinstance(base, nodes.View) and not base.is_row_by_row:  # the copy is laid out as the view is
                    views = base.suffix + views
                    base = base.operands[0]
                self._add(node, [f"{handed[node]} = {self._name_of[base]}.copy(){views}"], _about(node))
        moving = {leaf: final for leaf, final in program.finals.items() if program.memory(final) is not leaf}
        news = {leaf: self._name_of[final] for leaf, final in moving.items()}
        for leaf, final in moving.items():
            if program.memory(final) in program.finals:  # which may be overwritten before this is
                news[leaf] = self._names.new("old")
                self._add(final, [f"{news[leaf]} = {self._name_of[final]}.copy()"], _about(final))
        for leaf, name in news.items():
            copying = f"{self.function(leaf, 'copyto')}({self._name_of[leaf]}, {name})"
            self._add(leaf, [copying], "the variable's new value")
        return [handed[node] for node in program.results]

    # -- the text

    def __str__(self) -> str:
        lines = self._names.head()
        lines += ["", *self._written(self._once, "")] if self._once else []
        parameters = ", ".join(self._name_of[node] for node in self.parameters)
        lines += ["", "", f"def {self.function_name}({parameters}):"]
        lines += self._written(self._body, "    ")
        lines.append(f"    return {', '.join(self._results) or None}")
        return "\n".join(lines).strip("\n") + "\n"

    def _written(self, groups: Sequence[_Lines], margin: str) -> list[str]:
        """Lines with their comments, those of a GPU in a block where that is the current one."""
        found: list[str] = []
        for device, several in itertools.groupby(groups, key=lambda group: group.device):
            inner = margin
            if device in self._gpus:
                found.append(f"{margin}with {self._gpus[device]}:")
                inner += "    "
            for group in several:
                first, *more = group.code
                first = inner + first
                found.append(f"{first.ljust(_WIDTH)}  # {group.comment}" if group.comment else first)
                found += [inner + each for each in more]
        return found


def _about(node: Node) -> str:
    return f"{dtype_name(node.sample.dtype)} {node.sample.shape}"
