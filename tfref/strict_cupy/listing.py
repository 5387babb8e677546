"""The list of CuPy's names, written anew from the CuPy that is installed, which needs no GPU for that.

    python -m tfref.strict_cupy.listing

Each line is a kind (ufunc, function, method of arrays, or value: a constant or type that is NumPy's own), a name, and
what its arguments are called.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy

from tfref.strict_cupy.names import LIST


def found_in(cupy: Any) -> Iterator[str]:
    """The lines of the list for a CuPy that is installed."""
    for name in sorted(set(dir(cupy)) & set(dir(numpy))):
        own, theirs = getattr(numpy, name), getattr(cupy, name)
        if name.startswith("_") or inspect.ismodule(theirs):
            continue
        if own is theirs:
            yield f"value {name}"
        elif isinstance(theirs, cupy.ufunc) or type(theirs) is type(cupy.matmul):
            yield f"ufunc {name}"
        elif inspect.isroutine(theirs):
            yield " ".join(["function", name, *_arguments(theirs, name)])
    for name in sorted(set(dir(cupy.ndarray)) & set(dir(numpy.ndarray))):
        method = getattr(cupy.ndarray, name)
        if not name.startswith("_") and inspect.isroutine(method):
            yield " ".join(["method", name, *_arguments(method, name)])


def _arguments(function: Any, name: str) -> list[str]:
    """The names of a function's arguments: of its signature, or of what compiled functions begin their text with."""
    if inspect.isfunction(function):
        parameters = inspect.signature(function).parameters.values()
        return [str(each.replace(default=each.empty, annotation=each.empty)) for each in parameters]
    begin = re.search(rf"\b{name}\((.*?)\)", function.__doc__ or "")
    words = [part.split("=")[0].split() for part in begin[1].split(",")] if begin else []
    return [part[-1] for part in words if part and part[-1] != "self" and part[-1] != "*"]


def main() -> None:
    lines = found_in(importlib.import_module("cupy"))
    LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
