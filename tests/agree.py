"""Runs one program on both engines, or eagerly and compiled, and compares what it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

import minidl
from minidl.functions import Function
from minidl.nest import flatten
from minidl.tracing.passes import PASSES

Compiler = Callable[[Callable[..., Any]], Any]


def arrays(results: Any) -> list[Any]:
    """The results of a program as arrays, and what is no tensor as it is."""
    return [
        numpy.array(value)
        if hasattr(value, "dtype")
        else numpy.array(value, "float32")
        if type(value) is float
        else value
        for value in flatten(results)
    ]


def assert_agree(program: Callable[[Any], Any], tensorflow: Any, units: float = 4.0) -> None:
    """The program gives the same on minidl and on TensorFlow: forms, dtypes, shapes, and numbers within rounding."""
    ours, theirs = program(minidl), program(tensorflow)
    assert _form(ours) == _form(theirs)
    for mine, other in zip(arrays(ours), arrays(theirs), strict=True):
        if not isinstance(other, numpy.ndarray):
            assert mine == other
            continue
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        if other.dtype.kind == "f":
            largest = numpy.abs(other[numpy.isfinite(other)]).max(initial=0.0)
            tolerance = units * float(numpy.spacing(other.dtype.type(largest)))
            numpy.testing.assert_allclose(mine, other, rtol=0, atol=tolerance)
        else:
            numpy.testing.assert_array_equal(mine, other)


def _form(nest: Any) -> Any:
    if isinstance(nest, dict):
        return {key: _form(value) for key, value in nest.items()}
    if isinstance(nest, (list, tuple)):
        return type(nest).__name__, [_form(value) for value in nest]
    return None if nest is None else "value"


def compiler(level: str) -> Compiler:
    """What compiles functions to programs of a level: after the pass of this name, or 'plain'."""
    names = ["plain", *PASSES]
    passes = {name: PASSES[name] for name in names[1 : names.index(level) + 1]}
    return lambda function: Function(function, passes)


def bits(value: Any) -> Any:
    """A value so that equal bits are equal, and any NaN is another's equal."""
    if value is None or isinstance(value, (str, bytes)):
        return value
    if isinstance(value, (bool, int, float)):  # which a compiled function makes a tensor
        value = minidl.constant(value)
    array = numpy.array(value.numpy() if isinstance(value, (minidl.Tensor, minidl.Variable)) else value)
    if array.dtype.kind == "f":
        array = numpy.where(numpy.isnan(array), array.dtype.type(numpy.nan), array)
    return array.dtype.str, array.shape, array.tobytes()


def assert_same_bits(program: Callable[[Compiler], Any], compiled: Compiler = minidl.function) -> None:
    """A program gives the same with its functions compiled as with them as they are."""
    minidl.random.set_seed(1)
    expected = list(map(bits, flatten(program(lambda f: f))))
    minidl.random.set_seed(1)
    assert list(map(bits, flatten(program(compiled)))) == expected
