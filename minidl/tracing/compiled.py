"""function: a Python function that is traced once for each signature, and from then on runs as a compiled program."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Hashable, Sequence
from types import MethodType
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import is_gpu_array
from minidl.nest import flatten, pack
from minidl.ops.calling import as_tensor
from minidl.ops.random import drawing_ahead
from minidl.tensor import Tensor, Variable
from minidl.tracing.guard import ANOTHER, can_guard, guard_for
from minidl.tracing.plan import Plan
from minidl.tracing.symbols import Node
from minidl.tracing.trace import Trace, issue_again
from minidl.tracing.writing import Program

# Tracing is one at a time, and so is running compiled code, whose buffers the next call overwrites.
_lock = threading.RLock()


def function(func: Callable[..., Any] | None = None, *, jit_compile: bool | None = None) -> Any:
    """Make a function compiled: traced in its first call, it runs as a straight-line program in later ones.

    Arguments:
        func: takes tensors, variables, numbers, and nests of them. Without it, the result is a decorator.
        jit_compile: TensorFlow's word; here every function is compiled, whatever it says.

    The first call with a signature (the nest of the arguments; shapes, dtypes, layouts and devices of its tensors;
    all else by value) runs the function while a trace listens. From the trace a program of array calls is written,
    which later calls with that signature run; it gives the same bits. What Python does beside is done when the
    function is traced, and not again. Functions, gradients taken inside and variables assigned inside are traced
    through; where a tape listens outside, the recorded operations are issued again for it.

    Raises TypeError where Python looks at a tensor's value while the function is traced, and ValueError where it
    makes a variable in any call but its first.

    >>> @tf.function
    ... def descend(x):
    ...     with tf.GradientTape() as tape:
    ...         y = tf.square(x - 50.0)
    ...     x.assign_sub(0.25 * tape.gradient(y, x))
    ...     return y
    >>> x = tf.Variable(42.0)
    >>> [float(descend(x)) for _ in range(3)]
    [64.0, 16.0, 4.0]
    """
    if func is None:
        return function
    if not callable(func):
        raise TypeError(f"tf.function makes a function compiled; {func!r} was given")
    return Function(func)


class Function:
    """A compiled function; see `function`."""

    def __init__(self, func: Callable[..., Any]) -> None:
        functools.update_wrapper(self, func)
        self._function = func
        self._compiled: dict[Hashable, Compiled] = {}
        self._guards: list[Callable[..., Any]] = []  # that of the latest call first
        self._latest: Compiled | None = None
        self._has_run = False

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<minidl.function {getattr(self, '__qualname__', self._function)}>"

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if not options:
            for guard in self._guards:
                found = guard(*arguments)
                if found is not ANOTHER:
                    return found
        here = thread.here
        if any(isinstance(listener, Trace) for listener in here.listeners):
            return self._function(*arguments, **options)  # the trace in force hears it all
        nest = (arguments, options)
        leaves = [_argument(leaf) for leaf in flatten(nest)]
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        with _lock:
            compiled = self._compiled_for(nest, leaves)
            return compiled.issue(tensors) if here.listeners else compiled.run(tensors)

    def _compiled_for(self, nest: Any, leaves: Sequence[Any]) -> Compiled:
        """The function compiled for a signature."""
        signature = thread.here.device, _form(nest), tuple(map(_signature, leaves))
        compiled = self._compiled.get(signature)
        if compiled is None:
            compiled = Compiled(self._function, nest, leaves, may_create=not self._has_run)
            self._has_run = True
            if compiled.makes_variables:  # only in the first call; later ones find them there
                compiled = Compiled(self._function, nest, leaves, may_create=False)
            self._compiled[signature] = compiled
        self._latest = compiled
        if compiled.guard is not None:
            self._guards = [compiled.guard, *[each for each in self._guards if each is not compiled.guard]]
        return compiled

    def source(self) -> str:
        """The text of the program that runs for the arguments that were given last.

        Raises ValueError before the first call.

        >>> double = tf.function(lambda x: x * 2.0)
        >>> double(tf.constant([1.0, 2.0])).numpy()
        array([2., 4.], dtype=float32)
        >>> print(double.source())  # doctest: +ELLIPSIS
        from numpy import asarray, multiply
        ...
        """
        if self._latest is None:
            raise ValueError(f"{self!r} has no program yet: that is written when it is first called")
        return self._latest.program.text


def _argument(value: Any) -> Any:
    """An array as a tensor; anything else as it is."""
    return as_tensor(value) if isinstance(value, numpy.ndarray) or is_gpu_array(value) else value


def _form(nest: Any) -> Hashable:
    if isinstance(nest, (list, tuple)):
        return type(nest), tuple(map(_form, nest))
    if isinstance(nest, dict):
        return type(nest), tuple((key, _form(nest[key])) for key in nest)
    return None


def _signature(leaf: Any) -> Hashable:
    """What of an argument a program depends on: all, but for the values in a tensor."""
    if type(leaf) is Tensor:
        array = leaf.array
        return array.shape, array.dtype, array.strides, leaf._device
    if isinstance(leaf, (bool, int, float, complex, str, bytes, type(None))):
        return type(leaf), repr(leaf)
    if isinstance(leaf, Variable):
        return _Same(leaf)
    try:
        hash(leaf)
    except TypeError:
        return _Same(leaf)
    return type(leaf), leaf


class _Same:
    """An object as a key: equal to itself alone, and held so that no other takes its place."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __hash__(self) -> int:
        return id(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value


class Compiled:
    """A function compiled for one signature."""

    def __init__(self, func: Callable[..., Any], nest: Any, leaves: Sequence[Any], may_create: bool) -> None:
        self.trace = trace = Trace(func, may_create)
        parameters = _parameter_names(func, nest)
        given = []
        tensors = 0
        for leaf, name in zip(leaves, parameters, strict=True):
            if isinstance(leaf, Tensor):
                leaf = trace.argument(leaf, tensors, name)
                tensors += 1
            given.append(leaf)
        self._arguments = [leaf.serial for leaf in given if isinstance(leaf, Tensor)]
        arguments, options = pack(nest, given)
        here = thread.here
        listeners, here.listeners = here.listeners, (trace,)
        try:
            with drawing_ahead():
                found = func(*arguments, **options)
                self._values = [self._value(leaf) for leaf in flatten(found)]
                self._form = pack(found, [None] * len(self._values))
                names = trace.local_names()
        finally:
            here.listeners = listeners
            trace.close()
        results = list(dict.fromkeys(node for node, _ in self._values if node is not None))
        finals = [(trace.entries[key][1], node) for key, node in trace.finals.items()]
        plan = Plan(trace.recorder.nodes, results, finals)
        self._calls = trace.calls
        self.makes_variables = bool(trace.created)
        self.program = Program(getattr(func, "__name__", "function"), plan, names)
        self._make()
        self.guard = self._guard(*nest) if here.device is None else None

    def _value(self, leaf: Any) -> tuple[Node | None, Any]:
        if isinstance(leaf, Variable):
            leaf = leaf.read()
        if isinstance(leaf, Tensor):
            return self.trace.node_of(leaf), self.trace._given(leaf)
        return None, leaf

    def _make(self) -> None:
        """Run the program's text, which makes the buffers and the function that each call runs."""
        program = self.program
        namespace = dict(program.given)
        exec(compile(program.text, f"<compiled {program.function}>", "exec"), namespace)
        self._step = namespace[program.function]
        self._storages = [(variable, namespace[name]) for name, variable in program.variables.items()]
        self._takes = [node.held for node in program.parameters if node.kind == "argument"]
        self._reads = [node.held for node in program.parameters if node.kind == "variable"]
        self._handed_out = self._hand_out()
        self._hands_back = any(node is not None and node.kind == "argument" for node, _ in self._values)
        program.given.clear()

    def _load(self) -> None:
        """Bring the values of variables, where others than this program assigned them, to where it keeps them."""
        for variable, storage in self._storages:
            if variable._storage is not storage:
                storage[...] = variable.array
                variable._storage = storage

    def run(self, tensors: Sequence[Tensor]) -> Any:
        """Run the program."""
        self._load()
        arrays = [tensors[index].array for index in self._takes] + [variable.array for variable in self._reads]
        found = thread.here.silently(self._step, *arrays)
        for variable, _ in self._storages:
            variable._value = None
        return self._handed_out(found, *tensors) if self._hands_back else self._handed_out(found)

    def _hand_out(self) -> Callable[..., Any]:
        """What makes tensors, in the nest of the function's results, of the arrays that the program returns.

        It takes these and, where some of the results are arguments, the tensors that were given to the function.
        """
        nodes = list(dict.fromkeys(node for node, _ in self._values if node is not None))
        if len(nodes) == 1 and self._form is None and nodes[0].kind != "argument":
            return Tensor
        if not nodes:
            return lambda found: pack(self._form, [value for _, value in self._values])
        places = [nodes.index(node) if node is not None else None for node, _ in self._values]

        def hand_out(found: Any, *given: Tensor) -> Any:
            arrays = found if len(nodes) > 1 else (found,)
            made = [
                given[node.held] if node.kind == "argument" else Tensor(array)
                for node, array in zip(nodes, arrays, strict=False)
            ]
            values = [
                value if place is None else made[place] for place, (_, value) in zip(places, self._values, strict=True)
            ]
            return pack(self._form, values)

        return hand_out

    def _guard(self, arguments: Sequence[Any], options: Any) -> Callable[..., Any] | None:
        if options or not can_guard(arguments):
            return None
        parts = {
            "step": self._step, "load": self._load, "lock": _lock,
            "hand_out": self._handed_out, "hands_back": self._hands_back,
        }  # fmt: skip
        return guard_for(arguments, self._takes, self._reads, self._storages, parts)

    def issue(self, tensors: Sequence[Tensor]) -> Any:
        found = issue_again(self._calls, dict(zip(self._arguments, tensors, strict=True)))
        values = []
        for node, value in self._values:
            values.append(found[value] if node is not None and isinstance(value, int) else value)
        return pack(self._form, values)


def _parameter_names(func: Callable[..., Any], nest: Any) -> list[str]:
    try:
        bound = inspect.signature(func).bind(*nest[0], **nest[1]).arguments
    except (TypeError, ValueError):
        bound = {}
    found = {id(leaf): name for name, value in bound.items() for leaf in flatten(value)}
    return [found.get(id(leaf), "x") for leaf in flatten(nest)]
