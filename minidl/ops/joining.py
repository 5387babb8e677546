"""Several tensors made one; the gradient is cut up again."""

from typing import Any

from minidl.errors import InvalidArgumentError
from minidl.ops.creation import identity
from minidl.ops.inputs import alike, axis_of
from minidl.ops.parts import concat_of, stack_of
from minidl.ops.shortcut import call
from minidl.tensor import Tensor

__all__ = ["concat", "stack"]


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """The tensors put end to end along an axis.

    Arguments:
        values: tensors whose shapes are the same but along the axis, of one dtype.
        axis: along which.

    Raises InvalidArgumentError for shapes or dtypes that differ, and for no tensors.

    >>> tf.concat([[1, 2], [3]], axis=0).numpy()
    array([1, 2, 3], dtype=int32)
    """
    tensors = alike("concat", *(values if isinstance(values, (list, tuple)) else [values]))
    if len(tensors) == 1:
        return identity(tensors[0])
    along = axis_of("concat", axis, tensors[0].ndim)
    if len({(*x.shape[:along], *x.shape[along + 1 :], x.ndim) for x in tensors}) > 1:
        raise InvalidArgumentError(f"concat along axis {along}: other lengths of {[x.shape for x in tensors]} differ")
    return call(concat_of(len(tensors)), tensors, {"axis": along})


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
    tensors = alike("stack", *values)
    if len({x.shape for x in tensors}) > 1:
        raise InvalidArgumentError(f"stack: the shapes {[x.shape for x in tensors]} differ")
    return call(stack_of(len(tensors)), tensors, {"axis": axis_of("stack", axis, tensors[0].ndim + 1)})
