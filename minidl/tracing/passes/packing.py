"""Small variables that are moved alike lie side by side, and so does all that moves them: then one call moves all.

Two variables w and b, assigned w - rate * dw and b - rate * db, are laid one behind the other, and so are dw and db; a
product and a difference then serve for both.
"""

import contextlib
import itertools
from collections.abc import Sequence
from typing import Any

from minidl.devices import CPU
from minidl.tracing.nodes import Elementwise, Leaf, Node, Stored, View, index_text
from minidl.tracing.passes.constants import EXACT
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Place, Program
from minidl.tracing.symbols import blank
from minidl.tracing.writing import Text

ENTRIES_OF_A_SMALL_VARIABLE = 4096  # of at most so many it is packed; for a larger one a call of its own costs nothing


class Packed(Leaf):
    """The values that several variables have at the beginning, one behind the other; parts are views of each."""

    parts: Sequence[Any]
    label = "variables"

    def memory(self, text: Text) -> list[str]:
        """The lines that make, of the variables' arrays, memory of the program's own for them."""
        names = [text.give_variable(part, part.origin.variable) for part in self.parts]
        flat, whole = ", ".join(f"{name}.reshape(-1)" for name in names), text.name(self)
        parts = [f"{name} = {whole}{part.suffix}" for part, name in zip(self.parts, names, strict=True)]
        return [f"{whole} = {text.function(self, 'concatenate')}([{flat}])", *parts]


class Joined(Node):
    """Memory that its operands lie in, one behind the other."""

    can_write_into = True
    label = property(lambda node: "gradients" if all(each.gradient_of for each in node.operands) else "joined")

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        places = text.program.places  # those in it are there already
        others = [(at, each) for at, each in _starts(self.operands) if places.get(each) != Place(self, at)]
        return [f"{name}[{at}:{at + each.sample.size}] = {text.names[each]}.reshape(-1)" for at, each in others]


class _ApartError(Exception):
    """Some variables can't be moved by one call."""


def _starts(members: Sequence[Node]) -> list[tuple[int, Node]]:
    return list(zip(itertools.accumulate((each.sample.size for each in members), initial=0), members, strict=False))


def pack_variables(program: Program) -> Program:
    """The program with the small variables that are moved alike packed, where there are any."""
    for key in dict.fromkeys(_key(leaf, final) for leaf, final in program.finals.items()):
        group = [leaf for leaf, final in program.finals.items() if _key(leaf, final) == key]
        if key is not None and len(group) > 1:
            with contextlib.suppress(_ApartError, RecursionError):
                program = _Packing(program, group).program()
    joined = [node for node in program.nodes if isinstance(node, Joined)]
    places: dict[Node, Place] = {node: Place(node) for node in joined}
    handed_out = set(map(program.memory, program.results))
    for node in joined:  # whose operands are written into their parts at once, where they can be
        for start, member in _starts(node.operands):
            if member.can_write_into and member not in places and member not in handed_out:
                places[member] = Place(node, start)
    return Program(program.nodes, program.results, program.finals, places)


def _key(leaf: Node, final: Node) -> Any:
    """What variables have in common that may be moved alike. (On a GPU none are: a part of memory isn't aligned there
    as an array is, so that other kernels would run, with other bits.)"""
    is_small = leaf.sample.size <= ENTRIES_OF_A_SMALL_VARIABLE and leaf.device is CPU and isinstance(leaf, Stored)
    if not is_small or not isinstance(final, Elementwise):
        return None
    return leaf.sample.dtype, final.function, len(final.operands)


class _Packing:
    """A group of variables, and all that moves them alike, each made one node."""

    def __init__(self, program: Program, group: Sequence[Node]) -> None:
        self._program, self._group = program, group
        self._whole: dict[tuple[Node, ...], Node] = {}  # what is computed side by side, by its members
        self._parts: dict[Node, dict[Node, Node]] = {}  # of a whole, for each member the view that takes its place
        self._packed = Packed((), _sample(group), CPU, about="side by side, so that one call moves all")
        self._packed.parts = self._divide(self._packed, tuple(group))
        self._final = self._alike(tuple(program.finals[leaf] for leaf in group))

    def _divide(self, whole: Node, members: tuple[Node, ...]) -> list[Node]:
        """Views of the members of a whole, which take their places."""
        self._whole[members], parts = whole, self._parts.setdefault(whole, {})
        for start, member in _starts(members):
            shape, end = member.sample.shape, start + member.sample.size
            suffix = index_text(slice(start, end)) + ("" if len(shape) == 1 else f".reshape({shape})")
            parts[member] = View((whole,), whole.sample[start:end].reshape(shape), CPU, suffix, about=member.about)
            parts[member].made_of = member.origin
        return list(parts.values())

    def _alike(self, members: tuple[Node, ...]) -> Node:
        """One node that computes what several do, side by side."""
        first = members[0]
        if members in self._whole or _is_one_number(members):
            return self._whole.get(members, first)
        fit = all(each.sample.dtype == first.sample.dtype and each.is_row_by_row for each in members)
        if fit and len(set(members)) == len(members):
            if isinstance(first, Elementwise) and _is_one_call(first, members):
                operands = [self._alike(each) for each in zip(*(node.operands for node in members), strict=True)]
                self._divide(Elementwise(operands, _sample(members), CPU, first.function, about=first.about), members)
                return self._whole[members]
            if all(each.can_write_into for each in members):
                self._whole[members] = Joined(members, _sample(members), CPU, about=first.about)
                return self._whole[members]
        raise _ApartError

    def program(self) -> Program:
        """The program with wholes in the places of members, if nothing that moves one variable depends on how another
        was moved."""
        members = {member for parts in self._parts.values() for member in parts}
        new: dict[Node, Node] = {}
        order: list[Node] = []
        ahead = list(self._whole.values())

        def add(node: Node) -> None:
            if any(each not in new for each in node.operands):
                raise _ApartError
            new[node] = made = node.on([new[each] for each in node.operands])
            parts = {member: part.on([made]) for member, part in self._parts.get(node, {}).items()}
            new.update(parts)
            order.extend([made, *parts.values()])

        for node in self._program.nodes:
            for whole in [each for each in ahead if all(operand in new for operand in each.operands)]:
                ahead.remove(whole)
                add(whole)
            if node not in members:
                add(node)
        for whole in ahead:
            add(whole)
        finals = {new[leaf]: new[final] for leaf, final in self._program.finals.items() if leaf not in self._group}
        finals[new[self._packed]] = new[self._final]
        return drop_unused(Program(order, [new[node] for node in self._program.results], finals))


def _sample(members: Sequence[Node]) -> Any:
    return blank((sum(each.sample.size for each in members),), members[0].sample.dtype)


def _is_one_call(first: Elementwise, members: tuple[Node, ...]) -> bool:
    """Whether one call computes all: of an exact function, each from operands of its own size, or from one number that
    all share, since an operand that broadcasts within its member wouldn't within the whole."""
    if first.function not in EXACT or {getattr(each, "function", "") for each in members} != {first.function}:
        return False
    shapes, columns = [each.sample.shape for each in members], zip(*(each.operands for each in members), strict=True)
    return all(_is_one_number(column) or [each.sample.shape for each in column] == shapes for column in columns)


def _is_one_number(members: Sequence[Node]) -> bool:
    return set(members) == {members[0]} and members[0].sample.shape == ()
