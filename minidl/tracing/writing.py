"""A program as Python's text: the one that an expert would write by hand, with a comment on each line."""

import collections
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minidl.devices import CPU, Device
from minidl.tensor import Variable
from minidl.tracing.nodes import Applied, Argument, Constant, Full, Leaf, Node, Stored, View, dtype_name, literal
from minidl.tracing.program import Program

_WIDTH = 60  # where the comments begin
_LARGE = 1 << 16  # from so many bytes on, a constant is given instead of written
_VIEWS = {".T": "transposed", ".swapaxes": "transposed", ".transpose": "transposed", ".reshape": "reshaped"}
# Functions of the array module that a program may call beside those of its nodes.
_USUAL = {"asarray", "concatenate", "copyto", "empty", "full", "numpy", "cupy", "reduce"}


class Text:
    """The text of a program, and what it needs beside it.

    Arguments:
        title: the name of the function.
        program: what to write.
        wanted: what to call some of the nodes, as they were traced.

    Attributes:
        function_name: the name of the function that it defines, which takes the arrays of the arguments and of the
            variables that it only reads, and returns an array or several.
        program: what is written.
        names: of the nodes that have one.
        given: what the text needs, by name: the arrays of constants and of variables that it assigns, and functions.
        parameters: the leaves that the function takes.
        variables: the name of the memory of each variable that it assigns.
    """

    def __init__(self, title: str, program: Program, wanted: Mapping[Node, str]) -> None:
        self.program, self._wanted = program, wanted
        devices = list(dict.fromkeys(node.device for node in program.nodes))
        functions = [node.function.split(".")[0] for node in program.nodes if isinstance(node, Applied)]
        self._taken = {*keyword.kwlist, *_USUAL, *functions}
        self._numbers: dict[str, Iterator[int]] = collections.defaultdict(lambda: itertools.count(1))
        self._has_one_module = len({device.module for device in devices}) == 1
        self._imports: dict[str, set[str]] = {}  # by module, the names that are used of it
        self.names: dict[Node, str] = {}
        self._traced_as: dict[Node, str] = {}  # the same names, by the nodes as they were traced
        self._about_given: list[str] = []
        self._once: list[str] = []  # what is run when the text is
        self._body: list[str] = []  # what each call runs
        self._devices: dict[bool, Device] = {}  # of the last line, of what is run once (True) and of the body
        self.given: dict[str, Any] = {}
        self.variables: dict[str, Variable] = {}
        self.function_name = self._new(title)
        taken = [node for node in program.nodes if isinstance(node, (Argument, Stored))]
        self.parameters = [node for node in taken if node not in program.finals]
        for leaf in self.parameters:
            self.name(leaf)
        gpus = [(each, each.module.cuda.Device(each.ordinal)) for each in devices if each is not CPU]
        self._gpus = {each: self.give(f"gpu_{each.ordinal}", scope, "the device") for each, scope in gpus}
        for node in [*program.finals, *(node for node in program.nodes if node not in program.finals)]:
            self._write(node)
        self._results = self._write_end()

    # -- names

    def _new(self, wanted: str, numbered: bool = False) -> str:
        """A name that nothing has: the one wanted, as Python takes it, or that with a number."""
        # Python takes names that look alike for one, after this normalization.
        wanted = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", wanted.replace(".reduce", ""))).strip("_")
        wanted = f"_{wanted}" if wanted[:1].isdigit() else wanted
        wanted = name = wanted if wanted.isidentifier() else "x"
        while name in self._taken or (numbered and name == wanted):
            name = f"{wanted}_{next(self._numbers[wanted])}"
        self._taken.add(name)
        return name

    def name(self, node: Node, otherwise: str = "", numbered: bool = False) -> str:
        """The name of a node: as it has it, or is wanted to have it, or otherwise this, or its label."""
        if node not in self.names:
            wanted = self._wanted.get(node.origin)
            if isinstance(node.gradient_of, Stored):
                wanted = f"{node.gradient_of.label}_gradient"
            self.set_name(node, self._new(wanted or otherwise or node.label, numbered and wanted is None))
        return self.names[node]

    def set_name(self, node: Node, name: str) -> None:
        """Call a node by a name that was given out."""
        self.names[node] = self._traced_as[node.origin] = name

    def give(self, wanted: str, value: Any, about: str) -> str:
        """The name of a value that the text can't make itself."""
        name = self._new(wanted)
        self.given[name] = value
        self._about_given.append(f"#   {name}: {' '.join(about.split())}")
        return name

    def give_variable(self, node: Node, variable: Variable) -> str:
        """The name of a node that stands for a variable: that of its array, and of the memory to be made for it."""
        name = self.give(variable.name, variable.array, "a variable")
        self.variables[name] = variable
        self.set_name(node, name)
        return name

    def function(self, node: Node, name: str) -> str:
        """How to call a function of the array module on a node's device: by its own name where there is one module."""
        module = node.device.module.__name__
        self._imports.setdefault(module, set()).add(name.split(".")[0])
        return name if self._has_one_module else f"{module}.{name}"

    # -- nodes

    def _add(self, node: Node, code: Sequence[str], comment: str, once: bool = False) -> None:
        """Write lines with a comment; those of a GPU in a block where that is the current one."""
        lines, margin = (self._once, "") if once else (self._body, "    ")
        if node.device in self._gpus:
            if self._devices.get(once) is not node.device:
                lines.append(f"{margin}with {self._gpus[node.device]}:")
            margin += "    "
        self._devices[once] = node.device
        first, *more = (margin + line for line in code)
        lines += [f"{first.ljust(_WIDTH)}  # {comment}" if comment else first, *more]

    def _write(self, node: Node) -> None:
        if isinstance(node, Constant):
            self._write_constant(node)
        elif isinstance(node, View):
            self._write_view(node)
        elif node in self.program.finals:
            self._add(node, node.memory(self), node.about or _looks(node), once=True)  # type: ignore[attr-defined]
        elif not isinstance(node, Leaf):
            self._make_room(node)
            into = node in self.program.places
            lines = node.lines(self, self.name(node, numbered=True), into)
            over = " in place" if into and self.names[node] in map(self.names.get, node.operands) else ""
            if lines:
                self._add(node, lines, self._described(node) + over)

    def _described(self, node: Node) -> str:
        """A node's dtype and shape, and what it is for."""
        of = self._traced_as.get(node.gradient_of) if node.gradient_of else None
        about = f"gradient of {of}" if of else node.about if node.about != node.label else ""
        return f"{_looks(node)}, {about}" if about else _looks(node)

    def _write_constant(self, node: Constant) -> None:
        is_small = node.is_row_by_row and (node.sample.nbytes < _LARGE or isinstance(node, Full))
        only = node.only_value if is_small else None
        if only is None:
            self.set_name(node, self.give("constant", node.array, _looks(node)))
            return
        number, shape = literal(only), node.sample.shape
        spoken = number.removesuffix(".0").replace("+", "").replace("e-", "e_minus_").replace("-", "minus_")
        name = self.name(node, f"all_{spoken}" if shape else f"number_{spoken}")  # CuPy's `asarray` makes 0.0 of -0.0
        code = f"{name} = {self.function(node, 'full')}({shape}, {number}, dtype={dtype_name(node.sample.dtype)!r})"
        self._add(node, [code], "", once=True)

    def _write_view(self, node: View) -> None:
        if node in self.names:  # a variable's part of memory, named when that was made
            return
        program, base = self.program, self.names[node.operands[0]]
        memory = program.memory(node)
        stays = memory in program.places or memory in program.finals or isinstance(memory, Constant)
        name = self.name(node, f"{base}_{_VIEWS.get(node.suffix.split('(')[0], 'part')}")
        self._add(node, [f"{name} = {base}{node.suffix}"], f"{_looks(node)}, a view", once=stays)

    def _make_room(self, node: Node) -> None:
        """Have a node's name stand for the memory that its value is put into, if that is made once."""
        place = self.program.places.get(node)
        if place is None or node in self.names:
            return
        memory, shape, size = place.memory, node.sample.shape, node.sample.size
        if memory is node:
            room, comment = node.empty(self), _looks(node)
        else:
            self._make_room(memory)
            room, is_whole = self.names[memory], memory.sample.size == size
            if memory in self.program.finals and memory.sample.shape == shape:  # in place of a variable
                self.names[node] = room
                return
            room += "" if is_whole else f"[{place.start}:{place.start + size}]"
            room += f".reshape({shape})" if memory.sample.shape != shape and (is_whole or len(shape) != 1) else ""
            comment = f"{_looks(node)}, {'the same memory' if is_whole else 'a part'}"
        self._add(node, [f"{self.name(node, numbered=True)} = {room}"], comment, once=True)

    # -- the end

    def _write_end(self) -> list[str]:
        """Copies of what is handed out from memory that is used again, then the new values of variables.

        Returns the names of the results.
        """
        program, memory, kept = self.program, self.program.memory, {*self.program.finals, *self.program.places}
        handed, news = dict[Node, str](), dict[Node, str]()
        for node in dict.fromkeys(program.results):
            where = memory(node)
            stays = isinstance(where, Stored) or where in kept
            handed[node] = self._copied(node, "result") if stays else self.names[node]
        for leaf, final in program.finals.items():
            if memory(final) is not leaf:
                is_another = memory(final) in program.finals  # which may be overwritten before this is
                news[leaf] = self._copied(final, "old") if is_another else self.names[final]
        for leaf, name in news.items():
            copying = f"{self.function(leaf, 'copyto')}({self.names[leaf]}, {name})"
            self._add(leaf, [copying], "the variable's new value")
        return [handed[node] for node in program.results]

    def _copied(self, node: Node, wanted: str) -> str:
        """The name of a copy of a node's value, which is laid out as that is."""
        name, base, views = self._new(wanted), node, ""
        while isinstance(base, View) and not base.is_row_by_row:
            views, base = base.suffix + views, base.operands[0]
        self._add(node, [f"{name} = {self.names[base]}.copy(){views}"], _looks(node))
        return name

    # -- the text

    def __str__(self) -> str:
        lines = []
        for module, names in sorted(self._imports.items()):
            some = f"from {module} import {', '.join(sorted(names))}"
            lines.append(some if self._has_one_module else f"import {module}")
        lines += ["", "# given:", *self._about_given] if self.given else []
        lines += ["", *self._once] if self._once else []
        lines += ["", "", f"def {self.function_name}({', '.join(self.names[each] for each in self.parameters)}):"]
        lines += [*self._body, f"    return {', '.join(self._results) or None}"]
        return "\n".join(lines).strip("\n") + "\n"


def _looks(node: Node) -> str:
    return f"{dtype_name(node.sample.dtype)} {node.sample.shape}"
