"""Which nodes of a trace are needed, in which order, and in which memory each one's value is put.

Memory is used again as soon as nobody reads it any more, and an operation that works entry by entry may write over
its own operand. What counts is memory, not nodes: a view is a reader of what it is a view of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.tracing.nodes import Called, Constant, Elementwise, Joined, Leaf, Node, Stored, View
from minidl.tracing.together import EXACT, needed, together


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

    def __init__(self, nodes: Sequence[Node], results: Sequence[Node], finals: Sequence[tuple[Stored, Node]]) -> None:
        order, self.results, self.finals = together(list(nodes), list(results), list(finals))
        self.finals = [(variable, final) for variable, final in self.finals if final is not variable]
        draws = [node for node in order if isinstance(node, Called) and not node.operands]  # each moves the next one on
        wanted = needed([*self.results, *draws, *(node for pair in self.finals for node in pair)])
        order = [node for node in order if node in wanted]
        self.nodes = [node for node in order if not isinstance(node, Leaf)]
        for node in self.nodes:
            if isinstance(node, Elementwise):
                node.operands = _with_a_number(node)
        read = [each for node in self.nodes for each in node.operands]
        read += [*self.results, *(final for _, final in self.finals)]
        given = [node for node in order if isinstance(node, Leaf) and not isinstance(node, Constant)]
        self.leaves = given + list(dict.fromkeys(each for each in read if isinstance(each, Constant)))
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
        while isinstance(node, View) or node in self.joined:
            node = node.operands[0] if isinstance(node, View) else self.joined[node][0]
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
            if not isinstance(node, Joined):
                continue
            start = 0
            for member in node.operands:
                movable = member.can_write_into and member.is_row_by_row and member not in self.joined
                if movable and member not in self.fresh:
                    self.joined[member] = node, start
                start += member.sample.size

    def _write_variables_in_place(self) -> None:
        """Let a variable's new value be written over the old one, where nobody reads the old one later."""
        last_call = max((self._position[node] for node in self.nodes if isinstance(node, Called)), default=-1)
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
            (memory.can_write_into and memory.is_row_by_row) or isinstance(memory, Joined)
        )  # fmt: skip

    def _release(self, memory: Node, free: dict[Any, list[Node]]) -> None:
        free.setdefault(_kind_of_memory(memory), []).append(self.buffers[memory])


def _kind_of_memory(node: Node) -> tuple[Any, ...]:
    return node.device, node.sample.dtype, node.sample.size


def _reads_only_as_is(node: Node, memory: Node, plan: Plan) -> bool:
    """Whether a node works entry by entry, and reads some memory only in the layout that it writes in."""
    if not isinstance(node, Elementwise) or node.sample.dtype != memory.sample.dtype:
        return False
    return all(
        operand.sample.shape == node.sample.shape
        and operand.is_row_by_row
        and operand.sample.dtype == node.sample.dtype
        for operand in node.operands
        if plan.root(operand) is memory
    )


def _with_a_number(node: Elementwise) -> Sequence[Node]:
    """The operands of a node, with a number for a constant whose entries are all the same, where the other operand
    has the result's shape and layout."""
    if node.function not in EXACT or len(node.operands) != 2:
        return node.operands
    for index, operand in enumerate(node.operands):
        other = node.operands[1 - index]
        fits = not isinstance(other, Constant) and other.sample.shape == node.sample.shape and other.is_row_by_row
        if fits and isinstance(operand, Constant) and operand.sample.size > 1:
            value = operand.only_value()
            if value is not None:
                number = Constant((), value, operand.device, operand.device.place(value))
                return [other, number] if index else [number, other]
    return node.operands
