"""Symbols: the third kind of array beside NumPy's and CuPy's, one without values.

A symbol writes down each array call that is made on it, as a node. While a function is traced, every tensor's array is
a symbol, so that ops, gradient rules, tapes and optimizers run as ever, and what is left is the program: `1 / (1 +
xp.exp(-x))`, run on a symbol x, leaves negative, exp, add and divide, one node each. What a result looks like, its
shape, dtype and strides, NumPy says itself, when it is called on *blank* arrays, whose memory nobody looks at.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
from numpy.lib.mixins import NDArrayOperatorsMixin

from minidl.context import thread
from minidl.devices import CPU, Device
from minidl.tracing.nodes import Applied, Copy, Elementwise, Full, Leaf, Node, Put, View, index_text

if TYPE_CHECKING:
    from minidl.tracing.trace import Trace

_memory = numpy.zeros(1 << 16, numpy.uint8)  # zeros that are only read take no memory


@functools.lru_cache(4096)
def blank(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None = None) -> Any:
    """A blank array of NumPy's, its entries in C's order or with other strides. All lie in one memory."""
    global _memory
    ends = [(length - 1) * stride for length, stride in zip(shape, strides or (), strict=False)]
    size = sum(map(abs, ends)) + dtype.itemsize if strides else math.prod(shape) * dtype.itemsize
    if size > _memory.size:
        _memory = numpy.zeros(2 * size, numpy.uint8)
    return numpy.ndarray(shape, dtype, _memory, -sum(end for end in ends if end < 0), strides)


def blank_like(array: Any, device: Device = CPU) -> Any:
    """A blank array that looks like an array; on a GPU, where CuPy lays results out in C's order, in that."""
    return blank(array.shape, array.dtype, None if array.flags.c_contiguous or device is not CPU else array.strides)


def _looks_of_entries(inputs: Sequence[Node], dtype: Any, device: Device) -> Any:
    """What is allocated for a result that is computed entry by entry: NumPy's is laid out as the operands are."""
    operands: list[Any] = [*(node.sample for node in inputs), None]
    flags: list[Any] = [*[["readonly"]] * len(inputs), ["writeonly", "allocate"]]
    dtypes = [*[None] * len(inputs), dtype]
    found = numpy.nditer(operands, ["zerosize_ok"], flags, dtypes, casting="unsafe").operands[-1]
    return blank_like(found, device)


class UnwritableError(Exception):
    """A forward rule does something that can't be written down; it is then called as a whole."""


