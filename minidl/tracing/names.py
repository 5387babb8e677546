"""Names in the text of a program: each is given once, and stands for one thing."""

from __future__ import annotations

import collections
import itertools
import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from minidl.devices import Device

# Functions of the array module that a program may call beside those of its nodes.
_USUAL = {"asarray", "concatenate", "copyto", "empty", "full", "numpy", "cupy", "reduce"}


class Names:
    """The names in one text.

    Arguments:
        devices: on which its arrays are.
        functions: of the array module whose names nothing else may have.

    Attributes:
        given: what the text needs and can't make itself, by name.
    """

    def __init__(self, devices: Iterable[Device], functions: Iterable[str]) -> None:
        self.given: dict[str, Any] = {}
        self._about_given: list[str] = []
        self._modules = {device.module.__name__ for device in devices}
        self._imports: set[tuple[str, str]] = set()
        self._taken = {*keyword.kwlist, *_USUAL, *(name.split(".")[0] for name in functions)}
        self._numbers: dict[str, Iterator[int]] = collections.defaultdict(lambda: itertools.count(1))

    def new(self, wanted: str, numbered: bool = False) -> str:
        """A name that nothing has: the one wanted, or that with a number."""
        wanted = name = _identifier(wanted)
        while name in self._taken or (numbered and name == wanted):
            name = f"{wanted}_{next(self._numbers[wanted])}"
        self._taken.add(name)
        return name

    def give(self, name: str, value: Any, about: str) -> str:
        """Have a new name stand for a value that the text can't make itself."""
        self.given[name] = value
        self._about_given.append(f"{name}: {' '.join(about.split())}")
        return name

    def function(self, device: Device, name: str) -> str:
        """How to call a function of a device's array module: by its own name where there is but one module."""
        module = device.module.__name__
        if len(self._modules) > 1:
            self._imports.add((module, ""))
            return f"{module}.{name}"
        self._imports.add((module, name.split(".")[0]))
        return name

    def head(self) -> list[str]:
        """The lines that import the functions called, and those that say what is given."""
        lines = []
        for module in sorted({module for module, _ in self._imports}):
            names = sorted({name for found, name in self._imports if found == module and name})
            lines.append(f"from {module} import {', '.join(names)}" if names else f"import {module}")
        return lines + (["", "# given:", *(f"#   {about}" for about in self._about_given)] if self.given else [])


def _identifier(text: str) -> str:
    """A text as a name of Python's."""
    # Python takes names that look alike for one, after this normalization.
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text.replace(".reduce", ""))).strip("_") or "x"
    name = f"_{name}" if name[0].isdigit() else name
    return name if name.isidentifier() else "x"
