"""Picture: a listener that notes a program's calls, and draws them with the sweep that differentiates them."""

import itertools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy

from minidl.context import thread
from minidl.pages import FOLDER, page
from minidl.pictures.diagram import Box, Diagram
from minidl.pictures.formula import formula
from minidl.primitive import Listener, Primitive
from minidl.tape import Edge
from minidl.tensor import Tensor, TensorLike, Variable

SMALL = 16  # how many entries a tensor may have whose values are shown
OPTION = 10  # how many letters the value of an option may have
BEGINNING = "beginning of the sweep"  # what is said of a gradient that no rule gave
OWN_RULE = "by a rule of its own"  # and of one by a rule whose source isn't known
INPUTS = 4  # how many inputs of a call are named
STEPPED = 60  # how many calls a page steps through
WIDTH = 32  # of the text in a box, in letters

Options = Mapping[str, Any]


class Note(NamedTuple):
    """What is noted of a tensor: its shape, its dtype and, where they are few, its entries."""

    shape: tuple[int, ...]
    dtype: numpy.dtype
    values: numpy.ndarray | None

    @classmethod
    def of(cls, tensor: Tensor) -> Self:
        """The note of a tensor."""
        values = numpy.array(tensor.home.to_numpy(tensor.array)) if tensor.array.size <= SMALL else None
        return cls(tensor.shape, tensor.dtype, values)

    def kind(self) -> str:
        """The shape and the dtype."""
        return f"{self.shape} {self.dtype}"

    def lines(self, digits: int = 5) -> list[str]:
        """The entries, a line for each row of a matrix; none where they aren't noted."""
        if self.values is None or not self.values.size:
            return []
        values = numpy.atleast_2d(self.values.squeeze())
        form = f".{digits}g" if self.dtype.kind == "f" else ""
        rows = [[format(value, form) for value in row] for row in values.reshape(-1, values.shape[-1])]
        width = max(len(text) for row in rows for text in row) if len(rows) > 1 else 0
        return [" ".join(text.rjust(width) for text in row) for row in rows]

    def text(self, digits: int = 5) -> str:
        """The entries in one line, with semicolons between the rows of a matrix; else the shape and the dtype."""
        return "; ".join(" ".join(line.split()) for line in self.lines(digits)) or self.kind()


class Call(NamedTuple):
    """A call of a primitive; tensors are known by their serial numbers."""

    primitive: Primitive
    inputs: tuple[int, ...]
    result: int
    options: Options

    def in_words(self, names: Mapping[int, str]) -> str:
        """The call, such as `add(z1, bias)`."""
        inputs = [names[x] for x in self.inputs]
        if len(inputs) > INPUTS:
            inputs = [*inputs[: INPUTS - 2], "…", inputs[-1]]
        options = [f"{name}={value}" for name, value in self._short_options().items() if value not in ("None", "False")]
        return f"{self.primitive.name}({', '.join(inputs + options)})"

    def rule_in_words(self, function: Callable[..., Any], names: Mapping[int, str], notes: Mapping[int, Note]) -> str:
        """A gradient rule, such as `dz2 * (z1 + z1)`, where dz2 is the gradient of z2."""
        said = {"upstream": f"d{names[self.result]}"} | self._short_options()
        code = self.primitive.forward.__code__
        inputs = zip(code.co_varnames[1 : code.co_argcount], self.inputs, strict=False)
        for name, x in (*inputs, ("result", self.result)):
            said |= {name: names[x], f"{name}_shape": str(notes[x].shape), f"{name}_dtype": str(notes[x].dtype)}
        said["n"] = str(math.prod(notes[self.inputs[0]].shape) // max(math.prod(notes[self.result].shape), 1))
        return formula(function, said) or OWN_RULE

    def _short_options(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.options.items() if len(str(value)) <= OPTION}


class Step(NamedTuple):
    """A line of what a picture shows: what is given, a call, or a part of a gradient.

    Attributes:
        kind: "variable", "data", "call" or "gradient".
        name: of the tensor, `z1`, or of its gradient, `dz1`.
        sign: `=`, or `+=` where a gradient has more than one part, from the second on; '' for what is given.
        text: how it is computed: a call, or the formula of a rule.
        note: the value.
        tensor: the name of the tensor, also where its gradient is meant.
        sources: the tensors that a call takes, but for mere numbers; the one whose gradient a rule takes.
        kept: the tensors that a rule keeps of its call.
        call: the call that is made, or whose rule is applied.
    """

    kind: str
    name: str
    sign: str
    text: str
    note: Note
    tensor: str
    sources: Sequence[str] = ()
    kept: Sequence[str] = ()
    call: Call | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.text}".rstrip()

    def as_data(self) -> dict[str, Any]:
        """The line as what JSON can hold."""
        data = {"value": self.note.lines() or [self.note.kind()], "look": self.note.kind()}
        return data | {name: part for name, part in self._asdict().items() if name not in ("note", "call")}


