"""Array calls written down: a forward rule run on symbols instead of arrays leaves the calls that it makes.

So there is no second list of how each operation is computed: `1 / (1 + xp.exp(-x))`, run on a symbol x, leaves
negative, exp, add and divide, one node each.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy

from minidl.devices import Device
from minidl.primitive import Primitive

# What a node is, beside the leaves of a program: "argument", "constant", "variable".
ELEMENTWISE = "elementwise"  # a ufunc: writes into `out`, which may be one of its operands
INTO = "into"  # writes into `out`, which may be none of its operands
COPY = "copy"  # copies its operand into `out`, converting it
PUT = "put"  # zeros, but for its operand at an index
VIEW = "view"  # the memory of its operand, seen otherwise
JOINED = "joined"  # memory that its operands lie in, one behind the other
CALL = "call"  # anything else: a call that makes an array of its own


LARGE = 1 << 16  # from so many bytes on an array is large

# Pages that are only read take no memory in a mapping of one's own; Windows has no other kind.
_OWN_PAGES = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
_blank = mmap.mmap(-1, LARGE, **_OWN_PAGES)  # what stands in for values that nobody looks at


class Node:
    """An array that a program is given or computes.

    Attributes:
        kind: one of those above.
        function: what computes it: the name of a function of the array module; for a view, what follows its operand.
        operands: the nodes that it is computed from.
        options: what else the function is given.
        sample: an array without values that has its shape, dtype and strides.
        device: where it is.
        about: what it is for, in words.
        held: for a leaf, what it stands for: a constant's array, a variable, the number of an argument.
        gradient_of: the node that this one is the gradient of.
    """

    __slots__ = ("about", "device", "function", "gradient_of", "held", "kind", "operands", "options", "sample")

    def __init__(
        self, kind: str, function: str, operands: Sequence[Node], options: Mapping[str, Any], sample: Any,
        device: Device, held: Any = None, about: str = "",
    ) -> None:  # fmt: skip
        self.kind = kind
        self.function = function
        self.operands = list(operands)
        self.options = dict(options)
        self.sample: numpy.ndarray = sample
        self.device = device
        self.held = held
        self.about = about
        self.gradient_of: Node | None = None

    @property
    def is_given(self) -> bool:
        """Whether it is a leaf: what a program is given, and doesn't compute."""
        return not self.operands and self.kind != CALL

    @property
    def is_row_by_row(self) -> bool:
        """Whether the entries lie in C's order."""
        return bool(self.sample.flags.c_contiguous)

    @property
    def can_write_into(self) -> bool:
        """Whether its value can be put into memory that is there already."""
        return self.kind in (COPY, PUT) or (self.kind in (ELEMENTWISE, INTO) and self.is_row_by_row)

    def only_value(self) -> numpy.ndarray | None:
        """What all entries of a constant are, as an array without axes; None where they differ."""
        values = self.device.to_numpy(self.held).reshape(-1)
        is_uniform = values.size and values.tobytes() == values[:1].tobytes() * values.size
        return values[:1].reshape(()) if is_uniform else None


