"""Array calls written down: a forward rule run on symbols instead of arrays leaves the calls that it makes.

So there is no second list of how each operation is computed: `1 / (1 + xp.exp(-x))`, run on a symbol x, leaves
negative, exp, add and divide, one node each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy
from numpy.lib.mixins import NDArrayOperatorsMixin

from minidl.devices import Device
from minidl.primitive import Primitive
from minidl.tracing import nodes
from minidl.tracing.nodes import Node, index_text, seen, stand_in, stand_in_for


class UnwritableError(Exception):
    """A forward rule does something that can't be written down; it is then called as a whole."""


class Recorder:
    """Where nodes are made, each expression once.

    Attributes:
        nodes: all, each after its operands.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._made: dict[Hashable, Node] = {}

    def add(self, node: Node) -> Node:
        """A node that was made."""
        self.nodes.append(node)
        return node

    def number(self, value: Any, dtype: numpy.dtype, device: Device) -> Node:
        """The node of one of Python's numbers, as a constant without axes."""
        array = numpy.asarray(value, dtype)
        key = "number", array.tobytes(), dtype, device
        return self._once(key, lambda: nodes.Constant((), array, device, device.place(array)))

    def node(self, kind: type[Node], operands: Sequence[Node], sample: Any, *more: Any) -> Node:
        """The node of a call; the one that is there already, where the same was computed before.

        Arguments:
            kind: of node.
            operands, sample: of the node.
            more: what that kind of node has beside.
        """
        key = kind, *map(id, operands), sample.dtype, sample.shape, repr(more)
        return self._once(key, lambda: kind(operands, sample, operands[0].device, *more))

    def _once(self, key: Hashable, make: Callable[[], Node]) -> Node:
        if key not in self._made:
            self._made[key] = self.add(make())
        return self._made[key]

    def written(
        self, primitive: Primitive, operands: Sequence[Node], options: Mapping[str, Any], result: Any, device: Device,
        arrays: Sequence[Any],
    ) -> Node:  # fmt: skip
        """The node of a primitive's result, given the arrays of that and of its operands in the run."""
        count = len(self.nodes)
        try:
            if not operands:
                raise UnwritableError
            symbol = primitive.forward(Module(self), *[Symbol(self, node) for node in operands], **options)
            node: Node = symbol.node
            sample = node.sample
            if sample.shape == result.shape and sample.dtype == result.dtype and _layout(sample) == _layout(result):
                for each in self.nodes[count:]:
                    each.about = each.about or primitive.name
                return node
        except Exception:  # whatever a rule does that symbols can't: it is then called as a whole
            pass
        kernel = primitive.kernels[device.module]
        if any(result is array for array in arrays) or getattr(result, "base", None) is not None:
            # It is a view, or the operand itself: whose memory that is, nobody would know.
            kernel = _copying(kernel)
        about = primitive.name if operands else "new numbers at each call"
        return self.add(
            nodes.Called(operands, stand_in_for(result), device, primitive.name, kernel, options, about=about)
        )


