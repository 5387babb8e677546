"""Every case of the table, on every device: against TensorFlow, recorded and itself, and against differences."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import numpy
import pytest

import minidl
from minidl import ops
from minidl.context import thread
from minidl.nest import flatten
from minidl.primitive import Listener, Primitive
from minidl.tensor import Tensor
from tests.mutations import primitives_called
from tfref.cases import CASES
from tfref.cases.making import numbers
from tfref.judging import judge
from tfref.references import Recorded
from tfref.running import Case, figures

DIFFERENTIATED = [case for case in CASES if case.order and not case.edge]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_minidl_gives_what_tensorflow_gave(case: Case, device: str, recorded: Recorded) -> None:
    reference = recorded.case(case)
    faults = [str(each) for each in judge(figures(minidl, case), reference.figures, reference.truth) if each.fault]
    assert not faults


# Their programs make tensors of numbers alone, which are on the CPU where no scope says otherwise.
MADE = {"constant", "eye", "keras.layers.Dense", "range", "shape, rank, size", "zeros and ones"}
MADE |= {"gather/none", "linspace/numbers", "linspace/whole numbers", "slices/a mask of rows"}
GIVEN = [case for case in CASES if not {case.op, case.name} & MADE]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("case", GIVEN, ids=lambda case: case.name)
def test_without_a_scope_a_case_runs_where_its_inputs_are(case: Case) -> None:
    """What an operation makes itself, such as the numbers that it counts with, it makes there too."""
    with minidl.device("/gpu:1"):
        inputs = [minidl.constant(each) if isinstance(each, numpy.ndarray) else each for each in case.inputs]
    floats = [each for each in inputs if isinstance(each, Tensor) and each.dtype.kind == "f"]
    with minidl.GradientTape() as tape:
        tape.watch(floats)
        results = flatten(case.program(minidl, *inputs))
    gradients = tape.gradient([each for each in results if each.dtype.kind == "f"], floats) if case.order else []
    if any(isinstance(each, Tensor) for each in inputs):
        assert {each.device[-5:] for each in [*results, *gradients] if isinstance(each, Tensor)} <= {"GPU:1"}


@pytest.mark.tf
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tensorflow_still_gives_what_is_recorded(case: Case, tensorflow: Any, recorded: Recorded) -> None:
    reference = recorded.case(case)
    faults = [str(each) for each in judge(figures(tensorflow, case), reference.figures, reference.truth) if each.fault]
    assert not faults


@pytest.mark.parametrize("case", DIFFERENTIATED, ids=lambda case: case.name)
def test_gradients_are_those_of_differences(case: Case) -> None:
    """Independently of TensorFlow: (f(x + h) - f(x - h)) / 2h in float64, along one direction for each input."""
    wide = case.in_float64()
    if case.op == "stop_gradient" or "cast" in case.op or case.eager_only:
        pytest.skip("its gradient is not meant to be its derivative, or it draws or trains inside")
    if not all(value.size for value in _floats(wide)):
        pytest.skip("there are no entries to move")
    found = figures(minidl, wide)
    for index, value in enumerate(_floats(wide)):
        gradient = found.get(f"gradient {index}")
        direction = numbers(value.shape, -1.0, 1.0, "float64", start=3)
        ends = [_total(wide, index, value + step * direction) for step in (1e-6, -1e-6)]
        difference = (ends[0] - ends[1]) / 2e-6
        expected = 0.0 if gradient is None else float((gradient * direction).sum())
        assert difference == pytest.approx(expected, rel=1e-5, abs=1e-6)


def _floats(case: Case) -> list[numpy.ndarray]:
    return [value for value in case.inputs if isinstance(value, numpy.ndarray) and value.dtype.kind == "f"]


def _total(case: Case, which: int, moved: numpy.ndarray) -> float:
    """The sum of all results with an input moved, weighted as `figures` weights the upstream gradients."""
    floats = -1
    inputs = []
    for value in case.inputs:
        if isinstance(value, numpy.ndarray):
            floats += value.dtype.kind == "f"
            inputs.append(minidl.constant(moved if value.dtype.kind == "f" and floats == which else value))
        else:
            inputs.append(value)
    results = case.program(minidl, *inputs)
    total = 0.0
    for result in results if isinstance(results, list) else [results]:
        if result.dtype.kind == "f":
            steps = numpy.arange(result.numpy().size)
            total += float((result.numpy().reshape(-1) * (0.5 + steps * 7 % 11 / 8)).sum())
    return total


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_every_primitive_has_cases() -> None:
    """All primitives of the engine are called by some case, each rule of theirs by some gradient."""
    called = {primitive.name for primitive in primitives_called()}
    defined = set()
    for found in pkgutil.iter_modules(ops.__path__, "minidl.ops."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            primitive = value if isinstance(value, Primitive) else getattr(value, "primitive", None)
            if isinstance(primitive, Primitive):
                defined.add(primitive.name)
    assert defined == called & defined


def test_every_public_operation_has_cases() -> None:
    tested = {case.op.split(".")[-1] for case in CASES}
    elsewhere = {
        "device", "custom_gradient", "GradientTape", "UnconnectedGradients", "Variable", "Tensor", "as_dtype",
        "Picture", "function", "Module", "TensorShape", "TensorSpec", "print", "constant_initializer",
        "ones_initializer", "random_normal_initializer", "random_uniform_initializer", "zeros_initializer",
        "is_tensor", "convert_to_tensor", "zeros", "ones", "zeros_like", "ones_like", "fill",
        "shape", "rank", "size",
    }  # fmt: skip  # cases of "identity", "zeros and ones" and "shape, rank, size", or tests of their own
    names = {name for name in dir(minidl) if callable(getattr(minidl, name)) and not name.startswith("_")}
    assert names - tested - elsewhere == set()


def test_a_second_derivative_is_a_derivative_of_the_first() -> None:
    x = minidl.constant(numpy.array([0.3, -0.7, 1.9]))

    def first(x: Any) -> Any:
        with minidl.GradientTape() as tape:
            tape.watch(x)
            y = minidl.reduce_sum(minidl.tanh(x) * minidl.exp(x) / (x * x + 1.0))
        return tape.gradient(y, x)

    theoretical, numerical = minidl.test.compute_gradient(first, [x], delta=1e-6)
    numpy.testing.assert_allclose(theoretical[0], numerical[0], atol=1e-8)


class Refuses(Listener):
    """Raises at the first call."""

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        raise RuntimeError(primitive.name)


def test_what_a_listener_raises_reaches_the_caller() -> None:
    listener = Refuses()
    thread.state.enter(listener)
    try:
        with pytest.raises(RuntimeError, match="add"):
            minidl.constant(1.0) + 1.0
    finally:
        thread.state.leave(listener)


IN_BOTH = [name for name in minidl.math.__all__ if hasattr(minidl, name)]


@pytest.mark.parametrize("name", IN_BOTH)
def test_math_has_the_same_functions(name: str) -> None:
    assert getattr(minidl.math, name) is getattr(minidl, name)
