"""Which nodes of a trace are needed, in which order, and in which memory each one's value is put.

Memory is used again as soon as nobody reads it any more, and an operation that works entry by entry may write over
its own operand. What counts is memory, not nodes: a view is a reader of what it is a view of.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from minidl.tracing.symbols import CALL, ELEMENTWISE, JOINED, VIEW, Node, index_text, stand_in

# Variables of at most so many entries lie side by side, so that one call moves them all.
ENTRIES_OF_A_SMALL_VARIABLE = 4096
DEEPEST = 100  # how many operations in a row are looked at for that

# Operations whose results for an entry don't depend on where in an array the entry lies, in no library.
_EXACT = {"add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "maximum", "minimum", "reciprocal"}


class Plan:
    """A program: what is computed in which order, and where it is put.

    Attributes:
        nodes: what is computed, in order, without the leaves.
        leaves: the arguments, constants and variables that are needed.
        results: the nodes of the results.
        finals: pairs of a variable's node and the node of its new value.
        buffers: for each node whose value is put into a buffer, the node that the buffer was first made for.
        in_place: for each node that is written into a variable, that variable's node.
        joined: for each node that is written into a part of joined memory, the joined node and the part's beginning.
        fresh: the nodes whose memory is handed out, and so made anew at each call.
    """

    def __init__(self, nodes: Sequence[Node], results: Sequence[Node], finals: Sequence[tuple[Node, Node]]) -> None:
        order, self.results, self.finals = _side_by_side(list(nodes), list(results), list(finals))
        self.finals = [(variable, final) for variable, final in self.finals if final is not variable]
        draws = [node for node in order if node.kind == CALL and not node.operands]  # each moves the next one on
        needed = _needed([*self.results, *draws, *(node for pair in self.finals for node in pair)])
        order = [node for node in order if node in needed]
        self.leaves = [node for node in order if not node.operands and node.kind != CALL]
        self.nodes = [node for node in order if node.operands or node.kind == CALL]
        for node in self.nodes:
            if node.kind == ELEMENTWISE:
                node.operands = _with_a_number(node)
        read = [each for node in self.nodes for each in node.operands if each.kind == "constant"]
        read += [each for each in [*self.results, *(final for _, final in self.finals)] if each.kind == "constant"]
        self.leaves = [leaf for leaf in self.leaves if leaf.kind != "constant"] + list(dict.fromkeys(read))
        self._position = {node: index for index, node in enumerate(self.nodes)}
        self.assigned = {variable for variable, _ in self.finals}
        self.joined: dict[Node, tuple[Node, int]] = {}
        self.in_place: dict[Node, Node] = {}
        self.buffers: dict[Node, Node] = {}
        self.fresh = {self.root(node) for node in self.results} - set(self.leaves)
        self._join()
        self._write_variables_in_place()
        self.fresh -= set(self.in_place)
        self._share_buffers()

    # -- memory

    def root(self, node: Node) -> Node:
        """The node whose memory holds this one's value."""
        while node.kind == VIEW or node in self.joined:
            node = node.operands[0] if node.kind == VIEW else self.joined[node][0]
        return node

    def _last_reads(self, but: tuple[Node, Node] | None = None) -> dict[Node, int]:
        """For each memory the position of the last node that reads it; the end, for what is read there."""
        last: dict[Node, int] = {}
        for node in self.nodes:
            for operand in node.operands:
                last[self.root(operand)] = self._position[node]
        end = len(self.nodes)
        for node in self.results:
            last[self.root(node)] = end
        for pair in self.finals:
            if pair != but:
                last[self.root(pair[1])] = end
        return last

    def _join(self) -> None:
        """Let what is joined be written into its part at once, where it can."""
        for node in self.nodes:
            if node.kind != JOINED:
                continue
            start = 0
            for member in node.operands:
                movable = member.can_write_into and member.is_row_by_row and member not in self.joined
                if movable and member not in self.fresh:
                    self.joined[member] = node, start
                start += member.sample.size

    def _write_variables_in_place(self) -> None:
        """Let a variable's new value be written over the old one, where nobody reads the old one later."""
        last_call = max((self._position[node] for node in self.nodes if node.kind == CALL), default=-1)
        for variable, final in self.finals:
            taken = final in self.in_place or final in self.joined
            if taken or not (final.can_write_into and final.is_row_by_row and final in self._position):
                continue
            position = self._position[final]
            if position < last_call:
                continue  # that call may raise, and must find the old value then
            last = self._last_reads(but=(variable, final)).get(variable, -1)
            is_over_itself = _reads_only_as_is(final, variable, self)
            if last < position or (last == position and is_over_itself):
                self.in_place[final] = variable

    def _share_buffers(self) -> None:
        last = self._last_reads()
        free: dict[Any, list[Node]] = {}
        begun: set[Node] = set()
        ends: dict[int, list[Node]] = {}
        for memory, position in last.items():
            ends.setdefault(position, []).append(memory)
        for position, node in enumerate(self.nodes):
            memory = self.root(node)
            ending = [each for each in ends.get(position, []) if each in self.buffers]
            over = [each for each in ending if _reads_only_as_is(node, each, self) and each is not memory]
            for each in over:
                self._release(each, free)
            if memory not in begun and self._is_buffered(memory):
                begun.add(memory)
                waiting = free.get(_kind_of_memory(memory))
                self.buffers[memory] = waiting.pop() if waiting else memory
            for each in ending:
                if each not in over:
                    self._release(each, free)
            if memory in self.buffers and last.get(memory, -1) < position:
                self._release(memory, free)

    def _is_buffered(self, memory: Node) -> bool:
        return memory not in self.fresh and memory not in self.in_place and (
            (memory.can_write_into and memory.is_row_by_row) or memory.kind == JOINED
        )  # fmt: skip

    def _release(self, memory: Node, free: dict[Any, list[Node]]) -> None:
        free.setdefault(_kind_of_memory(memory), []).append(self.buffers[memory])


