"""Trace: one run of a function on symbols, of which a program remains, and what is to be done again for a tape."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import Device, device_of
from minidl.primitive import Listener, Primitive
from minidl.tape import Edge
from minidl.tensor import Tensor, Variable
from minidl.tracing import nodes
from minidl.tracing.looks import blank, blank_like
from minidl.tracing.nodes import Constant, Leaf, Node, Stored
from minidl.tracing.program import Program
from minidl.tracing.replay import Given, Reference, Replay
from minidl.tracing.symbols import Module, Symbol

_HERE = str(Path(__file__).parents[1])


class ValuesNeededError(Exception):
    """A variable is to be made of what has no value yet: this call can't be traced, but run."""


class Trace(Listener):
    """What a function does with tensors and variables, while it is run on symbols.

    Calls of primitives ask it for their results, and variables for their values; it listens too, for who will want
    the calls again.

    Arguments:
        function: that is run.
        may_create: whether it may make variables.

    Attributes:
        nodes: of the array calls.
        node_of_serial: the node of each tensor that has a symbol.
        replay: what is to be done again for a listener, such as a tape around the function.
        creates: whether the function made a variable.
        refused: an error that was raised for what can't be traced.
        has_custom_gradients: whether it calls a function with a gradient of its own.
    """

    def __init__(self, function: Callable[..., Any], may_create: bool) -> None:
        self._name = getattr(function, "__name__", "function")
        self._code = getattr(inspect.unwrap(function), "__code__", None)
        self._may_create = may_create
        self._frame: FrameType | None = None  # the call of the function, whose variables say what tensors are called
        self._constants: dict[int, tuple[Any, Node]] = {}
        self._numbers: dict[Any, Node] = {}
        self._values: dict[int, tuple[Variable, Stored, Tensor]] = {}  # by serial: the leaf, and the value now
        self._assigned: set[int] = set()
        self.nodes: list[Node] = []
        self.node_of_serial: dict[int, Node] = {}
        self.replay = Replay()
        self.creates = self.has_custom_gradients = False
        self.refused: Exception | None = None

    def __enter__(self) -> Trace:
        state = thread.state
        self._listeners, state.listeners, state.trace = state.listeners, (self,), self
        return self

    def __exit__(self, *_: object) -> None:
        thread.state.listeners, thread.state.trace, self._frame = self._listeners, None, None

    # -- nodes

    def add(self, node: Node) -> Node:
        """A node that was made."""
        self.check_in_force()
        self.nodes.append(node)
        return node

    def number(self, value: Any, dtype: numpy.dtype, device: Device) -> Node:
        """The node of a number, as a constant without axes."""
        array = numpy.asarray(value, dtype)
        key = array.tobytes(), dtype, device
        if key not in self._numbers:
            self._numbers[key] = self.add(Constant((), array, device, device.place(array)))
        return self._numbers[key]

    def node_of(self, array: Any) -> Node:
        """The node of an array; a constant, where that is no symbol."""
        if isinstance(array, Symbol):
            array.trace.check_in_force()
            return array.node
        if id(array) not in self._constants:
            leaf = Constant((), blank_like(array), device_of(array), array)
            self._constants[id(array)] = array, self.add(leaf)
        return self._constants[id(array)][1]

    def argument(self, tensor: Tensor, number: int, name: str) -> Tensor:
        """A tensor that stands for an argument of the function."""
        device = device_of(tensor.array)
        own = self._tensor(self.add(nodes.Argument((), blank_like(tensor.array), device, number, name)))
        self.replay.know(own)
        return own

    def _tensor(self, node: Node) -> Tensor:
        tensor = Tensor(Symbol(self, node))
        self.node_of_serial[tensor.serial] = node
        return tensor

    # -- what calls of primitives ask

    def computed(self, primitive: Primitive, arrays: Sequence[Any], options: Mapping[str, Any], device: Device) -> Any:
        """What a call gives: a symbol, if its inputs have one among them or it has none; else its result."""
        if arrays and Symbol not in map(type, arrays):
            return device.run(primitive.forward, device.module, *arrays, **options)
        operands = [self.node_of(array) for array in arrays]
        count = len(self.nodes)
        if primitive.like is None:
            try:
                symbols = [Symbol(self, node) for node in operands]
                found = primitive.forward(Module(self, device), *symbols, **options)
                node = found.node  # there is one, unless memory was left without values
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
        if variable.serial not in self._values:
            array = variable.array
            leaf = Stored((), blank_like(array), device_of(array), variable)
            self._values[variable.serial] = variable, leaf, self._tensor(self.add(leaf))
        return self._values[variable.serial][2]

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Give a variable another value, for the function."""
        self.value_of(variable)
        node = self.node_of(value.array)
        if not node.is_row_by_row:  # a variable's entries always are
            sample = blank(node.sample.shape, node.sample.dtype)
            node = self.add(nodes.Copy([node], sample, node.device, about="a copy"))
        _, leaf, _ = self._values[variable.serial]
        self._values[variable.serial] = variable, leaf, self._tensor(node)
        self._assigned.add(variable.serial)
        self.replay.note_assignment(variable, value)

    def create(self, variable: Variable, value: Tensor) -> None:
        """A variable is made, with a value."""
        if not self._may_create:
            self.refuse(
                ValueError(
                    f"The function {self._name!r} makes the variable {variable.name!r} again, each time that it is "
                    f"traced ({caller()}). Make variables outside of the function, or keep them and make them only "
                    "where there are none yet"
                )
            )
        if isinstance(value.array, Symbol):
            self.refuse(ValuesNeededError())
        self.creates = True

    # -- listening

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        self.replay.note_call(primitive, inputs, result, options)
        if isinstance(result.array, Symbol):
            self.node_of_serial[result.serial] = result.array.node
        if self._frame is None:
            self._frame = _frame_of(self._code)

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        self.replay.note_read(variable, value)

    def hear_rule(self, edge: Edge, gradient: Tensor, total: Tensor) -> None:
        node, of = self.node_of_serial.get(total.serial), self.node_of_serial.get(edge.input)
        if node is not None and node.gradient_of is None and not isinstance(node, Leaf):
            node.gradient_of = of

    # -- what can't be traced

    def refuse(self, error: Exception) -> None:
        """Raise an error, and remember it, in case the function goes on."""
        self.refused = error
        raise error

    def refuse_seed(self) -> None:
        """Random draws are seeded."""
        self.refuse(
            ValueError(
                f"The function {self._name!r} sets the random seed ({caller()}), which later calls wouldn't do; "
                "do it outside of the function"
            )
        )

    def without_values(self, node: Node) -> Exception:
        """The error for who looks at the value of a node."""
        self.check_in_force()
        what = f"variable {node.variable.name!r}, " if isinstance(node, Stored) else "a tensor "
        self.refused = LookedAtError(
            f"Python looked at the value of {what}of shape {node.sample.shape} and dtype {node.sample.dtype} while "
            f"the function {self._name!r} was traced ({caller()}). Later calls run without Python, on other values, "
            "and only values may depend on them: choose with tf.where(condition, x, y) instead of `if` and "
            "tf.where(condition), compute with tensors instead of numbers, or do this outside of the function (a Keras "
            "model runs its steps without tracing after compile(run_eagerly=True))"
        )
        return self.refused

    @property
    def is_in_force(self) -> bool:
        """Whether the function is being traced, in this thread."""
        return thread.state.trace is self

    def check_in_force(self) -> None:
        """Raises the error for a tensor that is used where it means nothing."""
        if not self.is_in_force:
            raise LookedAtError(
                f"This tensor was made inside the function {self._name!r} while that was traced, and no later call "
                "renews it. Return it from the function, or assign it to a tf.Variable"
            )

    # -- what remains

    def program(self, results: Sequence[Node]) -> Program:
        """The array calls that give results."""
        assigned = [entry for serial, entry in self._values.items() if serial in self._assigned]
        finals = {leaf: self.node_of(value.array) for _, leaf, value in assigned}
        return Program(list(self.nodes), results, {leaf: node for leaf, node in finals.items() if leaf is not node})

    def local_names(self) -> dict[Node, str]:
        """What the function itself called its tensors."""
        found: dict[Node, str] = {}
        for name, value in (self._frame.f_locals if self._frame else {}).items():
            several = isinstance(value, (list, tuple))
            for index, each in enumerate(value if several else (value,)):
                if isinstance(each, Tensor) and each.serial in self.node_of_serial:
                    found.setdefault(self.node_of_serial[each.serial], f"{name}_{index}" if several else name)
        return found

    def given(self, value: Any) -> Given:
        """What stands for a value that the function gives, when all is done again."""
        if isinstance(value, Tensor) and isinstance(value.array, Symbol) and value.serial not in self.node_of_serial:
            of = self.node_of(value.array)
            serials = [serial for serial, node in self.node_of_serial.items() if node is of]
            return Reference(serials[0])  # of what it is a copy of
        return self.replay.given(value)


class LookedAtError(TypeError, AttributeError):
    """Python looked at a value where there is none. (TensorFlow raises one of the two, by how it looked.)"""


def _called(primitive: Primitive, operands: Sequence[Node], options: Mapping[str, Any], device: Device) -> Node:
    """The node of a kernel that is called as a whole. What its result looks like a try says, on blank arrays."""
    about = primitive.name if operands else "new numbers at each call"
    samples = [node.sample for node in operands]

    def kernel(*arrays: Any, **options: Any) -> Any:
        return primitive.forward(device.module, *arrays, **options)

    if primitive.like is not None:
        found = primitive.like(*samples, **options)
        sample, shares = blank(found.shape, found.dtype), False
    else:
        tried = [device.place(each) for each in samples]
        try:
            found = device.run(kernel, *tried, **options)
        except Exception:  # a rule may refuse zeros, such as those that it divides by
            tried = [device.place(numpy.ones_like(each)) for each in samples]
            found = device.run(kernel, *tried, **options)
        sample, shares = blank_like(found), getattr(found, "base", None) is not None or any(found is x for x in tried)
    # Of a view, or an operand itself, nobody would know whose memory that is.
    whole = (lambda *arrays, **options: kernel(*arrays, **options).copy()) if shares else kernel
    return nodes.Called(operands, sample, device, primitive.name, whole, options, about=about)


def caller() -> str:
    """The line outside of minidl from which it was called."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}" if frame else "from minidl itself"


def _frame_of(code: Any) -> FrameType | None:
    """The innermost running call of some code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame
