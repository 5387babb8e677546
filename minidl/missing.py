"""Names that minidl lacks: what an error says of them."""

import difflib
import functools
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

# To derive from: of the modules of Keras that have one, others of the kind can be made so.
_BASES = {"Callback", "Initializer", "Layer", "Loss", "Metric", "Optimizer", "Regularizer"}


@functools.cache
def names_of_tensorflow() -> dict[str, set[str]]:
    """TensorFlow's public names by namespace, as they were recorded."""
    text = (Path(__file__).parent / "tensorflow.txt").read_text(encoding="utf-8")
    lines = [line.split(": ") for line in text.splitlines()]
    return {namespace: set(names.split()) for namespace, names in lines}


def explain_missing(module: ModuleType, called: str, **also: str) -> None:
    """Let a module say of a name that it lacks what that is, and list its public names alone.

    Arguments:
        module: that users see.
        called: its name, such as 'tf.nn'.
        also: other names that it has, with the modules of minidl that are that, or have it; imported at first use.
    """

    def listed() -> list[str]:
        own = {name for name, value in vars(module).items() if not isinstance(value, ModuleType)} - {"annotations"}
        return sorted(name for name in {*vars(module).get("__all__", own), *also} if not name.startswith("_"))

    def missing(name: str) -> Any:
        if name in also:
            found = importlib.import_module(f"minidl.{also[name]}")
            if name not in vars(found) and "__dir__" not in vars(found):
                explain_missing(found, f"{called}.{name}")
            return vars(found).get(name, found)
        if name.startswith("__"):
            raise AttributeError(f"module {called!r} has no attribute {name!r}")
        if name in names_of_tensorflow().get(called, ()):
            advice = "see what minidl leaves out, under Limits in its README"
            if name[:1].isupper() and (bases := _BASES.intersection(listed())):
                advice = f"derive one from {called}.{bases.pop()}, as the README says under Limits"
            raise AttributeError(f"{called}.{name}: TensorFlow has this, minidl doesn't; {advice}")
        near = difflib.get_close_matches(name, listed(), 1, 0.75)
        raise AttributeError(f"There is no {called}.{name}" + (f"; did you mean {called}.{near[0]}?" if near else ""))

    vars(module).update(__getattr__=missing, __dir__=listed)
