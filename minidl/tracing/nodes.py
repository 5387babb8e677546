"""What a program consists of: nodes, the arrays that it is given and those that it computes from others.

Each kind of node says how the array call that computes it is written in Python.
"""

from __future__ import annotations

import abc
import functools
import math
import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from minidl.devices import Device
from minidl.tensor import Variable
from minidl.tracing.names import Names

LARGE = 1 << 16  # from so many bytes on an array is large

# Pages that are only read take no memory in a mapping of one's own; Windows has no other kind.
_OWN_PAGES = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
_blank = mmap.mmap(-1, LARGE, **_OWN_PAGES)  # what stands in for values that nobody looks at


def stand_in(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None = None) -> Any:
    """An array of NumPy's without values, row by row or with other strides.

    All lie in one memory, which is mapped and never written, and so takes none.
    """
    global _blank
    dtype = numpy.dtype(dtype)
    if strides is None:
        size, start = math.prod(shape) * dtype.itemsize, 0
    else:
        ends = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
        size, start = sum(map(abs, ends)) + dtype.itemsize, -sum(end for end in ends if end < 0)
    if size > len(_blank):
        _blank = mmap.mmap(-1, 2 * size, **_OWN_PAGES)
    return numpy.ndarray(shape, dtype, _blank, start, strides)


def stand_in_for(array: Any) -> Any:
    """A stand-in for an array of any device."""
    return stand_in(array.shape, array.dtype, None if array.flags.c_contiguous else array.strides)


@dataclass(eq=False)
class Node:
    """An array that a program is given or computes.

    Attributes:
        operands: the nodes that it is computed from.
        sample: an array without values that has its shape, dtype and strides.
        device: where it is.
        about: what it is for, in words.
        gradient_of: the node that this one is the gradient of.
    """

    operands: Sequence[Node]
    sample: numpy.ndarray
    device: Device
    about: str = field(default="", kw_only=True)
    gradient_of: Node | None = field(default=None, kw_only=True)

    @property
    def is_row_by_row(self) -> bool:
        """Whether the entries lie in C's order."""
        return bool(self.sample.flags.c_contiguous)

    @property
    def can_write_into(self) -> bool:
        """Whether its value can be put into memory that is there already."""
        return False

    def empty(self, names: Names) -> str:
        """The call that makes memory for it."""
        return f"{names.function(self.device, 'empty')}({self.sample.shape}, {str(self.sample.dtype)!r})"


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

    def only_value(self) -> numpy.ndarray | None:
        """What all entries are, as an array without axes; None where they differ."""
        values = self.device.to_numpy(self.array).reshape(-1)
        is_uniform = values.size and values.tobytes() == values[:1].tobytes() * values.size
        return values[:1].reshape(()) if is_uniform else None


@dataclass(eq=False)
class Stored(Leaf):
    """The values that variables have at the beginning: of one variable, or of several, one behind the other."""

    variables: Sequence[Variable]


# -- what it computes --------------------------------------------------------------------------------------------


class Computed(Node, abc.ABC):
    """An array that a program computes."""

    @abc.abstractmethod
    def code(self, names: Names, operands: Sequence[str], name: str, into: bool) -> str:
        """The lines that compute it, into the memory of this name, or as a new array of this name."""


@dataclass(eq=False)
class View(Node):
    """The memory of its operand, seen otherwise: `.T`, say, is what follows the operand's name."""

    suffix: str


@dataclass(eq=False)
class Part(View):
    """A variable's own part of what is stored of several."""

    variable: Variable


class Joined(Node):
    """Memory that its operands lie in, one behind the other."""


@dataclass(eq=False)
class Applied(Computed):
    """The result of a function of the array module that can write into memory which none of its operands lies in."""

    function: str

    @property
    def can_write_into(self) -> bool:
        return self.is_row_by_row

    def code(self, names: Names, operands: Sequence[str], name: str, into: bool) -> str:
        call = self._call(names, operands, [f"out={name}"] if into else [])
        return call if into else f"{name} = {_array(self, names, call)}"

    def _call(self, names: Names, operands: Sequence[str], more: Sequence[str]) -> str:
        return f"{names.function(self.device, self.function)}({', '.join([*operands, *more])})"


class Elementwise(Applied):
    """The result of a ufunc, whose memory may be that of an operand."""


@dataclass(eq=False)
class Gathered(Applied):
    """Its operands along one axis: `concatenate`, or `stack`."""

    axis: int

    def _call(self, names: Names, operands: Sequence[str], more: Sequence[str]) -> str:
        return super()._call(names, [f"[{', '.join(operands)}]", f"axis={self.axis}"], more)


@dataclass(eq=False)
class Reduction(Applied):
    """The entries along axes made one by a ufunc, such as a sum by `add`."""

    axis: Any
    keepdims: bool

    def _call(self, names: Names, operands: Sequence[str], more: Sequence[str]) -> str:
        ufunc, dtype = self.function.removesuffix(".reduce"), self.sample.dtype
        is_one_axis = isinstance(self.axis, tuple) and len(self.axis) == 1
        options = [f"axis={self.axis[0] if is_one_axis else self.axis}"]
        if dtype != getattr(numpy, ufunc).reduce(numpy.zeros(1, self.operands[0].sample.dtype)).dtype:
            options.append(f"dtype={str(dtype)!r}")
        options += ["keepdims=True", *more] if self.keepdims else more
        if self.device.module is numpy:
            return super()._call(names, operands, options)
        # What the forward rule calls. NumPy's `sum` is but a call of `add.reduce`; CuPy's may add up in another order.
        method = {"add": "sum", "maximum": "max", "minimum": "min"}[ufunc]
        return f"{operands[0]}.{method}({', '.join(options)})"


class Copy(Computed):
    """A copy of its operand, converted to another dtype where that is another."""

    can_write_into = True

    def code(self, names: Names, operands: Sequence[str], name: str, into: bool) -> str:
        if not into and not self.is_row_by_row:
            return f"{name} = {operands[0]}.astype({str(self.sample.dtype)!r})"
        copying = f"{names.function(self.device, 'copyto')}({name}, {operands[0]}, casting='unsafe')"
        return copying if into else f"{name} = {self.empty(names)}\n{copying}"


@dataclass(eq=False)
class Put(Computed):
    """Zeros, but for its operand at an index."""

    index: str
    can_write_into = True

    def code(self, names: Names, operands: Sequence[str], name: str, into: bool) -> str:
        filling = f"{name}.fill(0)\n{name}{self.index} = {operands[0]}"
        return filling if into else f"{name} = {self.empty(names)}\n{filling}"


@dataclass(eq=False)
class Called(Computed):
    """What a kernel of minidl's gives: an array of its own."""

    name: str
    kernel: Callable[..., Any]
    options: Mapping[str, Any]

    def code(self, names: Names, operands: Sequence[str], name: str, into: bool) -> str:
        kernel = functools.partial(self.kernel, **self.options) if self.options else self.kernel
        about = "an operation of minidl's" + (f", with {dict(self.options)}" if self.options else "")
        call = f"{names.give(names.new(self.name), kernel, about)}({', '.join(operands)})"
        return f"{name} = {_array(self, names, call)}"


def _array(node: Node, names: Names, call: str) -> str:
    """A call that gives an array also where NumPy gives a number."""
    return call if node.sample.ndim else f"{names.function(node.device, 'asarray')}({call})"


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
