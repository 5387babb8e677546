"""What is constant is computed once, when the program is made; one number stands for an array full of it."""

import numpy

from minidl.tracing.nodes import Copy, Elementwise, Full, Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten

# Ufuncs whose result for an entry doesn't depend on where in an array the entry lies, in no library.
EXACT = {"add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "maximum", "minimum", "reciprocal"}


def fold_constants(program: Program) -> Program:
    """The program with what is one number everywhere, and known beforehand, as constants. Where such an array is an
    operand, and the other one looks like the result, the number alone takes its place: no array is made for it."""

    def change(node: Node) -> Node:
        if isinstance(node, Elementwise) and node.function in EXACT and len(node.operands) == 2:
            first, second = node.operands
            node = node.on([_number(first, second, node), _number(second, first, node)])
        value = _value(node)
        return node if value is None else Full((), node.sample, node.device, value, about=node.about)

    return drop_unused(rewritten(program, change))


def _value(node: Node) -> numpy.ndarray | None:
    """The finite number that all entries of what is computed are, if it is computed from such."""
    operands = [each.only_value for each in node.operands]
    if not operands or any(each is None for each in operands):
        return None
    with numpy.errstate(all="ignore"):
        if isinstance(node, Copy):
            found = operands[0].astype(node.sample.dtype)
        elif isinstance(node, Elementwise) and node.function in EXACT:
            found = numpy.asarray(getattr(numpy, node.function)(*operands))
        else:
            return None
    return found if numpy.isfinite(found) else None


def _number(operand: Node, other: Node, node: Node) -> Node:
    """An operand of a node, as a number where that does beside the other."""
    looks_alike = other.sample.shape == node.sample.shape and other.is_row_by_row
    if operand.only_value is None or operand.sample.ndim == 0 or other.only_value is not None or not looks_alike:
        return operand
    return Full((), numpy.empty((), operand.sample.dtype), operand.device, operand.only_value)
