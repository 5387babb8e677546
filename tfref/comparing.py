"""A person's own program, held against TensorFlow in one call."""

from __future__ import annotations

import dataclasses
import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy
from rich.console import Console

import minidl
from tfref.judging import TIMES, UNITS, Judgement, judge
from tfref.printing import print_ops, print_verdict
from tfref.references import REFERENCE, CaseReference, Live
from tfref.report import OpRow
from tfref.running import Case, Program, first_values, repeated_figures
from tfref.variables import begun_alike


class NoFunctionError(ValueError):
    """A program that TensorFlow itself can't run as a function."""


@dataclasses.dataclass(frozen=True, repr=False)
class Comparison:
    """How closely minidl agrees with TensorFlow on a program. It is true where it does, and prints as a table.

    Attributes:
        row: the largest errors, and what disagrees, as the table has it.
        figures: each figure of the program by its name, such as `result 0` or `gradient of variable 1`: both engines'
            arrays and the truth's, both errors, how much is allowed, the worst entry, and what disagrees.
        notes: what is to be known of the comparison, in sentences.
    """

    row: OpRow
    figures: Mapping[str, Judgement]
    notes: Sequence[str]

    def __bool__(self) -> bool:
        return not self.row.faults

    def print(self, console: Console) -> None:
        """Print it."""
        for note in self.notes:
            console.print(note, markup=False)
        print_ops(console, [self.row])
        print_verdict(console, self.row.faults, 1, 1, 0)

    def __repr__(self) -> str:
        return f"<Comparison of {self.row.op}: {len(self.figures)} figures, {len(self.row.faults)} of them disagree>"

    def __str__(self) -> str:
        text = io.StringIO()
        self.print(Console(file=text, highlight=False))
        return text.getvalue().strip("\n")


def compare(
    program: Program,
    *inputs: Any,
    order: int = 1,
    device: str = "/cpu:0",
    function: bool = False,
    steps: int = 0,
    optimizer: Callable[[Any], Any] | None = None,
    units: float = UNITS,
    times: float = TIMES,
    verbose: bool = True,
) -> Comparison:
    """Run a program on TensorFlow and on minidl, print how closely they agree, and return that.

    Arguments:
        program: `program(tf, *inputs)` takes the module, and gives a tensor, or a list, tuple or dictionary of
            tensors, arrays and floats, to any depth. It may make variables, layers and models, and functions.
        inputs: arrays, tensors, floats and nested lists of floats become tensors, by which the results are
            differentiated; the program gets whatever else is given as it is.
        order: how often to differentiate, by the inputs and by the trainable variables that the program makes: 0, 1
            or 2 times.
        device: where minidl computes.
        function: whether minidl runs the program as a `tf.function`; else it runs it as it is.
        steps: how many steps an optimizer takes with those variables, down the sum of the results; the results at each
            step and the variables after it are compared too.
        optimizer: `optimizer(tf)` gives the optimizer; by default `tf.keras.optimizers.SGD()`.
        units, times: how far a float may be from the truth: so many units in the last place, or so many times as far
            as TensorFlow's, whichever is larger. In float64, and where a program doesn't run in float64, TensorFlow's
            figures stand for the truth, and 8 times as many units are allowed.
        verbose: whether to print.

    TensorFlow runs the program eagerly, as a graph and with XLA where it can, and in float64 for the truth. The
    trainable variables begin on minidl as they began on TensorFlow. What is drawn without a seed is drawn after the
    same seed at each run, in NumPy and Python too. minidl agrees where dtypes, shapes and whole numbers are the same,
    and no float is further from the truth than is allowed. Python's floats are compared as float32.

    TensorFlow is deterministic from then on (`tf.config.experimental.enable_op_determinism`), and the seeds of both
    engines have been set. Raises ImportError where TensorFlow is not installed, ValueError for arguments out of range,
    for a program whose runs differ and for a function that TensorFlow refuses, TypeError for a program that gives
    something else or nothing, and whatever the program raises.

        >>> result = tfref.compare(lambda tf, x: tf.math.log(2.0 * x + 3.0), 3.0)  # doctest: +SKIP
        minidl agrees with TensorFlow in 1 case of 1 operation.
        >>> bool(result), result.figures["gradient 0"].units  # doctest: +SKIP
        (True, 0.0)
    """
    _check(program, order, steps, optimizer, units, times)
    scope = minidl.device(device)
    name = getattr(program, "__name__", type(program).__name__).strip("<>")
    arrays = tuple(_array(value) for value in inputs)
    case = Case(name, "own inputs", program, arrays, order, has_variables=True, steps=steps, optimizer=optimizer)
    live = Live()
    theirs = live.program(case)
    if function and "graph" in theirs.refused:
        raise NoFunctionError(
            f"TensorFlow itself can't run {name} as a function: {_line(theirs.refused['graph'])}"
        ) from theirs.refused["graph"]
    if not theirs.figures:
        raise TypeError(f"A program to compare gives a tensor at least; {name} gives none")
    try:
        with scope:
            firsts = begun_alike(first_values(minidl, case), theirs.firsts)
            run = case.as_function() if function else case
            ours = repeated_figures(minidl, run, firsts)
    except Exception as error:
        error.add_note("minidl raised this; TensorFlow runs the program.")
        raise
    judgements = judge(ours, theirs.figures, theirs.truth, theirs.own, units, times)
    row = OpRow(name)
    row.add(case, theirs, judgements, max((judgement.units for judgement in judgements), default=0.0))
    result = Comparison(row, {judgement.figure: judgement for judgement in judgements}, _notes(theirs))
    if verbose:
        result.print(Console(highlight=False))
    return result


