"""What an operation is: a forward rule, a gradient rule for each input, and whoever listens.

A *primitive* is an operation that the engine doesn't look inside, such as a product or a sine. Its *forward rule*
computes on arrays. Its *gradient rules*, one for each input, compute on tensors: given the *upstream gradient*, the
derivative of some final number with respect to the result, a rule gives the derivative of that number with respect
to its input. That is the chain rule, one step of it; for z = x * y and a final number L,

    dL/dx = dL/dz * dz/dx = upstream * y        dL/dy = upstream * x

and it is written just so:

    @operation(NUMBERS, x=lambda upstream, y: upstream * y, y=lambda upstream, x: upstream * x)
    def multiply(xp, x, y):
        return xp.multiply(x, y)

Each call of a primitive computes its value and then tells whoever is listening. That is the whole mechanism: what
differentiates (a tape) is a listener, and the primitives know nothing of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl.tensor import Tensor, TensorLike, Variable

# What a gradient rule can ask of an input by a suffix to its name, and where it is found.
_PARTS = {"shape": "array.shape", "dtype": "array.dtype", "device": "_device"}

NO_OPTIONS: Mapping[str, Any] = {}


class Listener:
    """Somebody who is told what happens in a thread, once put on its stack with `thread.here.enter(listener)`."""

    __slots__ = ()

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        """A primitive was called."""

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        """An operation took the value of a variable."""

    def hear_failure(self) -> None:
        """A primitive refuses its inputs: an error is about to be raised."""

    def hear_creation(self, variable: Variable, source: Any) -> None:
        """A variable was made with the value of the source."""

    def hear_assignment(self, variable: Variable, value: Tensor, source: Tensor) -> None:
        """A variable was given a new value: that of the source, as a tensor of its own."""

    def hear_look(self, tensor: TensorLike) -> None:
        """Python looked at the numbers in a tensor or variable."""

    def hides(self, tensor: TensorLike) -> bool:
        """Whether the numbers in a tensor or variable aren't to be shown, since they mean nothing."""
        return False

    def hear_custom(self) -> None:
        """A function with a gradient of its own is called; a tape won't hear what it calls, but that."""

    def hear_seed(self) -> None:
        """Random draws were seeded."""

    def hear_sweep(self, gradients: Mapping[int, Tensor]) -> None:
        """A sweep begins, with the gradients of its targets, which are known by their serial numbers."""

    def hear_rule(
        self, function: Callable[..., Any], result: int, x: int, gradient: Tensor, shape: tuple[int, ...]
    ) -> None:
        """A sweep applied the rule of a call, from the gradient of its result to that of its input x, which now is
        this. (Where x went into several calls, there is more to come.) Both are known by their serial numbers. What
        the rule gave had this shape, and was summed or repeated where x has another."""


class GradientRule:
    """The derivative of a primitive with respect to one of its inputs.

    Attributes:
        function: gives the gradient from the upstream gradient and, behind it, what the rule keeps of the call.
            The gradient may be larger than the input, or smaller, where one broadcasts to the other: a sweep sums
            or repeats it (`fit`), so that no rule needs to undo broadcasting.
        keep: picks what the rule keeps out of a call's inputs, result and options.
    """

    __slots__ = ("function", "keep")

    def __init__(self, function: Callable[..., Any], keep: Callable[..., tuple[Any, ...]]) -> None:
        self.function = function
        self.keep = keep

    @classmethod
    def by_names(cls, function: Callable[..., Any], inputs: Sequence[str], options: Sequence[str]) -> GradientRule:
        """A rule that says what it keeps by the names of its parameters.

        After the upstream gradient these are names of inputs, `result`, names of options, or `x_shape`, `x_dtype`
        and `x_device` of an input `x`: whatever isn't named isn't kept, and its memory is free.
        """
        known = {"result": "result"}
        known |= {name: f"options[{name!r}]" for name in options}
        for index, name in enumerate(inputs):
            known[name] = f"inputs[{index}]"
            known |= {f"{name}_{part}": f"inputs[{index}].{where}" for part, where in _PARTS.items()}
        names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        if unknown := [name for name in names if name not in known]:
            raise TypeError(f"A gradient rule asks for {unknown}; it can have {sorted(known)}")
        kept = "".join(known[name] + ", " for name in names)
        # Written out, since a tape picks at each call: a walk over the names would take several times as long.
        return cls(function, eval(f"lambda inputs, result, options: ({kept})"))


class Primitive:
    """An operation with its forward rule and its gradient rules.

    Attributes:
        name: what it is called.
        forward: `forward(xp, *arrays, **options)` gives the result's array; `xp` is the array module.
        rules: for each input its GradientRule, or None where there is no derivative.
        differentiable: the same rules for who goes through them at each call: the index of the input, the rule's
            function, and what picks what it keeps.
        kernels: the forward rule as a function of arrays alone, for each array module.
    """

    __slots__ = ("differentiable", "forward", "kernels", "name", "rules")

    def __init__(self, name: str, forward: Callable[..., Any], rules: Sequence[GradientRule | None]) -> None:
        self.name = name
        self.forward = forward
        self.rules = tuple(rules)
        self.differentiable = tuple(
            (index, rule.function, rule.keep) for index, rule in enumerate(self.rules) if rule is not None
        )
        self.kernels = Kernels(forward)

    @classmethod
    def by_names(cls, forward: Callable[..., Any], gradients: Mapping[str, Callable[..., Any]]) -> Primitive:
        """A primitive from its forward rule and the gradient rules by the names of their inputs."""
        code = forward.__code__
        inputs = code.co_varnames[1 : code.co_argcount]
        options = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        if unknown := set(gradients) - set(inputs):
            raise TypeError(f"{forward.__name__} has gradient rules for {sorted(unknown)}; its inputs are {inputs}")
        rules = [
            GradientRule.by_names(gradients[name], inputs, options) if name in gradients else None for name in inputs
        ]
        return cls(forward.__name__.strip("_"), forward, rules)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class Kernels(dict[Any, Callable[..., Any]]):
    """For each array module, a forward rule as a function of that module's arrays.

    Where the rule is nothing but one call of the module (`xp.multiply(x, y)`), that function itself, which saves a
    call of Python at each operation.
    """

    def __init__(self, forward: Callable[..., Any]) -> None:
        super().__init__()
        self._forward = forward

    def __missing__(self, module: Any) -> Callable[..., Any]:
        kernel = self._single_call(module) or functools.partial(self._forward, module)
        self[module] = kernel
        return kernel

    def _single_call(self, module: Any) -> Callable[..., Any] | None:
        arrays = tuple(object() for _ in range(self._forward.__code__.co_argcount - 1))
        try:
            called, given = self._forward(_Names(), *arrays)
            is_that_call = given == arrays
        except Exception:  # it has options, or does more than to call the module
            return None
        function: Callable[..., Any] = getattr(module, called)
        return function if is_that_call else None


class _Names:
    """Stands in for an array module: any function of it gives its own name and arguments."""

    def __getattr__(self, name: str) -> Callable[..., tuple[str, tuple[Any, ...]]]:
        return lambda *arguments: (name, arguments)


def primitive(**gradients: Callable[..., Any]) -> Callable[[Callable[..., Any]], Primitive]:
    """Make a forward rule a primitive; the keywords are the gradient rules, by the names of their inputs.

    >>> from minidl.primitive import primitive
    >>> @primitive(x=lambda upstream, x: upstream * 3.0 * x * x)
    ... def cube(xp, x):
    ...     return x * x * x
    >>> cube
    <primitive cube>
    """
    return lambda forward: Primitive.by_names(forward, gradients)
