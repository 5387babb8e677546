"""Zeros of both signs, infinities, NaN, the largest and smallest numbers: what TensorFlow makes of them, minidl does.

Left out is what the README's limits say: subnormal numbers, and the sign of the zero that the larger of -0 and 0 is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import minidl

UNARY = [
    "abs", "sign", "negative", "square", "round", "sqrt", "exp", "math.expm1", "math.log", "math.log1p", "sin",
    "cos", "tanh", "sigmoid", "math.softplus", "math.reciprocal", "math.rsqrt", "nn.relu", "nn.elu",
    "nn.leaky_relu", "nn.log_softmax", "math.is_finite", "math.is_nan", "reduce_max",
    "reduce_min", "reduce_sum", "reduce_mean", "reduce_prod", "argmax", "argmin"
]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "math.floordiv", "math.floormod", "pow", "maximum", "minimum",
    "math.squared_difference", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"
]  # fmt: skip
# Whose gradients are differences from 1.
NEAR_ONE = {"tanh", "sigmoid", "nn.log_softmax"}
# Where the sign of a zero is TensorFlow's by chance: it depends on where in memory the entry is, or on how many are.
EITHER = {"nn.relu", "maximum", "minimum", "math.rsqrt", "reduce_sum", "reduce_mean", "reduce_max", "reduce_min"}


def _numbers(dtype: Any) -> Any:
    looks = numpy.finfo(dtype)
    sizes = [0.0, numpy.inf, looks.max, looks.tiny, looks.eps, 1.0, 0.5, 2.0, 1.5, 2.5, 3.0, 100.0]
    return numpy.array([sign * size for size in sizes for sign in (1.0, -1.0)] + [numpy.nan], dtype)


def _figures(tf: Any, name: str, inputs: list[Any]) -> list[Any]:
    operation = functools.reduce(getattr, name.split("."), tf)
    tensors = [tf.constant(each) for each in inputs]
    with tf.GradientTape() as tape:
        for each in tensors:
            tape.watch(each)
        result = operation(*tensors)
    gradients = tape.gradient(result, tensors) if result.dtype == tensors[0].dtype else []
    return [result.numpy(), *(None if each is None else each.numpy() for each in gradients)]


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", UNARY + BINARY)
def test_extremes_are_tensorflows(name: str, dtype: str, tensorflow: Any) -> None:
    looks, numbers = numpy.finfo(dtype), _numbers(dtype)
    inputs = [numbers] if name in UNARY else [each.reshape(-1) for each in numpy.meshgrid(numbers, numbers)]
    if name in ("math.floordiv", "math.floormod"):  # whose quotient of these is subnormal
        with numpy.errstate(all="ignore"):
            quotient = numpy.abs(inputs[0] / inputs[1])
        inputs = [each[(quotient == 0) | ~(quotient < looks.tiny)] for each in inputs]
    least = looks.eps if name in NEAR_ONE else looks.eps**2
    for theirs, ours in zip(_figures(tensorflow, name, inputs), _figures(minidl, name, inputs), strict=True):
        if theirs is None or theirs.dtype.kind != "f":
            numpy.testing.assert_array_equal(ours, theirs)
            continue
        a, b = theirs.astype("float64"), ours.astype("float64")
        flushed = (a == 0) & (numpy.abs(b) <= looks.tiny)
        numpy.testing.assert_allclose(numpy.where(flushed, 0, b), a, rtol=30 * float(looks.eps), atol=float(least))
        if name not in EITHER:
            zeros = (a == 0) & (b == 0)
            numpy.testing.assert_array_equal(numpy.signbit(ours[zeros]), numpy.signbit(theirs[zeros]))


@pytest.mark.tf
def test_the_sign_of_the_larger_of_two_zeros_is_tensorflows_by_chance(tensorflow: Any) -> None:
    zeros = numpy.full(9, -0.0, "float32")
    functions: list[Callable[[Any], Any]] = [
        lambda tf: tf.nn.relu(zeros), lambda tf: tf.maximum(zeros, numpy.zeros(9, "float32"))
    ]  # fmt: skip
    for function in functions:
        assert set(numpy.signbit(function(tensorflow).numpy())) == {False, True}
        assert set(numpy.signbit(function(minidl).numpy())) == {False}
