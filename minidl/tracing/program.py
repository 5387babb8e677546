"""A program: which nodes are computed, in which order, and where each value is put.

As a trace gives it, each node makes an array of its own, and that is right. Each pass makes a program of a program:
the same results, with less to do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from minidl.tracing.nodes import Called, Leaf, Node, View


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a node's value is put: in the memory of another node, or its own, from an entry on."""

    memory: Node
    start: int = 0


@dataclasses.dataclass
class Program:
    """What is computed.

    Attributes:
        nodes: all, each after its operands.
        results: those that are returned.
        finals: for the leaf that stands for a variable at the beginning, the node of its value at the end.
        places: of the values that are put into memory which is made once; all others are new arrays.
    """

    nodes: Sequence[Node]
    results: Sequence[Node]
    finals: Mapping[Node, Node]
    places: dict[Node, Place] = dataclasses.field(default_factory=dict)

    def memory(self, node: Node) -> Node:
        """The node whose memory holds this one's value."""
        while True:
            if isinstance(node, View):
                node = node.operands[0]
            elif node in self.places and self.places[node].memory is not node:
                node = self.places[node].memory
            else:
                return node

    def computed(self) -> list[Node]:
        """The nodes without the leaves."""
        return [node for node in self.nodes if not isinstance(node, Leaf)]

    def last_reads(self, but: Node | None = None) -> dict[Node, int]:
        """For each memory the position, among the nodes computed, of the last that reads it; for what is read at the
        end, how many there are.

        Arguments:
            but: a leaf whose final isn't counted.
        """
        nodes, last = self.computed(), {}
        for position, node in enumerate(nodes):
            for operand in node.operands:
                last[self.memory(operand)] = position
        for node in (*self.results, *(final for leaf, final in self.finals.items() if leaf is not but)):
            last[self.memory(node)] = len(nodes)
        return last

    def handed_out(self) -> set[Node]:
        """The nodes whose own memory is handed out with the results, and so made anew at each call."""
        return {self.memory(node) for node in self.results}


def leading_to(wanted: Iterable[Node]) -> set[Node]:
    """What some nodes are computed from, with these."""
    found: set[Node] = set()
    ahead = list(wanted)
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += node.operands
    return found


def rewritten(program: Program, change: Callable[[Node], Node]) -> Program:
    """The program with each node changed, once its operands are.

    Arguments:
        change: gives for a node, which has its new operands already, what is to take its place.
    """
    new: dict[Node, Node] = {}
    order: dict[Node, None] = {}  # a set that keeps its order
    for node in program.nodes:
        made = new[node] = change(node.on([new[each] for each in node.operands]))
        order |= dict.fromkeys(made.operands)
        order[made] = None
    finals = {new[leaf]: new[final] for leaf, final in program.finals.items()}
    return Program(list(order), [new[node] for node in program.results], finals)


def is_draw(node: Node) -> bool:
    """Whether a node has other values at each call, so that each call moves on the row of those that follow."""
    return isinstance(node, Called) and not node.operands
