"""What a primitive is, and what a call of one does: compute, then tell whoever listens.

A *primitive* is an operation that the engine doesn't look inside, such as a product or a sine. Its *forward rule*
computes on arrays. Its *gradient rules*, one for each input, compute on tensors: given the *upstream gradient*, the
derivative of some final number with respect to the result, a rule gives the derivative of that number with respect
to its input. That is the chain rule, one step of it; for z = x * y and a final number L,

    dL/dx = dL/dz * dz/dx = upstream * y        dL/dy = upstream * x

and it is written just so:

    @primitive(x=lambda upstream, y: upstream * y, y=lambda upstream, x: upstream * x)
    def multiply(xp, x, y):
        return xp.multiply(x, y)

Each call computes its value and then tells whoever is listening (`call`, below). That is the whole mechanism: what
differentiates, a tape, is a listener, and the primitives know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidl.context import thread
from minidl.devices import CPU, Device
from minidl.errors import InvalidArgumentError
from minidl.tensor import Tensor, Variable, as_tensor

if TYPE_CHECKING:
    from minidl.tape import Edge

Options = Mapping[str, Any]
NO_OPTIONS: Options = {}


class Listener:
    """Somebody who is told what happens in a thread, once put on its stack with `thread.state.enter(listener)`."""

    def hear(self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Options) -> None:
        """A primitive was called."""

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        """An operation took the value of a variable."""

    def hear_sweep(self, gradients: Mapping[int, Tensor]) -> None:
        """A sweep begins, with the gradients of its targets, which are known by their serial numbers."""

    def hear_rule(self, edge: Edge, gradient: Tensor, total: Tensor) -> None:
        """A sweep applied the rule of an edge, which gave this gradient, of whatever shape; the total is that of the
        edge's input so far, in its own shape. (Where it went into several calls, there is more to come.)"""


class GradientRule:
    """The derivative of a primitive with respect to one of its inputs.

    Attributes:
        function: gives the gradient from the upstream gradient and, behind it, what the rule keeps of the call.
            The gradient may be larger than the input, or smaller, where one broadcasts to the other: a sweep sums
            or repeats it, so that no rule needs to undo broadcasting. None, where there is none.
        keep: picks what the rule keeps out of a call's inputs, result and options; None where it keeps nothing.
    """

    def __init__(self, function: Callable[..., Any], keep: Callable[..., tuple[Any, ...]] | None = None) -> None:
        self.function = function
        self.keep = keep

    @classmethod
    def by_names(cls, function: Callable[..., Any], known: Mapping[str, str]) -> GradientRule:
        """A rule that says what it keeps by the names of its parameters, after the upstream gradient.

        Whatever isn't named isn't kept, and its memory is free. `known` says in Python what each name stands for.
        """
        names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        if unknown := [name for name in names if name not in known]:
            raise TypeError(f"A gradient rule asks for {unknown}; it can have {sorted(known)}")
        if not names:
            return cls(function)
        kept = "".join(known[name] + ", " for name in names)
        # Written out, since a tape picks at each call: a walk over the names would take several times as long.
        return cls(function, eval(f"lambda inputs, result, options: ({kept})"))


