"""Differentiation checked against differences, under TensorFlow's name: `test.compute_gradient`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minidl.errors import brief
from minidl.gradient_tape import GradientTape
from minidl.ops.creation import constant, convert_to_tensor


def compute_gradient(f: Callable[..., Any], x: Sequence[Any], delta: float = 1.0 / 1024) -> tuple[Any, Any]:
    """The Jacobians of a function twice: from its gradient rules, and from central differences.

    Arguments:
        f: takes the tensors of x and gives one tensor.
        x: a list of tensors or arrays of floats.
        delta: half the step of the differences, (f(x + delta) - f(x - delta)) / (2 delta).

    Returns `(theoretical, numerical)`, each with a matrix for every x: a row for each entry of the result, a column
    for each entry of x. Raises ValueError where x is no list.

    >>> theoretical, numerical = tf.test.compute_gradient(lambda x: x * x, [tf.constant([1.0, 2.0])])
    >>> theoretical[0], numerical[0]
    (array([[2., 0.],
           [0., 4.]], dtype=float32), array([[2., 0.],
           [0., 4.]], dtype=float32))
    """
    if not isinstance(x, (list, tuple)):
        raise ValueError(f"compute_gradient takes a list of tensors; {brief(x)} was given")
    inputs = [convert_to_tensor(each) for each in x]
    with GradientTape() as tape:
        tape.watch(inputs)
        result = f(*inputs)
    jacobians = tape.jacobian(result, inputs, unconnected_gradients="zero")
    size = result.array.size
    theoretical = tuple(each.numpy().reshape(size, x.array.size) for each, x in zip(jacobians, inputs, strict=True))
    return theoretical, tuple(_differences(f, inputs, which, delta, size) for which in range(len(inputs)))


def _differences(f: Callable[..., Any], inputs: Sequence[Any], which: int, delta: float, size: int) -> numpy.ndarray:
    x = inputs[which].numpy()

    def moved(step: Any) -> Any:
        return f(*inputs[:which], constant(x + step), *inputs[which + 1 :]).numpy()

    steps = delta * numpy.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)  # each moves one entry
    columns = [(moved(step) - moved(-step)) / (2 * delta) for step in steps]
    return numpy.reshape(columns, (x.size, size)).T.astype(x.dtype)
