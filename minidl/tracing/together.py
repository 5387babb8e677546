"""Small variables that are moved alike, and all that moves them, put together: then one call moves them all.

Two variables w and b, assigned w - rate * dw and b - rate * db, are laid one behind the other, and so are dw and db; a
product and a difference then serve for both.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from minidl.tracing.nodes import Elementwise, Joined, Node, Part, Stored, View, index_text, stand_in

# Variables of at most so many entries are put together; for larger ones a call each costs nothing.
ENTRIES_OF_A_SMALL_VARIABLE = 4096
DEEPEST = 100  # how many operations in a row are looked at for that

# Operations whose results for an entry don't depend on where in an array the entry lies, in no library.
EXACT = {"add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "maximum", "minimum", "reciprocal"}


def needed(wanted: Iterable[Node]) -> set[Node]:
    """What some nodes are computed from, with these."""
    found: set[Node] = set()
    ahead = list(wanted)
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += node.operands
    return found


class _ApartError(Exception):
    """Some nodes can't be computed by one call."""


Pair = tuple[Stored, Node]  # a variable's node, and that of its new value


def together(order: list[Node], results: list[Node], finals: list[Pair]) -> tuple[list[Node], list[Node], list[Pair]]:
    """The program with the small variables that are moved alike put side by side, where there are any."""
    groups = _groups(finals)
    while groups:
        joining = _Joining(order, results, finals, groups)
        apart = joining.apart()
        if apart is None:
            return joining.done()
        groups.remove(apart)
    return order, results, finals


def _groups(finals: Sequence[Pair]) -> list[list[Pair]]:
    """Variables that may be moved alike: small ones on one device, whose new values the same function gives."""
    groups: dict[Any, list[Pair]] = {}
    for variable, final in finals:
        if variable.sample.size <= ENTRIES_OF_A_SMALL_VARIABLE and isinstance(final, Elementwise):
            key = variable.device, variable.sample.dtype, final.function, len(final.operands)
            groups.setdefault(key, []).append((variable, final))
    return [group for group in groups.values() if len(group) > 1]


class _Joining:
    """Groups of variables, and all that moves those of a group alike, each made one node."""

    def __init__(
        self, order: list[Node], results: list[Node], finals: list[Pair], groups: Sequence[list[Pair]]
    ) -> None:
        self._order, self._results, self._finals, self._groups = order, results, finals, groups
        self._position = {node: index for index, node in enumerate(order)}
        self._needed = needed([*results, *(node for pair in finals for node in pair)])
        self._made: dict[tuple[Node, ...], Node] = {}  # what is computed side by side, by its members
        self._behind: dict[Node, list[Node]] = {}  # the same, by the node of the old order that it comes after
        for group in groups:
            nodes = tuple(variable for variable, _ in group)
            sample = stand_in((sum(each.sample.size for each in nodes),), nodes[0].sample.dtype)
            self._made[nodes] = Stored((), sample, nodes[0].device, [each.variables[0] for each in nodes])

    def apart(self) -> list[Pair] | None:
        """Join all groups; returns the first whose variables aren't moved alike, None where all are.

        Where one isn't, what was joined so far is of no use: begin anew without it.
        """
        for group in self._groups:
            finals = tuple(final for _, final in group)
            if len(set(finals)) < len(finals):  # one value for two variables
                return group
            try:
                self._alike(finals)
            except _ApartError:
                return group
        order, parts, _ = self._rewritten()
        place, made = {node: index for index, node in enumerate(order)}, set(self._made.values())
        for node in order:
            is_needed = node in self._needed or node in made
            if is_needed and any(place.get(parts.get(each, each), -1) > place[node] for each in node.operands):
                return self._groups[0]
        return None

    def _rewritten(self) -> tuple[list[Node], dict[Node, Node], set[Node]]:
        """The new order, the part of something joined that takes the place of an old node, and all such parts."""
        parts: dict[Node, Node] = {}
        parts_of: dict[Node, list[Node]] = {}
        for members, flat in self._made.items():
            if not isinstance(flat, Joined):
                starts = itertools.accumulate((each.sample.size for each in members), initial=0)
                parts_of[flat] = [_part(flat, start, each) for start, each in zip(starts, members, strict=False)]
                parts.update(zip(members, parts_of[flat], strict=True))
        order = [each for flat in self._made.values() if isinstance(flat, Stored) for each in (flat, *parts_of[flat])]
        for node in self._order:
            if node not in parts:
                order.append(node)
            for flat in self._behind.get(node, ()):
                order += [flat, *parts_of.get(flat, ())]
        return order, parts, set(parts.values())

    def done(self) -> tuple[list[Node], list[Node], list[Pair]]:
        """The order, the results and the finals, rewritten."""
        order, parts, views = self._rewritten()
        for node in order:
            if node not in views:
                node.operands = [parts.get(each, each) for each in node.operands]
        grouped = {variable for group in self._groups for variable, _ in group}
        finals = [(variable, parts.get(new, new)) for variable, new in self._finals if variable not in grouped]
        for group in self._groups:
            flat = self._made[tuple(variable for variable, _ in group)]
            assert isinstance(flat, Stored)
            finals.append((flat, self._made[tuple(final for _, final in group)]))
        return order, [parts.get(each, each) for each in self._results], finals

    def _alike(self, members: tuple[Node, ...], depth: int = 0) -> Node:
        """One node that computes what several do, side by side."""
        if members in self._made:
            return self._made[members]
        if depth > DEEPEST:
            raise _ApartError
        first = members[0]
        if all(each is first for each in members) and first.sample.shape == ():
            return first
        if len(set(members)) < len(members):
            raise _ApartError
        sizes = [each.sample.size for each in members]
        if any(each.sample.dtype != first.sample.dtype or not each.is_row_by_row for each in members):
            raise _ApartError
        sample = stand_in((sum(sizes),), first.sample.dtype)
        if isinstance(first, Elementwise) and self._is_one_call(first.function, members):
            columns = zip(*(each.operands for each in members), strict=True)
            operands = [self._alike(column, depth + 1) for column in columns]
            made: Node = Elementwise(operands, sample, first.device, first.function, about=first.about)
        elif all(each.can_write_into for each in members):
            made = Joined(members, sample, first.device, about=first.about)
        else:
            raise _ApartError
        last = max(members, key=lambda each: self._position[each])
        self._behind.setdefault(last, []).append(made)
        self._made[members] = made
        return made

    def _is_one_call(self, function: str, members: tuple[Node, ...]) -> bool:
        """Whether one call of a function computes all: each from operands of its own size, or from one number that all
        share, since an operand that broadcasts within its member wouldn't within the whole."""
        return function in EXACT and all(
            isinstance(each, Elementwise) and each.function == function
            and all(operand.sample.shape in ((), each.sample.shape) for operand in each.operands)
            for each in members
        ) and all(
            len(set(column)) == 1 or all(each.sample.shape == member.sample.shape
                                         for each, member in zip(column, members, strict=True))
            for column in zip(*(each.operands for each in members), strict=True)
        )  # fmt: skip


def _part(flat: Node, start: int, member: Node) -> Node:
    """A member of joined nodes, as a view of them."""
    suffix = index_text(slice(start, start + member.sample.size))
    if member.sample.ndim != 1:
        suffix += f".reshape({member.sample.shape})"
    sample = flat.sample[start : start + member.sample.size].reshape(member.sample.shape)
    if isinstance(member, Stored):
        return Part((flat,), sample, flat.device, suffix, member.variables[0])
    return View((flat,), sample, flat.device, suffix, about=member.about)
