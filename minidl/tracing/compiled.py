"""A function compiled for one signature: traced, made a program, and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidl.context import thread
from minidl.nest import flatten, pack
from minidl.tensor import Tensor, Variable, as_tensor
from minidl.tracing.nodes import Argument, Stored
from minidl.tracing.program import Program
from minidl.tracing.running import Memory, Runner
from minidl.tracing.signature import form_of, parameter_names
from minidl.tracing.symbols import Symbol
from minidl.tracing.trace import Trace, value_of
from minidl.tracing.writing import Text

Pass = Callable[[Program], Program]


def result_of(value: Any) -> Any:
    """What a function gives, as a tensor where it is a number, a variable or an array, else as it is."""
    if isinstance(value, (Tensor, str, bytes, type(None))):
        return value
    if isinstance(value, (bool, int, float, Variable)) or hasattr(value, "__array__"):
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
        with Trace(func, may_create) as trace:
            self._arguments: list[int] = []  # the serial numbers that the tensors given had in the trace
            given = self._symbols(trace, leaves, parameter_names(func, nest))
            form, values = self._traced(trace, nest, given)
            self._names, self._given = trace.local_names(), list(map(trace.given, values))
            # What is known beforehand is handed out as it is; the rest are what the program returns, each once.
            computed = {
                given: each.array.node for given, each in zip(self._given, values, strict=True) if _is_traced(each)
            }
            self._program = trace.program(list(computed.values()))
        self.creates = trace.creates
        self._trace = None if trace.has_custom_gradients else trace
        self._form = form
        order = list(computed)
        known = [None if _is_traced(each) else each for each in values]
        places = [order.index(each) if value is None else None for each, value in zip(self._given, known, strict=True)]
        text = self._text()
        self.text = str(text)
        if any(isinstance(each, Tensor) for each in known):
            self.text += "\n# Results that no argument or variable has a part in were computed once, by the trace.\n"
        exec(compile(self.text, f"<compiled {text.function_name}>", "exec"), text.given)
        back = [self._arguments.index(each.serial) if each.serial in self._arguments else None for each in order]
        runner = Runner(
            step=text.given[text.function_name],
            takes=[node.number for node in text.parameters if isinstance(node, Argument)],
            reads=[node.variable for node in text.parameters if isinstance(node, Stored)],
            kept=[(variable, Memory(text.given[name])) for name, variable in text.variables.items()],
            hand_out=Tensor if form is None and back == [None] else _handing_out(form, places, known, back),
            hands_back=any(index is not None for index in back),
        )
        self.run = runner.run()
        self.guard = runner.guard(nest[0]) if not nest[1] and thread.state.device is None else None

    def _symbols(self, trace: Trace, leaves: Sequence[Any], names: Sequence[str]) -> list[Any]:
        """The arguments that the function is traced with: symbols for tensors, one for each that is given."""
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

    def _traced(self, trace: Trace, nest: Any, given: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The form of what the function gives, and the values in it."""
        own = pack(nest, given)
        try:
            found = self._func(*own[0], **own[1])
            values = list(map(result_of, flatten(found)))
        except Exception:  # the function may have made another error of what was refused
            if trace.refused is None:
                raise
        if trace.refused is not None:
            raise trace.refused
        if form_of(own) != form_of(nest) or any(a is not b for a, b in zip(flatten(own), given, strict=True)):
            raise ValueError(f"The function {self._func.__name__!r} changes a list or dictionary that it is given, which "
                             "later calls wouldn't do; give it a copy, and return what is new")  # fmt: skip
        return pack(found, [None] * len(values)), values

    def _text(self, level: str | None = None) -> Text:
        program = self._program
        for name, each in self._passes.items() if level != "plain" else ():
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

    def issue(self, nest: Any) -> Any:
        """Issue the recorded operations again, for those who listen. Where some have gradients written by hand, which
        may compute with any tensor in their sight, the function is run instead."""
        if self._trace is None:
            result = self._func(*nest[0], **nest[1])
            return pack(result, map(result_of, flatten(result)))
        tensors = [leaf for leaf in flatten(nest) if isinstance(leaf, Tensor)]
        found = dict(zip(self._arguments, tensors, strict=True))
        self._trace.do_again(found)
        return pack(self._form, [value_of(each, found) for each in self._given])


def _is_traced(value: Any) -> bool:
    return isinstance(value, Tensor) and isinstance(value.array, Symbol)


def _handing_out(
    form: Any, places: Sequence[int | None], known: Sequence[Any], back: Sequence[int | None]
) -> Callable[..., Any]:
    """What makes a function's results of the arrays that its program returns and of the tensors given."""

    def hand_out(found: Any, *given: Tensor) -> Any:
        arrays = found if len(back) > 1 else (found,)
        made = [Tensor(array) if index is None else given[index] for array, index in zip(arrays, back, strict=False)]
        return pack(form, [each if place is None else made[place] for place, each in zip(places, known, strict=True)])

    return hand_out
