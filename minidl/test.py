"""Differentiation checked against differences, under TensorFlow's name: `test.compute_gradient`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minidl.gradient_tape import GradientTape
from minidl.ops.creation import constant, convert_to_tensor


def compute_gradient(
    f: Callable[..., Any], x: Sequence[Any], delta: float | None = None
) -> tuple[tuple[numpy.ndarray, ...], tuple[numpy.ndarray, ...]]:
    """The Jacobians of a function twice: from its gradient rules, and from central differences.

    Arguments:
        f: takes the tensors of x and gives one tensor.
        x: a list of tensors or arrays of floats.
        delta: half the step of the differences, (f(x + delta) - f(x - delta)) / (2 delta); by default 1/1024.

    Returns `(theoretical, numerical)`, each with a matrix for every x: a row for each entry of the result, a column
    for each entry of x. Raises ValueError where x is no list.

    >>> theoretical, numerical = tf.test.compute_gradient(lambda x: x * x, [tf.constant([1.0, 2.0])])
    >>> theoretical[0], numerical[0]
    (array([[2., 0.],
           [0., 4.]], dtype=float32), array([[2., 0.],
           [0., 4.]], dtype=float32))
    """
    if not isinstance(x, (list, tuple)):
        raise ValueError(f"compute_gradient takes a list of tensors; {x!r} was given")
    delta = 1.0 / 1024 if delta is None else delta
    inputs = [convert_to_tensor(each) for each in x]
    with GradientTape() as tape:
        tape.watch(inputs)
        result = f(*inputs)
    jacobians = tape.jacobian(result, inputs, unconnected_gradients="zero")
    theoretical = [
        jacobian.numpy().reshape(result.array.size, each.array.size)
        for jacobian, each in zip(jacobians, inputs, strict=True)
    ]
    numerical = [_differences(f, inputs, index, delta) for index in range(len(inputs))]
    return tuple(theoretical), tuple(numerical)


def _differences(f: Callable[..., Any], inputs: Sequence[Any], which: int, delta: float) -> numpy.ndarray:
    values = inputs[which].numpy()
    columns = []
    for index in numpy.ndindex(values.shape):
        ends = []
        for step in (delta, -delta):
            moved = numpy.array(values)
            moved[index] += step
            ends.append(f(*inputs[:which], constant(moved), *inputs[which + 1 :]).numpy().reshape(-1))
        columns.append((ends[0] - ends[1]) / (2 * delta))
    rows = f(*inputs).numpy().size
    return numpy.stack(columns, axis=1).astype(values.dtype) if columns else numpy.zeros((rows, 0), values.dtype)
