"""Libraries that not everybody has."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

_EXTRAS = {"tensorflow": "peers", "torch": "peers", "jax": "peers"}


class MissingError(Exception):
    """What is lacking here, in a sentence."""


def need(module: str) -> None:
    """Raises MissingError with the command that installs a module, where it isn't there."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        extra = _EXTRAS.get(module, "bench")
        raise MissingError(f"{module} is not installed; install it with: pip install 'minidl[{extra}]'")


def load(module: str) -> Any:
    """A module. Raises MissingError with the command that installs it."""
    need(module)
    return importlib.import_module(module)
