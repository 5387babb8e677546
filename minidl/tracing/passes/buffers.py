"""Values are put into memory that is made once, and used again as soon as nobody reads it any more.

What counts is memory, not nodes: a view is a reader of what it is a view of.
"""

from typing import Any

from minidl.tracing.nodes import Node
from minidl.tracing.passes.inplace import reads_as_it_writes
from minidl.tracing.program import Place, Program


def share_buffers(program: Program) -> Program:
    """The program with the memory of each value made once; what works entry by entry may write over its operand."""
    last = program.last_reads()
    stays = {*map(program.memory, program.results), *program.finals}  # what is handed out is made anew at each call
    ending: dict[int, list[Node]] = {}
    for memory, position in last.items():
        ending.setdefault(position, []).append(memory)
    buffers: dict[Node, Node] = {}  # for each memory that is a buffer, the node that it was first made for
    free: dict[Any, list[Node]] = {}

    def waiting(memory: Node) -> list[Node]:
        return free.setdefault((memory.device, memory.sample.dtype, memory.sample.size), [])

    for position, node in enumerate(program.computed()):
        memory = program.memory(node)
        ended = [each for each in ending.get(position, ()) if each in buffers]
        over = [each for each in ended if each is not memory and reads_as_it_writes(program, node, each)]
        for each in over:
            waiting(each).append(buffers[each])
        if memory.can_write_into and memory not in buffers and memory not in stays:
            buffers[memory] = waiting(memory).pop() if waiting(memory) else memory
        for each in ended:
            if each not in over:
                waiting(each).append(buffers[each])
    places = {**program.places, **{memory: Place(first) for memory, first in buffers.items()}}
    return Program(program.nodes, program.results, program.finals, places)
