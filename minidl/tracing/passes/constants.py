"""What is constant is computed once, when the program is made; one number stands for an array full of it."""

from __future__ import annotations

import numpy

from minidl.tracing.nodes import Constant, Copy, Elementwise, Full, Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten

# Ufuncs whose result for an entry doesn't depend on where in an array the entry lies, in no library.
EXACT = {"add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "maximum", "minimum", "reciprocal"}

Values = dict[Node, numpy.ndarray | None]  # of nodes: the number that all entries are known to be, if they are


def fold_constants(program: Program) -> Program:
    """The program with what is one number everywhere, and known beforehand, as constants. Where such an array is an
    operand, and the other one looks like the result, the number alone takes its place: no array is made for it."""
    values: Values = {}

    def change(node: Node) -> Node:
        if isinstance(node, Elementwise) and node.function in EXACT and len(node.operands) == 2:
            first, second = node.operands
            node = node.on([_number(first, second, node, values), _number(second, first, node, values)])
        value = values[node] = _value(node, values)
        if value is None or isinstance(node, Constant):
            return node
        made = Full((), node.sample, node.device, value, about=node.about)
        values[made] = value
        return made

    return drop_unused(rewritten(program, change))


def _value(node: Node, values: Values) -> numpy.ndarray | None:
    if isinstance(node, Constant):
        return node.only_value()
    operands = [values[each] for each in node.operands]
    if not operands or any(each is None for each in operands):
        return None
    with numpy.errstate(all="ignore"):
        if isinstance(node, Copy):
            found = numpy.asarray(operands[0]).astype(node.sample.dtype)
        elif isinstance(node, Elementwise) and node.function in EXACT:
            found = numpy.asarray(getattr(numpy, node.function)(*operands))
        else:
            return None
    return found if numpy.isfinite(found) else None


def _number(operand: Node, other: Node, node: Node, values: Values) -> Node:
    """An operand of a node, as a number where that does beside the other."""
    value = values[operand]
    if value is None or operand.sample.ndim == 0 or values[other] is not None:
        return operand
    if other.sample.shape != node.sample.shape or not other.is_row_by_row:
        return operand
    number = Full((), numpy.empty((), operand.sample.dtype), operand.device, value)
    values[number] = value
    return number
