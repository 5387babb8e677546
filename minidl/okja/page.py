"""The lesson as a page that moves: what minidl computes of it, put into a file that opens from disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

import minidl
from minidl.okja import lesson as program
from minidl.okja.explanation import about_rules
from minidl.okja.films import FILMS, OKJA
from minidl.pages import page
from minidl.pictures.picture import Step

TEMPLATE = Path(__file__).parent / "page.html"
LARGER = (10, 100)  # times the learning rate, to be tried


def write_page(path: Path, language: str) -> None:
    """Write the page, which begins in a language and has the other too."""
    path.write_text(page(TEMPLATE, page_data(), language), encoding="utf-8")


def page_data() -> dict[str, Any]:
    """All figures of the page, as minidl computes them."""
    picture, source, given = _step()
    steps = [step.as_data() for step in picture.steps()]
    for data, step in zip(steps, picture.steps(), strict=True):
        if step.kind == "gradient" and step.call is not None and step.sources:
            data["note"] = [about_rules(step.call.primitive, language) for language in ("en", "ko")]
    return {
        "films": [film._asdict() for film in FILMS],
        "okja": OKJA._asdict(),
        "rate": program.LEARNING_RATE,
        "path": _path(program.LEARNING_RATE),
        "larger": [{"times": times, "path": _path(times * program.LEARNING_RATE)} for times in LARGER],
        "steps": steps,
        "program": _tied(source, given, [step for step in picture.steps() if step.sources]),
    }


def _path(rate: float) -> list[dict[str, Any]]:
    """The weight, the bias, the loss and Okja's prediction at the beginning and after each epoch of a training."""
    models: list[Any] = []
    weights: list[tuple[float, float]] = []

    def note(*_: Any) -> None:
        kernel, bias = models[0].get_weights()
        weights.append((float(kernel[0, 0]), float(bias[0])))

    def begin(model: Any, state: program.State) -> None:
        models.append(model)
        note()

    result = program.lesson(minidl, learning_rate=rate, before_training=begin, on_epoch_end=note)
    x, y = (program.column([getattr(film, name) for film in FILMS]) for name in ("wishes", "audience"))
    losses = [*result.losses, result.model.evaluate(x, y, verbose=0)]
    asked = program.column([OKJA.wishes])
    found = []
    for (weight, bias), loss in zip(weights, losses, strict=True):
        okja = float(asked[0, 0]) * weight + bias
        found.append({"weight": str(weight), "bias": str(bias), "loss": str(loss), "okja": str(okja)})
    return found


def _step() -> tuple[minidl.Picture, str, dict[str, numpy.ndarray]]:
    """A step of the training: its picture, the program that it is compiled to, and the arrays that this is given."""
    minidl.keras.utils.set_random_seed(program.SEED)
    weights = program.make_model(minidl).get_weights()
    kernel, bias = (minidl.Variable(value, name=name) for name, value in zip(("kernel", "bias"), weights, strict=True))
    films = {name: program.column([getattr(film, name) for film in FILMS]) for name in ("wishes", "audience")}
    wishes, audience = map(minidl.constant, films.values())

    def step(wishes: Any, audience: Any) -> Any:
        with minidl.GradientTape() as tape:
            prediction = minidl.matmul(wishes, kernel) + bias
            loss = minidl.reduce_mean(minidl.square(prediction - audience))
        kernel_gradient, bias_gradient = tape.gradient(loss, [kernel, bias])
        kernel.assign_sub(program.LEARNING_RATE * kernel_gradient)
        bias.assign_sub(program.LEARNING_RATE * bias_gradient)
        return loss

    compiled = minidl.function(step)
    compiled(wishes, audience)
    for variable, value in zip((kernel, bias), weights, strict=True):
        variable.assign(value)
    with minidl.Picture() as picture:
        loss = step(wishes, audience)
    picture.name(wishes=wishes, audience=audience, loss=loss)
    return picture, compiled.source(), films | dict(zip(("kernel", "bias"), weights, strict=True))


def _tied(source: str, given: Mapping[str, numpy.ndarray], steps: Sequence[Step]) -> list[dict[str, str]]:
    """The lines of a program, each with the name of what it computes in a picture.

    The program is run line by line, and what it computes is known by its bits. A line that computes something else is
    on the way to the next that does.
    """
    head, body = source.split("\ndef step", 1)
    names: dict[str, Any] = dict(given)
    exec(head, names)
    first, *lines = body.rstrip().splitlines()
    tied, waiting = [{"text": f"def step{first}", "name": ""}], 0
    for line in lines:
        tied.append({"text": line, "name": ""})
        waiting += 1
        written = re.search(r"out=(\w+)|^ *(\w+) =", line)
        if written is None:
            continue
        exec(line.strip(), names)
        value = numpy.array(names[written[1] or written[2]]).reshape(-1)
        values = [numpy.array([]) if step.note.values is None else step.note.values.reshape(-1) for step in steps]
        place = next((index for index, each in enumerate(values) if numpy.array_equal(each, value)), None)
        if place is not None:
            for each in tied[-waiting:]:
                each["name"] = steps[place].name
            steps, waiting = steps[place + 1 :], 0
    return tied
