"""A variable's new value is written over the old one."""

from __future__ import annotations

from minidl.tracing.nodes import Called, Elementwise, Node
from minidl.tracing.program import Place, Program


def write_in_place(program: Program) -> Program:
    """The program with new values of variables computed where the old ones are, if nobody reads those later."""
    position = {node: index for index, node in enumerate(program.computed())}
    # A kernel that is called as a whole may raise, and must find the old values then.
    earliest = max((index for node, index in position.items() if isinstance(node, Called)), default=-1)
    made = Program(program.nodes, program.results, program.finals, dict(program.places))
    for leaf, final in program.finals.items():
        place, can_move = position.get(final, -1), final.can_write_into and final not in made.places
        if not can_move or place < earliest:
            continue
        last = made.last_reads(but=leaf).get(leaf, -1)
        if last < place or (last == place and reads_as_it_writes(made, final, leaf)):
            made.places[final] = Place(leaf)
    return made


def reads_as_it_writes(program: Program, node: Node, memory: Node) -> bool:
    """Whether a node works entry by entry, and reads some memory only in the layout that it writes in."""
    if not isinstance(node, Elementwise) or node.sample.dtype != memory.sample.dtype:
        return False
    return all(
        operand.sample.shape == node.sample.shape
        and operand.is_row_by_row
        and operand.sample.dtype == node.sample.dtype
        for operand in node.operands
        if program.memory(operand) is memory
    )