class Symbol(NDArrayOperatorsMixin):
    """An array without values: its operators, methods and attributes are written down, and NumPy's ufuncs of it.

    Attributes:
        trace: which writes down.
        node: what it is the result of.
        device: where it is.
    """

    def __init__(self, trace: Trace, node: Node) -> None:
        self.trace, self.node, self.device = trace, node, node.device

    shape: Any = property(operator.attrgetter("node.sample.shape"))
    dtype: Any = property(operator.attrgetter("node.sample.dtype"))
    ndim: Any = property(operator.attrgetter("node.sample.ndim"))
    size: Any = property(operator.attrgetter("node.sample.size"))
    strides: Any = property(operator.attrgetter("node.sample.strides"))

    @property
    def flags(self) -> Any:
        self.trace.check_in_force()  # who asks for these is about to keep the array
        return self.node.sample.flags

    # -- it has no values

    def get(self) -> Any:
        """Where CuPy's arrays give their values, the error that says that there are none."""
        raise self.trace.without_values(self.node)

    def __str__(self) -> str:
        if self.trace is thread.state.trace:
            return "traced: each call of the function will have other numbers"
        return "out of scope: it was made inside a function while that was traced"

    def __bool__(self) -> bool:
        raise UnwritableError("a rule that asks for the values of an array")

    __float__ = __int__ = __index__ = __iter__ = __array__ = __bool__  # it raises

    def __deepcopy__(self, memory: Any) -> Symbol:
        return self

    # -- what is written down

    def becomes(self, kind: type[Node], operands: Sequence[Node], sample: Any, *more: Any, **options: Any) -> Symbol:
        """The symbol of a node that is computed from this one's, and from others."""
        return Symbol(self.trace, self.trace.add(kind(operands, sample, self.device, *more, **options)))

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Symbol:
        """A ufunc of symbols and of numbers, which become constants of the dtype that NumPy makes of them."""
        if method != "__call__" or options or ufunc.signature or ufunc.nout > 1:
            raise UnwritableError(ufunc.__name__)
        dtypes = ufunc.resolve_dtypes((*[getattr(each, "dtype", type(each)) for each in operands], None))
        inputs = [
            each.node if isinstance(each, Symbol) else self.trace.number(each, dtype, self.device)
            for each, dtype in zip(operands, dtypes, strict=False)
        ]
        sample = _looks_of_entries(inputs, dtypes[-1], self.device)
        return self.becomes(Elementwise, inputs, sample, ufunc.__name__)

    def copy(self) -> Symbol:
        return self.becomes(Copy, (self.node,), blank(self.shape, self.dtype), about="a copy")

    def astype(self, dtype: numpy.dtype) -> Symbol:
        sample = _looks_of_entries([self.node], dtype, CPU)  # CuPy lays these out as NumPy does
        return self if dtype == self.dtype else self.becomes(Copy, (self.node,), sample)

    def _reduced(self, name: str, ufunc: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Symbol:
        axes = range(self.ndim) if axis is None else [each % self.ndim for each in numpy.atleast_1d(axis)]
        lengths = [1 if each in axes else n for each, n in enumerate(self.shape) if keepdims or each not in axes]
        usual = ufunc.reduce(numpy.zeros(1, self.dtype)).dtype
        sample = blank(tuple(lengths), dtype or usual)
        if not self.node.is_row_by_row and self.device is CPU:  # the result's layout follows the operand's
            sample = blank_like(numpy.asarray(ufunc.reduce(self.node.sample, axis, dtype, keepdims=keepdims)))
        axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
        options = f", axis={axis}" + (f", dtype={str(dtype)!r}" if dtype not in (None, usual) else "")
        options += ", keepdims=True" if keepdims else ""
        # What `sum` calls in NumPy. CuPy's own may add up in another order.
        function = f"{ufunc.__name__}.reduce" if self.device is CPU else name
        return self.becomes(Applied, (self.node,), sample, function, options)

    sum = functools.partialmethod(_reduced, "sum", numpy.add)
    max = functools.partialmethod(_reduced, "max", numpy.maximum)
    min = functools.partialmethod(_reduced, "min", numpy.minimum)

    def reshape(self, *shape: Any) -> Symbol:
        sample = self.node.sample.reshape(*shape, copy=False)
        return self if sample.shape == self.shape else self._view(f".reshape({sample.shape})", sample)

    def transpose(self, axes: tuple[int, ...]) -> Symbol:
        return self._view(".T" if axes == (1, 0) else f".transpose({axes})", self.node.sample.transpose(axes))

    def swapaxes(self, one: int, other: int) -> Symbol:
        text = ".T" if self.ndim == 2 and {one, other} == {-1, -2} else f".swapaxes({one}, {other})"
        return self._view(text, self.node.sample.swapaxes(one, other))

    def __getitem__(self, index: Any) -> Symbol:
        if index == ():
            return self
        if not isinstance(self.node.sample[index], numpy.ndarray):
            index = (*index, Ellipsis)  # an array without axes, where NumPy would give a number
        return self._view(index_text(index), self.node.sample[index])

    def _view(self, suffix: str, sample: Any) -> Symbol:
        return self.becomes(View, (self.node,), sample, suffix)


class _Unfilled(Symbol):
    """A new array, which has a node once it is written into."""

    def __init__(self, sample: Any, is_zeros: bool) -> None:
        self._sample, self._is_zeros = sample, is_zeros

    def __setitem__(self, index: Any, value: Symbol) -> None:
        if index is Ellipsis:
            numpy.broadcast_to(value.node.sample, self._sample.shape)  # raises where it doesn't fit
            self.node = value.becomes(Copy, (value.node,), self._sample).node
        elif self._is_zeros and "node" not in vars(self):
            self.node = value.becomes(Put, (value.node,), self._sample, index_text(index)).node
        else:
            raise UnwritableError("a second part, or a part of an array without values")


class Module:
    """The array module of symbols, in which a forward rule finds its functions: they are written down."""

    def __init__(self, trace: Trace, device: Device) -> None:
        self._trace, self._device = trace, device

    def __getattr__(self, name: str) -> Any:
        found = getattr(numpy, name, None)
        if isinstance(found, (numpy.ufunc, type)):
            return found  # a ufunc leaves it to the symbols
        raise UnwritableError(name)

    def may_share_memory(self, x: Symbol, y: Symbol) -> bool:
        one, other = seen(x.node), seen(y.node)
        if one is not other and isinstance(one, Leaf) and isinstance(other, Leaf):
            raise UnwritableError("only a call knows whether two arrays that it is given are one")
        return one is other and bool(numpy.may_share_memory(x.node.sample, y.node.sample))

    def dot(self, x: Symbol, y: Symbol) -> Symbol:
        if x.shape[-1] != y.shape[0]:
            raise ValueError(f"shapes {x.shape} and {y.shape} don't multiply")
        return x.becomes(Applied, (x.node, y.node), blank((*x.shape[:-1], *y.shape[1:]), x.dtype), "dot")

    def matmul(self, x: Symbol, y: Symbol) -> Symbol:
        batch = numpy.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        if x.shape[-1] != y.shape[-2] or not ((x.flags.c_contiguous and y.flags.c_contiguous) or len(batch) == 1):
            raise UnwritableError("matrices that don't fit, or whose product follows their layout")
        sample = blank((*batch, x.shape[-2], y.shape[-1]), x.dtype)
        return x.becomes(Applied, (x.node, y.node), sample, "matmul")

    def where(self, condition: Symbol, x: Symbol, y: Symbol) -> Symbol:
        inputs = [condition.node, x.node, y.node]
        sample = _looks_of_entries(inputs, x.dtype, self._device)
        return x.becomes(Applied, inputs, sample, "where")

    def empty(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Symbol:
        return _Unfilled(blank(shape, dtype), is_zeros=False)

    def zeros(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Symbol:
        return _Unfilled(blank(shape, dtype), is_zeros=True)

    def full(self, shape: tuple[int, ...], value: Any, dtype: numpy.dtype) -> Symbol:
        number = numpy.asarray(value, dtype)
        if not numpy.isfinite(number):
            raise UnwritableError("a number that Python can't write")
        return Symbol(self._trace, self._trace.add(Full((), blank(shape, dtype), self._device, number)))


def seen(node: Node) -> Node:
    """What a view is a view of; any other node itself."""
    while isinstance(node, View):
        node = node.operands[0]
    return node