def seen(node: Node) -> Node:
    """What a view is a view of; any other node itself."""
    while node.kind == VIEW:
        node = node.operands[0]
    return node


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

    def leaf(self, kind: str, array: Any, device: Device, held: Any, name: str = "") -> Node:
        """A node for what a program is given."""
        node = Node(kind, name, (), {}, stand_in_for(array), device, held)
        self.nodes.append(node)
        return node

    def copy(self, node: Node, sample: Any) -> Node:
        """A node for a copy of its own, laid out as a sample is."""
        copied = Node(COPY, "copyto", (node,), {}, sample, node.device, about="a copy")
        self.nodes.append(copied)
        return copied

    def number(self, value: Any, dtype: numpy.dtype, device: Device) -> Node:
        """A node for one of Python's numbers, as a constant without axes."""
        array = numpy.asarray(value, dtype)
        return self._once(
            ("number", array.tobytes(), dtype, device),
            lambda: Node("constant", "", (), {}, array, device, device.place(array)),
        )

    def node(
        self, kind: str, function: str, operands: Sequence[Node], sample: Any, options: Mapping[str, Any] | None = None
    ) -> Node:
        """A node for a call; the one that is there already, where the same was computed before."""
        made_with = options or {}
        key = (kind, function, *map(id, operands), repr(sorted(made_with.items())), sample.dtype, sample.shape)
        return self._once(key, lambda: Node(kind, function, operands, made_with, sample, operands[0].device))

    def _once(self, key: Hashable, make: Callable[[], Node]) -> Node:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
            self.nodes.append(found)
        return found

    def written(
        self, primitive: Primitive, operands: Sequence[Node], options: Mapping[str, Any], result: Any, device: Device,
        arrays: Sequence[Any],
    ) -> Node:  # fmt: skip
        """The node of a primitive's result, given the arrays of that and of its operands in the run."""
        count = len(self.nodes)
        try:
            if not operands:
                raise UnwritableError
            symbol = primitive.forward(Module(self, device), *[Symbol(self, node) for node in operands], **options)
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
        node = Node(CALL, primitive.name, operands, options, stand_in_for(result), device, kernel, primitive.name)
        if not operands:
            node.about = "new numbers at each call"
        self.nodes.append(node)
        return node


