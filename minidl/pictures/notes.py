"""What a picture notes of tensors and of calls, and how it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy

from minidl.pictures.formula import formula
from minidl.primitive import Primitive
from minidl.tensor import Tensor

SMALL = 8  # how many entries a tensor may have whose values are shown
OPTION = 10  # how many letters the value of an option may have
BEGINNING = "beginning of the sweep"  # what is said of a gradient that no rule gave
OWN_RULE = "by a rule of its own"  # and of one by a rule whose source isn't known
INPUTS = 4  # how many inputs of a call are named


class Note(NamedTuple):
    """What is noted of a tensor: its shape, its dtype and, where they are few, its entries."""

    shape: tuple[int, ...]
    dtype: numpy.dtype
    values: numpy.ndarray | None

    @classmethod
    def of(cls, tensor: Tensor) -> Note:
        """The note of a tensor."""
        values = numpy.array(tensor._device.to_numpy(tensor.array)) if tensor.array.size <= SMALL else None
        return cls(tensor.shape, tensor.dtype, values)

    def kind(self) -> str:
        """The shape and the dtype."""
        return f"{self.shape} {self.dtype}"

    def text(self, digits: int = 5) -> str:
        """The entries, with semicolons between the rows of a matrix; '' where they aren't noted."""
        if self.values is None or not self.values.size:
            return ""
        values = numpy.atleast_2d(self.values.squeeze())
        return "; ".join(
            " ".join(_number(value, digits) for value in row) for row in values.reshape(-1, values.shape[-1])
        )


def _number(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}" if value.dtype.kind == "f" else str(value)


class Call(NamedTuple):
    """A call of a primitive; tensors are known by their serial numbers."""

    primitive: Primitive
    inputs: tuple[int, ...]
    result: int
    options: Mapping[str, Any]

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
        for name, x in self._tensors().items():
            said |= {name: names[x], f"{name}_shape": str(notes[x].shape), f"{name}_dtype": str(notes[x].dtype)}
        return formula(function, said) or OWN_RULE

    def kept_by(self, function: Callable[..., Any]) -> list[int]:
        """The tensors among its inputs and its result that one of its rules keeps."""
        asked = function.__code__.co_varnames[: function.__code__.co_argcount]
        return [x for name, x in self._tensors().items() if name in asked]

    def _tensors(self) -> dict[str, int]:
        """By the names that rules know them by."""
        code = self.primitive.forward.__code__
        inputs = zip(code.co_varnames[1 : code.co_argcount], self.inputs, strict=False)
        return {**dict(inputs), "result": self.result}

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
