"""Explanations in a terminal: one step of the lesson's training in numbers, and one operation.

All that is said comes from the source: the words from docstrings, the formulas from the gradient rules, the numbers
from running them.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy

import minidl
from minidl.okja import lesson as program
from minidl.okja.korean import OPERATIONS
from minidl.okja.language import rule_in, translated
from minidl.okja.printing import Printer
from minidl.primitive import Primitive


def pictured_step(
    learning_rate: float = program.LEARNING_RATE, seed: int = program.SEED
) -> tuple[program.Step, minidl.Picture]:
    """The first step of the lesson's training, and its picture."""
    with minidl.Picture() as picture:
        step = program.first_step(minidl, learning_rate, seed)
    picture.name(wishes=step.wishes, audience=step.audience, loss=step.loss)
    return step, picture


def given(printer: Printer, picture: minidl.Picture) -> None:
    """Say which tensors a picture's calls begin with."""
    steps = [step for step in picture.steps() if step.kind in ("variable", "data")]
    if steps:
        printer.title("What is given")
    for step in steps:
        printer.equation(step.name, "=", "", printer.value(step.note))


def walk(printer: Printer, picture: minidl.Picture) -> None:
    """Go through a picture's calls with their values, and its rules with the gradients that they give."""
    forward, backward = picture.forward(), picture.backward()
    if forward:
        printer.title("Forward: each call and its value")
    for step in forward:
        printer.equation(step.name, step.sign, step.text, printer.value(step.note))
    if not backward:
        return
    printer.title("Backward: each rule and the gradient that it gives")
    targets = [step for step in backward if not step.sources]
    names = ", ".join(step.tensor for step in targets)
    if any(step.note.shape for step in targets):
        names = printer.words("the sum of the entries of {names}", names=names)
    printer.say(
        "dz is the derivative of {names} with respect to z. The sweep goes from the last call to the first.",
        names=names,
    )
    for call, steps in itertools.groupby(backward, lambda step: step.call):
        if call is not None and (note := about_rules(call.primitive, printer.language)):
            printer.quote(f"{call.primitive.name}: {note}", "dim")
        for step in steps:
            text = rule_in(step.text, printer.language)
            printer.equation(step.name, step.sign, text, printer.value(step.note), step.kept)


def about_rules(primitive: Primitive, language: str = "en") -> str:
    """What is said of a primitive's derivatives; in English, what its docstring says."""
    modules = (minidl, minidl.math, minidl.nn)
    public = next((vars(module)[primitive.name] for module in modules if primitive.name in vars(module)), None)
    if language == "ko":
        return described(primitive.name, public or primitive.forward, language)[0]
    sentences = [each for text in description(public or primitive.forward) for each in re.split(r"(?<=\.)\s+", text)]
    telling = [each for each in sentences if re.search(r"gradient|derivative|/d\w", each)]
    return " ".join(telling or sentences[:1])


def description(function: Any) -> list[str]:
    """The paragraphs of a docstring up to its arguments and its examples; formulas, which are indented, keep lines."""
    text = re.split(r"\n\s*(?:Arguments:|Attributes:|>>>)", inspect.getdoc(function) or "")[0]
    return [each if each.startswith(" ") else " ".join(each.split()) for each in text.rstrip().split("\n\n")]


def described(name: str, function: Any, language: str) -> list[str]:
    """The paragraphs about an operation; the derivative in its docstring where nothing is said of it in Korean."""
    if language != "ko":
        return description(function)
    known = OPERATIONS.get(name.split(".")[-1])
    formulas = re.findall(r"d\S*(?: \S+)?/d\w+ = [^;,.]+", " ".join(description(function)))
    return [known or "".join(translated("derivative: {formula}", language, formula=each) for each in formulas[:1])]


def entries(array: Any, digits: int = 9) -> str:
    """The numbers in an array, one after the other."""
    return " ".join(f"{value:.{digits}g}" for value in numpy.asarray(array).reshape(-1))


def explain_step(printer: Printer, tensorflow: Any = None) -> minidl.Picture:
    """Walk the first step of the lesson's training; with a TensorFlow, beside its gradient. Returns the picture."""
    (step, picture), weights = pictured_step(), ("kernel", "bias")
    printer.heading("One step of the lesson's training, in numbers")
    given(printer, picture)
    printer.say(
        "audience ≈ wishes · kernel + bias is to hold for all four films. How wrong it is, the loss says: the mean of "
        "the squared differences. How must kernel and bias change so that it falls?"
    )
    walk(printer, picture)
    printer.title("The update: each weight goes against its gradient")
    for name, before, gradient, after in zip(weights, step.before, step.gradients, step.after, strict=True):
        printer.equation(name, "←", f"{name} - {printer.words('learning rate')} · d{name}")
        calculation = f"{entries(before)} - {program.LEARNING_RATE:g} · {entries(gradient)}"
        printer.equation("", "=", calculation, [entries(after)])
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
        printer.say("TensorFlow's stands beside them with: {command}", "dim", command="minidl explain --compare")
    return picture
