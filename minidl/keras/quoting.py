"""Values as messages quote them."""

from __future__ import annotations

from typing import Any

LONGEST = 100


def short(value: Any) -> str:
    """A value in one short line: a large array by its shape and dtype, anything else in so many letters."""
    text = " ".join(repr(value).split())
    if len(text) <= LONGEST:
        return text
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
    if isinstance(value, (list, tuple)) and hasattr(value[0], "shape"):
        return f"{type(value).__name__} of {', '.join(map(short, value[:3]))}{', ...' if len(value) > 3 else ''}"
    return f"{text[:LONGEST]}..."
