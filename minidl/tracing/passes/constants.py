"""What is constant is computed once, when the program is made; one number stands for an array full of it."""

from __future__ import annotations

import numpy

from minidl.tracing.nodes import Constant, Converted, Elementwise, Filled, Full, Node
from minidl.tracing.passes.unused import drop_unused
from minidl.tracing.program import Program, rewritten

# Ufuncs whose result for an entry doesn't depend on where in an array the entry lies, in no library.
EXACT = {"add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "maximum", "minimum", "reciprocal"}


def fold_constants(program: Program) -> Program:
    """The program with what is one number everywhere, and known beforehand, as constants.

    Arrays without axes are computed; where an array full of one number is an operand whose other operand has the
    result's looks, the number alone takes its place. No array is made for that.
    """
    values: dict[Node, numpy.ndarray | None] = {}  # of nodes: the number that all entries are, if they are

    def change(node: Node) -> Node:
        if isinstance(node, Elementwise) and node.function in EXACT:
            node = node.on([_number(each, node, values) for each in node.operands])
        values[node] = value = _value(node, values)
        if value is None or isinstance(node, Constant):
            return node
        if node.sample.ndim == 0:
            made: Node = Constant((), node.sample, node.device, node.device.place(value), about=node.about)
        else:
            made = Filled((), node.sample, node.device, value, about=node.about) if numpy.isfinite(value) else node
        values[made] = value
        return made

    return drop_unused(rewritten(program, change))


def _value(node: Node, values: dict[Node, numpy.ndarray | None]) -> numpy.ndarray | None:
    if isinstance(node, Constant):
        return node.only_value()
    if isinstance(node, Full):
        return node.value
    operands = [values.get(each) for each in node.operands]
    if not operands or any(each is None for each in operands):
        return None
    with numpy.errstate(all="ignore"):
        if isinstance(node, Converted):
            return numpy.asarray(operands[0].astype(node.sample.dtype))
        if isinstance(node, Elementwise) and node.function in EXACT:
            return numpy.asarray(getattr(numpy, node.function)(*operands))
    return None


def _number(operand: Node, node: Node, values: dict[Node, numpy.ndarray | None]) -> Node:
    """An operand of a node, as a number where that does."""
    others = [each for each in node.operands if each is not operand]
    value = values.get(operand)
    is_enough = value is not None and operand.sample.size > 1 and len(node.operands) == 2 and others
    if not is_enough or values.get(others[0]) is not None:
        return operand
    if others[0].sample.shape != node.sample.shape or not others[0].is_row_by_row:
        return operand
    number = Constant((), value, operand.device, operand.device.place(value))
    values[number] = value
    return number
