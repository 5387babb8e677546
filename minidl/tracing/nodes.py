"""What a program consists of: nodes, the arrays that it is given and those that it computes from others.

Each kind of node says how the array call that computes it is written in Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy

from minidl.devices import CPU, Device
from minidl.tensor import Variable

if TYPE_CHECKING:
    from minidl.tracing.writing import Text


@dataclass(eq=False)
class Node:
    """An array that a program is given or computes.

    Attributes:
        operands: the nodes that it is computed from.
        sample: a blank array that looks like it.
        device: where it is.
        about: what it is for, in words.
        gradient_of: the node that this one is the gradient of.
        origin: the node as it was traced, where a pass made this one of it.
    """

    operands: Sequence[Node]
    sample: numpy.ndarray
    device: Device
    about: str = field(default="", kw_only=True)
    gradient_of: Node | None = field(default=None, kw_only=True, repr=False)
    origin: Node = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.origin = self

    @property
    def is_row_by_row(self) -> bool:
        """Whether the entries lie in C's order."""
        return bool(self.sample.flags.c_contiguous)

    @property
    def can_write_into(self) -> bool:
        """Whether its value can be put into memory that is there already."""
        return False

    @property
    def label(self) -> str:
        """What computes it, in a word."""
        return self.about

    def key(self) -> Hashable:
        """What two nodes have in common that compute the same; None for one that nothing is the same as."""
        return None

    def on(self, operands: Sequence[Node]) -> Node:
        """The same with other operands, itself where they are its own."""
        if list(operands) == list(self.operands):
            return self
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, operands=operands)
        return made

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        """The lines that compute it, into the memory of this name, or as a new array of this name."""
        raise TypeError(f"{self!r} isn't computed")

    def empty(self, text: Text) -> str:
        """The call that makes memory for it."""
        return f"{text.function(self, 'empty')}({self.sample.shape}, {dtype_name(self.sample.dtype)!r})"


# -- what a program is given -------------------------------------------------------------------------------------


class Leaf(Node):
    """An array that a program is given, and doesn't compute."""


@dataclass(eq=False)
class Argument(Leaf):
    """The array of a tensor that the function is called with: which of them, and the name of the parameter."""

    number: int
    name: str


@dataclass(eq=False)
class Constant(Leaf):
    """An array that is the same at each call."""

    array: Any

    @property
    def label(self) -> str:
        only = self.only_value()
        if only is None or not numpy.isfinite(only):
            return "constant"
        number = literal(only).removesuffix(".0").replace("+", "").replace("e-", "e_minus_").replace("-", "minus_")
        return ("all_" if self.sample.shape else "number_") + number

    def only_value(self) -> numpy.ndarray | None:
        """What all entries are, as an array without axes; None where they differ."""
        values = self.device.to_numpy(self.array).reshape(-1)
        is_uniform = values.size and values.tobytes() == values[:1].tobytes() * values.size
        return values[:1].reshape(()) if is_uniform else None


@dataclass(eq=False)
class Filled(Constant):
    """One number everywhere, at each call, of which no array was made yet."""

    array: numpy.ndarray

    def only_value(self) -> numpy.ndarray | None:
        return self.array


@dataclass(eq=False)
class Stored(Leaf):
    """The value that a variable has at the beginning."""

    variable: Variable

    def memory(self, text: Text) -> list[str]:
        """The lines that make, of the variable's array, memory of the program's own for it."""
        name = text.give_variable(self.variable)
        text.set_name(self, name)
        return [f"{name} = {name}.copy()"]


# -- what it computes --------------------------------------------------------------------------------------------


@dataclass(eq=False)
class View(Node):
    """The memory of its operand, seen otherwise: `.T`, say, is what follows the operand's name."""

    suffix: str

    def key(self) -> Hashable:
        return self.suffix


class Computed(Node):
    """An array that a program computes."""


@dataclass(eq=False)
class Applied(Computed):
    """The result of a function of the array module.

    Attributes:
        function: its name.
        has_out: whether it can write into memory which none of its operands lies in.
    """

    function: str
    has_out: bool = field(default=True, kw_only=True)

    @property
    def can_write_into(self) -> bool:
        return self.has_out and self.is_row_by_row

    @property
    def label(self) -> str:
        return self.function

    def key(self) -> Hashable:
        return self.function

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        call = self._call(text, [text.name_of(each) for each in self.operands], [f"out={name}"] if into else [])
        return [call if into else f"{name} = {_array(self, text, call)}"]

    def _call(self, text: Text, operands: Sequence[str], more: Sequence[str]) -> str:
        return f"{text.function(self, self.function)}({', '.join([*operands, *more])})"


class Elementwise(Applied):
    """The result of a ufunc, whose memory may be that of an operand."""


