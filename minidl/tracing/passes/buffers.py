"""Values are put into memory that is made once, and used again as soon as nobody reads it any more.

What counts is memory, not nodes: a view is a reader of what it is a view of.
"""

from __future__ import annotations

from typing import Any

from minidl.tracing.nodes import Node
from minidl.tracing.passes.inplace import reads_as_it_writes
from minidl.tracing.program import Place, Program


def share_buffers(program: Program) -> Program:
    """The program with the memory of each value made once; what works entry by entry may write over its operand."""
    made = Program(program.nodes, program.results, program.finals, dict(program.places))
    last, others = made.last_reads(), {*made.handed_out(), *made.finals}
    ending: dict[int, list[Node]] = {}
    for memory, position in last.items():
        ending.setdefault(position, []).append(memory)
    buffers: dict[Node, Node] = {}  # for each memory that is a buffer, the node that it was first made for
    free: dict[Any, list[Node]] = {}

    def release(memory: Node) -> None:
        free.setdefault(_kind(memory), []).append(buffers[memory])

    for position, node in enumerate(made.computed()):
        memory = made.memory(node)
        ended = [each for each in ending.get(position, ()) if each in buffers]
        over = [each for each in ended if each is not memory and reads_as_it_writes(made, node, each)]
        for each in over:
            release(each)
        if memory.can_write_into and memory not in buffers and memory not in others:
            waiting = free.get(_kind(memory))
            buffers[memory] = waiting.pop() if waiting else memory
        for each in ended:
            if each not in over:
                release(each)
        if memory in buffers and last.get(memory, -1) < position:
            release(memory)
    made.places |= {memory: Place(first) for memory, first in buffers.items()}
    return made


def _kind(memory: Node) -> tuple[Any, ...]:
    return memory.device, memory.sample.dtype, memory.sample.size
