"""A function compiled for one signature: traced, planned, written, and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidl.context import compiling, thread
from minidl.errors import InvalidArgumentError
from minidl.nest import flatten, pack
from minidl.ops.calling import as_tensor
from minidl.ops.random import drawing_ahead
from minidl.tensor import Tensor, Variable
from minidl.tracing.guard import can_guard, guard_for
from minidl.tracing.plan import Plan
from minidl.tracing.signature import parameter_names
from minidl.tracing.symbols import Node
from minidl.tracing.trace import Given, Trace, ValuesNeededError, issue_again
from minidl.tracing.writing import Program


def _result(value: Any) -> Any:
    """What a function gives, as a tensor where it is a variable or an array, else as it is."""
    if isinstance(value, Variable):
        return value.read()
    if isinstance(value, (Tensor, bool, int, float, complex, str, bytes, type(None))):
        return value
    if hasattr(value, "__array__"):
        return as_tensor(value)
    raise TypeError(
        f"A compiled function gives tensors, numbers, strings, None and nests of them, the same at each call; "
        f"{value!r} of type {type(value).__name__} was given"
    )


class Compiled:
    """A function compiled for one signature.

    Arguments:
        func: the function.
        nest: its arguments, and those given by name.
        leaves: the values in that nest, arrays among them as tensors.
        may_create: whether it may make variables.

    Attributes:
        text: the program.
        makes_variables: whether it made some.
        guard: runs the program if called with arguments of this signature; None where no guard knows their kinds.
    """

    def __init__(self, func: Callable[..., Any], nest: Any, leaves: Sequence[Any], may_create: bool) -> None:
        for keeps_values in (False, True):
            trace = Trace(func, may_create, keeps_values)
            try:
                self._compile(func, nest, leaves, trace)
                return
            except (ValuesNeededError, InvalidArgumentError) as error:
                if isinstance(error, InvalidArgumentError) and not trace.lost_values:
                    raise  # its values are what they are

    def _compile(self, func: Callable[..., Any], nest: Any, leaves: Sequence[Any], trace: Trace) -> None:
        """Trace the function, and write its program."""
        self._arguments: list[int] = []  # the serial numbers that the tensors given had in the trace
        given = []
        own: dict[int, Tensor] = {}  # one for each tensor, also where that is given twice
        for leaf, name in zip(leaves, parameter_names(func, nest), strict=True):
            if isinstance(leaf, Tensor):
                if leaf.serial not in own:
                    own[leaf.serial] = trace.argument(leaf, len(self._arguments), name)
                leaf = own[leaf.serial]
                self._arguments.append(leaf.serial)
            given.append(leaf)
        arguments, options = pack(nest, given)
        with trace, drawing_ahead():
            found = func(*arguments, **options)
            if trace.refused is not None:
                raise trace.refused
            values = list(map(_result, flatten(found)))
            nodes = [trace.nodes.get(leaf.serial) if isinstance(leaf, Tensor) else None for leaf in values]
            names = trace.local_names()
        self._form = pack(found, [None] * len(values))
        # What is known beforehand is handed out as it is; of the rest, its place among what the program returns.
        again = [trace.given(leaf) if isinstance(leaf, Tensor) else leaf for leaf in values]
        computed = {given: node for given, node in zip(again, nodes, strict=True) if node is not None}
        order = list(computed)
        self._values = values
        self._again = again
        self._results = list(computed.values())
        self._places = [None if node is None else order.index(given) for given, node in zip(again, nodes, strict=True)]
        self._calls = trace.calls
        self.makes_variables = bool(trace.created)
        self._make(func, trace, names)
        self._hands_back = [node.held if node.kind == "argument" else None for node in self._results]
        del self._results
        self._hand_out = self._handing_out()
        self.guard = self._guard(*nest) if thread.here.device is None else None

    def _make(self, func: Callable[..., Any], trace: Trace, names: dict[Node, str]) -> None:
        """Write the program, and run its text, which makes the buffers and the function that each call runs."""
        finals = [(trace.entries[key][1], node) for key, node in trace.finals.items()]
        program = Program(
            getattr(func, "__name__", "function"), Plan(trace.recorder.nodes, self._results, finals), names
        )
        self.text = program.text
        namespace = program.given
        for variable in program.variables.values():  # only the text holds their arrays now, and lets go of them
            variable.latest = variable.storage = None
        try:
            exec(compile(program.text, f"<compiled {program.function}>", "exec"), namespace)
        finally:
            for name, variable in program.variables.items():
                variable.storage = namespace[name]
        self._step = namespace[program.function]
        self._storages = [(variable, namespace[name]) for name, variable in program.variables.items()]
        self._takes = [node.held for node in program.parameters if node.kind == "argument"]
        self._reads = [node.held for node in program.parameters if node.kind == "variable"]

    # -- running

    def run(self, tensors: Sequence[Tensor]) -> Any:
        """Run the program."""
        self._load()
        arrays = [tensors[index].array for index in self._takes] + [variable.array for variable in self._reads]
        try:
            found = thread.here.silently(self._step, *arrays)
        finally:
            for variable, _ in self._storages:
                variable.latest = None
        return self._hand_out(found, *tensors)

    def _load(self) -> None:
        """Bring the values of variables, where others than this program assigned them, to where it keeps them."""
        for variable, storage in self._storages:
            variable.keep_in(storage)

    def _handing_out(self) -> Callable[..., Any]:
        """What makes the function's results of the arrays that the program returns and of the tensors given."""
        form, places, values, handed_back = self._form, self._places, self._values, self._hands_back
        if not handed_back:
            return lambda found, *given: pack(form, values)

        def hand_out(found: Any, *given: Tensor) -> Any:
            arrays = found if len(handed_back) > 1 else (found,)
            made = [
                Tensor(array) if index is None else given[index]
                for array, index in zip(arrays, handed_back, strict=True)
            ]
            found = [value if place is None else made[place] for place, value in zip(places, values, strict=True)]
            return pack(form, found)

        return hand_out

    def _guard(self, arguments: Sequence[Any], options: Any) -> Callable[..., Any] | None:
        if options or not can_guard(arguments):
            return None
        is_one_array = self._form is None and self._hands_back == [None]
        parts = {
            "step": self._step,
            "load": self._load,
            "lock": compiling,
            "hand_out": Tensor if is_one_array else self._hand_out,
            "hands_back": any(index is not None for index in self._hands_back),
        }
        return guard_for(arguments, self._takes, self._reads, self._storages, parts)

    # -- being heard

    def issue(self, tensors: Sequence[Tensor]) -> Any:
        """Issue the recorded operations again, for those who listen."""
        found = issue_again(self._calls, dict(zip(self._arguments, tensors, strict=True)))

        def value(first: Any, kept: Given | Any) -> Any:
            return found[kept] if isinstance(first, Tensor) and isinstance(kept, int) else kept

        return pack(self._form, map(value, self._values, self._again))
