"""Tape: listens to calls, and walks them backwards. This is the chain rule, for programs of any length.

What a tape keeps is a list of *edges*, in the order of the calls: "this result was computed from this input, and here
is the rule that makes of the result's gradient a part of the input's". To differentiate is to walk that list from its
end, the *sweep*: by the time an edge is reached, every edge whose input is its result has been passed, so that result's
gradient is complete. Nothing recurses.

`GradientTape`, which users have, is this tape with TensorFlow's manners (`gradient_tape.py`): it enters the tape among
a thread's listeners, sets the first gradient to 1, and calls `sweep`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from minidl.context import thread
from minidl.primitive import Listener, Options, Primitive, primitive
from minidl.sums import summed, summed_rows
from minidl.tensor import Tensor, Variable
from minidl.values import FLOATS


class Edge(NamedTuple):
    """A result was computed from an input.

    Attributes:
        result, input: the two tensors, by their serial numbers.
        rule: the function of the gradient rule.
        kept: what the rule keeps of the call.
        shape: that of the input, which its gradient will have.

    A tape keeps many, and each as the plain tuple of these, which is made in half the time.
    """

    result: int
    input: int
    rule: Callable[..., Any]
    kept: tuple[Any, ...]
    shape: tuple[int, ...]


Fields = tuple[int, int, Callable[..., Any], tuple[Any, ...], tuple[int, ...]]  # of an edge


class Tape(Listener):
    """Keeps an edge of each call whose input it watches, and sweeps them.

    Attributes:
        edges: in the order of the calls.
        watched: the serial numbers of the tensors whose calls it keeps: those that `watch` was told, and whatever
            is computed from them.
        roots: those among them that were watched, and not computed.

    >>> from minidl.context import thread
    >>> from minidl.tape import Tape
    >>> x, tape = tf.Variable(3.0), Tape()
    >>> thread.state.enter(tape)
    >>> z = x * x
    >>> thread.state.leave(tape)
    >>> gradients = {z.serial: tf.constant(1.0)}
    >>> tape.sweep(tape.edges, gradients, {x.tensor.serial})
    >>> float(gradients[x.tensor.serial])
    6.0
    """

    def __init__(self) -> None:
        self.edges: list[Fields] = []
        self.watched: set[int] = set()
        self.roots: set[int] = set()

    def watch(self, tensor: Tensor) -> None:
        """Keep what is computed from a tensor from now on. (Integers and bools have no gradient.)"""
        if tensor.array.dtype in FLOATS:
            self.watched.add(tensor.serial)
            self.roots.add(tensor.serial)

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        if variable.trainable:
            self.watch(value)

    def hear(self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Options) -> None:
        watched = self.watched
        for index, rule in primitive.differentiable:
            x = inputs[index]
            if x.serial in watched:
                watched.add(result.serial)
                kept = rule.keep(inputs, result, options) if rule.keep else ()
                self.edges.append((result.serial, x.serial, rule.function, kept, x.array.shape))

    def sweep(self, edges: list[Fields], gradients: dict[int, Tensor], wanted: set[int]) -> None:
        """Walk edges from the last to the first, and add up the gradients of the tensors wanted.

        Arguments:
            edges: are taken off this list, so that memory falls on the way.
            gradients: those of the targets, by serial number; those of the tensors wanted are put there too.
            wanted: the serial numbers of the tensors whose gradients somebody wants.
        """
        needed = None if wanted >= self.roots else _on_the_way(edges, wanted)
        listeners = thread.state.listeners
        for listener in listeners:
            listener.hear_sweep(gradients)
        passed = None
        while edges:
            edge = result, source, rule, kept, shape = edges.pop()
            if result != passed:  # a result's edges lie side by side: upstream serves them all, so forget it
                passed = result
                upstream = gradients.get(passed) if passed in wanted else gradients.pop(passed, None)
            if upstream is None or (needed is not None and source not in needed):
                continue
            gradient = rule(upstream, *kept)
            if gradient is not None:
                part = gradient if gradient.array.shape == shape else unbroadcast(gradient, shape)
                earlier = gradients.get(source)
                gradients[source] = total = part if earlier is None else earlier + part
                for listener in listeners:
                    listener.hear_rule(Edge(*edge), gradient, total)


def _on_the_way(edges: Sequence[Fields], wanted: set[int]) -> set[int]:
    """The tensors computed from those wanted, with these: only their gradients lead there."""
    needed = set(wanted)
    for result, source, *_ in edges:
        if source in needed:
            needed.add(result)
    return needed


# -- broadcasting undone -----------------------------------------------------------------------------------------


def unbroadcast(gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A gradient in the shape of the tensor that it belongs to.

    Where the tensor was broadcast, the gradient is larger, and is summed over the axes in question, since each copy
    of an entry has its part in the result; where a rule gave the same gradient for many entries, it is smaller, and is
    repeated. This is the one place that does so, for all rules.
    """
    axes, sum_shape = _axes_to_sum(gradient.array.shape, shape)
    if axes:
        gradient = sum_over(gradient, axes=axes, shape=sum_shape)
    return gradient if sum_shape == shape else broadcast_to(gradient, shape=shape)


@functools.lru_cache(4096)
def _axes_to_sum(found: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of a gradient of shape `found` to sum over for a tensor of another shape, and the shape of the sum."""
    extra = max(len(found) - len(shape), 0)  # axes in front, which the tensor doesn't have
    wanted = shape[len(shape) + extra - len(found) :]  # the lengths of those of its axes that the gradient has
    sum_shape = tuple(1 if length == 1 else found[axis] for axis, length in enumerate(wanted, extra))
    return (*range(extra), *(axis for axis, length in enumerate(sum_shape, extra) if length != found[axis])), sum_shape


# Each of the two is the other's gradient, and neither rule says so: it passes the upstream gradient on, which has
# another shape than its input, and the sweep does the rest.


@primitive(x=lambda upstream: upstream)
def sum_over(xp: Any, x: Any, *, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Summed over axes, in a shape that lacks them, or has 1 in their places."""
    is_of_rows = axes == (0,) and x.ndim == 2 and x.dtype.char in "fd"
    total = summed_rows(xp, x) if is_of_rows else summed(xp, x, axes)
    return total if total.shape == shape else total.reshape(shape)


@primitive(x=lambda upstream: upstream)
def broadcast_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """Repeated along the axes that it lacks, or has only 1 of."""
    entries = xp.empty(shape, x.dtype)
    entries[...] = x
    return entries
