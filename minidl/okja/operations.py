"""The explanation of an operation: its words, a case with its rules, its curve, and what TensorFlow gives."""

from __future__ import annotations

import dataclasses
import difflib
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
from rich.console import Console
from rich.text import Text

import minidl
from minidl.okja.curves import Curve
from minidl.okja.explanation import Printer, description

if TYPE_CHECKING:
    from tfref.running import Case

SHOWN = 3  # how many entries of a figure


def operations() -> dict[str, list[Case]]:
    """The operations of the case table, by their names behind `tf.`, with their cases."""
    from tfref.cases import CASES  # which stands beside minidl, and above it

    found: dict[str, list[Case]] = {}
    for case in CASES:
        if case.op.replace(".", "").isidentifier():  # the others are about several operations
            found.setdefault(case.op, []).append(case)
    return {name: cases for name, cases in found.items() if _function(name) is not None}


def _function(name: str) -> Any:
    try:
        return operator.attrgetter(name)(minidl)
    except AttributeError:
        return None


def full_name(name: str) -> str:
    """The name of an operation behind `tf.`, from a name that may lack its modules.

    Raises ValueError, with the names nearest to it, where there is none, and with all of them, where there are several.
    """
    names = list(operations())
    asked = name.removeprefix("tf.").removeprefix("minidl.")
    by_last = {each.split(".")[-1].lower(): each for each in names}
    found = [each for each in names if each == asked] or [
        each for each in names if each.split(".")[-1] == asked.removeprefix("math.").removeprefix("nn.")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{name!r} can be {' or '.join(found)}")
    near = difflib.get_close_matches(asked.split(".")[-1].lower(), by_last)
    advice = f"; near it are {', '.join(by_last[each] for each in near)}" if near else ""
    advice = advice or "; name one of minidl's, such as sigmoid or math.log"
    raise ValueError(f"there is no operation {name!r}{advice}")


def explain_operation(console: Console, name: str, folder: Path | None = None) -> list[Path]:
    """Explain an operation of a full name; draw its case and its curve into a folder. Returns the files.

    Raises ValueError for a recording that can't be read, and ImportError where matplotlib is missing.
    """
    cases = operations()[name]
    printer, last = Printer(console), name.split(".")[-1]
    console.print(Text(f"tf.{name}", "bold"))
    for paragraph in description(_function(name)):
        printer.say(paragraph)
    case = next((each for each in cases if each.label == "float32"), cases[0])
    picture = _pictured(case)
    printer.given(picture)
    printer.walk(picture)
    curve = _curve(cases)
    if curve is not None:
        printer.title("The function, o, and its derivative by the rule, +")
        for line in curve.in_letters():
            printer.say(line)
    _say_agreement(printer, case, cases)
    if folder is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{last}-graph.png"]
    picture.save(files[0])
    if curve is not None:
        files.append(folder / f"{last}.png")
        curve.save(files[-1], last)
    return files


def _pictured(case: Case) -> minidl.Picture:
    """The picture of a case, differentiated once."""
    from tfref.running import figures

    with minidl.Picture() as picture:
        figures(minidl, dataclasses.replace(case, order=min(case.order, 1)))
    return picture


def _curve(cases: Sequence[Case]) -> Curve | None:
    """The curve of an operation that takes one tensor, entry by entry, and gives floats."""
    for case in cases:
        if case.label == "many entries" and len(case.inputs) == 1:
            result = case.program(minidl, minidl.constant(case.inputs[0]))
            if result.shape == case.inputs[0].shape and result.dtype == case.inputs[0].dtype:
                low, high = (float(numpy.round(end(case.inputs[0]), 1)) for end in (numpy.min, numpy.max))
                return Curve.of(lambda x: case.program(minidl, x), low, high)  # noqa: B023  # it returns at once
    return None


def _say_agreement(printer: Printer, case: Case, cases: Sequence[Case]) -> None:
    """A case's figures on minidl beside TensorFlow's, as they are recorded, and how all cases agree."""
    from tfref.recording import RecordingError
    from tfref.references import Recorded
    from tfref.report import op_rows
    from tfref.running import MODES, figures

    try:
        recorded = Recorded()
        theirs, (row,) = recorded.case(case).figures, op_rows(cases, recorded, "/cpu:0", lambda what: None)
    except RecordingError as error:
        raise ValueError(str(error)) from error
    ours = figures(minidl, case)
    printer.title(f"On TensorFlow {recorded.case(case).stamp['versions']['tensorflow']}, as it is recorded")
    printer.say(f"Of the case {case.name}, the first {SHOWN} entries of each figure:", "dim")
    rows = [[figure, _first(ours.get(figure)), _first(theirs[figure])] for figure in theirs]
    printer.table(["", "minidl", "TensorFlow"], rows)
    edges = f", {row.edges} of them about edges," if row.edges else ""
    agree = "agree" if not row.faults else f"were compared; {len(row.faults)} figures disagree"
    printer.say(f"{row.cases} cases{edges} {agree}.")
    for fault in row.faults:
        printer.say(fault, "red")
    if row.units:
        itself = ", ".join(f"{row.units[mode]:.1f} {mode}" for mode in MODES if mode in row.units)
        printer.say(
            f"The largest error, in units in the last place: {row.units['minidl']:.1f}; TensorFlow's own: {itself}."
        )


def _first(array: numpy.ndarray | None) -> str:
    if array is None:
        return "none"
    values = array.reshape(-1)[:SHOWN]
    return "\n".join(f"{value:.9g}" if array.dtype.kind == "f" else str(value) for value in values)
