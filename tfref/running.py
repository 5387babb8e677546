"""Runs one program on one engine and gives its figures: results, gradients, second gradients, an optimizer's steps."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy

from minidl.okja.reference import start_tensorflow
from tfref.variables import First, Variables

Program = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """A program with its inputs.

    Attributes:
        op: the operation that it is about.
        label: what is special about this case.
        program: `program(tf, *inputs)` gives a tensor, or a nest of tensors, arrays and floats.
        inputs: arrays, which become tensors (those of floats are differentiated), and whatever else the program takes.
        order: how often it is differentiated: 0, 1 or 2 times.
        edge: whether it is about kinks, ties, tails or non-finite numbers, where it must do as TensorFlow does.
        eager_only: whether TensorFlow's functions refuse it, as they do when variables are made at each run.
        has_variables: whether it is differentiated by the variables, too, that it makes.
        steps: how many steps an optimizer takes with these variables, down the sum of the results.
        optimizer: `optimizer(tf)` gives that optimizer.
        function: the options of the `tf.function` that its program stands behind; None where it runs as it is.
    """

    op: str
    label: str
    program: Program
    inputs: tuple[Any, ...]
    order: int = 1
    edge: bool = False
    eager_only: bool = False
    has_variables: bool = False
    steps: int = 0
    optimizer: Callable[[Any], Any] | None = None
    function: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        return f"{self.op}/{self.label}"

    def as_function(self, **options: Any) -> Case:
        """The same case with its program behind `tf.function`, whose options these are."""
        return dataclasses.replace(self, function=options)

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


SEED = 1


def deterministic_tensorflow() -> Any:
    """TensorFlow, set to give the same bits at each run."""
    tensorflow = start_tensorflow()
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.random.set_seed(SEED)  # without a seed, draws are refused from then on
    return tensorflow


def figures(tf: Any, case: Case, firsts: Sequence[First] = ()) -> dict[str, numpy.ndarray]:
    """What an engine gives for a case, by name: `result 0`, `gradient 0`, `second gradient 0` and so on.

    Arguments:
        tf: the engine.
        case: what to run.
        firsts: how the variables that the program makes begin; by default as it says.

    The upstream gradients are uneven numbers, the same for every engine, so that no two entries can be mixed up.
    A gradient that is None has no entry.
    """
    tensors = _tensors(tf, case)
    watched = [tensor for tensor, value in zip(tensors, case.inputs, strict=True) if case.order and _is_floats(value)]
    names = [str(index) for index in range(len(watched))]
    found: dict[str, Any] = {}
    program, variables = _program(tf, case, firsts)
    with _seeded(tf, case), tf.GradientTape() as outer:
        outer.watch(watched)
        with tf.GradientTape() as tape:
            tape.watch(watched)
            results = named_results(tf, program(*tensors))
        found |= {f"result {name}": result for name, result in results.items()}
        if case.order and case.has_variables:
            names += [f"of variable {index}" for index in range(len(variables.trainable))]
            watched += variables.trainable
        gradients: list[Any] = []
        differentiable = _differentiable(results)
        if watched and differentiable:
            upstream = [_uneven(result) for result in differentiable]
            gradients = tape.gradient(differentiable, watched, output_gradients=upstream)
            # TensorFlow gives the gradient of gather in a sparse form
            gradients = [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]
            found |= _named("gradient", names, gradients)
    if case.order > 1:
        connected = [gradient for gradient in gradients if gradient is not None]
        upstream = [_uneven(gradient) for gradient in connected]
        found |= _named("second gradient", names, outer.gradient(connected, watched, output_gradients=upstream))
    if case.steps:
        found |= _steps(tf, case, firsts)
    return {name: numpy.array(tensor) for name, tensor in found.items()}


def repeated_figures(tf: Any, case: Case, firsts: Sequence[First]) -> dict[str, numpy.ndarray]:
    """The figures, found twice; ValueError where they differ."""
    once, again = (figures(tf, case, firsts) for _ in range(2))
    if once.keys() != again.keys() or any(once[name].tobytes() != again[name].tobytes() for name in once):
        raise ValueError(
            f"The program gives other numbers at each run on {tf.__name__}, so there is nothing to compare; "
            "draw random numbers with tf.random.stateless_uniform, for example"
        )
    return once


def first_values(tf: Any, case: Case) -> list[First]:
    """How the variables begin that a case's program makes by itself."""
    program, variables = _program(tf, dataclasses.replace(case, function=None), ())
    with _seeded(tf, case):
        program(*_tensors(tf, case))
    return variables.firsts()


