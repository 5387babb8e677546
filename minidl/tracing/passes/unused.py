"""What nobody needs is dropped."""

from minidl.tracing.nodes import Argument, Called, Node
from minidl.tracing.program import Program


def drop_unused(program: Program) -> Program:
    """The program without what no result and no variable's new value is computed from; but for arguments, draws,
    which have no operands, since each moves the next one on, and what prints, which gives no entries."""
    needed: set[Node] = set()
    stays = [node for node in program.nodes if isinstance(node, (Argument, Called))]
    stays = [node for node in stays if not node.operands or not node.sample.size]
    ahead: list[Node] = [*stays, *program.results, *program.finals, *program.finals.values()]
    while ahead:
        node = ahead.pop()
        if node not in needed:
            needed.add(node)
            ahead += node.operands
    return Program([node for node in program.nodes if node in needed], program.results, program.finals)
