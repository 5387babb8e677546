"""Explanations in a terminal: one step of the lesson's training in numbers, and one operation.

All that is said comes from the source: the words from docstrings, the formulas from the gradient rules, the numbers
from running them, and what TensorFlow gives from the recording beside the case table.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy
from rich.box import ROUNDED
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import minidl
from minidl.okja import lesson as program
from minidl.pictures.notes import Note
from minidl.primitive import Primitive

DIGITS = 7


def pictured_step(
    learning_rate: float = program.LEARNING_RATE, seed: int = program.SEED
) -> tuple[program.Step, minidl.Picture]:
    """The first step of the lesson's training, and its picture."""
    with minidl.Picture() as picture:
        step = program.first_step(minidl, learning_rate, seed)
    picture.name(wishes=step.wishes, audience=step.audience, loss=step.loss)
    return step, picture


class Printer:
    """Prints what an explanation consists of."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._count = 0

    def title(self, text: str) -> None:
        """A title, with the next number."""
        self._count += 1
        self._console.print(f"\n[bold]{self._count}. {text}[/bold]")

    def say(self, text: str, style: str = "") -> None:
        """A paragraph."""
        self._console.print(Padding(Text(text, style), (0, 0, 0, 3)))

    def equation(self, name: str, sign: str, text: str, value: str = "") -> None:
        """A name with what it is computed by, and below it the value."""
        grid = Table.grid()
        grid.add_row(Text(f"{name} {sign} ".rjust(15), "bold"), Text(text))
        if value:
            grid.add_row("= ".rjust(15), Text(value, "cyan"))
        self._console.print(grid)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table."""
        table = Table(box=ROUNDED)
        for index, heading in enumerate(headings):
            table.add_column(heading, justify="right" if index else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print(table)

    def given(self, picture: minidl.Picture) -> None:
        """The tensors that a picture's calls begin with."""
        if not picture.given():
            return
        self.title("What is given")
        for name, note in picture.given().items():
            self.equation(name, "=", _value(note))

    def walk(self, picture: minidl.Picture) -> None:
        """A picture's calls with their values, and its rules with the gradients that they give."""
        forward, backward = picture.forward(), picture.backward()
        if forward:
            self.title("Forward: each call and its value")
        for step in forward:
            self.equation(step.name, step.sign, step.text, _value(step.note))
        if not backward:
            return
        self.title("Backward: each rule and the gradient that it gives")
        targets = [step for step in backward if step.is_given]
        names = " and ".join(step.name[1:] for step in targets)
        if any(step.note.shape for step in targets):
            names = f"the entries of {names}, each times its number at the beginning of the sweep,"
        self.say(f"dz is the derivative of {names} with respect to z. The sweep goes from the last call to the first.")
        for call, steps in itertools.groupby(backward, lambda step: None if step.is_given else step.call):
            if call is not None:
                self.say(about_rules(call.primitive), "dim")
            for step in steps:
                self.equation(step.name, step.sign, step.text, _value(step.note))


def _value(note: Note) -> str:
    return note.text(DIGITS) or note.kind()


def about_rules(primitive: Primitive) -> str:
    """What the docstrings say of a primitive's derivatives."""
    modules = (minidl, minidl.math, minidl.nn)
    public = next((vars(module)[primitive.name] for module in modules if primitive.name in vars(module)), None)
    paragraphs = description(public or primitive.forward)
    sentences = [each for text in paragraphs for each in re.split(r"(?<=\.)\s+", text)]
    telling = [each for each in sentences if re.search(r"gradient|derivative|/d\w", each)]
    return f"{primitive.name}: {' '.join(telling or sentences[:1])}"


def description(function: Any) -> list[str]:
    """The paragraphs of a docstring up to its arguments and its examples; formulas, which are indented, keep lines."""
    text = re.split(r"\n\s*(?:Arguments:|Attributes:|>>>)", inspect.getdoc(function) or "")[0]
    return [each if each.startswith(" ") else " ".join(each.split()) for each in text.rstrip().split("\n\n")]


def entries(array: Any, digits: int = 9) -> str:
    """The numbers in an array, one after the other."""
    return " ".join(f"{value:.{digits}g}" for value in numpy.asarray(array).reshape(-1))


def explain_step(console: Console, tensorflow: Any = None) -> minidl.Picture:
    """Walk the first step of the lesson's training; with a TensorFlow, beside its gradient. Returns the picture."""
    step, picture = pictured_step()
    printer, weights = Printer(console), ("kernel", "bias")
    console.print("[bold]One step of the lesson's training, in numbers[/bold] [dim]학습 한 걸음[/dim]")
    printer.given(picture)
    printer.say(
        "audience ≈ wishes · kernel + bias is to hold for all four films. How wrong it is, the loss says: the mean of "
        "the squared differences. How must kernel and bias change so that it falls?"
    )
    printer.walk(picture)
    printer.title("The update: each weight goes against its gradient")
    for name, before, gradient, after in zip(weights, step.before, step.gradients, step.after, strict=True):
        printer.equation(name, "←", f"{name} - learning rate · d{name}")
        calculation = f"{entries(before)} - {program.LEARNING_RATE:g} · {entries(gradient)}"
        printer.equation("", "=", calculation, entries(after))
    printer.title("The same gradient without any rule")
    printer.say(
        "Central differences, (loss(w + h) - loss(w - h)) / 2h with h = 1/1024 and in float64, take two runs for each "
        "weight. The sweep takes about one, for any number of weights."
    )
    columns: dict[str, Sequence[Any]] = {
        "by the rules": step.gradients, "by differences": program.gradient_by_differences(minidl, step)
    }  # fmt: skip
    if tensorflow is not None:
        columns[f"TensorFlow {tensorflow.__version__}"] = program.first_step(tensorflow).gradients
    rows = [
        [f"d{name}", *(entries(column[index]) for column in columns.values())] for index, name in enumerate(weights)
    ]
    printer.table(["", *columns], rows)
    if tensorflow is None:
        printer.say("TensorFlow's stands beside them with: minidl explain --compare", "dim")
    return picture
