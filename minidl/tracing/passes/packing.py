"""Small variables that are moved alike lie side by side, and so does all that moves them: then one call moves all.

Two variables w and b, assigned w - rate * dw and b - rate * db, are laid one behind the other, and so are dw and db; a
product and a difference then serve for both.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minidl.devices import CPU
from minidl.tracing.looks import blank
from minidl.tracing.nodes import Computed, Elementwise, Leaf, Node, Stored, View, index_text
from minidl.tracing.passes.constants import EXACT
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Place, Program
from minidl.tracing.writing import Text

# Variables of at most so many entries are packed; for larger ones a call each costs nothing.
ENTRIES_OF_A_SMALL_VARIABLE = 4096
DEEPEST = 100  # how many operations in a row are looked at for that


class Packed(Leaf):
    """The values that several variables have at the beginning, one behind the other; parts are views of each."""

    parts: Sequence[Node]
    label = "variables"

    def memory(self, text: Text) -> list[str]:
        """The lines that make, of the variables' arrays, memory of the program's own for them."""
        leaves = [part.origin for part in self.parts]
        names = [text.give_variable(leaf.variable) for leaf in leaves if isinstance(leaf, Stored)]
        whole = text.new_name(self)
        flat = ", ".join(f"{name}.reshape(-1)" for name in names)
        lines = [f"{whole} = {text.function(self, 'concatenate')}([{flat}])"]
        for part, name in zip(self.parts, names, strict=True):
            text.set_name(part, name)
            lines.append(f"{name} = {whole}{part.suffix}")  # type: ignore[attr-defined]  # it is a view
        return lines


class Joined(Computed):
    """Memory that its operands lie in, one behind the other."""

    can_write_into = True

    @property
    def label(self) -> str:
        return "gradients" if all(each.gradient_of is not None for each in self.operands) else "joined"

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        return [
            f"{name}[{start}:{start + each.sample.size}] = {text.name_of(each)}.reshape(-1)"
            for start, each in zip(_starts(self.operands), self.operands, strict=False)
            if not text.is_in(each, self)
        ]


def _starts(members: Sequence[Node]) -> list[int]:
    return list(itertools.accumulate((each.sample.size for each in members), initial=0))


def pack_variables(program: Program) -> Program:
    """The program with the small variables that are moved alike packed, where there are any."""
    groups = _groups(program)
    while groups:
        try:
            return _Packing(program, groups).program()
        except _ApartError as error:
            groups.remove(error.group)
    return program


def _groups(program: Program) -> list[list[Node]]:
    """Variables that may be moved alike: small ones, whose new values the same function gives.

    (Not on a GPU, where a part of memory isn't aligned as an array is, so that other kernels run, with other bits.)
    """
    groups: dict[Any, list[Node]] = {}
    for leaf, final in program.finals.items():
        is_small = leaf.sample.size <= ENTRIES_OF_A_SMALL_VARIABLE and leaf.device is CPU
        if is_small and isinstance(final, Elementwise):
            key = leaf.sample.dtype, final.function, len(final.operands)
            groups.setdefault(key, []).append(leaf)
    return [group for group in groups.values() if len(group) > 1]


@dataclass
class _ApartError(Exception):
    """The variables of a group can't be moved by one call."""

    group: list[Node]


class _Packing:
    """Groups of variables, and all that moves those of a group alike, each made one node."""

    def __init__(self, program: Program, groups: Sequence[list[Node]]) -> None:
        self._program, self._groups = program, groups
        self._whole: dict[tuple[Node, ...], Node] = {}  # what is computed side by side, by its members
        self._part: dict[Node, Node] = {}  # of a member, as a view of its whole
        for group in groups:
            sample = blank((_starts(group)[-1],), group[0].sample.dtype)
            packed = Packed((), sample, CPU, about="side by side, so that one call moves all")
            packed.parts = self._divide(packed, tuple(group))
        for group in groups:
            finals = tuple(program.finals[leaf] for leaf in group)
            if len(set(finals)) < len(finals):  # one value for two variables
                raise _ApartError(group)
            self._alike(finals, group)

    def _divide(self, whole: Node, members: tuple[Node, ...]) -> list[Node]:
        """Views of the members of a whole, which take their places."""
        self._whole[members] = whole
        parts: list[Node] = []
        for start, member in zip(_starts(members), members, strict=False):
            shape, end = member.sample.shape, start + member.sample.size
            suffix = index_text(slice(start, end)) + ("" if len(shape) == 1 else f".reshape({shape})")
            view = View((whole,), whole.sample[start:end].reshape(shape), whole.device, suffix, about=member.about)
            view.origin = member.origin
            self._part[member] = view
            parts.append(view)
        return parts

    def _alike(self, members: tuple[Node, ...], group: list[Node], depth: int = 0) -> Node:
        """One node that computes what several do, side by side."""
        if members in self._whole:
            return self._whole[members]
        first = members[0]
        if all(each is first for each in members) and first.sample.shape == ():
            return first
        is_apart = depth > DEEPEST or len(set(members)) < len(members)
        if is_apart or any(each.sample.dtype != first.sample.dtype or not each.is_row_by_row for each in members):
            raise _ApartError(group)
        sample = blank((_starts(members)[-1],), first.sample.dtype)
        if isinstance(first, Elementwise) and _is_one_call(first.function, members):
            columns = zip(*(each.operands for each in members), strict=True)
            operands = [self._alike(column, group, depth + 1) for column in columns]
            whole: Node = Elementwise(operands, sample, first.device, first.function, about=first.about)
            self._divide(whole, members)
        elif all(each.can_write_into for each in members):
            whole = self._whole[members] = Joined(members, sample, first.device, about=first.about)
        else:
            raise _ApartError(group)
        return whole

    def program(self) -> Program:
        """The program with wholes and their parts in the places of members."""
        parts_of: dict[Node, list[tuple[Node, Node]]] = {}
        for member, part in self._part.items():
            parts_of.setdefault(part.operands[0], []).append((member, part))
        new: dict[Node, Node] = {}
        order: list[Node] = []
        for node in self._sorted():
            made = new[node] = node.on([new[each] for each in node.operands])
            order.append(made)
            for member, part in parts_of.get(node, ()):
                new[member] = part.on([made])
                order.append(new[member])
        grouped = {leaf for group in self._groups for leaf in group}
        finals = {new[leaf]: new[final] for leaf, final in self._program.finals.items() if leaf not in grouped}
        for group in self._groups:
            of_group = tuple(self._program.finals[leaf] for leaf in group)
            finals[new[self._whole[tuple(group)]]] = new[self._whole[of_group]]
        made = drop_unused(Program(order, [new[node] for node in self._program.results], finals))
        made.places = _places(made)
        return made

    def _sorted(self) -> list[Node]:
        """The nodes and the wholes without what has parts, each after its operands; else as they were."""
        position: dict[Node, float] = {node: index for index, node in enumerate(self._program.nodes)}
        nodes = [node for node in position if node not in self._part]
        for members, whole in self._whole.items():
            position[whole] = max(position[each] for each in members) + 0.5
            nodes.append(whole)
        source = {member: part.operands[0] for member, part in self._part.items()}
        waits_for = {node: {source.get(each, each) for each in node.operands} for node in nodes}
        users: dict[Node, list[Node]] = {}
        for node, operands in waits_for.items():
            for operand in operands:
                users.setdefault(operand, []).append(node)
        ready = [(position[node], number) for number, node in enumerate(nodes) if not waits_for[node]]
        numbers = {node: number for number, node in enumerate(nodes)}
        heapq.heapify(ready)
        found = []
        while ready:
            node = nodes[heapq.heappop(ready)[1]]
            found.append(node)
            for user in users.get(node, ()):
                waits_for[user].discard(node)
                if not waits_for[user]:
                    heapq.heappush(ready, (position[user], numbers[user]))
        if len(found) < len(nodes):  # what moves one variable depends on how another was moved
            raise _ApartError(self._groups[0])
        return found


def _is_one_call(function: str, members: tuple[Node, ...]) -> bool:
    """Whether one call of a function computes all: each from operands of its own size, or from one number that all
    share, since an operand that broadcasts within its member wouldn't within the whole."""
    are_alike = all(isinstance(each, Elementwise) and each.function == function for each in members)
    if function not in EXACT or not are_alike:
        return False
    fit = all(operand.sample.shape in ((), each.sample.shape) for each in members for operand in each.operands)
    return fit and all(
        len(set(column)) == 1
        or all(each.sample.shape == member.sample.shape for each, member in zip(column, members, strict=True))
        for column in zip(*(each.operands for each in members), strict=True)
    )


def _places(program: Program) -> dict[Node, Place]:
    """What is joined is written into its part at once, where it can be."""
    places: dict[Node, Place] = {}
    handed_out = program.handed_out()
    for node in program.nodes:
        if isinstance(node, Joined):
            places[node] = Place(node)
            for start, member in zip(_starts(node.operands), node.operands, strict=False):
                can_move = member.can_write_into and member.is_row_by_row
                if can_move and member not in places and member not in handed_out:
                    places[member] = Place(node, start)
    return places
