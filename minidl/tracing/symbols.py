"""Symbols: the third kind of array beside NumPy's and CuPy's, one without values.

A symbol writes down each array call that is made on it, as a node. While a function is traced, every tensor's array is
a symbol, so that ops, gradient rules, tapes and optimizers run as ever, and what is left is the program: `1 / (1 +
xp.exp(-x))`, run on a symbol x, leaves negative, exp, add and divide, one node each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
from numpy.lib.mixins import NDArrayOperatorsMixin

from minidl.devices import CPU, Device
from minidl.tracing import nodes
from minidl.tracing.looks import blank, of_entries, of_product
from minidl.tracing.nodes import Node, index_text, seen

if TYPE_CHECKING:
    from minidl.tracing.trace import Trace


class UnwritableError(Exception):
    """A forward rule does something that can't be written down; it is then called as a whole."""


class Symbol(NDArrayOperatorsMixin):
    """An array without values: its operators, methods and attributes are written down, and NumPy's ufuncs of it.

    Attributes:
        trace: which writes down.
        node: what it is the result of.
        device: where the array would be.
    """

    def __init__(self, trace: Trace, node: Node) -> None:
        self.trace = trace
        self.node = node

    @property
    def device(self) -> Device:
        return self.node.device

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.sample.shape

    @property
    def dtype(self) -> numpy.dtype:
        return self.node.sample.dtype

    @property
    def ndim(self) -> int:
        return self.node.sample.ndim

    @property
    def size(self) -> int:
        return self.node.sample.size

    @property
    def strides(self) -> tuple[int, ...]:
        return self.node.sample.strides

    @property
    def flags(self) -> Any:
        self.trace.check_in_force()  # who asks for these is about to keep the array
        return self.node.sample.flags

    # -- it has no values

    def get(self) -> Any:
        """Where CuPy's arrays give their values, the error that says that there are none."""
        raise self.trace.without_values(self.node)

    def __str__(self) -> str:
        if self.trace.is_in_force:
            return "traced: each call of the function will have other numbers"
        return "out of scope: it was made inside a function while that was traced"

    def __bool__(self) -> bool:
        raise UnwritableError("a rule that asks for the values of an array")

    __float__ = __int__ = __index__ = __iter__ = __array__ = __bool__  # type: ignore[assignment]  # it raises

    def __copy__(self) -> Symbol:
        return self

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
        kinds = [each.dtype if hasattr(each, "dtype") else type(each) for each in operands]
        dtypes = ufunc.resolve_dtypes((*kinds, None))
        inputs = [
            each.node if isinstance(each, Symbol) else self.trace.number(each, dtype, self.device)
            for each, dtype in zip(operands, dtypes, strict=False)
        ]
        return self.becomes(nodes.Elementwise, inputs, self._of_entries(inputs, dtypes[-1]), ufunc.__name__)

    def _of_entries(self, inputs: Sequence[Node], dtype: Any) -> Any:
        samples = [node.sample for node in inputs]
        if self.device is CPU:
            return of_entries(samples, dtype)
        return blank(numpy.broadcast_shapes(*(each.shape for each in samples)), dtype)  # CuPy's are always in C's order

    def where(self, x: Symbol, y: Symbol) -> Symbol:
        """x where this one holds, else y."""
        inputs = [self.node, x.node, y.node]
        sample = self._of_entries(inputs, inputs[1].sample.dtype)
        return self.becomes(nodes.Applied, inputs, sample, "where", has_out=False)

    def copy(self) -> Symbol:
        return self.becomes(nodes.Copy, (self.node,), blank(self.shape, self.dtype), about="a copy")

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduced("add", axis, dtype, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduced("maximum", axis, None, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduced("minimum", axis, None, keepdims)

    def _reduced(self, name: str, axis: Any, dtype: Any, keepdims: bool) -> Symbol:
        if not self.size:
            raise UnwritableError("a reduction of nothing")
        ufunc, is_plain = getattr(numpy, name), self.flags.c_contiguous or self.device is not CPU
        if is_plain:
            axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
            axes = [index % self.ndim for index in axes]
            shape = [1 if index in axes else length for index, length in enumerate(self.shape)]
            if not keepdims:
                shape = [length for index, length in enumerate(self.shape) if index not in axes]
            sample = blank(shape, ufunc.reduce(numpy.zeros(1, self.dtype), dtype=dtype).dtype)
        else:  # a result whose layout follows the operand's
            found = numpy.asarray(ufunc.reduce(self.node.sample, axis=axis, dtype=dtype, keepdims=keepdims))
            sample = blank(found.shape, found.dtype, found.strides)
        return self.becomes(nodes.Reduction, (self.node,), sample, f"{name}.reduce", axis, keepdims)

    def astype(self, dtype: numpy.dtype) -> Symbol:
        if dtype == self.dtype:
            return self
        return self.becomes(nodes.Converted, (self.node,), self._of_entries([self.node], dtype))

    def reshape(self, *shape: Any) -> Symbol:
        lengths = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        sample = self.node.sample.reshape(lengths, copy=False)
        return self._view(f".reshape({tuple(lengths)})", sample) if sample.shape != self.shape else self

    def transpose(self, axes: tuple[int, ...]) -> Symbol:
        text = ".T" if axes == (1, 0) else f".transpose({axes})"
        return self._view(text, self.node.sample.transpose(axes))

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
        return self.becomes(nodes.View, (self.node,), sample, suffix)


class Unfilled(Symbol):
    """A new array, which has a node once it is written into."""

    def __init__(self, trace: Trace, shape: tuple[int, ...], dtype: numpy.dtype, is_zeros: bool) -> None:
        self.trace = trace
        self._sample = blank(shape, dtype)
        self._is_zeros = is_zeros

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(value, Symbol) or hasattr(self, "node"):
            raise UnwritableError("a number put into an array, or a second part")
        if index is Ellipsis:
            numpy.broadcast_to(value.node.sample, self._sample.shape)
            self.node = value.becomes(nodes.Converted, (value.node,), self._sample).node
        elif self._is_zeros:
            self.node = value.becomes(nodes.Put, (value.node,), self._sample, index_text(index)).node
        else:
            raise UnwritableError("a part of an array without values")


class Module:
    """The array module of symbols, in which a forward rule finds its functions: they are written down."""

    def __init__(self, trace: Trace, device: Device) -> None:
        self._trace, self._device = trace, device

    def __getattr__(self, name: str) -> Any:
        found = getattr(numpy, name, None)
        if isinstance(found, (numpy.ufunc, numpy.dtype, type)):
            return found  # a ufunc leaves it to the symbols
        raise UnwritableError(name)

    def may_share_memory(self, x: Symbol, y: Symbol) -> bool:
        one, other = seen(x.node), seen(y.node)
        if one is not other and isinstance(one, nodes.Leaf) and isinstance(other, nodes.Leaf):
            raise UnwritableError("only a call knows whether two arrays that it is given are one")
        return one is other

    def dot(self, x: Symbol, y: Symbol) -> Symbol:
        shape = (*x.shape[:-1], *y.shape[1:])
        if x.shape[-1] != y.shape[0]:
            raise ValueError(f"shapes {x.shape} and {y.shape} don't multiply")
        return x.becomes(nodes.Applied, (x.node, y.node), blank(shape, x.dtype), "dot")

    def matmul(self, x: Symbol, y: Symbol) -> Symbol:
        sample = of_product(x.node.sample, y.node.sample)
        if sample is None:
            raise UnwritableError("stacks of matrices in another order than C's")
        return x.becomes(nodes.Applied, (x.node, y.node), sample, "matmul")

    def where(self, condition: Symbol, x: Symbol, y: Symbol) -> Symbol:
        return condition.where(x, y)

    def concatenate(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        return self._gathered("concatenate", arrays, axis)

    def stack(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        return self._gathered("stack", arrays, axis)

    def _gathered(self, name: str, arrays: Sequence[Symbol], axis: int) -> Symbol:
        operands = [each.node for each in arrays]
        if not all(node.is_row_by_row for node in operands) and self._device is CPU:
            raise UnwritableError("a result whose layout follows the operands'")
        shape = list(arrays[0].shape)
        if name == "stack":
            shape.insert(axis, len(arrays))
        else:
            shape[axis] = sum(each.shape[axis] for each in arrays)
        return arrays[0].becomes(nodes.Gathered, operands, blank(shape, arrays[0].dtype), name, axis)

    def empty(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Unfilled:
        return Unfilled(self._trace, shape, dtype, is_zeros=False)

    def zeros(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Unfilled:
        return Unfilled(self._trace, shape, dtype, is_zeros=True)

    def ones(self, shape: Any, dtype: numpy.dtype) -> Symbol:
        return self.full(shape, 1, dtype)

    def full(self, shape: Any, value: Any, dtype: numpy.dtype) -> Symbol:
        number = numpy.asarray(value, dtype)
        if not numpy.isfinite(number):
            raise UnwritableError("a number that Python can't write")
        sample = blank(shape if isinstance(shape, tuple) else (shape,), dtype)
        return Symbol(self._trace, self._trace.add(nodes.Full((), sample, self._device, number)))
