"""Trace: one run of a function on symbols, of which a program remains, and what is to be done again for a tape."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import numpy

from minidl.context import thread
from minidl.devices import Device, device as device_scope, device_of
from minidl.primitive import Listener, Primitive, _move, call, move
from minidl.tape import Edge
from minidl.tensor import Tensor, Variable
from minidl.tracing.nodes import Argument, Called, Constant, Copy, Leaf, Node, Stored
from minidl.tracing.program import Program
from minidl.tracing.symbols import Module, Symbol, blank, blank_like

_HERE = f"{Path(__file__).parents[1]}{os.sep}"


class ValuesNeededError(Exception):
    """A variable is to be made of what has no value yet: this call can't be traced, but run."""


_LOOKED_AT = """\
Python looked at the value of {what} while the function {function!r} was traced ({caller}). Later calls run without \
Python, on other values, and only values may depend on them: choose with tf.where(condition, x, y) instead of `if` and \
tf.where(condition), compute with tensors instead of numbers, loop over Python's range of a number, or do this outside \
of the function (a Keras model does after compile(run_eagerly=True))"""


class LookedAtError(TypeError, AttributeError):
    """Python looked at a value where there is none. (TensorFlow raises one of the two, by how it looked.)"""


class Reference(NamedTuple):
    """Stands for a tensor of the trace, by its serial number there."""

    serial: int


Options = Mapping[str, Any]
Found = dict[int, Any]  # tensors of today by the serial numbers that they had in the trace, and variables given


def today(given: Any, found: Found) -> Any:
    """What a reference stands for today; any other value itself."""
    return found[given.serial] if isinstance(given, Reference) else given


