"""A plan as the text of a Python program: the one that an expert would write by hand, with a comment on each line."""

from __future__ import annotations

import collections
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy

from minidl.tracing import nodes
from minidl.tracing.nodes import Node
from minidl.tracing.plan import Plan

_WIDTH = 60  # where the comments begin


class Program:
    """A program's text, and what it needs beside it.

    Arguments:
        title: the name of the function.
        plan: what to write.
        names: what to call some of the nodes.

    Attributes:
        text: the program. Run beside `given`, it makes its buffers and a function, called by the title, which takes
            the arrays of the arguments and of the variables that it only reads, and returns an array or several.
        given: what the text needs, by name: the arrays of constants and of variables that it assigns, and functions.
        function: the name of the function.
        parameters: the leaves that the function takes.
        variables: the name of each variable that it assigns.
    """

    def __init__(self, title: str, plan: Plan, names: Mapping[Node, str]) -> None:
        self._plan = plan
        self._names: dict[Node, str] = {}
        self._numbers: dict[str, Iterator[int]] = collections.defaultdict(lambda: itertools.count(1))
        self._gpus: dict[Any, str] = {}
        self._taken = {*keyword.kwlist, "reduce"}
        self._wanted = dict(names)
        self._modules = {node.device.module.__name__ for node in [*plan.leaves, *plan.nodes]} or {"numpy"}
        self._imports: set[tuple[str, str]] = set()
        self.given: dict[str, Any] = {}
        self._about_given: list[str] = []
        self.variables: dict[str, Any] = {}
        self._reserve_functions()
        self.function = self._free(_identifier(title))
        self.parameters = [
            node for node in plan.leaves
            if isinstance(node, nodes.Argument) or (isinstance(node, nodes.Stored) and node not in plan.assigned)
        ]  # fmt: skip
        for leaf in self.parameters:
            self._name(leaf, leaf.name if isinstance(leaf, nodes.Argument) else leaf.variables[0].name)
        for device in dict.fromkeys(node.device for node in [*plan.leaves, *plan.nodes]):
            if device.module is not numpy:
                gpu = device.module.cuda.Device(device.ordinal)
                self._gpus[device] = self.give(f"gpu_{device.ordinal}", gpu, "the device")
        once = [*self._lines_of_leaves()]
        body: list[tuple[Any, str, str]] = []
        for node in plan.nodes:
            for is_once, code, comment in self._lines(node):
                (once if is_once else body).append((node.device, code, comment))
        body += self._lines_at_the_end()
        self.text = self._text(once, body)

    # -- names

    def _free(self, wanted: str, numbered: bool = False) -> str:
        name = f"{wanted}_{next(self._numbers[wanted])}" if numbered or wanted in self._taken else wanted
        while name in self._taken:
            name = f"{wanted}_{next(self._numbers[wanted])}"
        self._taken.add(name)
        return name

    def give(self, wanted: str, value: Any, about: str) -> str:
        """A name for a value that the text can't make itself: this one, or one like it."""
        return self._give_as(self._free(_identifier(wanted)), value, about)

    def _give_as(self, name: str, value: Any, about: str) -> str:
        self.given[name] = value
        self._about_given.append(f"{name}: {about}")
        return name

    def _reserve_functions(self) -> None:
        self._taken |= {"asarray", "concatenate", "copyto", "empty", "full", "numpy", "cupy"}
        self._taken |= {node.function.split(".")[0] for node in self._plan.nodes if isinstance(node, nodes.Applied)}

    def _name(self, node: Node, otherwise: str, numbered: bool = False) -> str:
        if node not in self._names:
            wanted = self._wanted.get(node)
            if isinstance(node.gradient_of, nodes.Stored):
                wanted = f"{self._called(node.gradient_of)}_gradient"
            self._names[node] = self._free(_identifier(wanted or otherwise), numbered and wanted is None)
        return self._names[node]

    def _called(self, node: Node) -> str:
        """The name of a node that has one, or of the variable that it stands for."""
        if node in self._names or not isinstance(node, (nodes.Stored, nodes.Part)):
            return self._names.get(node, "")
        variable = node.variable if isinstance(node, nodes.Part) else node.variables[0]
        return next((name for name, each in self.variables.items() if each is variable), "")

    def module_function(self, node: Node, name: str) -> str:
        """How to call a function of the array module: by its own name where there is but one module."""
        module = node.device.module.__name__
        if len(self._modules) > 1:
            self._imports.add((module, ""))
            return f"{module}.{name}"
        self._imports.add((module, name.split(".")[0]))
        return name

    # -- what is made once

    def _lines_of_leaves(self) -> list[tuple[Any, str, str]]:
        lines = []
        for node in self._plan.leaves:
            if isinstance(node, nodes.Constant):
                if code := self._constant(node):
                    lines.append((node.device, code, ""))
            elif isinstance(node, nodes.Stored) and node in self._plan.assigned:
                lines.append((node.device, *self._storage(node)))
        return lines

    def _constant(self, node: nodes.Constant) -> str:
        """The line that makes a constant; none for one that must be given."""
        shape = node.sample.shape
        is_small = node.sample.nbytes < nodes.LARGE and node.is_row_by_row
        if is_small and (only := node.only_value()) is not None and numpy.isfinite(only):
            value = only[()]
            is_exact = value.dtype.kind != "f" or value.dtype.type(float(str(value))) == value
            literal = str(value) if is_exact else repr(value.item())
            spoken = literal.removesuffix(".0").replace("e-", "e_minus_").replace("-", "minus_")
            name = self._name(node, f"all_{spoken}" if shape else f"number_{spoken}")
            made = (
                f"{self.module_function(node, 'full')}({shape}, "
                if shape
                else f"{self.module_function(node, 'asarray')}("
            )
            return f"{name} = {made}{literal}, dtype={str(node.sample.dtype)!r})"
        self._give_as(self._name(node, "constant", numbered=True), node.array, _about(node))
        return ""

    def _storage(self, node: nodes.Stored) -> tuple[str, str]:
        """The line that makes the memory of variables, and what it is."""
        names = [self.give(each.name, each.array, "a variable") for each in node.variables]
        self.variables |= zip(names, node.variables, strict=True)
        if len(names) == 1:
            self._names[node] = names[0]
            return f"{names[0]} = {names[0]}.copy()", _about(node)
        flat = self._name(node, "variables")
        parts = ", ".join(f"{name}.reshape(-1)" for name in names)
        lines, start = [f"{flat} = {self.module_function(node, 'concatenate')}([{parts}])"], 0
        for name, variable in zip(names, node.variables, strict=True):
            end = start + variable.array.size
            lines.append(f"{name} = {flat}[{start}:{end}]{_reshaped(variable.shape)}")
            start = end
        return "\n".join(lines), "side by side, so that one call moves all"

    # -- the lines of a node

    def _lines(self, node: Node) -> list[tuple[bool, str, str]]:
        """The lines of a node, each with whether it is run but once, and a comment."""
        if isinstance(node, nodes.View):
            return self._view(node)
        if isinstance(node, nodes.Joined):
            return self._joined(node)
        assert isinstance(node, nodes.Computed)
        plan, into = self._plan, True
        lines: list[tuple[bool, str, str]] = []
        if node in plan.in_place:
            self._names[node] = self._names[plan.in_place[node]]
        elif node in plan.joined:
            joined, start = plan.joined[node]
            lines = self._buffer(joined)
            part = f"{self._names[joined]}[{start}:{start + node.sample.size}]{_reshaped(node.sample.shape)}"
            lines.append((True, f"{self._name_result(node)} = {part}", f"{_about(node)}, a part"))
        elif node in plan.buffers:
            lines = self._buffer(node)
        else:
            into = False
        name = self._name_result(node)
        operands = [self._names[each] for each in node.operands]
        over = " in place" if into and name in operands else ""
        code = node.code(self, operands, name, into)
        return [*lines, (False, code, f"{_about(node)}{self._purpose(node)}{over}")]

    def _purpose(self, node: Node) -> str:
        """What a node is for, in words."""
        if node.gradient_of is not None and (name := self._called(node.gradient_of)):
            return f", gradient of {name}"
        return f", {node.about}" if node.about and node.about != _label(node) else ""

    def _view(self, node: nodes.View) -> list[tuple[bool, str, str]]:
        if isinstance(node, nodes.Part) and node.operands[0] in self._plan.assigned:  # it has its variable's name
            self._names[node] = self._called(node)
            return []
        plan, root = self._plan, self._plan.root(node)
        is_once = (
            root in plan.buffers or root in plan.in_place or root in plan.assigned or isinstance(root, nodes.Constant)
        )
        seen = {".T": "transposed", ".swapaxes": "transposed", ".transpose": "transposed", ".reshape": "reshaped"}
        of = self._names[node.operands[0]]
        name = self._name(node, f"{of}_{seen.get(node.suffix.split('(')[0], 'part')}")
        return [(is_once, f"{name} = {of}{node.suffix}", f"{_about(node)}, a view")]

    def _joined(self, node: nodes.Joined) -> list[tuple[bool, str, str]]:
        """The lines for what couldn't be written into joined memory at once."""
        made, moves, start = self._buffer(node), [], 0
        for member in node.operands:
            end = start + member.sample.size
            if self._plan.joined.get(member, (None, 0))[0] is not node:
                moves.append(f"{self._names[node]}[{start}:{end}] = {self._names[member]}.reshape(-1)")
            start = end
        return [*made, (False, "\n".join(moves), f"{_about(node)}{self._purpose(node)}")] if moves else made

    def _buffer(self, node: Node) -> list[tuple[bool, str, str]]:
        """The line that makes the buffer of a node, or gives it another name, if that isn't written yet."""
        if node in self._names:
            return []
        name, first = self._name_result(node), self._plan.buffers[node]
        if first is node:
            return [(True, f"{name} = {nodes.empty(node, self)}", _about(node))]
        shape = node.sample.shape
        again = self._names[first] + ("" if first.sample.shape == shape else f".reshape({shape})")
        return [(True, f"{name} = {again}", f"{_about(node)}, the same memory")]

    def _name_result(self, node: Node) -> str:
        """The name of what is computed: by default that of the function, numbered."""
        return self._name(node, _label(node), numbered=True)

    # -- the end

    def _lines_at_the_end(self) -> list[tuple[Any, str, str]]:
        """What is handed out from memory that is used again is copied; then variables get their new values."""
        plan, lines, handed = self._plan, [], {}
        for node in dict.fromkeys(plan.results):
            root = plan.root(node)
            handed[node] = self._names[node]
            if isinstance(root, nodes.Stored) or root in plan.in_place or root in plan.buffers:
                handed[node] = self._free("result")
                base, views = node, ""
                while isinstance(base, nodes.View) and not base.is_row_by_row:  # the copy is laid out as the view is
                    views = base.suffix + views
                    base = base.operands[0]
                code = f"{handed[node]} = {self._names[base]}.copy(){views}"
                lines.append((node.device, code, _about(node)))
        moving = [(variable, final) for variable, final in plan.finals if plan.in_place.get(final) is not variable]
        news = {}
        for variable, final in moving:
            news[variable] = self._names[final]
            if isinstance(plan.root(final), nodes.Stored) or plan.root(final) in plan.in_place:
                news[variable] = self._free("old")
                lines.append((final.device, f"{news[variable]} = {self._names[final]}.copy()", f"{_about(final)}"))
        for variable, _ in moving:
            code = f"{self.module_function(variable, 'copyto')}({self._names[variable]}, {news[variable]})"
            lines.append((variable.device, code, "the variable's new value"))
        self._handed = [handed[node] for node in plan.results]
        return lines

    # -- the text

    def _text(self, once: Sequence[tuple[Any, str, str]], body: Sequence[tuple[Any, str, str]]) -> str:
        lines = []
        for module in sorted({module for module, _ in self._imports}):
            names = sorted({name for found, name in self._imports if found == module and name})
            lines.append(f"from {module} import {', '.join(names)}" if names else f"import {module}")
        if self.given:
            lines += ["", "# given:", *(f"#   {about}" for about in self._about_given)]
        lines += ["", *self._written(once, "")] if once else []
        parameters = ", ".join(self._names[node] for node in self.parameters)
        lines += ["", "", f"def {self.function}({parameters}):"]
        lines += self._written(body, "    ")
        lines.append(f"    return {', '.join(self._handed) or None}")
        return "\n".join(lines).strip("\n") + "\n"

    def _written(self, lines: Sequence[tuple[Any, str, str]], margin: str) -> list[str]:
        """Lines with their comments, those of a GPU in a block where that is the current one."""
        found: list[str] = []
        for device, group in itertools.groupby(lines, key=lambda line: line[0]):
            inner = margin
            if device.module is not numpy:
                name = self._gpus[device]
                found.append(f"{margin}with {name}:")
                inner += "    "
            for _, code, comment in group:
                first, *more = code.split("\n")
                found.append(f"{inner}{first}".ljust(_WIDTH) + f"  # {comment}" if comment else f"{inner}{first}")
                found += [f"{inner}{line}" for line in more]
        return found


def _identifier(text: str) -> str:
    """A text as a name of Python's."""
    # Python takes names that look alike for one, after this normalization.
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text.replace(".reduce", ""))).strip("_") or "x"
    name = f"_{name}" if name[0].isdigit() else name
    return name if name.isidentifier() else "x"


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