class Picture(Listener):
    """The graph of what is computed inside `with Picture() as picture:`, to be looked at.

    On its left stands each call with the shape, the dtype and, of up to 16 entries, the values of its result. On its
    right, where a tape took a gradient inside, stands the sweep: beside each tensor z its gradient dz, with the rules
    that gave it; dashed arrows lead there from the values that the rules kept. Drawn is what the targets of the last
    sweep were computed from; without a sweep, everything. (A sweep inside a compiled function is part of its program,
    and drawn with the calls.)

    A notebook shows a picture; `save` writes a file, `dot` gives Graphviz's text, and `print` writes lines.

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
        # In the order of the sweep: result, input, its gradient so far, the shape that the rule gave, the rule, and the
        # tensors that it keeps.
        self._rules: list[tuple[int, int, Note, tuple[int, ...], Callable[..., Any] | None, list[int]]] = []

    # -- listening

    def __enter__(self) -> Self:
        if self in thread.state.listeners:
            raise ValueError("The picture is being taken already; leave its `with` block before entering it again")
        thread.state.enter(self)
        return self

    def __exit__(self, *_: object) -> None:
        thread.state.leave(self)

    def hear(self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Options) -> None:
        self._notes |= {x.serial: Note.of(x) for x in (*inputs, result) if x.serial not in self._notes}
        self._calls[result.serial] = Call(primitive, tuple(x.serial for x in inputs), result.serial, dict(options))

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        self._variables.add(value.serial)
        self._given.setdefault(value.serial, variable.name)

    def hear_sweep(self, gradients: Mapping[int, Tensor]) -> None:
        self._targets = {serial: Note.of(gradient) for serial, gradient in gradients.items()}
        self._rules = []

    def hear_rule(self, edge: Edge, gradient: Tensor, total: Tensor) -> None:
        rule = edge.rule if hasattr(edge.rule, "__code__") else None  # a custom gradient's may hold anything
        kept = list(dict.fromkeys(each.serial for each in edge.kept if isinstance(each, Tensor)))
        self._rules.append((edge.result, edge.input, Note.of(total), gradient.shape, rule, kept))

    def name(self, **tensors: Any) -> None:
        """Say what to call tensors, as in `picture.name(loss=loss)`. Raises ValueError for what is no tensor."""
        for name, tensor in tensors.items():
            if not isinstance(tensor, TensorLike):
                raise ValueError(f"A picture names tensors; {name}={tensor!r} was given")
            self._given[tensor.tensor.serial] = name

    # -- reading

    def _drawn(self) -> dict[int, Call]:
        """The calls that lead to the targets of the last sweep, or all."""
        wanted = set(self._targets or self._calls)
        for call in reversed(self._calls.values()):
            if call.result in wanted:
                wanted.update(call.inputs)
        return {x: call for x, call in self._calls.items() if x in wanted}

    def _constants(self) -> set[int]:
        """The tensors that are but numbers in the program, which get no boxes of their own."""
        known = {*self._given, *self._calls, *(x for _, x, *_ in self._rules)}
        return {serial for serial, note in self._notes.items() if note.shape == () and serial not in known}

    def _names(self) -> dict[int, str]:
        """What the tensors drawn are called: as they were named, or z1, z2 and so on for results, x1 for others."""
        constants, given = self._constants(), set(self._given.values())
        names: dict[int, str] = {}
        taken: set[str] = set()
        numbers: dict[str, Iterator[int]] = {}
        for serial in dict.fromkeys(each for call in self._drawn().values() for each in (*call.inputs, call.result)):
            if serial in constants:
                names[serial] = self._notes[serial].text()
                continue
            name = own = self._given.get(serial, "")
            base = own or ("z" if serial in self._calls else "x")
            while not name or name in taken or (name in given and name != own):
                name = f"{base}{next(numbers.setdefault(base, itertools.count(2 if own else 1)))}"
            names[serial] = name
            taken.add(name)
        return names

    def steps(self) -> list[Step]:
        """The calls in order, each behind what it is the first to be given; then what the last sweep began with, and
        its rules in order, each with the gradient so far."""
        names, constants, steps = self._names(), self._constants(), []
        for x, name in names.items():
            if call := self._calls.get(x):
                sources = [names[each] for each in call.inputs if each not in constants]
                steps.append(Step("call", name, "=", call.in_words(names), self._notes[x], name, sources, call=call))
            elif x not in constants:
                kind = "variable" if x in self._variables else "data"
                steps.append(Step(kind, name, "", "", self._notes[x], name))
        begun = {x: note for x, note in self._targets.items() if x in self._calls}
        steps += [Step("gradient", f"d{names[x]}", "=", BEGINNING, note, names[x]) for x, note in begun.items()]
        for result, x, note, shape, rule, kept in self._rules:
            if result not in names or x not in names:
                continue  # of a custom gradient, whose inside is drawn instead
            call, sign = self._calls[result], "+=" if x in begun else "="
            text = call.rule_in_words(rule, names, self._notes) if rule else OWN_RULE
            if shape != note.shape:
                text += f", {'summed' if math.prod(shape) > math.prod(note.shape) else 'repeated'} to {note.shape}"
            shown = [names[each] for each in kept if each in names and each not in constants]
            steps.append(Step("gradient", f"d{names[x]}", sign, text, note, names[x], [names[result]], shown, call))
            begun[x] = note
        return steps

    def forward(self) -> list[Step]:
        """The calls, in order."""
        return [step for step in self.steps() if step.kind == "call"]

    def backward(self) -> list[Step]:
        """What the last sweep began with, and its rules in order, each with the gradient so far."""
        return [step for step in self.steps() if step.kind == "gradient"]

    def __str__(self) -> str:
        return "\n".join(f"{step}: {step.note.text()}" for step in self.steps() if step.sign)

    # -- drawing

    def diagram(self) -> Diagram:
        """The picture as boxes and arrows."""
        forward, backward = [step for step in self.steps() if step.kind != "gradient"], self.backward()
        rows = {step.name: row for row, step in enumerate(forward)}
        boxes = [_box(step.kind, [str(step)], step.note) for step in forward]
        texts = {step.tensor: [step.name] for step in backward}  # of the gradients
        for step in backward:
            texts[step.tensor] += [f"{step.sign} {step.text}"] if step.sources else []
        mirrored = {rows[step.tensor]: _box(step.kind, texts[step.tensor], step.note) for step in backward}
        arrows = [(rows[x], rows[step.name]) for step in forward for x in step.sources]
        returns = [(rows[x], rows[step.tensor]) for step in backward for x in step.sources]
        across = [(rows[x], rows[step.tensor]) for step in backward for x in step.kept]
        return Diagram(boxes, arrows, returns, across, mirrored, ("forward", "backward") if mirrored else ("", ""))

    def dot(self) -> str:
        """The picture in Graphviz's language."""
        return self.diagram().dot()

    def save(self, path: Any) -> None:
        """Write a file: `.dot` or `.gv` (Graphviz's text), `.svg`, by matplotlib `.png` or `.pdf`, or `.html`, a page
        that steps through up to 60 calls and the sweep.

        Raises ValueError for an ending that matplotlib doesn't know, for a picture without a call, and for a page of
        too many; ImportError, with the command that installs it, where matplotlib is needed and missing.
        """
        if not (count := len(self.forward())):
            raise ValueError("No operation was called in this picture's `with` block, so there is nothing to draw")
        if Path(path).suffix != ".html":
            self.diagram().save(path)
            return
        if count > STEPPED:
            raise ValueError(f"A page steps through {STEPPED} calls at most; this picture has {count}. Save it as .svg")
        data = {"steps": [step.as_data() for step in self.steps()]}
        Path(path).write_text(page(FOLDER / "steps.html", data), encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.diagram()._repr_svg_()

    _repr_html_ = _repr_svg_


def _box(kind: str, texts: list[str], note: Note) -> Box:
    lines = note.lines()
    texts = [*texts, *([] if kind == "gradient" and lines else [note.kind()]), *lines]
    return Box([line for text in texts for line in textwrap.wrap(text, WIDTH)], kind)
