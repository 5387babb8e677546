"""Names for layers and models that are given none: `dense`, `dense_1`, `dense_2` and so on."""

from __future__ import annotations

import collections
import re
from typing import Any

_given: collections.Counter[str] = collections.Counter()


def snake_case(name: str) -> str:
    """A class's name in lower case, with `_` between its words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", re.sub(r"\W", "", name)).lower()


def numbered(name: str, counter: collections.Counter[str]) -> str:
    """The name itself the first time, and then with a number behind it."""
    count = counter[name]
    counter[name] += 1
    return f"{name}_{count}" if count else name


def new_name(kind: Any) -> str:
    """A name that no object had before, after its class or another word."""
    return numbered(kind if isinstance(kind, str) else snake_case(type(kind).__name__), _given)


def refuse(owner: str, options: dict[str, Any]) -> None:
    """Raise ValueError for arguments that Keras may have, but minidl has not."""
    if options:
        raise ValueError(f"{owner} has no argument {', '.join(options)} in minidl; {options} was given")


def find(kind: str, identifier: Any, table: dict[str, Any]) -> Any:
    """What a name stands for in a table; anything that isn't a name stays as it is. ValueError for unknown names."""
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    if identifier not in table if isinstance(identifier, str) else True:
        raise ValueError(f"Unknown {kind} {identifier!r}; there are {', '.join(table)}")
    entry = table[identifier]
    return entry() if isinstance(entry, type) else entry
