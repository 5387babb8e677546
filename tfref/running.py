"""Runs one program on one engine and gives its figures: results, gradients and, if asked, second gradients."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy

Program = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """A program with its inputs.

    Attributes:
        op: the operation that it is about.
        label: what is special about this case.
        program: `program(tf, *inputs)` gives a tensor or a list of tensors.
        inputs: arrays, which become tensors (those of floats are differentiated), and whatever else the program takes.
        order: how often it is differentiated: 0, 1 or 2 times.
        edge: whether it is about kinks, ties, tails or non-finite numbers, where it must do as TensorFlow does.
        eager_only: whether TensorFlow's functions refuse it, as they do when variables are made at each run.
    """

    op: str
    label: str
    program: Program
    inputs: tuple[Any, ...]
    order: int = 1
    edge: bool = False
    eager_only: bool = False

    @property
    def name(self) -> str:
        return f"{self.op}/{self.label}"

    def as_function(self, **options: Any) -> Case:
        """The same case with its program behind `tf.function`, whose options these are."""

        def program(tf: Any, *inputs: Any) -> Any:
            return tf.function(functools.partial(self.program, tf), **options)(*inputs)

        return dataclasses.replace(self, program=program)

    def in_float64(self) -> Case:
        """The same case with its arrays of floats in float64: what gives the truth for the others."""
        return dataclasses.replace(self, inputs=tuple(_widened(value) for value in self.inputs))


def _widened(value: Any) -> Any:
    if isinstance(value, list):
        return [_widened(each) for each in value]
    if isinstance(value, float):
        return numpy.float64(numpy.float32(value))  # a Python number, too, would be rounded to float32
    return value.astype(numpy.float64) if _is_floats(value) else value


def _is_floats(value: Any) -> bool:
    return isinstance(value, numpy.ndarray) and value.dtype.kind == "f"


# How TensorFlow can run a program: the options of `tf.function` and of `Model.compile`.
MODES: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "eager": (None, {"run_eagerly": True}),
    "graph": ({}, {"jit_compile": False}),
    "XLA": ({"jit_compile": True}, {"jit_compile": True}),
}


def start_tensorflow() -> Any:
    """TensorFlow, set to give the same bits at each run: deterministic, and without the shorter products of TF32."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        tensorflow = importlib.import_module("tensorflow")
    except ImportError as error:
        raise ImportError("TensorFlow is not installed. Install it with: pip install tensorflow") from error
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    return tensorflow


def figures(tf: Any, case: Case) -> dict[str, numpy.ndarray]:
    """What an engine gives for a case, by name: `result 0`, `gradient 0`, `second gradient 0` and so on.

    The upstream gradients are uneven numbers, the same for every engine, so that no two entries can be mixed up.
    A gradient that is None has no entry.
    """
    tensors = [tf.constant(value) if isinstance(value, numpy.ndarray) else value for value in case.inputs]
    watched = [tensor for tensor, value in zip(tensors, case.inputs, strict=True) if case.order and _is_floats(value)]
    found: dict[str, Any] = {}
    with tf.GradientTape() as outer:
        outer.watch(watched)
        with tf.GradientTape() as tape:
            tape.watch(watched)
            results = _listed(case.program(tf, *tensors))
        found |= {f"result {index}": result for index, result in enumerate(results)}
        gradients: list[Any] = []
        differentiable = [result for result in results if "float" in str(result.dtype)]
        if watched and differentiable:
            upstream = [_uneven(result) for result in differentiable]
            gradients = tape.gradient(differentiable, watched, output_gradients=upstream)
            # TensorFlow gives the gradient of gather in a sparse form
            gradients = [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]
            found |= _named("gradient", gradients)
    if case.order > 1:
        connected = [gradient for gradient in gradients if gradient is not None]
        upstream = [_uneven(gradient) for gradient in connected]
        found |= _named("second gradient", outer.gradient(connected, watched, output_gradients=upstream))
    return {name: numpy.array(tensor) for name, tensor in found.items()}


def _listed(results: Any) -> list[Any]:
    listed = list(results) if isinstance(results, (list, tuple)) else [results]
    for result in listed:
        if not hasattr(result, "dtype"):
            raise TypeError(f"A program to compare gives a tensor or a list of tensors; it gave {results!r}")
    return listed


def _named(kind: str, gradients: Sequence[Any]) -> dict[str, Any]:
    return {f"{kind} {index}": gradient for index, gradient in enumerate(gradients) if gradient is not None}


def _uneven(result: Any) -> numpy.ndarray:
    shape = tuple(result.shape)
    numbers = numpy.arange(int(numpy.prod(shape)))
    return (0.5 + numbers * 7 % 11 / 8).reshape(shape).astype(numpy.array(result).dtype)
