"""TensorFlow as the reference: runs programs on it and on minidl, and says how closely they agree."""

from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

if _TYPE_CHECKING:
    from tfref.comparing import Comparison as Comparison, assert_agrees as assert_agrees, compare as compare
    from tfref.judging import Judgement as Judgement

# Imported when they are first used, since pytest imports this package at each start, for its fixture.
_LATER = {"Comparison": "comparing", "assert_agrees": "comparing", "compare": "comparing", "Judgement": "judging"}


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module 'tfref' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_LATER)