def _tensors(tf: Any, case: Case) -> list[Any]:
    return [tf.constant(value) if isinstance(value, numpy.ndarray) else value for value in case.inputs]


def _program(tf: Any, case: Case, firsts: Sequence[First]) -> tuple[Callable[..., Any], Variables]:
    """A case's program on an engine, and the variables that it is going to make."""
    variables = Variables(tf, firsts)
    program: Callable[..., Any] = functools.partial(case.program, tf)
    if case.has_variables:
        program = variables.of(program)
    return program if case.function is None else tf.function(program, **case.function), variables


@contextmanager
def _seeded(tf: Any, case: Case) -> Iterator[None]:
    """Let a case that may draw its first weights draw the same at each run: from the engine, NumPy and Python."""
    if not case.has_variables:
        yield
        return
    states = random.getstate(), numpy.random.get_state()
    tf.keras.utils.set_random_seed(SEED)
    random.seed(SEED)
    numpy.random.seed(SEED)
    try:
        yield
    finally:
        random.setstate(states[0])
        numpy.random.set_state(states[1])


def _steps(tf: Any, case: Case, firsts: Sequence[First]) -> dict[str, Any]:
    """What an optimizer's steps give: the results at each, and the trained variables after it."""
    optimizer = case.optimizer(tf) if case.optimizer is not None else tf.keras.optimizers.SGD()
    found: dict[str, Any] = {}
    moved: list[Any] = []
    for step in range(1, case.steps + 1):
        program, variables = _program(tf, case, firsts)
        with _seeded(tf, case), tf.GradientTape() as tape:
            results = named_results(tf, program(*_tensors(tf, case)))
        # The optimizer knows the variables of the first run, and those of each run begin as these were left.
        moved = moved or variables.trainable
        differentiable = _differentiable(results)
        if not moved or not differentiable:
            raise ValueError(
                "An optimizer's steps move the variables that the program makes down the sum of its results; this "
                f"one makes {len(moved)} trainable variables, and {len(differentiable)} of its results are tensors of "
                "floats"
            )
        gradients = tape.gradient(differentiable, variables.trainable)
        optimizer.apply_gradients(zip(gradients, moved, strict=True))
        firsts = variables.latest(moved)
        found |= {f"step {step}: result {name}": result for name, result in results.items()}
        found |= {
            f"step {step}: variable {index}": numpy.array(variable.numpy()) for index, variable in enumerate(moved)
        }
    return found


def named_results(tf: Any, results: Any) -> dict[str, Any]:
    """The tensors, arrays and floats in what a program gave, by their places; TypeError for anything else."""
    if not isinstance(results, (list, tuple, dict)):
        results = [results]
    found: dict[str, Any] = {}
    parts = results.items() if isinstance(results, dict) else enumerate(results)
    for key, value in parts:
        name = str(key) if isinstance(key, int) or str(key).isidentifier() else repr(key)
        if isinstance(value, (list, tuple)) and value and all(type(each) is float for each in value):
            value = numpy.array(value, numpy.float32)  # the losses of a history, for example
        if isinstance(value, (list, tuple, dict)):
            found |= {f"{name}.{inner}": each for inner, each in named_results(tf, value).items()}
        elif isinstance(value, (float, numpy.ndarray, numpy.generic)):
            found[name] = numpy.array(value, numpy.float32 if type(value) is float else None)
        elif hasattr(value, "dtype"):
            found[name] = tf.convert_to_tensor(value)
        elif value is not None:  # such as the gradient by what isn't connected
            raise TypeError(
                "A program to compare gives a tensor or a list of tensors, or a nest of tensors, arrays and floats; "
                f"it gave {value!r}"
            )
    return found


def _differentiable(results: Mapping[str, Any]) -> list[Any]:
    return [
        result for result in results.values()
        if "float" in str(result.dtype) and not isinstance(result, numpy.ndarray)
    ]  # fmt: skip


def _named(kind: str, names: Sequence[str], gradients: Sequence[Any]) -> dict[str, Any]:
    pairs = zip(names, gradients, strict=True)
    return {f"{kind} {name}": gradient for name, gradient in pairs if gradient is not None}


def _uneven(result: Any) -> numpy.ndarray:
    shape = tuple(result.shape)
    numbers = numpy.arange(int(numpy.prod(shape)))
    return (0.5 + numbers * 7 % 11 / 8).reshape(shape).astype(numpy.array(result).dtype)
