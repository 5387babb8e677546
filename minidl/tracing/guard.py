"""A guard: it runs a program if it is called with arguments of the program's signature, and otherwise says so.

A guard is written out for its signature, since to make a signature of the arguments and to look that up would take
longer than a small program itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

from minidl.context import thread
from minidl.tensor import Tensor, Variable

# What a guard gives for arguments of another signature.
ANOTHER = object()


def can_guard(arguments: Sequence[Any]) -> bool:
    """Whether arguments are of the kinds that a guard knows: tensors on the CPU, each another, and None."""
    tensors = [each for each in arguments if each is not None]
    are_known = all(type(each) is Tensor and type(each.array) is numpy.ndarray for each in tensors)
    return are_known and len(set(map(id, tensors))) == len(tensors)


def guard_for(
    arguments: Sequence[Tensor | None],
    takes: Sequence[int],
    reads: Sequence[Variable],
    storages: Sequence[tuple[Variable, Any]],
    parts: Mapping[str, Any],
) -> Callable[..., Any]:
    """A guard for a program.

    Arguments:
        arguments: of the signature.
        takes: the numbers of the tensors among them that the program takes.
        reads: the variables that it takes.
        storages: the variables that it keeps and where it keeps them.
        parts: `step`, the program; `load`, which brings the variables' values to their storages; `hand_out`, which
            makes results of what the program returns and, where it `hands_back` some, of the tensors given; `lock`.
    """
    given = [f"x{index}" for index in range(len(arguments))]
    tensors = [name for name, each in zip(given, arguments, strict=True) if each is not None]
    names = {**parts, "Tensor": Tensor, "ndarray": numpy.ndarray, "thread": thread, "ANOTHER": ANOTHER}
    others = ["more", "here.listeners", "here.device is not None"]
    others += [f"type({name}) is not Tensor" if name in tensors else f"{name} is not None" for name in given]
    others += [f"{one} is {other}" for one, other in itertools.combinations(tensors, 2)]
    parameters = ", ".join([*(f"{name}=ANOTHER" for name in given), "*more"])
    lines = [f"def guard({parameters}):", "    here = thread.here", f"    if {' or '.join(others)}:"]
    lines.append("        return ANOTHER")
    for name, each in zip(given, arguments, strict=True):
        if each is not None:
            names[f"{name}_dtype"] = each.array.dtype
            lines += [
                f"    {name}_array = {name}.array",
                f"    if (type({name}_array) is not ndarray or {name}_array.dtype is not {name}_dtype",
                f"            or {name}_array.shape != {each.array.shape}",
                f"            or {name}_array.strides != {each.array.strides}):",
                "        return ANOTHER",
            ]
    names |= {f"read_{index}": variable for index, variable in enumerate(reads)}
    names |= {f"kept_{index}": variable for index, (variable, _) in enumerate(storages)}
    names |= {f"storage_{index}": storage for index, (_, storage) in enumerate(storages)}
    step = ["step", *(f"{tensors[index]}_array" for index in takes), *(f"read_{i}.array" for i in range(len(reads)))]
    kept = range(len(storages))
    lines.append("    with lock:")
    if storages:
        lines.append(f"        if {' or '.join(f'kept_{i}.storage is not storage_{i}' for i in kept)}:")
        lines.append("            load()")
    call = f"found = here.silently({', '.join(step)})"
    if storages:
        lines += ["        try:", f"            {call}", "        finally:"]
        lines.append(f"            {' = '.join(f'kept_{i}.latest' for i in kept)} = None")
    else:
        lines.append(f"        {call}")
    handed_back = "".join(f", {name}" for name in tensors) if parts["hands_back"] else ""
    lines.append(f"    return hand_out(found{handed_back})")
    exec("\n".join(lines), names)
    guard: Callable[..., Any] = names["guard"]
    return guard
