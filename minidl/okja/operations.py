"""The explanation of an operation: its words, an example with its rules, its curve, and what TensorFlow gives."""

from __future__ import annotations

import difflib
import inspect
import re
from pathlib import Path
from typing import Any

import numpy

import minidl
from minidl.okja.curves import COLUMNS, Curve
from minidl.okja.examples import NUMBERS, POSITIVE, Example, example_of, operations
from minidl.okja.explanation import described, given, walk
from minidl.okja.pictures import diagram_in
from minidl.okja.printing import Printer
from minidl.pictures.picture import Note

LOW, HIGH, LEAST = -5.0, 5.0, 0.05  # the ends of a curve, and its left end where it is only for positive numbers


def full_name(name: str) -> str:
    """The name of an operation behind `tf.`, from a name that may lack its modules.

    Raises ValueError, with the names nearest to it, where there is none, and with all of them, where there are several.
    """
    names = list(operations())
    asked = name.removeprefix("tf.").removeprefix("minidl.")
    last = asked.removeprefix("math.").removeprefix("nn.")
    found = [each for each in names if each == asked] or [each for each in names if each.split(".")[-1] == last]
    found = [each for each in found if not each.startswith("keras.")] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{name!r} can be {' or '.join(found)}")
    by_last = {each.split(".")[-1].lower(): each for each in names}
    near = difflib.get_close_matches(asked.split(".")[-1].lower(), by_last)
    advice = f"; near it are {', '.join(by_last[each] for each in near)}" if near else ""
    advice = advice or "; name one of minidl's, such as sigmoid or math.log"
    raise ValueError(f"there is no operation {name!r}{advice}")


def explain_operation(printer: Printer, name: str, folder: Path | None = None, tensorflow: Any = None) -> list[Path]:
    """Explain an operation of a full name, with a TensorFlow beside it; draw its example and its curve into a folder.

    Returns the files. Raises ImportError where matplotlib is missing.
    """
    function, example, last = operations()[name], example_of(name), name.split(".")[-1]
    printer.heading(f"tf.{name}")
    for paragraph in described(name, function, printer.language):
        printer.quote(paragraph)
    if example is None:
        for line in re.findall(r"^(?:>>>|\.\.\.).*$", inspect.getdoc(function) or "", re.MULTILINE):
            printer.quote(line)
        return []
    with minidl.Picture() as picture:
        inputs, results, gradients = example.run(minidl)
    picture.name(**inputs)
    curve = _curve(example)
    printer.title("The example")
    printer.quote(example.text)
    given(printer, picture)
    walk(printer, picture)
    if not picture.forward():
        for result in results:
            printer.equation(printer.words("result"), "=", "", printer.value(Note.of(result)))
    if inputs and not gradients and example.has_gradients:
        printer.say("It has no gradient: no rule leads back from its result to what it was given.")
    if curve is not None:
        printer.title("The function, o, and its derivative by the rule, +")
        for line in curve.in_letters(min(COLUMNS, printer.console.width - 14)):
            printer.quote(line)
    if tensorflow is not None:
        _compare(printer, example, tensorflow)
    else:
        command = f"minidl explain --op {name} --compare"
        printer.say("TensorFlow's stands beside them with: {command}", "dim", command=command)
    if folder is None:
        return []
    files = [folder / f"{last}-graph.png"] if picture.forward() else []
    for file in files:
        diagram_in(printer.language, picture).save(file)
    if curve is not None:
        files.append(folder / f"{last}.png")
        curve.save(files[-1], last, printer.language)
    return files


def _curve(example: Example) -> Curve | None:
    """The curve of an operation that takes one tensor, entry by entry, and gives floats."""
    x = numpy.linspace(LEAST, HIGH, 8, dtype=numpy.float32)
    if example.inputs not in ({"x": NUMBERS[0]}, {"x": POSITIVE[0]}):
        return None

    def function(values: Any) -> Any:
        return minidl.convert_to_tensor(example.program(minidl, values))

    whole = function(minidl.constant(x))
    if whole.shape != x.shape or "float" not in str(whole.dtype):
        return None
    if not numpy.array_equal(whole, numpy.concatenate([function(minidl.constant(half)) for half in (x[:4], x[4:])])):
        return None
    curve = Curve.of(function, LOW, HIGH)
    return curve if numpy.isfinite(curve.values).mean() > 0.9 else Curve.of(function, LEAST, HIGH)


def _compare(printer: Printer, example: Example, tensorflow: Any) -> None:
    """An example's figures on minidl beside TensorFlow's."""
    printer.title("The same program on TensorFlow {version}", version=tensorflow.__version__)
    columns = []
    for tf in (minidl, tensorflow):
        try:
            _, results, gradients = example.run(tf)
        except AttributeError as error:
            raise ValueError(f"TensorFlow {tensorflow.__version__} has no {example.text}: {error}") from error
        figures = {printer.words("result {index}", index=index + 1): result for index, result in enumerate(results)}
        if len(results) == 1:
            figures = {printer.words("result"): results[0]}
        columns.append(figures | {f"d{name}": gradient for name, gradient in gradients.items()})
    ours, theirs = columns
    printer.table(["", "minidl", "TensorFlow"], [[name, _lines(ours[name]), _lines(theirs[name])] for name in theirs])


def _lines(tensor: Any) -> str:
    array = tensor.numpy()
    return "\n".join(f"{value:.9g}" if array.dtype.kind == "f" else str(value) for value in array.reshape(-1))
