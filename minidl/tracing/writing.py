"""A plan as the text of a Python program: the one that an expert would write by hand, with a comment on each line."""

from __future__ import annotations

import collections
import functools
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy

from minidl.tracing.plan import Plan
from minidl.tracing.symbols import CALL, COPY, ELEMENTWISE, INTO, JOINED, LARGE, PUT, VIEW, Node

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
            if node.kind == "argument" or (node.kind == "variable" and node not in plan.assigned)
        ]  # fmt: skip
        for node in self.parameters:
            self._name(node, node.function or "x")
        for device in dict.fromkeys(node.device for node in [*plan.leaves, *plan.nodes]):
            if device.module is not numpy:
                self._gpus[device] = self._free(f"gpu_{device.ordinal}")
                self._give(self._gpus[device], device.module.cuda.Device(device.ordinal), "the device")
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

    def _give(self, name: str, value: Any, about: str) -> None:
        self.given[name] = value
        self._about_given.append(f"{name}: {about}" if about else name)

    def _reserve_functions(self) -> None:
        self._taken |= {"asarray", "concatenate", "copyto", "empty", "full", "numpy", "cupy"}
        self._taken |= {node.function.split(".")[0] for node in self._plan.nodes if node.kind in (ELEMENTWISE, INTO)}

    def _name(self, node: Node, otherwise: str, numbered: bool = False) -> str:
        if node not in self._names:
            wanted = self._wanted.get(node)
            if node.gradient_of is not None and node.gradient_of.kind == "variable":
                wanted = f"{self._called(node.gradient_of)}_gradient"
            self._names[node] = self._free(_identifier(wanted or otherwise), numbered and wanted is None)
        return self._names[node]

    def _called(self, node: Node) -> str:
        """The name of a node that has one, or of the variable that it stands for."""
        return self._names.get(node) or next((name for name, each in self.variables.items() if each is node.held), "")

    def _function(self, node: Node, name: str) -> str:
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
            if node.kind == "constant":
                code, comment = self._constant(node)
                lines += [(node.device, code, comment)] if code else []
            elif node in self._plan.assigned:
                lines.append((node.device, *self._storage(node)))
        return lines

    def _constant(self, node: Node) -> tuple[str, str]:
        shape = node.sample.shape
        is_small = node.sample.nbytes < LARGE and node.is_row_by_row
        if is_small and (only := node.only_value()) is not None and numpy.isfinite(only):
            value = only[()]
            is_exact = value.dtype.kind != "f" or value.dtype.type(float(str(value))) == value
            literal = str(value) if is_exact else repr(value.item())
            spoken = literal.removesuffix(".0").replace("e-", "e_minus_").replace("-", "minus_")
            name = self._name(node, f"all_{spoken}" if shape else f"number_{spoken}")
            made = f"{self._function(node, 'full')}({shape}, " if shape else f"{self._function(node, 'asarray')}("
            return f"{name} = {made}{literal}, dtype={str(node.sample.dtype)!r})", ""
        name = self._name(node, "constant", numbered=True)
        self._give(name, node.held, _about(node))
        return "", ""

    def _storage(self, node: Node) -> tuple[str, str]:
        variables = node.held if isinstance(node.held, tuple) else (node.held,)
        names = [self._free(_identifier(each.name)) for each in variables]
        for name, variable in zip(names, variables, strict=True):
            self._give(name, variable.array, "a variable")
            self.variables[name] = variable
        if len(variables) == 1:
            self._names[node] = names[0]
            return f"{names[0]} = {names[0]}.copy()", _about(node)
        flat = self._name(node, "variables")
        parts = ", ".join(f"{name}.reshape(-1)" for name in names)
        lines, start = [f"{flat} = {self._function(node, 'concatenate')}([{parts}])"], 0
        for name, variable in zip(names, variables, strict=True):
            end = start + variable.array.size
            lines.append(f"{name} = {flat}[{start}:{end}]{_reshaped(variable.shape)}")
            start = end
        return "\n".join(lines), "side by side, so that one call moves all"

    # -- the lines of a node

    def _lines(self, node: Node) -> list[tuple[bool, str, str]]:
        if node.kind == VIEW:
            return self._view(node)
        plan, target = self._plan, ""
        lines: list[tuple[bool, str, str]] = []
        if node in plan.in_place:
            target = self._names[node] = self._names[plan.in_place[node]]
        elif node in plan.joined:
            joined, start = plan.joined[node]
            _, lines = self._buffer(joined)
            target = self._name(node, node.function, numbered=True)
            part = f"{self._names[joined]}[{start}:{start + node.sample.size}]{_reshaped(node.sample.shape)}"
            lines.append((True, f"{target} = {part}", f"{_about(node)}, a part"))
        elif node in plan.buffers:
            target, lines = self._buffer(node)
        operands = [self._names[each] for each in node.operands]
        name = target or self._name(node, node.about if node.kind == CALL else node.function, numbered=True)
        code = self._call(node, operands, name, bool(target))
        over = " in place" if target in operands else ""
        if code:
            lines.append((False, code, f"{_about(node)}{self._purpose(node)}{over}"))
        return lines

    def _purpose(self, node: Node) -> str:
        """What a node is for, in words."""
        if node.gradient_of is not None and (name := self._called(node.gradient_of)):
            return f", gradient of {name}"
        return f", {node.about}" if node.about and node.about != node.function else ""

    def _view(self, node: Node) -> list[tuple[bool, str, str]]:
        base = node.operands[0]
        root = self._plan.root(node)
        is_once = root in self._plan.buffers or root in self._plan.in_place or (
            root.kind == "constant" or root in self._plan.assigned
        )  # fmt: skip
        if base in self._plan.assigned and isinstance(base.held, tuple):
            self._names[node] = self._called(node)
            return []
        seen = {".T": "transposed", ".swapaxes": "transposed", ".transpose": "transposed", ".reshape": "reshaped"}
        name = self._name(node, f"{self._names[base]}_{seen.get(node.function.split('(')[0], 'part')}")
        return [(is_once, f"{name} = {self._names[base]}{node.function}", f"{_about(node)}, a view")]

    def _buffer(self, node: Node) -> tuple[str, list[tuple[bool, str, str]]]:
        """The name of a buffer for a node, and the line that makes it, if that isn't written yet."""
        if node in self._names:
            return self._names[node], []
        label, first, shape = node.function, self._plan.buffers[node], node.sample.shape
        if node.kind == JOINED:
            label = "gradients" if all(each.gradient_of is not None for each in node.operands) else "joined"
        name = self._name(node, label, numbered=True)
        if first is node:
            code = f"{name} = {self._function(node, 'empty')}({shape}, {str(node.sample.dtype)!r})"
            return name, [(True, code, _about(node))]
        again = self._names[first] + ("" if first.sample.shape == shape else f".reshape({shape})")
        return name, [(True, f"{name} = {again}", f"{_about(node)}, the same memory")]

    def _call(self, node: Node, operands: Sequence[str], name: str, into: bool) -> str:
        """The call that gives a node's value, into memory that is there or not."""
        out = f", out={name}" if into else ""
        before = "" if into else f"{name} = "
        options = node.options
        if node.kind == JOINED:
            return self._joining(node, operands, name)
        if node.kind == CALL:
            kernel = self._free(_identifier(node.function))
            with_options = f", with {node.options}" if node.options else ""
            self._give(kernel, _with_options(node), f"an operation of minidl's{with_options}")
            call = f"{kernel}({', '.join(operands)})"
            return before + self._array(node, call)
        if node.kind == COPY:
            if not into and node.sample.flags.c_contiguous:
                empty = f"{self._function(node, 'empty')}({node.sample.shape}, {str(node.sample.dtype)!r})"
                return f"{name} = {empty}\n{self._function(node, 'copyto')}({name}, {operands[0]}, casting='unsafe')"
            if not into:
                return f"{name} = {operands[0]}.astype({str(node.sample.dtype)!r})"
            return f"{self._function(node, 'copyto')}({name}, {operands[0]}, casting='unsafe')"
        if node.kind == PUT:
            made = f"{name} = {self._function(node, 'empty')}({node.sample.shape}, {str(node.sample.dtype)!r})\n"
            return ("" if into else made) + f"{name}.fill(0)\n{name}{options['index']} = {operands[0]}"
        if node.function.endswith(".reduce"):
            call = self._reduction(node, operands[0], out)
        elif node.function in ("concatenate", "stack"):
            function = self._function(node, node.function)
            call = f"{function}([{', '.join(operands)}], axis={options['axis']}{out})"
        else:
            call = f"{self._function(node, node.function)}({', '.join(operands)}{out})"
        return call if into else f"{name} = {self._array(node, call)}"

    def _array(self, node: Node, call: str) -> str:
        """A call that gives an array also where NumPy gives a number."""
        return call if node.sample.ndim else f"{self._function(node, 'asarray')}({call})"

    def _reduction(self, node: Node, operand: str, out: str) -> str:
        axis, keepdims, dtype = node.options["axis"], node.options["keepdims"], node.sample.dtype
        options = f", axis={axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis}"
        usual = getattr(numpy, node.function.split(".")[0]).reduce(numpy.zeros(1, node.operands[0].sample.dtype)).dtype
        options += "" if dtype == usual else f", dtype={str(dtype)!r}"
        options += ", keepdims=True" if keepdims else ""
        if node.device.module is numpy:
            return f"{self._function(node, node.function)}({operand}{options}{out})"
        method = {"add": "sum", "maximum": "max", "minimum": "min"}[node.function.split(".")[0]]
        return f"{operand}.{method}({(options + out)[2:]})"

    def _joining(self, node: Node, operands: Sequence[str], name: str) -> str:
        """The lines for what couldn't be written into joined memory at once."""
        lines, start = [], 0
        for member, operand in zip(node.operands, operands, strict=True):
            end = start + member.sample.size
            if self._plan.joined.get(member, (None, 0))[0] is not node:
                lines.append(f"{name}[{start}:{end}] = {operand}.reshape(-1)")
            start = end
        return "\n".join(lines)

    # -- the end

    def _lines_at_the_end(self) -> list[tuple[Any, str, str]]:
        """What is handed out from memory that is used again is copied; then variables get their new values."""
        plan, lines, handed = self._plan, [], {}
        for node in dict.fromkeys(plan.results):
            root = plan.root(node)
            handed[node] = self._names[node]
            if root.kind == "variable" or root in plan.in_place or root in plan.buffers:
                handed[node] = self._free("result")
                base, views = node, ""
                while base.kind == VIEW and not base.is_row_by_row:  # the copy is to be laid out as the view is
                    base, views = base.operands[0], base.function + views
                code = f"{handed[node]} = {self._names[base]}.copy(){views}"
                lines.append((node.device, code, _about(node)))
        moving = [(variable, final) for variable, final in plan.finals if plan.in_place.get(final) is not variable]
        news = {}
        for variable, final in moving:
            news[variable] = self._names[final]
            if plan.root(final).kind == "variable" or plan.root(final) in plan.in_place:
                news[variable] = self._free("old")
                lines.append((final.device, f"{news[variable]} = {self._names[final]}.copy()", f"{_about(final)}"))
        for variable, _ in moving:
            code = f"{self._function(variable, 'copyto')}({self._names[variable]}, {news[variable]})"
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


def _about(node: Node) -> str:
    return f"{node.sample.dtype} {node.sample.shape}"


def _reshaped(shape: tuple[int, ...]) -> str:
    return "" if len(shape) == 1 else f".reshape({shape})"


def _with_options(node: Node) -> Any:
    """A kernel with its options filled in."""
    return functools.partial(node.held, **node.options) if node.options else node.held
