"""A variable's new value is written over the old one."""

from minidl.tracing.nodes import Called, Elementwise, Node
from minidl.tracing.program import Place, Program


def write_in_place(program: Program) -> Program:
    """The program with new values of variables computed where the old ones are, if nobody reads those later."""
    position = {node: index for index, node in enumerate(program.computed())}
    # A kernel that is called as a whole may raise, and must find the old values then.
    earliest = max((index for node, index in position.items() if isinstance(node, Called)), default=0)
    places = dict(program.places)
    made = Program(program.nodes, program.results, program.finals, places)
    for leaf, final in program.finals.items():
        place = position.get(final, -1)
        if place >= earliest and final.can_write_into and final not in places:
            last = made.last_reads(but=leaf).get(leaf, -1)
            if last < place or (last == place and reads_as_it_writes(made, final, leaf)):
                places[final] = Place(leaf)
    return made


def reads_as_it_writes(program: Program, node: Node, memory: Node) -> bool:
    """Whether a node works entry by entry, and reads some memory only in the layout that it writes in."""
    if not isinstance(node, Elementwise) or node.sample.dtype != memory.sample.dtype:
        return False
    operands = [each for each in node.operands if program.memory(each) is memory]
    looks = node.sample.shape, node.sample.dtype
    return all(each.is_row_by_row and (each.sample.shape, each.sample.dtype) == looks for each in operands)
