"""Trace: listens to one run of a function, and has each call written down."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from minidl.context import thread
from minidl.devices import CPU
from minidl.ops.random import use_draws
from minidl.primitive import Listener, Primitive
from minidl.tensor import FLOATS, OutOfScope, Tensor, TensorLike, Variable
from minidl.tracing.again import Assignment, Call, Given, Place, Read, Step
from minidl.tracing.nodes import LARGE, Argument, Constant, Copy, Node, Stored, stand_in, stand_in_for
from minidl.tracing.symbols import Recorder

_HERE = str(Path(__file__).parents[1])


class ValuesNeededError(Exception):
    """A trace that lets go of values can't go on without them."""


class Trace(Listener):
    """What a function does with tensors and variables.

    Its numbers don't matter, only their shapes: a large tensor of floats that depends on an argument or a variable
    loses its value as soon as it is computed, and is zeros from then on, which take no memory. Where that would be
    noticed, by a variable that is made from it or a primitive that refuses it, the trace is refused, and is to be made
    again with all values.

    Arguments:
        function: that is run.
        may_create: whether it may make variables.
        loses_values: whether tensors lose their values.

    Attributes:
        recorder: the array calls.
        steps: what is to be done again for a listener, such as a tape around the function.
        entries: the variables that the function reads or assigns, by id, with the node of the value at its start.
        finals: the nodes of the values that variables have at its end.
        created: the variables that it made.
        refused: an error that was raised for what can't be traced.
        has_custom_gradients: whether it calls a function with a gradient of its own.
        frame: the call of the function, whose variables say what its tensors are called.
    """

    def __init__(self, function: Callable[..., Any], may_create: bool, loses_values: bool) -> None:
        self._name = getattr(function, "__name__", "function")
        self._code = getattr(inspect.unwrap(function), "__code__", None)
        self._heard: set[int] = set()
        self.frame: FrameType | None = None
        self._may_create = may_create
        self._loses_values = loses_values
        self._has_lost_values = False
        self._dependent: set[int] = set()  # the serials of the tensors that depend on an argument or a variable
        self._traced: list[weakref.ref[Tensor]] = []
        self._constants: dict[int, tuple[Tensor, Node]] = {}
        self.has_custom_gradients = False
        self.recorder = Recorder()
        self.nodes: dict[int, Node] = {}  # what depends on an argument, a variable or a draw, by serial number
        self.steps: list[Step] = []
        self.entries: dict[int, tuple[Variable, Stored]] = {}
        self.finals: dict[int, Node] = {}
        self.created: list[Variable] = []
        self.refused: Exception | None = None

    def argument(self, tensor: Tensor, index: int, name: str) -> Tensor:
        """A tensor that stands for an argument of the function."""
        own = Tensor(tensor.array)
        self._dependent.add(own.serial)
        node = Argument((), stand_in_for(own.array), own._device, index, name)
        self._keep(own, self.recorder.add(node))
        return own

    def _keep(self, tensor: Tensor, node: Node) -> None:
        self.nodes[tensor.serial] = node
        self._traced.append(weakref.ref(tensor))

    def node_of(self, tensor: Tensor) -> Node:
        """The node of a tensor; a constant, for one that the trace hasn't heard of."""
        node = self.nodes.get(tensor.serial)
        if node is None:
            if tensor.serial not in self._constants:
                leaf = Constant((), stand_in_for(tensor.array), tensor._device, tensor.array)
                self._constants[tensor.serial] = tensor, self.recorder.add(leaf)
            _, node = self._constants[tensor.serial]
        return node

    # -- listening

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        self.steps.append(Call(primitive, options, [self.given(x) for x in inputs], result.serial))
        self._heard.add(result.serial)
        if self.frame is None:
            self.frame = _frame_of(self._code)
        if any(x.serial in self.nodes for x in inputs) or not inputs:
            operands = [self.node_of(x) for x in inputs]
            device = result._device
            arrays = [x.array for x in inputs]
            node = self.recorder.written(primitive, operands, options, result.array, device, arrays)
            self._keep(result, node)
            if any(x.serial in self._dependent for x in inputs):
                self._dependent.add(result.serial)
                if self._loses_values and device is CPU and result.dtype in FLOATS and result.array.nbytes >= LARGE:
                    result.array = node.sample
                    self._has_lost_values = True

    def given(self, value: Any) -> Given:
        """The place of a tensor that the trace heard of; any other value itself."""
        is_heard = isinstance(value, Tensor) and (value.serial in self.nodes or value.serial in self._heard)
        return Place(value.serial) if is_heard else value

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        node = self.finals.get(id(variable))
        self.nodes[value.serial] = self._entry(variable) if node is None else node
        self._dependent.add(value.serial)
        self.steps.append(Read(variable, value.serial))

    def _entry(self, variable: Variable) -> Node:
        if id(variable) not in self.entries:
            leaf = Stored((), stand_in_for(variable.array), variable._device, [variable])
            self.recorder.add(leaf)
            self.entries[id(variable)] = variable, leaf
        return self.entries[id(variable)][1]

    def hear_assignment(self, variable: Variable, value: Tensor, source: Tensor) -> None:
        self._entry(variable)
        node = self.node_of(source)
        if not node.is_row_by_row:  # a variable's entries always are
            node = self.recorder.add(
                Copy([node], stand_in(node.sample.shape, node.sample.dtype), node.device, about="a copy")
            )
        self.finals[id(variable)] = node
        self.steps.append(Assignment(variable, self.given(source)))
        self._keep(value, node)

    def hear_failure(self) -> None:
        if self._has_lost_values:
            self._refuse(ValuesNeededError())

    def hear_creation(self, variable: Variable, source: Any) -> None:
        if not self._may_create:
            self._refuse(
                ValueError(
                    f"The function {self._name!r} makes the variable {variable.name!r} again, each time that it is "
                    f"traced ({_caller()}). Make variables outside of the function, or keep them and make them only "
                    "where there are none yet"
                )
            )
        if self._has_lost_values and isinstance(source, TensorLike) and source._tensor.serial in self._dependent:
            self._refuse(ValuesNeededError())
        self.created.append(variable)
        use_draws()  # its value stays

    def hides(self, tensor: TensorLike) -> bool:
        return isinstance(tensor, Variable) or tensor._tensor.serial in self.nodes

    def hear_look(self, tensor: TensorLike) -> None:
        if self.hides(tensor):
            self._refuse(
                TypeError(
                    f"Python looked at the value of {_described(tensor)} while the function {self._name!r} was traced "
                    f"({_caller()}). Later calls run without Python, on other values, and only values may depend "
                    "on them: choose with tf.where(condition, x, y) instead of `if` and tf.where(condition), compute "
                    "with tensors instead of numbers, or do this outside of the function (a Keras model runs its steps "
                    "without tracing after compile(run_eagerly=True))"
                )
            )

    def hear_seed(self) -> None:
        self._refuse(
            ValueError(
                f"The function {self._name!r} sets the random seed ({_caller()}), which later calls wouldn't do; "
                "do it outside of the function"
            )
        )

    def _refuse(self, error: Exception) -> None:
        """Raise an error, and remember it, in case the function goes on."""
        self.refused = error
        raise error

    def hear_custom(self) -> None:
        self.has_custom_gradients = True

    def hear_rule(
        self, function: Callable[..., Any], result: int, x: int, gradient: Tensor, shape: tuple[int, ...]
    ) -> None:
        node, of = self.nodes.get(gradient.serial), self.nodes.get(x)
        if node is not None and node.gradient_of is None and not isinstance(node, (Argument, Stored)):
            node.gradient_of = of

    def local_names(self) -> dict[Node, str]:
        """What the function itself called its tensors."""
        if self.frame is None:
            return {}
        found: dict[Node, str] = {}
        for name, value in self.frame.f_locals.items():
            several = isinstance(value, (list, tuple))
            for index, each in enumerate(value if several else (value,)):
                if isinstance(each, Tensor) and each.serial in self.nodes:
                    found.setdefault(self.nodes[each.serial], f"{name}_{index}" if several else name)
        return found

    # -- its scope

    def __enter__(self) -> None:
        here = thread.here
        self._listeners, here.listeners, here.assigned = here.listeners, (self,), {}

    def __exit__(self, *_: object) -> None:
        """Take the values of the traced tensors away.

        No later call computes these tensors anew, so whoever kept one is told as soon as it is used.
        """
        here = thread.here
        here.listeners, here.assigned = self._listeners, None
        self.frame = None
        for reference in self._traced:
            tensor = reference()
            if tensor is not None:
                tensor.array = OutOfScope()


def _described(tensor: TensorLike) -> str:
    name = f"variable {tensor.name!r}, " if isinstance(tensor, Variable) else "a tensor "
    return f"{name}of shape {tensor.shape} and dtype {tensor.dtype}"


def _caller() -> str:
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
