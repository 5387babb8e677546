"""custom_gradient: a function whose gradient is written by hand."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from minidl.context import thread
from minidl.nest import flatten, pack
from minidl.ops.calling import as_tensor
from minidl.ops.shaping import getitem, put, reshape
from minidl.primitive import Listener
from minidl.tape import GradientTape
from minidl.tensor import Tensor, TensorLike, Variable


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function's gradient what it says itself.

    Arguments:
        f: takes tensors and returns `(result, gradient_function)`. The result is a tensor or a nest of tensors of
            one dtype. The gradient function takes the upstream gradient of each and returns a gradient for each
            argument that is a tensor (None for none). If f reads trainable variables, it also takes
            `variables=[...]`, and returns a pair: those gradients, and a list of the variables'.

    Raises TypeError where f reads variables and its gradient function doesn't take `variables`, ValueError for a
    wrong number of gradients.

    >>> @tf.custom_gradient
    ... def log1pexp(x):
    ...     e = tf.exp(x)
    ...     return tf.math.log(1.0 + e), lambda upstream: upstream * (1.0 - 1.0 / (1.0 + e))
    >>> x = tf.constant(100.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = log1pexp(x)
    >>> tape.gradient(y, x).numpy()
    np.float32(1.0)
    """

    @functools.wraps(f)
    def with_gradient(*arguments: Any, **options: Any) -> Any:
        here = thread.here
        listeners = here.listeners
        readers = _Readers()
        inputs = [as_tensor(each) for each in flatten([list(arguments), options]) if isinstance(each, TensorLike)]
        here.listeners = (*(each for each in listeners if not isinstance(each, GradientTape)), readers)
        try:
            result, gradient_function = f(*arguments, **options)
        finally:
            here.listeners = listeners
        given = {x.serial for x in inputs}
        read = {id(variable): (variable, value) for variable, value in readers.read if value.serial not in given}
        variables = [variable for variable, _ in read.values()]
        inputs += [value for _, value in read.values()]
        results = [Tensor(as_tensor(each).array) for each in flatten(result)]
        if variables and not _takes_variables(gradient_function):
            raise TypeError(
                f"{f.__name__} reads the variables {[variable.name for variable in variables]}, so its gradient "
                "function must take `variables` and return their gradients too"
            )
        for listener in listeners:
            if isinstance(listener, GradientTape):
                for variable, value in read.values():
                    listener.hear_read(variable, value)
                _record(listener, inputs, results, _Gradients(gradient_function, len(inputs), results, variables))
        return pack(result, results)

    return with_gradient


def _takes_variables(function: Callable[..., Any]) -> bool:
    import inspect  # takes its time to import

    return any(
        parameter.name == "variables" or parameter.kind is parameter.VAR_KEYWORD
        for parameter in inspect.signature(function).parameters.values()
    )


class _Readers(Listener):
    """Notes which trainable variables are read."""

    def __init__(self) -> None:
        self.read: list[tuple[Variable, Tensor]] = []

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        if variable.trainable:
            self.read.append((variable, value))


class _Gradients:
    """The rules of a handwritten gradient: one function gives the gradients of all inputs, and is called once."""

    def __init__(
        self, function: Callable[..., Any], count: int, results: Sequence[Tensor], variables: Sequence[Variable]
    ) -> None:
        self._function = function
        self._count = count
        self._shapes = [x.shape for x in results]
        self._variables = list(variables)
        self._upstream: Tensor | None = None
        self._gradients: list[Any] = []

    def __call__(self, upstream: Tensor, index: int) -> Any:
        if upstream is not self._upstream:
            self._gradients = self._computed(upstream)
            self._upstream = upstream
        gradient = self._gradients[index]
        return None if gradient is None else as_tensor(gradient)

    def _computed(self, upstream: Tensor) -> list[Any]:
        parts = [upstream]
        if len(self._shapes) > 1:
            ends = [0, *itertools.accumulate(math.prod(shape) for shape in self._shapes)]
            pieces = [getitem(upstream, slice(*ends_of)) for ends_of in itertools.pairwise(ends)]
            parts = [reshape(piece, shape) for piece, shape in zip(pieces, self._shapes, strict=True)]
        given = self._function(*parts, **({"variables": self._variables} if self._variables else {}))
        gradients = flatten(list(given) if self._variables else [given])
        if len(gradients) != self._count:
            raise ValueError(
                f"A custom gradient function gave {len(gradients)} gradients for {self._count} tensors and variables"
            )
        return gradients


def _record(tape: GradientTape, inputs: Sequence[Tensor], results: Sequence[Tensor], gradients: _Gradients) -> None:
    """Put a call with a handwritten gradient on a tape.

    Several results count as parts of one long vector, whose gradient is put together before the function is called.
    """
    if not any(tape.watches(x) for x in inputs):
        return
    size = sum(x.array.size for x in results)
    whole = results[0] if len(results) == 1 else Tensor(results[0].array)
    for index, x in enumerate(inputs):
        if tape.watches(x):
            tape.record(whole, x, gradients, (index,))
    if len(results) > 1:
        start = 0
        for x in results:
            tape.record(x, whole, _part_of_whole, (start, size), shape=(size,))
            start += x.array.size


def _part_of_whole(upstream: Tensor, start: int, size: int) -> Tensor:
    entries = reshape(upstream, [-1])
    return put(entries, (slice(start, start + entries.shape[0]),), (size,))
