"""The variables that a program makes: found in one run of it, and begun with the same values in the next."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy

import minidl


@dataclasses.dataclass(frozen=True)
class First:
    """How a variable began.

    Attributes:
        value: its first value; None where nobody can tell, as of a variable that a function made of its tensors.
        trainable: whether a tape watches it unasked.
    """

    value: numpy.ndarray | None
    trainable: bool


class Variables:
    """The variables that a program makes on an engine, in order.

    Arguments:
        tf: the engine.
        firsts: how the variables are to begin, in order; what is not in there begins as the program says.

    A variable whose first value is given is made outside of any function that is traced, so the program may make it
    there anew each time.
    """

    def __init__(self, tf: Any, firsts: Sequence[First] = ()) -> None:
        self._tf = tf
        self._given = [first.value for first in firsts]
        self._made: list[tuple[Any, numpy.ndarray | None]] = []

    def of(self, program: Callable[..., Any]) -> Callable[..., Any]:
        """The same program, whose variables these are when it runs."""
        scope = self._made_by_minidl if self._tf is minidl else self._made_by_tensorflow

        def run(*inputs: Any) -> Any:
            with scope():
                return program(*inputs)

        return run

    @property
    def trainable(self) -> list[Any]:
        """The variables of floats that a tape watches unasked."""
        return [variable for variable, _ in self._made if variable.trainable and "float" in str(variable.dtype)]

    def firsts(self) -> list[First]:
        """How the variables began."""
        return [First(value, bool(variable.trainable)) for variable, value in self._made]

    def latest(self, trained: Sequence[Any]) -> list[First]:
        """How variables begin that go on where these are now, and the trainable ones where others are."""
        places = {id(own): other for own, other in zip(self.trainable, trained, strict=True)}
        return [
            First(numpy.array(places.get(id(variable), variable).numpy()), bool(variable.trainable))
            for variable, _ in self._made
        ]

    def _value(self, index: int) -> numpy.ndarray | None:
        return self._given[index] if index < len(self._given) else None

    @contextmanager
    def _made_by_tensorflow(self) -> Iterator[None]:
        tf, indices, is_making = self._tf, itertools.count(), False

        def create(next_creator: Callable[..., Any], **options: Any) -> Any:
            nonlocal is_making
            if is_making:
                return next_creator(**options)
            index = next(indices)
            value = self._value(index)
            if value is None and not tf.executing_eagerly():
                value = _made_outside(tf, **options)
            if value is None:
                variable = next_creator(**options)
                value = numpy.array(variable.numpy()) if tf.executing_eagerly() else None
            elif index < len(self._made):  # a function is traced once more
                return self._made[index][0]
            else:
                is_making = True
                try:
                    with tf.init_scope():
                        variable = tf.Variable(value, options.get("trainable"), name=options.get("name"))
                finally:
                    is_making = False
            self._made.append((variable, value))
            return variable

        with tf.variable_creator_scope(create):
            yield

    @contextmanager
    def _made_by_minidl(self) -> Iterator[None]:
        begin = minidl.Variable.__init__
        self._made.clear()  # where a function is traced once more

        def init(variable: Any, *arguments: Any, **options: Any) -> None:
            value = self._value(len(self._made))
            if value is None:
                begin(variable, *arguments, **options)
                value = outside.submit(variable.numpy).result()
            else:
                if arguments:
                    arguments = (value, *arguments[1:])
                else:
                    options["initial_value"] = value
                outside.submit(begin_on, minidl.constant(0.0).device, variable, *arguments, **options).result()
            self._made.append((variable, numpy.array(value)))

        def begin_on(device: str, variable: Any, *arguments: Any, **options: Any) -> None:
            with minidl.device(device):
                begin(variable, *arguments, **options)

        # What a thread of its own does, no function traces.
        with ThreadPoolExecutor(1) as outside, mock.patch.object(minidl.Variable, "__init__", init):
            yield


def _made_outside(tf: Any, initial_value: Any, dtype: Any = None, **_: Any) -> numpy.ndarray | None:
    """The first value of a variable that a function makes; None where only the function knows it."""
    try:
        with tf.init_scope():
            value = initial_value() if callable(initial_value) else initial_value
            return numpy.array(tf.convert_to_tensor(value, dtype).numpy())
    except (TypeError, ValueError, AttributeError):
        return None


def begun_alike(own: Sequence[First], reference: Sequence[First]) -> list[First]:
    """How an engine's variables begin where those that are trained begin as the reference's."""
    values = iter([first.value for first in reference if first.trainable])
    firsts = []
    for first in own:
        value = next(values, None) if first.trainable else None
        fits = value is not None and first.value is not None and value.shape == first.value.shape
        firsts.append(First(value.astype(first.value.dtype), True) if fits else first)  # type: ignore[union-attr]
    return firsts


def widened(firsts: Sequence[First]) -> list[First]:
    """The same values, those of floats in float64."""
    return [
        dataclasses.replace(first, value=first.value.astype(numpy.float64))
        if first.value is not None and first.value.dtype.kind == "f"
        else first
        for first in firsts
    ]
