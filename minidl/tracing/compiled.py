"""A function compiled for one signature: traced, planned, written, and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidl.context import thread
from minidl.nest import flatten, pack
from minidl.ops.calling import as_tensor
from minidl.ops.random import drawing_ahead
from minidl.tensor import Tensor, Variable
from minidl.tracing.again import Given, Place, issue_again, value_of
from minidl.tracing.guard import Parts, guard_for, runner
from minidl.tracing.nodes import Argument, Stored
from minidl.tracing.plan import Plan
from minidl.tracing.signature import parameter_names
from minidl.tracing.trace import Trace, ValuesNeededError
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
        run: runs the program, called with the tensors among its arguments.
        guard: runs it if called with arguments of this signature; None where no guard knows their kinds.
    """

    def __init__(self, func: Callable[..., Any], nest: Any, leaves: Sequence[Any], may_create: bool) -> None:
        for loses_values in (True, False):
            trace = Trace(func, may_create, loses_values)
            try:
                self._compile(func, nest, leaves, trace)
                return
            except Exception:  # the function may have made another error of it
                if not isinstance(trace.refused, ValuesNeededError):
                    raise
                trace.refused = None

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
        form = pack(found, [None] * len(values))
        again = list(map(trace.given, values))
        # What is known beforehand is handed out as it is; of the rest, its place among what the program returns.
        computed = {given: node for given, node in zip(again, nodes, strict=True) if node is not None}
        order, results = list(computed), list(computed.values())
        places = [None if node is None else order.index(given) for given, node in zip(again, nodes, strict=True)]
        handed_back = [self._place_of(each) for each in order]
        is_one_array = form is None and handed_back == [None]
        hand_out = Tensor if is_one_array else _handing_out(form, places, values, handed_back)
        finals = [(trace.entries[key][1], node) for key, node in trace.finals.items()]
        program = Program(getattr(func, "__name__", "function"), Plan(trace.recorder.nodes, results, finals), names)
        self.text = program.text
        if any(node is None and isinstance(value, Tensor) for node, value in zip(nodes, values, strict=True)):
            self.text += "\n# Results that no argument or variable has a part in were computed once, by the trace.\n"
        self.makes_variables = bool(trace.created)
        self._form, self._again = form, again
        self._steps = None if trace.has_custom_gradients else trace.steps
        self._func = func
        parts = _executed(program, hand_out, any(index is not None for index in handed_back))
        self.run = runner(parts)
        is_plain = not options and thread.here.device is None
        self.guard = guard_for(nest[0], parts) if is_plain else None

    def _place_of(self, given: Given) -> int | None:
        """Which of the tensors given this is, None where it is none of them."""
        is_given = isinstance(given, Place) and given.serial in self._arguments
        return self._arguments.index(given.serial) if is_given else None

    # -- being heard

    def issue(self, nest: Any) -> Any:
        """Issue the recorded operations again, for those who listen.

        Where some have gradients written by hand, which may compute with any tensor in their sight, the function is
        run instead.
        """
        if self._steps is None:
            arguments, options = nest
            result = self._func(*arguments, **options)
            return pack(result, map(_result, flatten(result)))
        tensors = [leaf for leaf in flatten(nest) if isinstance(leaf, Tensor)]
        found = dict(zip(self._arguments, tensors, strict=True))
        issue_again(self._steps, found)
        return pack(self._form, [value_of(each, found) for each in self._again])


def _executed(program: Program, hand_out: Callable[..., Any], hands_back: bool) -> Parts:
    """Run the text of a program, which makes its buffers and the function that each call runs."""
    namespace = program.given
    for variable in program.variables.values():  # only the text holds their arrays now, and lets go of them
        variable.latest = variable.storage = None
    try:
        exec(compile(program.text, f"<compiled {program.function}>", "exec"), namespace)
    finally:
        for name, variable in program.variables.items():
            variable.storage = namespace[name]
    return Parts(
        step=namespace[program.function],
        takes=[node.number for node in program.parameters if isinstance(node, Argument)],
        reads=[node.variables[0] for node in program.parameters if isinstance(node, Stored)],
        storages=[(variable, namespace[name]) for name, variable in program.variables.items()],
        hand_out=hand_out,
        hands_back=hands_back,
    )


def _handing_out(
    form: Any, places: Sequence[int | None], values: Sequence[Any], handed_back: Sequence[int | None]
) -> Callable[..., Any]:
    """What makes a function's results of the arrays that its program returns and of the tensors given."""
    if not handed_back:
        return lambda found, *given: pack(form, values)

    def hand_out(found: Any, *given: Tensor) -> Any:
        arrays = found if len(handed_back) > 1 else (found,)
        made = [
            Tensor(array) if index is None else given[index] for array, index in zip(arrays, handed_back, strict=True)
        ]
        return pack(
            form, [value if place is None else made[place] for place, value in zip(places, values, strict=True)]
        )

    return hand_out
