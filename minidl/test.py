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
    pairs = zip(jacobians, inputs, strict=True)
    theoretical = tuple(jacobian.numpy().reshape(result.array.size, each.array.size) for jacobian, each in pairs)
    return theoretical, tuple(_differences(f, inputs, index, delta) for index in range(len(inputs)))


def _differences(f: Callable[..., Any], inputs: Sequence[Any], which: int, delta: float) -> numpy.ndarray:
    values = inputs[which].numpy()
    columns = numpy.zeros((values.size, f(*inputs).numpy().size), values.dtype)
    for column, index in zip(columns, numpy.ndindex(values.shape), strict=True):
        for step in (delta, -delta):
            moved = numpy.array(values)
            moved[index] += step
            column += f(*inputs[:which], constant(moved), *inputs[which + 1 :]).numpy().reshape(-1) / (2 * step)
    return columns.T
