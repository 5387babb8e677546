"""A function compiled for one signature: traced, made a program, and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidl.context import thread
from minidl.nest import flatten, pack
from minidl.tensor import Tensor, Variable, as_tensor
from minidl.tracing.guard import Parts, guard_for, runner
from minidl.tracing.memory import Memory
from minidl.tracing.nodes import Argument, Stored
from minidl.tracing.program import Program
from minidl.tracing.replay import Given, Reference, value_of
from minidl.tracing.signature import parameter_names
from minidl.tracing.symbols import Symbol
from minidl.tracing.trace import Trace
from minidl.tracing.writing import Text

Pass = Callable[[Program], Program]


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
        passes: made on the program of its trace, by name.

    Attributes:
        creates: whether it made variables.
        run: runs the program, called with the tensors among its arguments.
        guard: runs it if called with arguments of this signature; None where no guard knows their kinds.
    """

    def __init__(
        self, func: Callable[..., Any], nest: Any, leaves: Sequence[Any], may_create: bool, passes: Mapping[str, Pass]
    ) -> None:
        self._func, self._passes = func, passes
        trace = Trace(func, may_create)
        with trace:
            given = self._take_arguments(trace, leaves, parameter_names(func, nest))
            found, values = self._run(trace, pack(nest, given))
            self._names = trace.local_names()
            self._given = list(map(trace.given, values))
            traced = [isinstance(each, Tensor) and isinstance(each.array, Symbol) for each in values]
            # What is known beforehand is handed out as it is; the rest are what the program returns, each once.
            computed = {
                given: value.array.node
                for given, value, is_traced in zip(self._given, values, traced, strict=True) if is_traced
            }  # fmt: skip
            self._program = trace.program(list(computed.values()))
        self.creates = trace.creates
        self._replay = None if trace.has_custom_gradients else trace.replay
        self._form = pack(found, [None] * len(values))
        order = list(computed)
        known = [None if is_traced else value for value, is_traced in zip(values, traced, strict=True)]
        places = [order.index(each) if is_traced else None for each, is_traced in zip(self._given, traced, strict=True)]
        text = self._text()
        self.text = str(text)
        if any(isinstance(each, Tensor) for each in known):
            self.text += "\n# Results that no argument or variable has a part in were computed once, by the trace.\n"
        handed_back = list(map(self._argument_of, order))
        is_one_array = self._form is None and handed_back == [None]
        parts = self._parts(text)
        parts.hand_out = Tensor if is_one_array else _handing_out(self._form, places, known, handed_back)
        parts.hands_back = any(index is not None for index in handed_back)
        self.run = runner(parts)
        is_plain = not nest[1] and thread.state.device is None
        self.guard = guard_for(nest[0], parts) if is_plain else None

    def _take_arguments(self, trace: Trace, leaves: Sequence[Any], names: Sequence[str]) -> list[Any]:
        """The arguments that the function is traced with: symbols for tensors, one for each that is given."""
        self._arguments: list[int] = []  # the serial numbers that the tensors given had in the trace
        own: dict[int, Tensor] = {}
        given = []
        for leaf, name in zip(leaves, names, strict=True):
            if isinstance(leaf, Tensor):
                if leaf.serial not in own:
                    own[leaf.serial] = trace.argument(leaf, len(self._arguments), name)
                leaf = own[leaf.serial]
                self._arguments.append(leaf.serial)
            given.append(leaf)
        return given

    def _run(self, trace: Trace, nest: Any) -> tuple[Any, list[Any]]:
        """What the function gives, and the values in that nest."""
        arguments, options = nest
        try:
            found = self._func(*arguments, **options)
            values = list(map(_result, flatten(found)))
        except Exception:  # the function may have made another error of what was refused
            if trace.refused is None:
                raise
        if trace.refused is not None:
            raise trace.refused
        return found, values

    # -- the program

    def _text(self, level: str | None = None) -> Text:
        program = self._program
        if level != "plain":
            for name, each in self._passes.items():
                program = each(program)
                if name == level:
                    break
        return Text(getattr(self._func, "__name__", "function"), program, self._names)

    def source(self, level: str | None) -> str:
        """The text of the program at a level, of the one that runs for None."""
        levels = ["plain", *self._passes]
        if level not in (None, *levels):
            raise ValueError(f"A program has the levels {', '.join(map(repr, levels))}; {level!r} was given")
        return self.text if level is None else str(self._text(level))

    def _parts(self, text: Text) -> Parts:
        """Run the text, which makes its buffers and the function that each call runs."""
        namespace = text.given
        exec(compile(self.text, f"<compiled {text.function_name}>", "exec"), namespace)
        return Parts(
            step=namespace[text.function_name],
            takes=[node.number for node in text.parameters if isinstance(node, Argument)],
            reads=[node.variable for node in text.parameters if isinstance(node, Stored)],
            memories=[(variable, Memory(namespace[name])) for name, variable in text.variables.items()],
        )

    def _argument_of(self, given: Given) -> int | None:
        """Which of the tensors given this is, None where it is none of them."""
        is_argument = isinstance(given, Reference) and given.serial in self._arguments
        return self._arguments.index(given.serial) if is_argument else None

    # -- being heard

    def issue(self, nest: Any) -> Any:
        """Issue the recorded operations again, for those who listen.

        Where some have gradients written by hand, which may compute with any tensor in their sight, the function is
        run instead.
        """
        if self._replay is None:
            arguments, options = nest
            result = self._func(*arguments, **options)
            return pack(result, map(_result, flatten(result)))
        tensors = [leaf for leaf in flatten(nest) if isinstance(leaf, Tensor)]
        found = dict(zip(self._arguments, tensors, strict=True))
        self._replay.run(found)
        return pack(self._form, [value_of(each, found) for each in self._given])


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
