"""Several tensors made one; the gradient is cut up again. A primitive takes so and so many inputs, so there is one
for each number of them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from minidl.errors import InvalidArgumentError
from minidl.ops.calling import alike, call
from minidl.ops.shaping import axes_of, getitem
from minidl.primitive import GradientRule, Primitive
from minidl.tensor import Tensor, TensorLike

__all__ = ["concat", "stack"]


def _part(upstream: Tensor, axis: int, part: int | slice) -> Tensor:
    return getitem(upstream, (slice(None),) * axis + (part,))


@functools.cache
def _concat(count: int) -> Primitive:
    def rule(index: int) -> GradientRule:
        def keep(inputs: Sequence[Tensor], result: Tensor, options: dict[str, Any]) -> tuple[int, slice]:
            axis = options["axis"]
            ends = list(itertools.accumulate((x.shape[axis] for x in inputs), initial=0))
            return axis, slice(ends[index], ends[index + 1])

        return GradientRule(_part, keep)

    return Primitive(
        "concat", lambda xp, *arrays, axis: xp.concatenate(arrays, axis=axis), [rule(index) for index in range(count)]
    )


@functools.cache
def _stack(count: int) -> Primitive:
    def rule(index: int) -> GradientRule:
        return GradientRule(_part, lambda inputs, result, options: (options["axis"], index))

    return Primitive(
        "stack", lambda xp, *arrays, axis: xp.stack(arrays, axis=axis), [rule(index) for index in range(count)]
    )


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """The tensors put end to end along an axis.

    Arguments:
        values: tensors whose shapes are the same but along the axis, of one dtype.
        axis: along which.

    Raises InvalidArgumentError for shapes or dtypes that differ, and for no tensors.

    >>> tf.concat([[1, 2], [3]], axis=0).numpy()
    array([1, 2, 3], dtype=int32)
    """
    tensors = _inputs("concat", values)
    axes = axes_of(axis, tensors[0].ndim)
    if axes is None or len(axes) != 1:
        raise InvalidArgumentError(f"concat joins along one axis; {axis!r} was given")
    if len({(*x.shape[: axes[0]], *x.shape[axes[0] + 1 :], x.ndim) for x in tensors}) > 1:
        raise InvalidArgumentError(f"concat along axis {axes[0]}: other lengths of {_shapes(tensors)} differ")
    return call(_concat(len(tensors)), tensors, {"axis": axes[0]})


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The tensors put beside each other along a new axis.

    Arguments:
        values: tensors of one shape and dtype.
        axis: the place of the new axis.

    Raises InvalidArgumentError for shapes or dtypes that differ, and for no tensors.

    >>> tf.stack([[1, 2], [3, 4]], axis=1).numpy()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    tensors = _inputs("stack", values)
    axes = axes_of(axis, tensors[0].ndim + 1)
    if axes is None or len(axes) != 1:
        raise InvalidArgumentError(f"stack joins along one axis; {axis!r} was given")
    if len({x.shape for x in tensors}) > 1:
        raise InvalidArgumentError(f"stack: the shapes {_shapes(tensors)} differ")
    return call(_stack(len(tensors)), tensors, {"axis": axes[0]})


def _inputs(name: str, values: Any) -> tuple[Tensor, ...]:
    given = list(values)
    if not given:
        raise InvalidArgumentError(f"{name} needs at least one tensor; none was given")
    return alike(name, *given)


def _shapes(tensors: Sequence[TensorLike]) -> str:
    return ", ".join(str(x.shape) for x in tensors)