def _kind_of_memory(node: Node) -> tuple[Any, ...]:
    return node.device, node.sample.dtype, node.sample.size


def _reads_only_as_is(node: Node, memory: Node, plan: Plan) -> bool:
    """Whether a node works entry by entry, and reads some memory only in the layout that it writes in."""
    if node.kind != ELEMENTWISE or node.sample.dtype != memory.sample.dtype:
        return False
    return all(
        operand.sample.shape == node.sample.shape
        and operand.is_row_by_row
        and operand.sample.dtype == node.sample.dtype
        for operand in node.operands
        if plan.root(operand) is memory
    )


def _needed(wanted: Iterable[Node]) -> set[Node]:
    needed: set[Node] = set()
    ahead = list(wanted)
    while ahead:
        node = ahead.pop()
        if node not in needed:
            needed.add(node)
            ahead += node.operands
    return needed


def _with_a_number(node: Node) -> list[Node]:
    """The operands of a node, with a number for a constant whose entries are all the same, where the other operand
    has the result's shape and layout."""
    if node.function not in _EXACT or len(node.operands) != 2:
        return node.operands
    for index, operand in enumerate(node.operands):
        other = node.operands[1 - index]
        fits = other.kind != "constant" and other.sample.shape == node.sample.shape and other.is_row_by_row
        if fits and operand.kind == "constant" and operand.sample.size > 1:
            value = operand.only_value()
            if value is not None:
                number = Node("constant", "", (), {}, value, operand.device, operand.device.place(value))
                return [other, number] if index else [number, other]
    return node.operands


# -- small variables side by side --------------------------------------------------------------------------------


class _ApartError(Exception):
    """Some nodes can't be computed by one call."""


Pair = tuple[Node, Node]  # a variable's node, and that of its new value


def _side_by_side(
    order: list[Node], results: list[Node], finals: list[Pair]
) -> tuple[list[Node], list[Node], list[Pair]]:
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
        if variable.sample.size <= ENTRIES_OF_A_SMALL_VARIABLE and final.kind == ELEMENTWISE:
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
        self._needed = _needed([*results, *(node for pair in finals for node in pair)])
        self._made: dict[tuple[Node, ...], Node] = {}  # what is computed side by side, by its members
        self._behind: dict[Node, list[Node]] = {}  # the same, by the node of the old order that it comes after
        for group in groups:
            variables = tuple(variable for variable, _ in group)
            sample = stand_in((sum(each.sample.size for each in variables),), variables[0].sample.dtype)
            held = tuple(each.held for each in variables)
            self._made[variables] = Node("variable", "", (), {}, sample, variables[0].device, held)

    def apart(self) -> list[Pair] | None:
        """The first group whose variables aren't moved alike, None where all are."""
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
            if flat.kind != JOINED:
                starts = itertools.accumulate((each.sample.size for each in members), initial=0)
                parts_of[flat] = [_part(flat, start, each) for start, each in zip(starts, members, strict=False)]
                parts.update(zip(members, parts_of[flat], strict=True))
        order = [each for flat in self._made.values() if flat.kind == "variable" for each in (flat, *parts_of[flat])]
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
        if self._is_one_call(members):
            columns = zip(*(each.operands for each in members), strict=True)
            operands = [self._alike(column, depth + 1) for column in columns]
            made = Node(ELEMENTWISE, first.function, operands, {}, sample, first.device)
        elif all(each.can_write_into for each in members):
            made = Node(JOINED, "", members, {}, sample, first.device)
        else:
            raise _ApartError
        made.about = first.about
        last = max(members, key=lambda each: self._position[each])
        self._behind.setdefault(last, []).append(made)
        self._made[members] = made
        return made

    def _is_one_call(self, members: tuple[Node, ...]) -> bool:
        first = members[0]
        return first.function in _EXACT and all(
            each.kind == ELEMENTWISE and each.function == first.function
            and all(operand.sample.shape in ((), each.sample.shape) for operand in each.operands)
            for each in members
        ) and all(
            len(set(column)) == 1 or all(each.sample.shape == member.sample.shape
                                         for each, member in zip(column, members, strict=True))
            for column in zip(*(each.operands for each in members), strict=True)
        )  # fmt: skip


def _part(flat: Node, start: int, member: Node) -> Node:
    """A member of joined nodes, as a view of them."""
    text = index_text(slice(start, start + member.sample.size))
    if member.sample.ndim != 1:
        text += f".reshape({member.sample.shape})"
    sample = flat.sample[start : start + member.sample.size].reshape(member.sample.shape)
    return Node(VIEW, text, (flat,), {}, sample, flat.device, member.held, member.about)
