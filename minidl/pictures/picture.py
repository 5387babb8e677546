"""Picture: a listener that notes a program's calls, and draws them with the sweep that differentiates them."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minidl.context import thread
from minidl.pictures.diagram import Box, Diagram
from minidl.pictures.layout import Arrow
from minidl.pictures.notes import BEGINNING, OWN_RULE, Call, Note, Step
from minidl.primitive import Listener, Primitive
from minidl.tape import Edge
from minidl.tensor import Tensor, TensorLike, Variable

WIDTH = 32  # of the text in a box, in letters


class Picture(Listener):
    """The graph of what is computed inside `with Picture() as picture:`, to be looked at.

    On its left stands each call with the shape, the dtype and, of up to 8 entries, the values of its result. On its
    right, where a tape took a gradient inside, stands the sweep: beside each tensor z its gradient dz, with the rules
    that gave it. Drawn is what the targets of the last sweep were computed from; without a sweep, everything. (A sweep
    inside a compiled function is part of its program, and drawn with the calls.)

    A notebook shows a picture, by Graphviz or by matplotlib; `save` writes a file, `dot` gives Graphviz's text, and
    `print` writes lines.

    >>> x = tf.Variable(3.0, name='x')
    >>> with tf.Picture() as picture, tf.GradientTape() as tape:
    ...     z = tf.math.log(2.0 * x + 3.0)
    ...     gradient = tape.gradient(z, x)
    >>> print(picture)
    z1 = multiply(x, 2): 6
    z2 = add(z1, 3): 9
    z3 = log(z2): 2.1972
    dz3 = beginning of the sweep: 1
    dz2 = dz3 / z2: 0.11111
    dz1 = dz2: 0.11111
    dx = dz1 * 2: 0.22222
    """

    def __init__(self) -> None:
        self._notes: dict[int, Note] = {}  # of tensors, by their serial numbers
        self._given: dict[int, str] = {}  # names
        self._variables: set[int] = set()
        self._calls: dict[int, Call] = {}  # by their results
        self._targets: dict[int, Note] = {}  # with their gradients
        # In the order of the sweep: result, input, its gradient, the shape that the rule gave, and the rule, but for
        # those of custom gradients, which may hold anything.
        self._rules: list[tuple[int, int, Note, tuple[int, ...], Callable[..., Any] | None]] = []

    # -- listening

    def __enter__(self) -> Picture:
        if self in thread.state.listeners:
            raise ValueError("The picture is being taken already; leave its `with` block before entering it again")
        thread.state.enter(self)
        return self

    def __exit__(self, *_: object) -> None:
        thread.state.leave(self)

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        for tensor in (*inputs, result):
            if tensor.serial not in self._notes:
                self._notes[tensor.serial] = Note.of(tensor)
        self._calls[result.serial] = Call(primitive, tuple(x.serial for x in inputs), result.serial, dict(options))

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        self._variables.add(value.serial)
        self._given.setdefault(value.serial, variable.name)

    def hear_sweep(self, gradients: Mapping[int, Tensor]) -> None:
        self._targets = {serial: Note.of(gradient) for serial, gradient in gradients.items()}
        self._rules = []

    def hear_rule(self, edge: Edge, gradient: Tensor, total: Tensor) -> None:
        is_own = edge.result in self._calls and self._calls[edge.result].has_rule(edge.rule)
        self._rules.append((edge.result, edge.input, Note.of(total), gradient.shape, edge.rule if is_own else None))

    def name(self, **tensors: Any) -> None:
        """Say what to call tensors, as in `picture.name(loss=loss)`. Raises ValueError for what is no tensor."""
        for name, tensor in tensors.items():
            if not isinstance(tensor, TensorLike):
                raise ValueError(f"A picture names tensors; {name}={tensor!r} was given")
            self._given[tensor.tensor.serial] = name

    # -- reading

    def _drawn(self) -> list[Call]:
        """The calls that lead to the targets of the last sweep, or all."""
        wanted = set(self._targets or self._calls)
        for call in reversed(self._calls.values()):
            if call.result in wanted:
                wanted.update(call.inputs)
        return [call for call in self._calls.values() if call.result in wanted]

    def _constants(self) -> set[int]:
        """The tensors that are but numbers in the program, which get no boxes of their own."""
        known = {*self._given, *self._calls, *(x for _, x, *_ in self._rules)}
        return {serial for serial, note in self._notes.items() if note.shape == () and serial not in known}

    def _names(self) -> dict[int, str]:
        """What the tensors drawn are called: as they were named, or z1, z2 and so on for results, x1 for others."""
        drawn, constants = self._drawn(), self._constants()
        serials = dict.fromkeys(each for call in drawn for each in (*call.inputs, call.result))
        names = {serial: self._notes[serial].text() for serial in serials if serial in constants}
        taken = set(self._given.values())
        first: dict[str, int] = {}  # who has a given name
        numbers: dict[str, Iterator[int]] = {}
        for serial in serials:
            if serial in constants:
                continue
            name = given = self._given.get(serial, "")
            if not given or first.setdefault(given, serial) != serial:
                base = given or ("z" if serial in self._calls else "x")
                free = numbers.setdefault(base, itertools.count(2 if given else 1))
                name = next(name for number in free if (name := f"{base}{number}") not in taken)
            names[serial] = name
        return names

    def given(self) -> dict[str, Note]:
        """What the calls begin with, variables and other tensors, by their names."""
        names = self._names()
        inner = self._calls.keys() | self._constants()
        return {name: self._notes[serial] for serial, name in names.items() if serial not in inner}

    def forward(self) -> list[Step]:
        """The calls, in order."""
        names = self._names()
        return [
            Step(names[call.result], "=", call.in_words(names), self._notes[call.result], call, call.result)
            for call in self._drawn()
        ]

    def backward(self) -> list[Step]:
        """What the last sweep began with, and its rules in order, each with the gradient so far."""
        names = self._names()
        steps = [
            Step(f"d{names[target]}", "=", BEGINNING, note, self._calls[target], target)
            for target, note in self._targets.items() if target in self._calls
        ]  # fmt: skip
        begun = set(self._targets)
        for result, x, note, shape, rule in self._rules:
            if result not in names or x not in names:
                continue  # of a custom gradient, whose inside is drawn instead
            call = self._calls[result]
            text = call.rule_in_words(rule, names, self._notes) if rule else OWN_RULE
            if math.prod(shape) > math.prod(note.shape):
                text = f"sum over the rows of {text}" if shape[1:] == note.shape else f"{text}, summed to {note.shape}"
            elif shape != note.shape:
                text = f"{text}, repeated to {note.shape}"
            steps.append(Step(f"d{names[x]}", "+=" if x in begun else "=", text, note, call, x))
            begun.add(x)
        return steps

    def __str__(self) -> str:
        steps = [*self.forward(), *self.backward()]
        return "\n".join(f"{step}: {step.note.text() or step.note.kind()}" for step in steps)

    # -- drawing

    def diagram(self) -> Diagram:
        """The picture as boxes and arrows."""
        names, constants = self._names(), self._constants()
        boxes: list[Box] = []
        places: dict[int, int] = {}  # of tensors
        arrows: dict[Arrow, None] = {}
        for step in self.forward():
            inputs = [x for x in step.call.inputs if x not in constants]
            for x in inputs:
                if x not in places:
                    places[x] = len(boxes)
                    boxes.append(_box("variable" if x in self._variables else "data", [names[x]], self._notes[x]))
            places[step.serial] = len(boxes)
            boxes.append(_box("call", [f"{step}"], step.note))
            arrows |= {(places[x], places[step.serial]): None for x in inputs}
        texts: dict[int, list[str]] = {}
        gradients: dict[int, Note] = {}
        returns: dict[Arrow, None] = {}
        for step in self.backward():
            lines = texts.setdefault(places[step.serial], [step.name])
            gradients[places[step.serial]] = step.note
            if not step.is_given:
                lines.append(f"{step.sign} {step.text}")
                returns[places[step.call.result], places[step.serial]] = None
        mirrored = {place: _box("gradient", lines, gradients[place]) for place, lines in texts.items()}
        return Diagram(boxes, list(arrows), mirrored, list(returns), ("forward", "backward" if mirrored else ""))

    def dot(self) -> str:
        """The picture in Graphviz's language."""
        return self.diagram().dot()

    def save(self, path: Any) -> None:
        """Write a file: Graphviz's text for `.dot` and `.gv`, and else a picture by matplotlib: `.png`, `.svg`, `.pdf`.

        Raises ValueError for an ending that matplotlib doesn't know and for a picture without a call, and ImportError,
        with the command that installs it, where matplotlib is missing.
        """
        if not self._calls:
            raise ValueError("No operation was called in this picture's `with` block, so there is nothing to draw")
        self.diagram().save(path)

    def _repr_svg_(self) -> str | None:
        return self.diagram()._repr_svg_()

    def _repr_png_(self) -> bytes | None:
        return self.diagram()._repr_png_()


def _box(kind: str, texts: list[str], note: Note) -> Box:
    values = note.text()
    texts = [*texts, *([] if kind == "gradient" and values else [note.kind()]), values]
    return Box([line for text in texts for line in textwrap.wrap(text, WIDTH)], kind)