def _copying(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays, **options: kernel(*arrays, **options).copy()


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


def _layout(array: Any) -> tuple[int, ...]:
    """The strides that matter: those of axes longer than 1."""
    return tuple(stride for length, stride in zip(array.shape, array.strides, strict=True) if length > 1 and array.size)


class Module:
    """Stands in for the array module: its functions are written down."""

    def __init__(self, recorder: Recorder, device: Device) -> None:
        self._recorder = recorder
        self._device = device

    def __getattr__(self, name: str) -> Any:
        if isinstance(getattr(numpy, name, None), numpy.ufunc) and name != "matmul":
            return lambda *operands: elementwise(self._recorder, self._device, name, operands)
        raise UnwritableError(name)

    def may_share_memory(self, x: Symbol, y: Symbol) -> bool:
        one, other = seen(x.node), seen(y.node)
        if one is not other and one.is_given and other.is_given:
            raise UnwritableError("only a call knows whether two arrays that it is given are one")
        return one is other

    def dot(self, x: Symbol, y: Symbol) -> Symbol:
        return x.into("dot", (x.node, y.node), stand_in((*x.shape[:-1], *y.shape[1:]), x.dtype))

    def matmul(self, x: Symbol, y: Symbol) -> Symbol:
        batch = numpy.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        return x.into("matmul", (x.node, y.node), stand_in((*batch, x.shape[-2], y.shape[-1]), x.dtype))

    def concatenate(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        shape = list(arrays[0].shape)
        shape[axis] = sum(each.shape[axis] for each in arrays)
        return self._gathered("concatenate", arrays, axis, shape)

    def stack(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        shape = list(arrays[0].shape)
        shape.insert(axis, len(arrays))
        return self._gathered("stack", arrays, axis, shape)

    def _gathered(self, name: str, arrays: Sequence[Symbol], axis: int, shape: Sequence[int]) -> Symbol:
        nodes = [each.node for each in arrays]
        return arrays[0].into(name, nodes, stand_in(tuple(shape), arrays[0].dtype), {"axis": axis})

    def empty(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Unfilled:
        return Unfilled(self._recorder, shape, dtype, zeros=False)

    def zeros(self, shape: tuple[int, ...], dtype: numpy.dtype) -> Unfilled:
        return Unfilled(self._recorder, shape, dtype, zeros=True)


def elementwise(recorder: Recorder, device: Device, name: str, operands: Sequence[Any]) -> Symbol:
    """A ufunc of symbols and Python's numbers; the numbers become constants of the dtype that NumPy makes of them."""
    ufunc = getattr(numpy, name)
    kinds = [each.node.sample.dtype if isinstance(each, Symbol) else type(each) for each in operands]
    dtypes = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))
    nodes = [
        each.node if isinstance(each, Symbol) else recorder.number(each, dtype, device)
        for each, dtype in zip(operands, dtypes, strict=False)
    ]
    sample = _result_like([node.sample for node in nodes], dtypes[-1])
    if name == "multiply" and len({node.sample.dtype for node in nodes}) == 1:
        nodes = [nodes[0], _before_copy(nodes[1])]
    return Symbol(recorder, recorder.node(ELEMENTWISE, name, nodes, sample))


def _before_copy(node: Node) -> Node:
    """What a factor was converted from, where that is bool: a product converts it itself."""
    return node.operands[0] if node.kind == COPY and node.operands[0].sample.dtype == bool else node


def _result_like(samples: Sequence[Any], dtype: numpy.dtype) -> Any:
    """What NumPy allocates for the result of a ufunc, laid out as the operands are."""
    if all(sample.flags.c_contiguous for sample in samples):
        return stand_in(numpy.broadcast_shapes(*(sample.shape for sample in samples)), dtype)
    flags: Any = [["readonly"]] * len(samples) + [["writeonly", "allocate"]]
    dtypes: Any = [None] * len(samples) + [dtype]
    return numpy.nditer([*samples, None], ["zerosize_ok"], flags, dtypes, casting="unsafe").operands[-1]


class Symbol:
    """Stands in for an array: its operators, methods and attributes are written down."""

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

    def into(self, function: str, nodes: Sequence[Node], sample: Any, options: Any = None) -> Symbol:
        return Symbol(self._recorder, self._recorder.node(INTO, function, nodes, sample, options))

    def __bool__(self) -> bool:
        raise UnwritableError("a rule that asks for the values of an array")

    def __eq__(self, other: object) -> bool:
        raise UnwritableError("a comparison")

    __ne__ = __eq__

    def copy(self) -> Symbol:
        return Symbol(self._recorder, self._recorder.copy(self.node, stand_in(self.shape, self.dtype)))

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
        options = {"axis": axis, "dtype": dtype, "keepdims": keepdims}
        return self.into(f"{name}.reduce", (self.node,), stand_in(tuple(shape), found), options)

    def astype(self, dtype: numpy.dtype) -> Symbol:
        if dtype == self.dtype:
            return self
        return self._copied(_result_like([self.node.sample], dtype))

    def _copied(self, sample: Any) -> Symbol:
        return Symbol(self._recorder, self._recorder.node(COPY, "copyto", (self.node,), sample))

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

    def _view(self, text: str, sample: Any) -> Symbol:
        return Symbol(self._recorder, self._recorder.node(VIEW, text, (self.node,), sample))


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
            self.node = self._recorder.node(COPY, "copyto", (value.node,), self._sample)
        elif self._zeros:
            self.node = self._recorder.node(PUT, "put", (value.node,), self._sample, {"index": index_text(index)})
        else:
            raise UnwritableError("a part of an array without values")


def _operator(name: str, reflected: bool = False) -> Callable[..., Symbol]:
    def written(self: Symbol, *others: Any) -> Symbol:
        operands = (*others, self) if reflected else (self, *others)
        return elementwise(self._recorder, self.node.device, name, operands)

    return written


_UFUNCS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "neg": "negative", "gt": "greater",
    "lt": "less", "ge": "greater_equal", "le": "less_equal",
}  # fmt: skip
for _name, _ufunc in _UFUNCS.items():
    setattr(Symbol, f"__{_name}__", _operator(_ufunc))
    if _name in ("add", "sub", "mul", "truediv"):
        setattr(Symbol, f"__r{_name}__", _operator(_ufunc, reflected=True))
