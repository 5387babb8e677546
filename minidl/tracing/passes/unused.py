"""What nobody needs is dropped."""

from __future__ import annotations

from minidl.tracing.program import Program, is_draw, leading_to


def drop_unused(program: Program) -> Program:
    """The program without what no result and no variable's new value is computed from; draws stay, since each moves
    the next one on."""
    draws = [node for node in program.nodes if is_draw(node)]
    needed = leading_to([*program.results, *program.finals, *program.finals.values(), *draws])
    return Program([node for node in program.nodes if node in needed], program.results, program.finals)