class Trace(Listener):
    """What a function does with tensors and variables, while it is run on symbols.

    Calls of primitives ask it for their results, and variables for their values; it listens too, for who will want
    the calls again.

    Arguments:
        function: that is run.
        may_create: whether it may make variables.

    Attributes:
        nodes: of the array calls.
        values: of variables, by serial: the leaf, and the value now.
        creates: whether the function made a variable.
        has_custom_gradients: whether it calls a function with a gradient of its own.
        refused: an error that was raised for what can't be traced.
    """

    def __init__(self, function: Callable[..., Any], may_create: bool) -> None:
        self._name = getattr(function, "__name__", "function")
        self._code = getattr(inspect.unwrap(function), "__code__", None)
        self._may_create = may_create
        self._frame: FrameType | None = None  # the call of the function, whose variables say what tensors are called
        self._constants: dict[Any, tuple[Any, Node]] = {}  # with the arrays, so that no other has their `id`
        self.values: dict[int, tuple[Variable, Node, Tensor]] = {}
        self._node_of: dict[int, Node | None] = {}  # of each tensor that is another each time, by serial
        self._steps: list[Callable[[Found], object]] = []  # what is to be done again for a listener
        self.nodes: list[Node] = []
        self.creates = self.has_custom_gradients = False
        self.refused: Exception | None = None

    def __enter__(self) -> Self:
        state = thread.state
        self._before = state.listeners, state.device, state.outer
        state.listeners, state.outer, state.trace = (self,), [*state.outer], self
        return self

    def __exit__(self, *_: object) -> None:
        state = thread.state
        state.listeners, state.device, state.outer = self._before
        state.trace = self._frame = None
        self._node_of, self._constants, self.nodes = {}, {}, []  # only who asks for the calls again needs more

    # -- nodes

    def add(self, node: Node) -> Node:
        """A node that was made."""
        self.check_in_force()
        self.nodes.append(node)
        return node

    def number(self, value: Any, dtype: numpy.dtype, device: Device) -> Node:
        """The node of a number, as a constant without axes."""
        array = numpy.asarray(value, dtype)
        return self.node_of(device.place(array), (array.tobytes(), dtype, device))

    def node_of(self, array: Any, key: Any = None) -> Node:
        """The node of an array; a constant, where that is no symbol: one for each key, or for each array."""
        if isinstance(array, Symbol):
            array.trace.check_in_force()
            return array.node
        key = key or id(array)
        if key not in self._constants:
            self._constants[key] = array, self.add(Constant((), blank_like(array), device_of(array), array))
        return self._constants[key][1]

    def _tensor(self, node: Node) -> Tensor:
        tensor = Tensor(Symbol(self, node))
        self._node_of[tensor.serial] = node
        return tensor

    def argument(self, tensor: Tensor, name: str) -> Tensor:
        """A tensor that stands for an argument of the function."""
        return self._tensor(self.add(Argument((), blank_like(tensor.array), tensor.home, name)))

    # -- what calls of primitives ask

    def computed(self, primitive: Primitive, arrays: Sequence[Any], options: Options, device: Device) -> Any:
        """What a call gives: a symbol, if its inputs have one among them or it has none; else its result."""
        if arrays and Symbol not in map(type, arrays):
            return device.run(primitive.forward, device.module, *arrays, **options)
        operands, count = [self.node_of(array) for array in arrays], len(self.nodes)
        if primitive.like is None:
            try:
                symbols = [Symbol(self, node) for node in operands]
                node = primitive.forward(Module(self, device), *symbols, **options).node
            except Exception:  # whatever a rule does that symbols can't
                del self.nodes[count:]
            else:
                for each in self.nodes[count:]:
                    each.about = each.about or primitive.name
                return Symbol(self, node)
        return Symbol(self, self.add(_called(primitive, operands, options, device)))

    # -- what variables ask

    def value_of(self, variable: Variable) -> Tensor:
        """The tensor that a variable has for the function now."""
        if variable.serial not in self.values:
            leaf = self.add(Stored((), blank_like(variable.array), variable.home, variable))
            self.values[variable.serial] = variable, leaf, self._tensor(leaf)
        return self.values[variable.serial][2]

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Give a variable another value, for the function."""
        self.value_of(variable)
        node = self.node_of(value.array)
        if not node.is_row_by_row:  # a variable's entries always are
            node = self.add(Copy([node], blank(value.shape, value.dtype), node.device, about="a copy"))
        self.values[variable.serial] = variable, self.values[variable.serial][1], self._tensor(node)
        given = self.given(value)
        self._steps.append(lambda found: found.get(variable.serial, variable).bind(today(given, found)))

    def create(self, variable: Variable, value: Tensor) -> None:
        """A variable is made, with a value."""
        if not self._may_create:
            what = f"makes the variable {variable.name!r} again, each time that it is traced"
            self.refuse(what, "Make variables outside of it, or keep them and make them only where there are none yet")
        if isinstance(value.array, Symbol):
            self.refused = ValuesNeededError()
            raise self.refused
        self.creates = True

    # -- listening

    def hear(self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Options) -> None:
        serial = result.serial
        self._steps.append(functools.partial(_call, primitive, tuple(map(self.given, inputs)), options, serial))
        self._node_of[serial] = result.array.node if isinstance(result.array, Symbol) else None
        self._frame = self._frame or _frame_where(lambda frame: frame.f_code is self._code)

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        serial = value.serial
        self._steps.append(lambda found: found.update({serial: found.get(variable.serial, variable).read()}))

    def hear_rule(self, edge: Edge, gradient: Tensor, total: Tensor) -> None:
        node, of = self._node_of.get(total.serial), self._node_of.get(edge.input)
        if node is not None and node.gradient_of is None and not isinstance(node, Leaf):
            node.gradient_of = of

    # -- what can't be traced

    def check_in_force(self) -> None:
        """Raises the error for a tensor that is used where it means nothing, after the trace or in another thread."""
        if thread.state.trace is not self:
            made = f"was made inside the function {self._name!r} while that was traced, and no later call renews it"
            raise LookedAtError(f"This tensor {made}. Return it from the function, or assign it to a tf.Variable")

    def refuse(self, what: str, advice: str) -> None:
        """Raise the error for what the function does, and remember it, in case the function goes on."""
        self.refused = ValueError(f"The function {self._name!r} {what} ({caller()}). {advice}")
        raise self.refused

    def without_values(self, node: Node) -> Exception:
        """The error for who looks at the value of a node."""
        self.check_in_force()
        what = f"variable {node.variable.name!r}, " if isinstance(node, Stored) else "a tensor "
        what += f"of shape {node.sample.shape} and dtype {node.sample.dtype}"
        self.refused = LookedAtError(_LOOKED_AT.format(what=what, function=self._name, caller=caller()))
        return self.refused

    # -- what remains

    def given(self, value: Any) -> Any:
        """What stands for a value, when all is done again."""
        if not isinstance(value, Tensor):
            return value
        if isinstance(value.array, Symbol) and value.serial not in self._node_of:  # a copy of another tensor
            node = self.node_of(value.array)
            return Reference(next(serial for serial, other in self._node_of.items() if other is node))
        return Reference(value.serial) if value.serial in self._node_of else value

    def program(self, results: Sequence[Node]) -> Program:
        """The array calls that give results."""
        finals = {leaf: self.node_of(value.array) for _, leaf, value in self.values.values()}
        return Program(list(self.nodes), results, {leaf: node for leaf, node in finals.items() if leaf is not node})

    def local_names(self) -> dict[Node, str]:
        """What the function itself called its tensors."""
        found: dict[Node, str] = {}
        for name, value in (self._frame.f_locals if self._frame else {}).items():
            several = isinstance(value, (list, tuple))
            for index, each in enumerate(value if several else (value,)):
                if isinstance(each, Tensor) and (node := self._node_of.get(each.serial)):
                    found.setdefault(node, f"{name}_{index}" if several else name)
        return found

    def do_again(self, found: Found) -> None:
        """Issue all calls, reads and assignments; `found` begins with the arguments, and gets the results."""
        variables = [found.get(variable.serial, variable) for variable, _, _ in self.values.values()]
        held = [(variable, variable.held) for variable in variables]
        try:
            with device_scope(None):  # each call runs where it ran
                for step in self._steps:
                    step(found)
        except BaseException:
            for variable, before in held:
                variable.held = before
            raise


def _call(primitive: Primitive, given: Sequence[Any], options: Options, serial: int, found: Found) -> None:
    now = tuple([today(each, found) for each in given])
    found[serial] = move(*now, **options) if primitive is _move else call(primitive, now, options)


def _called(primitive: Primitive, operands: Sequence[Node], options: Options, device: Device) -> Node:
    """The node of a kernel that is called as a whole. What its result looks like a try says, on blank arrays."""
    kernel = functools.partial(primitive.forward, device.module, **options)
    samples, shares = [node.sample for node in operands], False
    if primitive.like is not None:
        found = primitive.like(*samples, **options)
        sample = blank(found.shape, found.dtype)
    else:
        try:
            tried = list(map(device.place, samples))
            found = device.run(kernel, *tried)
        except Exception:  # a rule may refuse zeros, such as those that it divides by
            tried = [device.place(numpy.ones_like(each)) for each in samples]
            found = device.run(kernel, *tried)
        # Of a view, or an operand itself, nobody would know whose memory that is.
        sample, shares = blank_like(found), getattr(found, "base", None) is not None or any(found is x for x in tried)
    about = primitive.name if operands else "new numbers at each call"
    called = (lambda *arrays: kernel(*arrays).copy()) if shares else kernel
    return Called(operands, sample, device, primitive.name, called, options, about=about)


def caller() -> str:
    """The line outside of minidl from which it was called."""
    frame = _frame_where(lambda frame: not frame.f_code.co_filename.startswith(_HERE))
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}" if frame else "from minidl itself"


def _frame_where(is_wanted: Callable[[FrameType], bool]) -> FrameType | None:
    """The innermost running call that is wanted."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_wanted(frame):
        frame = frame.f_back
    return frame
