"""A product converts bools to numbers itself."""

from __future__ import annotations

from minidl.tracing.nodes import Converted, Elementwise, Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten


def drop_conversions(program: Program) -> Program:
    """The program with bools as second factors, where they were converted to the dtype of the first before."""

    def change(node: Node) -> Node:
        if isinstance(node, Elementwise) and node.function == "multiply":
            first, second = node.operands
            if isinstance(second, Converted) and first.sample.dtype == second.sample.dtype:
                source = second.operands[0]
                if source.sample.dtype == bool and source.sample.shape == second.sample.shape:
                    return node.on([first, source])
        return node

    return drop_unused(rewritten(program, change))