class Primitive:
    """An operation with its forward rule and its gradient rules.

    Attributes:
        name: what it is called.
        forward: `forward(xp, *arrays, **options)` gives the result's array; `xp` is the array module.
        rules: for each input its GradientRule, or None where there is no derivative.
        differentiable: pairs of the index of an input and its rule, where there is one.
        like: gives an array like the result, of blank ones like the inputs, and the options; None where the forward
            rule itself can be tried on blank arrays. (Only `tracing` asks.)
    """

    def __init__(self, name: str, forward: Callable[..., Any], rules: Sequence[GradientRule | None]) -> None:
        self.name = name
        self.forward = forward
        self.rules = tuple(rules)
        self.differentiable = tuple((index, rule) for index, rule in enumerate(self.rules) if rule is not None)
        self.like: Callable[..., Any] | None = None

    @classmethod
    def by_names(cls, forward: Callable[..., Any], gradients: Mapping[str, Callable[..., Any]]) -> Primitive:
        """A primitive from its forward rule and the gradient rules by the names of their inputs.

        The rules can ask for inputs, `result`, options, and `x_shape`, `x_dtype` and `x_device` of an input `x`.
        """
        code = forward.__code__
        inputs = code.co_varnames[1 : code.co_argcount]
        options = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        if unknown := set(gradients) - set(inputs):
            raise TypeError(f"{forward.__name__} has gradient rules for {sorted(unknown)}; its inputs are {inputs}")
        known = {"result": "result"} | {name: f"options[{name!r}]" for name in options}
        for index, name in enumerate(inputs):
            x = f"inputs[{index}]"
            known |= {name: x, f"{name}_shape": f"{x}.array.shape", f"{name}_dtype": f"{x}.array.dtype"}
            known[f"{name}_device"] = f"{x}.home"
        rules = [GradientRule.by_names(gradients[name], known) if name in gradients else None for name in inputs]
        return cls(forward.__name__.strip("_"), forward, rules)

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        """What it gives for tensors, or what makes some; see `call`, below. (`ops/shortcut.py` has a quicker way.)"""
        return call(self, tuple(map(as_tensor, inputs)), options)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def primitive(**gradients: Callable[..., Any]) -> Callable[[Callable[..., Any]], Primitive]:
    """Make a forward rule a primitive; the keywords are the gradient rules, by the names of their inputs.

    >>> from minidl.primitive import primitive
    >>> @primitive(x=lambda upstream, x: upstream * 3.0 * x * x)
    ... def cube(xp, x):
    ...     return x * x * x
    >>> cube
    <primitive cube>
    >>> x = tf.Variable(2.0)
    >>> with tf.GradientTape() as tape:
    ...     z = cube(x)
    >>> float(z), float(tape.gradient(z, x))
    (8.0, 12.0)
    """
    return lambda forward: Primitive.by_names(forward, gradients)


# -- the call ----------------------------------------------------------------------------------------------------


def call(primitive: Primitive, inputs: tuple[Tensor, ...], options: Options = NO_OPTIONS) -> Tensor:
    """Call a primitive on tensors: compute, then tell whoever listens.

    It computes where its inputs are; in a device scope there, and brings them along. Raises InvalidArgumentError
    where the inputs are on two devices, or don't fit the operation. (Operations call it by `ops/shortcut.py`, the same
    written out for speed.)
    """
    device = thread.state.device
    if device is None:
        return _call_on(_device_of_all(primitive, inputs), primitive, inputs, options)
    return _call_on(device, primitive, tuple([move(x, device) for x in inputs]), options)


def _call_on(device: Device, primitive: Primitive, inputs: tuple[Tensor, ...], options: Options) -> Tensor:
    """Compute, then tell whoever listens."""
    state, arrays = thread.state, [x.array for x in inputs]
    try:
        if state.trace is None:
            array = device.run(primitive.forward, device.module, *arrays, **options)
        else:  # while a function is traced, its trace says what the result is
            array = state.trace.computed(primitive, arrays, options, device)
    except ValueError as error:
        raise _misfit(primitive, inputs, error) from error
    result = Tensor(array, device)
    for listener in state.listeners:
        listener.hear(primitive, inputs, result, options)
    return result


def _misfit(primitive: Primitive, inputs: tuple[Tensor, ...], error: Exception) -> InvalidArgumentError:
    """What to raise where a forward rule refuses its inputs with an error."""
    if isinstance(error, InvalidArgumentError):
        return error
    shapes = " and ".join(str(x.shape) for x in inputs)
    # NumPy and CuPy say in other words what this says
    advice = "don't broadcast; make their last dimensions equal, or 1" if "broadcast" in str(error) else error
    return InvalidArgumentError(f"{primitive.name}: shapes {shapes} {advice}")


# -- devices, which a first reading may skip -----------------------------------------------------------------------


def _device_of_all(primitive: Primitive, inputs: tuple[Tensor, ...]) -> Device:
    """Where the inputs are, on the CPU if there are none."""
    device = inputs[0].home if inputs else CPU
    for x in inputs[1:]:
        if x.home is not device:
            way_out = f"inside `with tf.device('{device}'):` an operation brings its inputs to {device}"
            raise InvalidArgumentError(f"{primitive.name}: inputs are on {device} and {x.home}; {way_out}")
    return device


@primitive(x=lambda upstream, x_device: move(upstream, x_device))
def _move(xp: Any, x: Any, *, device: Device) -> Any:
    return device.place(x)


_move.like = lambda x, device: x


def move(x: Tensor, device: Device) -> Tensor:
    """The tensor on another device (itself, if it is there already); its gradient moves back."""
    return x if x.home is device else _call_on(device, _move, (x,), {"device": device})