def _copying(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays, **options: kernel(*arrays, **options).copy()


def _layout(array: Any) -> tuple[int, ...]:
    """The strides that matter: those of axes longer than 1."""
    return tuple(stride for length, stride in zip(array.shape, array.strides, strict=True) if length > 1 and array.size)


class Module:
    """Stands in for the array module: its functions are written down."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        found = getattr(numpy, name, None)
        if isinstance(found, numpy.ufunc):
            return found  # which leaves it to the symbols
        raise UnwritableError(name)

    def may_share_memory(self, x: Symbol, y: Symbol) -> bool:
        one, other = seen(x.node), seen(y.node)
        if one is not other and isinstance(one, nodes.Leaf) and isinstance(other, nodes.Leaf):
            raise UnwritableError("only a call knows whether two arrays that it is given are one")
        return one is other

    def dot(self, x: Symbol, y: Symbol) -> Symbol:
        return x.becomes(nodes.Applied, (x.node, y.node), stand_in((*x.shape[:-1], *y.shape[1:]), x.dtype), "dot")

    def matmul(self, x: Symbol, y: Symbol) -> Symbol:
        batch = numpy.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        sample = stand_in((*batch, x.shape[-2], y.shape[-1]), x.dtype)
        return x.becomes(nodes.Applied, (x.node, y.node), sample, "matmul")

    def concatenate(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        shape = list(arrays[0].shape)
        shape[axis] = sum(each.shape[axis] for each in arrays)
        return self._gathered("concatenate", arrays, axis, shape)

    def stack(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        shape = list(arrays[0].shape)
        shape.insert(axis, len(arrays))
        return self._gathered("stack", arrays, axis, shape)

    def _gathered(self, name: str, arrays: Sequence[Symbol], axis: int, shape: Sequence[int]) -> Symbol:
        operands = [each.node for each in arrays]
        return arrays[0].becomes(nodes.Gathered, operands, stand_in(tuple(shape), arrays[0].dtype), name, axis)

    def empty(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Unfilled:
        return Unfilled(self._recorder, shape, dtype, zeros=False)

    def zeros(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Unfilled:
        return Unfilled(self._recorder, shape, dtype, zeros=True)


def _before_copy(node: Node) -> Node:
    """What a factor was converted from, where that is bool: a product converts it itself."""
    return node.operands[0] if isinstance(node, nodes.Copy) and node.operands[0].sample.dtype == bool else node


def _result_like(samples: Sequence[Any], dtype: numpy.dtype) -> Any:
    """What NumPy allocates for the result of a ufunc, laid out as the operands are."""
    if all(sample.flags.c_contiguous for sample in samples):
        return stand_in(numpy.broadcast_shapes(*(sample.shape for sample in samples)), dtype)
    flags: Any = [["readonly"]] * len(samples) + [["writeonly", "allocate"]]
    dtypes: Any = [None] * len(samples) + [dtype]
    return numpy.nditer([*samples, None], ["zerosize_ok"], flags, dtypes, casting="unsafe").operands[-1]


class Symbol(NDArrayOperatorsMixin):
    """Stands in for an array: its operators, methods and attributes are written down, and NumPy's ufuncs of it."""

    def __init__(self, recorder: Recorder, node: Node) -> None:
        self._recorder = recorder
        self.node = node

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.sample.shape

    @property
    def dtype(self) -> numpy.dtype:
        return self.node.sample.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.node.sample.size

    def becomes(self, kind: type[Node], operands: Sequence[Node], sample: Any, *more: Any) -> Symbol:
        """The symbol of a node that is computed from this one's, and from others."""
        return Symbol(self._recorder, self._recorder.node(kind, operands, sample, *more))

    def __bool__(self) -> bool:
        raise UnwritableError("a rule that asks for the values of an array")

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Symbol:
        """A ufunc of symbols and Python's numbers, which become constants of the dtype that NumPy makes of them."""
        if method != "__call__" or options or ufunc.signature or ufunc.nout > 1:
            raise UnwritableError(ufunc.__name__)
        kinds = [each.dtype if isinstance(each, Symbol) else type(each) for each in operands]
        dtypes = ufunc.resolve_dtypes((*kinds, None))
        inputs = [
            each.node if isinstance(each, Symbol) else self._recorder.number(each, dtype, self.node.device)
            for each, dtype in zip(operands, dtypes, strict=False)
        ]
        sample = _result_like([node.sample for node in inputs], dtypes[-1])
        if ufunc is numpy.multiply and len({node.sample.dtype for node in inputs}) == 1:
            inputs[1] = _before_copy(inputs[1])
        return self.becomes(nodes.Elementwise, inputs, sample, ufunc.__name__)

    def copy(self) -> Symbol:
        node = nodes.Copy((self.node,), stand_in(self.shape, self.dtype), self.node.device, about="a copy")
        return Symbol(self._recorder, self._recorder.add(node))

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduced("add", axis, dtype, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduced("maximum", axis, None, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return self._reduced("minimum", axis, None, keepdims)

    def _reduced(self, name: str, axis: Any, dtype: Any, keepdims: bool) -> Symbol:
        if not self.size:
            raise UnwritableError("a reduction of nothing")
        axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        shape = [1 if index in axes else length for index, length in enumerate(self.shape)]
        if not keepdims:
            shape = [length for index, length in enumerate(self.shape) if index not in axes]
        found = getattr(numpy, name).reduce(numpy.zeros(1, self.dtype), dtype=dtype).dtype
        sample = stand_in(tuple(shape), found)
        return self.becomes(nodes.Reduction, (self.node,), sample, f"{name}.reduce", axis, keepdims)

    def astype(self, dtype: numpy.dtype) -> Symbol:
        if dtype == self.dtype:
            return self
        return self.becomes(nodes.Copy, (self.node,), _result_like([self.node.sample], dtype))

    def reshape(self, shape: tuple[int, ...]) -> Symbol:
        return self._view(f".reshape({shape})", self.node.sample.reshape(shape, copy=False))

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

    def __init__(self, recorder: Recorder, shape: tuple[int, ...], dtype: numpy.dtype, zeros: bool) -> None:
        self._recorder = recorder
        self._sample = stand_in(shape, dtype)
        self._zeros = zeros

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(value, Symbol) or hasattr(self, "node"):
            raise UnwritableError("a number put into an array, or a second part")
        if index is Ellipsis:
            self.node = self._recorder.node(nodes.Copy, (value.node,), self._sample)
        elif self._zeros:
            self.node = self._recorder.node(nodes.Put, (value.node,), self._sample, index_text(index))
        else:
            raise UnwritableError("a part of an array without values")