@dataclass(eq=False)
class Gathered(Applied):
    """Its operands along one axis: `concatenate`, or `stack`."""

    axis: int

    def key(self) -> Hashable:
        return self.function, self.axis

    def _call(self, text: Text, operands: Sequence[str], more: Sequence[str]) -> str:
        return super()._call(text, [f"[{', '.join(operands)}]", f"axis={self.axis}"], more)


@dataclass(eq=False)
class Reduction(Applied):
    """The entries along axes made one by a ufunc, such as a sum by `add`."""

    axis: Any
    keepdims: bool

    def key(self) -> Hashable:
        return self.function, self.axis, self.keepdims

    def _call(self, text: Text, operands: Sequence[str], more: Sequence[str]) -> str:
        ufunc, dtype = self.function.removesuffix(".reduce"), self.sample.dtype
        is_one_axis = isinstance(self.axis, tuple) and len(self.axis) == 1
        options = [f"axis={self.axis[0] if is_one_axis else self.axis}"]
        if dtype != getattr(numpy, ufunc).reduce(numpy.zeros(1, self.operands[0].sample.dtype)).dtype:
            options.append(f"dtype={str(dtype)!r}")
        options += ["keepdims=True", *more] if self.keepdims else more
        if self.device is CPU:
            return super()._call(text, operands, options)
        # What the forward rule calls. NumPy's `sum` is but a call of `add.reduce`; CuPy's may add up in another order.
        method = {"add": "sum", "maximum": "max", "minimum": "min"}[ufunc]
        return f"{operands[0]}.{method}({', '.join(options)})"


class Copy(Computed):
    """A copy of its operand, repeated where that is smaller, and in another dtype where that has another."""

    can_write_into = True
    label = "copy"

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        operand = text.name_of(self.operands[0])
        if not into and not self.is_row_by_row:
            return [f"{name} = {operand}.astype({dtype_name(self.sample.dtype)!r})"]
        copying = f"{text.function(self, 'copyto')}({name}, {operand}, casting='unsafe')"
        return [copying] if into else [f"{name} = {self.empty(text)}", copying]


class Converted(Copy):
    """A copy that computing the same once more would not tell from."""

    def key(self) -> Hashable:
        return "converted"


@dataclass(eq=False)
class Put(Computed):
    """Zeros, but for its operand at an index."""

    index: str
    can_write_into = True
    label = "put"

    def key(self) -> Hashable:
        return self.index

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        filling = [f"{name}.fill(0)", f"{name}{self.index} = {text.name_of(self.operands[0])}"]
        return filling if into else [f"{name} = {self.empty(text)}", *filling]


@dataclass(eq=False)
class Full(Computed):
    """One number everywhere."""

    value: numpy.ndarray

    label = "full"

    def key(self) -> Hashable:
        return self.value.tobytes()

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        return [f"{name} = {full(self, text, self.value)}"]


@dataclass(eq=False)
class Called(Computed):
    """What a kernel of minidl's gives: an array of its own."""

    name: str
    kernel: Callable[..., Any]
    options: Mapping[str, Any]

    @property
    def label(self) -> str:
        return self.name

    def lines(self, text: Text, name: str, into: bool) -> list[str]:
        kernel = functools.partial(self.kernel, **self.options) if self.options else self.kernel
        about = "an operation of minidl's" + (f", with {dict(self.options)}" if self.options else "")
        call = f"{text.give(self.name, kernel, about)}({', '.join(map(text.name_of, self.operands))})"
        return [f"{name} = {_array(self, text, call)}"]


def _array(node: Node, text: Text, call: str) -> str:
    """A call that gives an array also where NumPy gives a number."""
    return call if node.sample.ndim else f"{text.function(node, 'asarray')}({call})"


def full(node: Node, text: Text, value: numpy.ndarray) -> str:
    """The call that makes an array of one number."""
    shape = f"{node.sample.shape}, " if node.sample.shape else ""
    make = text.function(node, "full" if shape else "asarray")
    return f"{make}({shape}{literal(value)}, dtype={dtype_name(node.sample.dtype)!r})"


dtype_name = functools.cache(str)  # NumPy takes its time to find one


def literal(value: numpy.ndarray) -> str:
    """A finite number as Python writes it, in as few digits as tell it from others of its dtype."""
    number = value[()]
    is_exact = number.dtype.kind != "f" or number.dtype.type(float(str(number))) == number
    return str(number) if is_exact else repr(number.item())


def seen(node: Node) -> Node:
    """What a view is a view of; any other node itself."""
    while isinstance(node, View):
        node = node.operands[0]
    return node


def index_text(index: Any) -> str:
    """An index as Python writes it."""
    parts = index if isinstance(index, tuple) else (index,)
    return f"[{', '.join(map(_part_text, parts))}]"


def _part_text(part: Any) -> str:
    if part is Ellipsis:
        return "..."
    if not isinstance(part, slice):
        return repr(part)
    ends = ["" if end is None else repr(end) for end in (part.start, part.stop)]
    return ":".join(ends if part.step is None else [*ends, repr(part.step)])
