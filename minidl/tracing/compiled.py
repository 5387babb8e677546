"""A function compiled for one signature: traced, made a program, and ready to run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidl.nest import flatten, form, pack
from minidl.tensor import Tensor, TensorLike, Variable, as_tensor
from minidl.tracing.nodes import Stored
from minidl.tracing.program import Program
from minidl.tracing.running import Memory, run_and_guard
from minidl.tracing.symbols import Symbol
from minidl.tracing.trace import Trace, today
from minidl.tracing.writing import Text

Pass = Callable[[Program], Program]


def result_of(value: Any) -> Any:
    """What a function gives, as a tensor where it is a number, a variable or an array, else as it is."""
    if isinstance(value, (Tensor, str, bytes, type(None))):
        return value
    if isinstance(value, (bool, int, float, Variable)) or hasattr(value, "__array__"):
        return as_tensor(value)
    raise TypeError(f"A compiled function gives tensors, numbers, strings, None and nests of them; {value!r} was given")


def _parameter_names(func: Callable[..., Any], nest: Any) -> list[str]:
    """For each value in a nest of arguments, the parameter that it is given for."""
    try:
        bound = inspect.signature(func).bind(*nest[0], **nest[1]).arguments
    except (TypeError, ValueError):
        bound = {}
    found = {id(leaf): name for name, value in bound.items() for leaf in flatten(value)}
    return [found.get(id(leaf), "x") for leaf in flatten(nest)]


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
        run: runs the program, called with the thread's state, and the tensors and variables among its arguments.
        variables: the serial numbers of those that it knows otherwise than by its arguments.
        guard: runs it if called with arguments of this signature; None where no guard knows their kinds.
    """

    def __init__(
        self, func: Callable[..., Any], nest: Any, leaves: Sequence[Any], may_create: bool, passes: Mapping[str, Pass]
    ) -> None:
        self._func, self._passes, self._leaves = func, passes, [each for each in leaves if not isinstance(each, Tensor)]
        with Trace(func, may_create) as trace:
            symbols = self._symbols(trace, leaves, _parameter_names(func, nest))
            self._form, values = self._traced(trace, nest, symbols)
            self._names, self._given = trace.local_names(), list(map(trace.given, values))
            # What is known beforehand is handed out as it is; the rest are what the program returns, each once.
            traced = {a: b.array.node for a, b in zip(self._given, values, strict=True) if _is_traced(b)}
            self._program = trace.program(list(traced.values()))
        self.creates, self._trace = trace.creates, None if trace.has_custom_gradients else trace
        handed = [a if _is_traced(b) else b for a, b in zip(self._given, values, strict=True)]
        back = {a.serial: self._arguments.index(a.serial) if a.serial in self._arguments else None for a in traced}
        text = self._text()
        self.text, given, name, kept = str(text), text.given, text.function_name, text.variables
        reads = [node.variable for node in text.parameters if isinstance(node, Stored)]
        del text  # whose program isn't needed any more
        _run(self.text, given)
        hand_out = self._handing_out(handed, back)
        memories = [(Memory(given[each], variable), variable) for each, variable in kept.items()]
        takes = [each for each in symbols if isinstance(each, TensorLike)]
        hands_back = any(index is not None for index in back.values())
        self.variables = {serial for serial in trace.values if serial not in self._arguments}
        arguments = None if nest[1] else nest[0]
        self.run, self.guard = run_and_guard(given[name], reads, memories, hand_out, hands_back, takes, arguments)

    def _symbols(self, trace: Trace, leaves: Sequence[Any], names: Sequence[str]) -> list[Any]:
        """The arguments that the function is traced with: symbols for tensors, one for each that is given."""
        own: dict[int, Tensor] = {}
        for leaf, name in zip(leaves, names, strict=True):
            if isinstance(leaf, Tensor) and leaf.serial not in own:
                own[leaf.serial] = trace.argument(leaf, name)
        given = [own[leaf.serial] if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        # The serial numbers that the tensors and variables given have in the trace.
        self._arguments = [leaf.serial for leaf in given if isinstance(leaf, TensorLike)]
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
        if form(own) != form(nest) or any(a is not b for a, b in zip(flatten(own), given, strict=True)):
            raise ValueError(f"{self._func!r} changes a list or dictionary that it is given; later calls wouldn't")
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

    def _handing_out(self, handed: Sequence[Any], back: Mapping[int, int | None]) -> Callable[..., Any]:
        """What makes results, in which references stand for tensors, of what the program returns, in the order of
        `back`: for the serial number of each tensor, the place of the argument that it is, if it is one."""
        if self._form is None and list(back.values()) in ([], [None]):  # the usual ones, for speed
            known = handed[0]
            return Tensor if back else lambda found: known

        def hand_out(found: Any, *given: Tensor) -> Any:
            arrays = zip(back.items(), found if len(back) > 1 else (found,), strict=False)
            made = {serial: Tensor(array) if at is None else given[at] for (serial, at), array in arrays}
            return pack(self._form, [today(each, made) for each in handed])

        return hand_out

    def issue(self, nest: Any) -> Any:
        """Issue the recorded operations again, for those who listen. Where some have gradients written by hand, which
        may compute with any tensor in their sight, the function is run instead."""
        if self._trace is None:
            result = self._func(*nest[0], **nest[1])
            return pack(result, map(result_of, flatten(result)))
        tensors = [leaf for leaf in flatten(nest) if isinstance(leaf, TensorLike)]
        found = dict(zip(self._arguments, tensors, strict=True))
        self._trace.do_again(found)
        return pack(self._form, [today(each, found) for each in self._given])


def _run(text: str, names: dict[str, Any]) -> None:
    """Run a program's text, some lines at a time: to compile it whole would take several times its memory."""
    start = text.rfind("\ndef ") + 1
    function = compile("\n" * text[:start].count("\n") + text[start:], "<compiled function>", "exec")
    once = re.split(r"\n(?=\S)", text[:start])
    for first in range(0, len(once), 25):
        exec("\n".join(once[first : first + 25]), names)
    exec(function, names)


def _is_traced(value: Any) -> bool:
    return isinstance(value, Tensor) and isinstance(value.array, Symbol)
