"""A program: which nodes are computed, in which order, and where each value is put.

As a trace gives it, each node makes an array of its own, and that is right. Each pass makes a program of a program:
the same results, with less to do.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from minidl.tracing.nodes import Leaf, Node
from minidl.tracing.symbols import seen


class Place(NamedTuple):
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
    places: Mapping[Node, Place] = dataclasses.field(default_factory=dict)

    def memory(self, node: Node) -> Node:
        """The node whose memory holds this one's value."""
        node = seen(node)
        place = self.places.get(node)
        return node if place is None or place.memory is node else self.memory(place.memory)

    def computed(self) -> list[Node]:
        """The nodes without the leaves."""
        return [node for node in self.nodes if not isinstance(node, Leaf)]

    def last_reads(self, but: Node | None = None) -> dict[Node, int]:
        """For each memory the position, among the nodes computed, of the last that reads it; for what is read at the
        end, how many there are. The final of the leaf `but` isn't counted."""
        nodes = self.computed()
        last = {self.memory(operand): position for position, node in enumerate(nodes) for operand in node.operands}
        for node in (*self.results, *(final for leaf, final in self.finals.items() if leaf is not but)):
            last[self.memory(node)] = len(nodes)
        return last


def rewritten(program: Program, change: Callable[[Node], Node]) -> Program:
    """The program with each node changed, once its operands are.

    Arguments:
        change: gives for a node, which has its new operands already, what is to take its place.
    """
    new: dict[Node, Node] = {}
    order: dict[Node, None] = {}  # a set that keeps its order
    for node in program.nodes:
        made = new[node] = change(node.on([new[each] for each in node.operands]))
        for each in (*made.operands, made):
            order[each] = None
    finals = {new[leaf]: new[final] for leaf, final in program.finals.items()}
    return Program(list(order), [new[node] for node in program.results], finals)
