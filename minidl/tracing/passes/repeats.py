"""What is computed twice is computed once."""

from __future__ import annotations

from typing import Any

from minidl.tracing.nodes import Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten


def compute_once(program: Program) -> Program:
    """The program with one node for all that compute the same of the same."""
    first: dict[Any, Node] = {}

    def change(node: Node) -> Node:
        if node.same is None:
            return node
        looks = node.sample.dtype, node.sample.shape
        key = type(node), *(str(getattr(node, name)) for name in node.same), looks, *map(id, node.operands)
        return first.setdefault(key, node)

    return drop_unused(rewritten(program, change))
