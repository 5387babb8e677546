"""What is computed twice is computed once."""

from typing import Any

from minidl.tracing.nodes import Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten
from minidl.tracing.symbols import seen


def compute_once(program: Program) -> Program:
    """The program with one node for all that compute the same of the same."""
    first: dict[Any, Node] = {}
    pairs = [tuple(map(seen, node.operands)) for node in program.nodes if node.label in ("dot", "matmul")]
    # BLAS has another way for a matrix and itself, with other last bits: two that are equal stay two.
    apart = {y for x, y in pairs if x is not y and x.label == y.label}

    def change(node: Node) -> Node:
        if node.same is None or node.origin in apart:
            return node
        looks = node.sample.dtype, node.sample.shape
        key = type(node), *(str(getattr(node, name)) for name in node.same), looks, *map(id, node.operands)
        return first.setdefault(key, node)

    return drop_unused(rewritten(program, change))
