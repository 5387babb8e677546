"""What a program consists of: nodes, the arrays that it is given and those that it computes from others.

Each kind of node says how the array call that computes it is written in Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from minidl.devices import Device
from minidl.tensor import Variable

if TYPE_CHECKING:
    from minidl.tracing.writing import Text


@dataclass(eq=False)
class Node:
    """An array that a program is given or computes.

    Attributes:
        operands: the nodes that it is computed from.
        sample: a blank array that looks like it; `is_row_by_row` says whether its entries lie in C's order.
        device: where it is.
        about: what it is for, in words.
        gradient_of: the node that this one is the gradient of.
        made_of: the node as it was traced, where a pass made this one of it; `origin` is that, or else the node itself.
        same: the attributes in which two nodes of one kind agree that compute the same of the same; None for kinds
            of which no two do.
        can_write_into: whether its value can be put into memory that is there already.
        label: what computes it, in a word.
        only_value: what all its entries are, as an array without axes; None where they aren't known to be one number.
        lines: of those that are computed, gives the lines that do so, with names that a text gives: into the memory of
            a name, or as a new array of that name.
    """

    operands: Sequence[Node]
    sample: numpy.ndarray
    device: Device
    about: str = field(default="", kw_only=True)
    gradient_of: Node | None = field(default=None, kw_only=True)
    made_of: Node | None = field(default=None, kw_only=True)
    same: ClassVar[tuple[str, ...] | None] = None
    can_write_into: ClassVar[Any] = False
    label: ClassVar[Any] = property(lambda node: node.about)
    only_value: ClassVar[Any] = None
    lines: ClassVar[Callable[..., list[str]]]

    origin = property(lambda node: node.made_of or node)
    is_row_by_row = property(lambda node: bool(node.sample.flags.c_contiguous))

    def on(self, operands: Sequence[Node]) -> Node:
        """The same with other operands, itself where they are its own."""
        if list(operands) == list(self.operands):
            return self
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, operands=operands, made_of=self.origin)
        return made

    def empty(self, text: Text) -> str:
        """The call that makes memory for it."""
        return f"{text.function(self, 'empty')}({self.sample.shape}, {dtype_name(self.sample.dtype)!r})"


# -- what a program is given -------------------------------------------------------------------------------------


class Leaf(Node):
    """An array that a program is given, and doesn't compute."""


@dataclass(eq=False)
class Argument(Leaf):
    """The array of a tensor that the function is called with, by the name of the parameter."""

    name: str
    label = property(lambda node: node.name)


@dataclass(eq=False)
class Constant(Leaf):
    """An array that is the same at each call."""

    array: Any

    @functools.cached_property
    def only_value(self) -> numpy.ndarray | None:
        """What all entries are, if they are one finite number, as an array without axes."""
        values = self.device.to_numpy(self.array).reshape(-1)
        bits = values.view(f"u{values.itemsize}")  # by which 0.0 and -0.0 are two
        is_one = values.size and (bits == bits[0]).all() and numpy.isfinite(values[0])
        return numpy.array(values[0]) if is_one else None


class Full(Constant):
    """One number everywhere, of which no array was made: `array`, NumPy's, has no axes."""

    only_value = property(lambda node: node.array)


@dataclass(eq=False)
class Stored(Leaf):
    """The value that a variable has at the beginning."""

    variable: Variable
    label = property(lambda node: node.variable.name)

    def memory(self, text: Text) -> list[str]:
        """The lines that make, of the variable's array, memory of the program's own for it."""
        name = text.give_variable(self, self.variable)
        return [f"{name} = {name}.copy()"]


# -- what it computes --------------------------------------------------------------------------------------------


@dataclass(eq=False)
class View(Node):
    """The memory of its operand, seen otherwise: `.T`, say, is what follows the operand's name."""

    suffix: str
    same = ("suffix",)


@dataclass(eq=False)
class Applied(Node):
    """The result of a function of the array module.

    Attributes:
        function: its name.
        options: what stands between the brackets behind the operands, such as `, axis=0`.
    """

    function: str
    options: str = ""
    same = ("function", "options")
    # NumPy's `where` is the one function that writes into no memory.
    can_write_into = property(lambda node: node.function != "where" and node.is_row_by_row)
    label = property(lambda node: node.function)

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        given = ", ".join(text.names[each] for each in self.operands) + self.options + (f", out={name}" if into else "")
        call = f"{text.function(self, self.function)}({given})"
        return [call if into else f"{name} = {_array(self, text, call)}"]


class Elementwise(Applied):
    """The result of a ufunc, whose memory may be that of an operand."""


class Copy(Node):
    """A copy of its operand, repeated where that is smaller, and in another dtype where that has another."""

    same = ()
    can_write_into = property(lambda node: node.is_row_by_row)
    label = "copy"

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        operand = text.names[self.operands[0]]
        if not into and not self.is_row_by_row:
            return [f"{name} = {operand}.astype({dtype_name(self.sample.dtype)!r})"]
        copying = f"{text.function(self, 'copyto')}({name}, {operand}, casting='unsafe')"
        return [copying] if into else [f"{name} = {self.empty(text)}", copying]


@dataclass(eq=False)
class Put(Node):
    """Zeros, but for its operand at an index."""

    index: str
    same = ("index",)
    can_write_into = True
    label = "put"

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        filling = [f"{name}.fill(0)", f"{name}{self.index} = {text.names[self.operands[0]]}"]
        return filling if into else [f"{name} = {self.empty(text)}", *filling]


@dataclass(eq=False)
class Called(Node):
    """What a kernel of minidl's, which has its options already, gives: an array of its own."""

    name: str
    kernel: Callable[..., Any]
    options: Mapping[str, Any]
    label = property(lambda node: node.name)

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        about = "an operation of minidl's" + (f", with {dict(self.options)}" if self.options else "")
        call = f"{text.give(self.name, self.kernel, about)}({', '.join(text.names[each] for each in self.operands)})"
        return [f"{name} = {_array(self, text, call)}"]


def _array(node: Node, text: Text, call: str) -> str:
    """A call that gives an array also where NumPy gives a number."""
    return call if node.sample.ndim else f"{text.function(node, 'asarray')}({call})"


# -- in words ----------------------------------------------------------------------------------------------------

dtype_name = functools.cache(str)  # NumPy takes its time to find one


def literal(value: numpy.ndarray) -> str:
    """A finite number as Python writes it, in as few digits as tell it from others of its dtype."""
    number = value[()]
    is_exact = number.dtype.kind != "f" or number.dtype.type(float(str(number))) == number
    return str(number) if is_exact else repr(number.item())


def index_text(index: Any) -> str:
    """An index as Python writes it."""
    return f"[{', '.join(map(_part_text, index if isinstance(index, tuple) else (index,)))}]"


def _part_text(part: Any) -> str:
    if not isinstance(part, slice):
        return "..." if part is Ellipsis else repr(part)
    ends = [part.start, part.stop] if part.step is None else [part.start, part.stop, part.step]
    return ":".join("" if end is None else repr(end) for end in ends)
