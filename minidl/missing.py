"""Names that minidl lacks: what an error says of them."""

import difflib
import functools
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

# What to use instead, where something of the kind can be derived.
_INSTEAD = {
    f"tf.keras.{module}": f"derive one from tf.keras.{module}.{kind}, as the README says under Limits"
    for module, kind in {
        "optimizers": "Optimizer",
        "losses": "Loss",
        "metrics": "Metric",
        "layers": "Layer",
        "initializers": "Initializer",
        "callbacks": "Callback",
        "regularizers": "Regularizer",
    }.items()
}


@functools.cache
def names_of_tensorflow() -> dict[str, set[str]]:
    """TensorFlow's public names by namespace, as they were recorded."""
    text = (Path(__file__).parent / "tensorflow.txt").read_text(encoding="utf-8")
    lines = [line.split(": ") for line in text.splitlines()]
    return {namespace: set(names.split()) for namespace, names in lines}


def explain_missing(module: ModuleType, called: str, also: Iterable[str] = ()) -> None:
    """Let a module say of a name that it lacks what that is, and list its public names alone.

    Arguments:
        module: that users see.
        called: its name, such as 'tf.nn'.
        also: names of modules, and of what is imported later, that are public too.
    """
    before = vars(module).get("__getattr__")

    def listed() -> list[str]:
        own = {name for name, value in vars(module).items() if not isinstance(value, ModuleType)} - {"annotations"}
        return sorted(name for name in {*vars(module).get("__all__", own), *also} if not name.startswith("_"))

    def missing(name: str) -> Any:
        if before is not None and name in also:
            return before(name)
        if name.startswith("__"):
            raise AttributeError(f"module {called!r} has no attribute {name!r}")
        if name in names_of_tensorflow().get(called, ()):
            usual = "see what minidl leaves out, under Limits in its README"
            advice = _INSTEAD.get(called, usual) if name[:1].isupper() else usual
            raise AttributeError(f"{called}.{name}: TensorFlow has this, minidl doesn't; {advice}")
        near = difflib.get_close_matches(name, listed(), 1, 0.75)
        raise AttributeError(f"There is no {called}.{name}" + (f"; did you mean {called}.{near[0]}?" if near else ""))

    vars(module).update(__getattr__=missing, __dir__=listed)