def assert_agrees(program: Program, *inputs: Any, **options: Any) -> Comparison:
    """Compare a program, with the arguments of `compare`, silently; raises AssertionError where minidl disagrees.

    Its text is what `compare` prints.

        >>> tfref.assert_agrees(lambda tf, x: tf.math.log(2.0 * x + 3.0), 3.0)  # doctest: +SKIP
    """
    __tracebackhide__ = True
    result = compare(program, *inputs, verbose=False, **options)
    if not result:
        raise AssertionError(f"minidl disagrees with TensorFlow\n{result}")
    return result


def _check(program: Any, order: Any, steps: Any, optimizer: Any, units: Any, times: Any) -> None:
    if not callable(program):
        raise TypeError(f"A program to compare is called with a module and its inputs; {program!r} was given")
    if order not in (0, 1, 2):
        raise ValueError(f"A program is differentiated 0, 1 or 2 times; order={order!r} was given")
    if not isinstance(steps, int) or steps < 0:
        raise ValueError(f"An optimizer takes 0 steps or more; steps={steps!r} was given")
    if optimizer is not None and not callable(optimizer):
        raise TypeError(
            "The optimizer is made on each engine: give a function of the module, such as "
            f"lambda tf: tf.keras.optimizers.SGD(0.1); optimizer={optimizer!r} was given"
        )
    if optimizer is not None and not steps:
        raise ValueError("An optimizer was given, but no steps for it to take; give steps=1, for example")
    for word, value in (("units", units), ("times", times)):
        if not isinstance(value, (int, float)) or math.isnan(value) or value < 0:
            raise ValueError(f"A tolerance is a number of at least 0; {word}={value!r} was given")


def _notes(theirs: CaseReference) -> list[str]:
    refused = {name: _line(error) for name, error in theirs.refused.items()}
    notes = []
    if "graph" in refused:
        notes.append(f"TensorFlow runs this program eagerly only: {refused['graph']}")
    elif "XLA" in refused:
        notes.append(f"TensorFlow can't run this program with XLA: {refused['XLA']}")
    unknown = [name for name, array in theirs.figures.items() if array.dtype.kind == "f" and name not in theirs.truth]
    if unknown:
        which = "any figure" if len(unknown) == len(theirs.figures) else ", ".join(unknown)
        why = refused.get("float64", "what is computed there is another number")
        notes.append(f"float64 doesn't tell the truth of {which} ({why}); TensorFlow's {REFERENCE} run stands for it")
    return notes


def _line(error: Exception) -> str:
    """What an error says, in one line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return textwrap.shorten(lines[-1 if lines[0] == "in user code:" else 0], 160, placeholder=" ...")


def _array(value: Any) -> Any:
    """A tensor as an array, a float or a nested list of floats as one of float32; anything else as it is."""
    if hasattr(value, "numpy") or isinstance(value, numpy.generic):
        return numpy.array(value)
    if not isinstance(value, (float, list, tuple)):
        return value
    try:
        array = numpy.array(value)
    except ValueError:  # a nest of something else
        return value
    return array.astype(numpy.float32) if array.dtype.kind == "f" else value
