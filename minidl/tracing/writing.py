"""A plan as the text of a Python program: the one that an expert would write by hand, with a comment on each line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy

from minidl.devices import Device
from minidl.tensor import Variable
from minidl.tracing import nodes
from minidl.tracing.names import Names
from minidl.tracing.nodes import Node
from minidl.tracing.plan import Plan

_WIDTH = 60  # where the comments begin


class _Line(NamedTuple):
    """A line of the text, or several, with the device on which it runs."""

    device: Device
    code: str
    comment: str


class Program:
    """A program's text, and what it needs beside it.

    Arguments:
        title: the name of the function.
        plan: what to write.
        wanted: what to call some of the nodes.

    Attributes:
        text: the program. Run beside `given`, it makes its buffers and a function, called by the title, which takes
            the arrays of the arguments and of the variables that it only reads, and returns an array or several.
        given: what the text needs, by name: the arrays of constants and of variables that it assigns, and functions.
        function: the name of the function.
        parameters: the leaves that the function takes.
        variables: the name of each variable that it assigns.
    """

    def __init__(self, title: str, plan: Plan, wanted: Mapping[Node, str]) -> None:
        every = [*plan.leaves, *plan.nodes]
        devices = list(dict.fromkeys(node.device for node in every))
        self._plan, self._wanted = plan, wanted
        self._names = Names(devices, [node.function for node in every if isinstance(node, nodes.Applied)])
        self._name_of: dict[Node, str] = {}
        self._once: list[_Line] = []  # what is run when the text is
        self._body: list[_Line] = []  # what each call runs
        self.given = self._names.given
        self.variables: dict[str, Variable] = {}
        self.function = self._names.new(title)
        self.parameters = [
            node for node in plan.leaves
            if isinstance(node, nodes.Argument) or (isinstance(node, nodes.Stored) and node not in plan.assigned)
        ]  # fmt: skip
        for taken in self.parameters:
            self._name(taken, taken.name if isinstance(taken, nodes.Argument) else taken.variables[0].name)
        self._gpus = {
            device: self._give(f"gpu_{device.ordinal}", device.module.cuda.Device(device.ordinal), "the device")
            for device in devices if device.module is not numpy
        }  # fmt: skip
        for leaf in plan.leaves:
            if isinstance(leaf, nodes.Constant):
                self._write_constant(leaf)
            elif isinstance(leaf, nodes.Stored) and leaf in plan.assigned:
                self._write_storage(leaf)
        for node in plan.nodes:
            self._write_node(node)
        results = self._write_end()
        self.text = self._text(results)

    def _write(self, node: Node, code: str, comment: str = "", once: bool = False) -> None:
        (self._once if once else self._body).append(_Line(node.device, code, comment))

    # -- names

    def _give(self, wanted: str, value: Any, about: str) -> str:
        return self._names.give(self._names.new(wanted), value, about)

    def _name(self, node: Node, otherwise: str, numbered: bool = False) -> str:
        """The name of a node: as it has it, or is wanted to have it, or otherwise this."""
        if node not in self._name_of:
            wanted = self._wanted.get(node)
            if isinstance(node.gradient_of, nodes.Stored):
                wanted = f"{self._called(node.gradient_of)}_gradient"
            self._name_of[node] = self._names.new(wanted or otherwise, numbered and wanted is None)
        return self._name_of[node]

    def _called(self, node: Node) -> str:
        """The name of a node that has one, or of the variable that it stands for."""
        if node in self._name_of or not isinstance(node, (nodes.Stored, nodes.Part)):
            return self._name_of.get(node, "")
        variable = node.variable if isinstance(node, nodes.Part) else node.variables[0]
        return next((name for name, each in self.variables.items() if each is variable), "")

    # -- what is made once

    def _write_constant(self, node: nodes.Constant) -> None:
        shape = node.sample.shape
        is_small = node.sample.nbytes < nodes.LARGE and node.is_row_by_row
        if is_small and (only := node.only_value()) is not None and numpy.isfinite(only):
            value = only[()]
            is_exact = value.dtype.kind != "f" or value.dtype.type(float(str(value))) == value
            literal = str(value) if is_exact else repr(value.item())
            spoken = literal.removesuffix(".0").replace("e-", "e_minus_").replace("-", "minus_")
            name = self._name(node, f"all_{spoken}" if shape else f"number_{spoken}")
            make = self._names.function(node.device, "full" if shape else "asarray")
            arguments = f"{f'{shape}, ' if shape else ''}{literal}, dtype={str(node.sample.dtype)!r}"
            self._write(node, f"{name} = {make}({arguments})", once=True)
        else:
            self._names.give(self._name(node, "constant", numbered=True), node.array, _about(node))

    def _write_storage(self, node: nodes.Stored) -> None:
        """The memory of variables that are assigned."""
        names = [self._give(each.name, each.array, "a variable") for each in node.variables]
        self.variables |= zip(names, node.variables, strict=True)
        if len(names) == 1:
            self._name_of[node] = names[0]
            self._write(node, f"{names[0]} = {names[0]}.copy()", _about(node), once=True)
            return
        flat = self._name(node, "variables")
        parts = ", ".join(f"{name}.reshape(-1)" for name in names)
        lines, start = [f"{flat} = {self._names.function(node.device, 'concatenate')}([{parts}])"], 0
        for name, variable in zip(names, node.variables, strict=True):
            end = start + variable.array.size
            lines.append(f"{name} = {flat}[{start}:{end}]{_reshaped(variable.shape)}")
            start = end
        self._write(node, "\n".join(lines), "side by side, so that one call moves all", once=True)

    def _write_buffer(self, node: Node) -> None:
        """The memory of a node's value, or its name for memory that is there, if that isn't written yet."""
        if node in self._name_of:
            return
        name, first, shape = self._name_result(node), self._plan.buffers[node], node.sample.shape
        if first is node:
            self._write(node, f"{name} = {node.empty(self._names)}", _about(node), once=True)
        else:
            same = self._name_of[first] + ("" if first.sample.shape == shape else f".reshape({shape})")
            self._write(node, f"{name} = {same}", f"{_about(node)}, the same memory", once=True)

    # -- what each call computes

    def _write_node(self, node: Node) -> None:
        if isinstance(node, nodes.View):
            self._write_view(node)
        elif isinstance(node, nodes.Joined):
            self._write_joined(node)
        elif isinstance(node, nodes.Computed):
            into = self._make_room(node)
            name, operands = self._name_result(node), [self._name_of[each] for each in node.operands]
            over = " in place" if into and name in operands else ""
            self._write(node, node.code(self._names, operands, name, into), self._described(node) + over)

    def _make_room(self, node: Node) -> bool:
        """Have a node's name stand for the memory that its value is put into; whether there is such memory."""
        plan = self._plan
        if node in plan.in_place:
            self._name_of[node] = self._name_of[plan.in_place[node]]
        elif node in plan.joined:
            joined, start = plan.joined[node]
            self._write_buffer(joined)
            part = f"{self._name_of[joined]}[{start}:{start + node.sample.size}]{_reshaped(node.sample.shape)}"
            self._write(node, f"{self._name_result(node)} = {part}", f"{_about(node)}, a part", once=True)
        elif node in plan.buffers:
            self._write_buffer(node)
        else:
            return False
        return True

    def _write_view(self, node: nodes.View) -> None:
        plan, base = self._plan, node.operands[0]
        if isinstance(node, nodes.Part) and base in plan.assigned:  # its variable's name was given with the memory
            self._name_of[node] = self._called(node)
            return
        kinds = {".T": "transposed", ".swapaxes": "transposed", ".transpose": "transposed", ".reshape": "reshaped"}
        name = self._name(node, f"{self._name_of[base]}_{kinds.get(node.suffix.split('(')[0], 'part')}")
        root = plan.root(node)
        stays = root in plan.buffers or root in plan.in_place or root in plan.assigned
        once = stays or isinstance(root, nodes.Constant)
        self._write(node, f"{name} = {self._name_of[base]}{node.suffix}", f"{_about(node)}, a view", once)

    def _write_joined(self, node: nodes.Joined) -> None:
        """What couldn't be written into joined memory at once."""
        self._write_buffer(node)
        lines, start = [], 0
        for member in node.operands:
            end = start + member.sample.size
            if self._plan.joined.get(member, (None, 0))[0] is not node:
                lines.append(f"{self._name_of[node]}[{start}:{end}] = {self._name_of[member]}.reshape(-1)")
            start = end
        if lines:
            self._write(node, "\n".join(lines), self._described(node))

    def _name_result(self, node: Node) -> str:
        """The name of what is computed: by default that of the function, numbered."""
        return self._name(node, _label(node), numbered=True)

    def _described(self, node: Node) -> str:
        """A node's dtype and shape, and what it is for."""
        if node.gradient_of is not None and (name := self._called(node.gradient_of)):
            return f"{_about(node)}, gradient of {name}"
        return f"{_about(node)}, {node.about}" if node.about not in ("", _label(node)) else _about(node)

    # -- the end

    def _write_end(self) -> list[str]:
        """Copies of what is handed out from memory that is used again, then the new values of variables.

        Returns the names of the results.
        """
        plan, handed = self._plan, {}
        for node in dict.fromkeys(plan.results):
            root = plan.root(node)
            handed[node] = self._name_of[node]
            if isinstance(root, nodes.Stored) or root in plan.in_place or root in plan.buffers:
                handed[node] = self._names.new("result")
                base, views = node, ""
                while isinstance(base, nodes.View) and not base.is_row_by_row:  # the copy is laid out as the view is
                    views = base.suffix + views
                    base = base.operands[0]
                self._write(node, f"{handed[node]} = {self._name_of[base]}.copy(){views}", _about(node))
        moving = [(variable, final) for variable, final in plan.finals if plan.in_place.get(final) is not variable]
        news = {}
        for variable, final in moving:
            news[variable] = self._name_of[final]
            if isinstance(plan.root(final), nodes.Stored) or plan.root(final) in plan.in_place:
                news[variable] = self._names.new("old")
                self._write(final, f"{news[variable]} = {self._name_of[final]}.copy()", _about(final))
        for variable, _ in moving:
            copyto = self._names.function(variable.device, "copyto")
            self._write(variable, f"{copyto}({self._name_of[variable]}, {news[variable]})", "the variable's new value")
        return [handed[node] for node in plan.results]

    # -- the text

    def _text(self, results: Sequence[str]) -> str:
        lines = self._names.head()
        lines += ["", *self._written(self._once, "")] if self._once else []
        parameters = ", ".join(self._name_of[node] for node in self.parameters)
        lines += ["", "", f"def {self.function}({parameters}):"]
        lines += self._written(self._body, "    ")
        lines.append(f"    return {', '.join(results) or None}")
        return "\n".join(lines).strip("\n") + "\n"

    def _written(self, lines: Sequence[_Line], margin: str) -> list[str]:
        """Lines with their comments, those of a GPU in a block where that is the current one."""
        found: list[str] = []
        for device, group in itertools.groupby(lines, key=lambda line: line.device):
            inner = margin
            if device in self._gpus:
                found.append(f"{margin}with {self._gpus[device]}:")
                inner += "    "
            for line in group:
                first, *more = line.code.split("\n")
                first = inner + first
                found.append(f"{first.ljust(_WIDTH)}  # {line.comment}" if line.comment else first)
                found += [inner + each for each in more]
        return found


def _label(node: Node) -> str:
    """What computes a node, in a word."""
    if isinstance(node, nodes.Joined):
        return "gradients" if all(each.gradient_of is not None for each in node.operands) else "joined"
    if isinstance(node, nodes.Applied):
        return node.function
    return node.name if isinstance(node, nodes.Called) else node.about


def _about(node: Node) -> str:
    return f"{node.sample.dtype} {node.sample.shape}"


def _reshaped(shape: tuple[int, ...]) -> str:
    return "" if len(shape) == 1 else f".reshape({shape})"
