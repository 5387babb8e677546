"""What a picture notes of tensors and of calls, and how it says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from minidl.devices import device_of
from minidl.pictures.formula import formula
from minidl.primitive import Primitive
from minidl.tensor import Tensor

SMALL = 8  # how many entries a tensor may have whose values are shown
OPTION = 10  # how many letters the value of an option may have
BEGINNING = "beginning of the sweep"  # what is said of a gradient that no rule gave
OWN_RULE = "by a rule of its own"  # and of one by a rule whose source isn't known
INPUTS = 4  # how many inputs of a call are named


@dataclasses.dataclass(frozen=True)
class Note:
    """What is noted of a tensor: its shape, its dtype and, where they are few, its entries."""

    shape: tuple[int, ...]
    dtype: numpy.dtype
    values: numpy.ndarray | None

    @classmethod
    def of(cls, tensor: Tensor) -> Note:
        """The note of a tensor."""
        values = numpy.array(device_of(tensor.array).to_numpy(tensor.array)) if tensor.array.size <= SMALL else None
        return cls(tensor.shape, tensor.dtype, values)

    def kind(self) -> str:
        """The shape and the dtype."""
        return f"{self.shape} {self.dtype}"

    def text(self, digits: int = 5) -> str:
        """The entries, with semicolons between the rows of a matrix; '' where they aren't noted."""
        if self.values is None:
            return ""
        is_matrix = sum(length > 1 for length in self.shape) > 1
        rows = self.values.reshape(-1, self.shape[-1]) if is_matrix else [self.values.reshape(-1)]
        return "; ".join(" ".join(_number(value, digits) for value in row) for row in rows)


def _number(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}" if value.dtype.kind == "f" else str(value)


@dataclasses.dataclass(frozen=True)
class Call:
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

    def has_rule(self, function: Callable[..., Any]) -> bool:
        """Whether this is one of the primitive's rules, and not that of a custom gradient."""
        return any(function is rule.function for _, rule in self.primitive.differentiable)

    def rule_in_words(self, function: Callable[..., Any], names: Mapping[int, str], notes: Mapping[int, Note]) -> str:
        """A gradient rule, such as `dz2 * (z1 + z1)`, where dz2 is the gradient of z2."""
        said = {"upstream": f"d{names[self.result]}", "result": names[self.result]} | self._short_options()
        code = self.primitive.forward.__code__
        for name, x in zip(code.co_varnames[1 : code.co_argcount], self.inputs, strict=False):
            said |= {name: names[x], f"{name}_shape": str(notes[x].shape), f"{name}_dtype": str(notes[x].dtype)}
        return formula(function, said) or OWN_RULE

    def _short_options(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.options.items() if len(str(value)) <= OPTION}


@dataclasses.dataclass(frozen=True)
class Step:
    """A line of what a picture shows.

    Attributes:
        name: of a tensor, `z1`, or of its gradient, `dz1`.
        sign: `=`, or `+=` where a gradient has more than one part, from the second on.
        text: how it is computed: a call, or the formula of a rule.
        note: the value.
        call: the call that is made, or whose rule is applied.
        serial: the number of the tensor: a call's result, or the input whose gradient a rule gives.
    """

    name: str
    sign: str
    text: str
    note: Note
    call: Call
    serial: int

    @property
    def is_given(self) -> bool:
        """Whether it is a gradient that the sweep begins with."""
        return self.text == BEGINNING

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.text}"
