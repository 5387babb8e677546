"""custom_gradient: a function whose gradient is written by hand."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minidl.context import thread
from minidl.errors import InvalidArgumentError
from minidl.nest import flatten, pack
from minidl.ops.composed import split
from minidl.ops.creation import identity
from minidl.ops.inputs import convert
from minidl.ops.shaping import concat, reshape
from minidl.primitive import NO_OPTIONS, GradientRule, Listener, Primitive
from minidl.tape import Tape
from minidl.tensor import Tensor, TensorLike, Variable

__all__ = ["custom_gradient"]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function's gradient what it says itself.

    Arguments:
        f: takes tensors and returns `(result, gradient_function)`. The result is a tensor or a nest of tensors of
            one dtype. The gradient function takes the upstream gradient of each and returns a gradient for each
            argument given by position (None for none, as for what isn't a tensor). If f reads other trainable
            variables, it also takes `variables=[...]`, and returns a pair: those gradients, and a list of the
            variables'.

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
        if thread.state.trace is not None:
            thread.state.trace.has_custom_gradients = True
        return _called(f, arguments, options)

    return with_gradient


def _called(f: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What a function gives, which tapes hear as one call of a primitive of its own."""
    state, reads = thread.state, _Reads()
    listeners = state.listeners
    leaves = flatten(list(arguments))
    inputs = {place: convert(each) for place, each in enumerate(leaves) if isinstance(each, TensorLike)}
    state.listeners = (*(each for each in listeners if not isinstance(each, Tape)), reads)
    try:
        result, gradient_function = f(*arguments, **options)
        results = [convert(each) for each in flatten(result)]
        shapes = [each.shape for each in results]
        whole = identity(results[0]) if len(results) == 1 else concat([reshape(x, [-1]) for x in results], 0)
    finally:
        state.listeners = listeners
    given = {each.tensor.serial for each in [*leaves, *flatten(options)] if isinstance(each, TensorLike)}
    read = [(variable, value) for variable, value in reads.values.values() if value.serial not in given]
    variables = [variable for variable, _ in read]
    if variables and not _takes_variables(gradient_function):
        why = "its gradient function must take `variables`, and give theirs too"
        raise TypeError(f"{f.__name__} reads {[variable.name for variable in variables]}: {why}")
    inputs |= {place: value for place, (_, value) in enumerate(read, len(leaves))}
    count = len(leaves) + len(variables)
    found: list[Any] = [None, []]  # the upstream gradient of a sweep, by which it is known, and the gradients for it

    def gradient(place: int, shape: tuple[int, ...], upstream: Tensor) -> Tensor | None:
        if upstream is not found[0]:
            given = gradient_function(*_pieces(upstream, shapes), **({"variables": variables} if variables else {}))
            gradients = flatten(list(given) if variables else [given])
            if len(gradients) != count:
                raise ValueError(f"A custom gradient gave {len(gradients)} gradients for {count} inputs and variables")
            found[:] = upstream, gradients
        if found[1][place] is None:
            return None
        result = convert(found[1][place])
        if result.shape != shape:
            raise InvalidArgumentError(f"A custom gradient has shape {result.shape}, for an input of shape {shape}")
        return result

    rules = [GradientRule(functools.partial(gradient, place, x.shape)) for place, x in inputs.items()]
    for listener in listeners:
        if isinstance(listener, Tape):
            for variable, value in read:
                listener.hear_read(variable, value)
            listener.hear(Primitive(f.__name__, f, rules), tuple(inputs.values()), whole, NO_OPTIONS)
    return pack(result, _pieces(whole, shapes))


def _takes_variables(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(each.name == "variables" or each.kind is each.VAR_KEYWORD for each in parameters)


def _pieces(whole: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """The parts of one long vector, in their shapes; a lone tensor is its own only part."""
    if len(shapes) == 1:
        return [whole]
    return list(map(reshape, split(whole, list(map(math.prod, shapes))), shapes))


class _Reads(Listener):
    """Notes the values of the trainable variables that are read."""

    def __init__(self) -> None:
        self.values: dict[int, tuple[Variable, Tensor]] = {}

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        if variable.trainable:
            self.values[variable.serial] = variable, value
