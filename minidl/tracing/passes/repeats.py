"""What is computed twice is computed once."""

from __future__ import annotations

from collections.abc import Hashable

from minidl.tracing.nodes import Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten


def compute_once(program: Program) -> Program:
    """The program with one node for all that compute the same of the same."""
    first: dict[Hashable, Node] = {}

    def change(node: Node) -> Node:
        key = node.key()
        if key is None:
            return node
        sample = node.sample
        return first.setdefault((type(node), key, sample.dtype, sample.shape, *map(id, node.operands)), node)

    return drop_unused(rewritten(program, change))
