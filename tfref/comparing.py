"""A person's own program, held against TensorFlow in one call."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy
from rich.console import Console

import minidl
from tfref.printing import print_ops, print_verdict
from tfref.references import Live
from tfref.report import op_rows
from tfref.running import Case, Program, figures


def compare(program: Program, *inputs: Any, order: int = 1, device: str = "/cpu:0") -> bool:
    """Run a program on TensorFlow and on minidl, print how closely they agree, and return whether they do.

    Arguments:
        program: `program(tf, *inputs)` takes the module, and gives a tensor or a list of tensors.
        inputs: arrays, floats and nested lists of floats become tensors, by which the results are differentiated;
            the program gets whatever else is given as it is.
        order: how often to differentiate: 0, 1 or 2 times.
        device: where minidl computes.

    TensorFlow runs the program eagerly, as a graph and with XLA, and in float64 for the truth. minidl agrees where
    dtypes, shapes and whole numbers are the same and no float is further from the truth than twice TensorFlow's own
    error, or 8 units in the last place, whichever is larger. Raises ImportError where TensorFlow is not installed,
    ValueError for another order and for a program whose runs differ, TypeError for one that gives no tensors, and
    whatever the program raises.

        >>> tfref.compare(lambda tf, x: tf.math.log(2.0 * x + 3.0), 3.0)  # doctest: +SKIP
        minidl agrees with TensorFlow in 1 case of 1 operation.
        True
    """
    if order not in (0, 1, 2):
        raise ValueError(f"A program is differentiated 0, 1 or 2 times; order={order!r} was given")
    name = getattr(program, "__name__", "program").strip("<>")
    case = Case(name, "own inputs", program, tuple(_array(value) for value in inputs), order)
    console, reference = Console(highlight=False), Live()
    try:
        reference.case(case)
    except Exception as error:  # whatever TensorFlow raises; where it isn't about functions, it comes again below
        case = dataclasses.replace(case, eager_only=True)
        reference.case(case)
        console.print(f"TensorFlow runs this program eagerly only: {str(error).strip().splitlines()[0]}", markup=False)
    for engine in (reference.tensorflow, minidl):
        once, again = (figures(engine, case) for _ in range(2))
        if any(once[name].tobytes() != again[name].tobytes() for name in once):
            raise ValueError(
                f"The program gives other numbers at each run on {engine.__name__}, so there is nothing to compare; "
                "draw random numbers with tf.random.stateless_uniform, for example"
            )
    rows = op_rows([case], reference, device, lambda what: None)
    print_ops(console, rows)
    print_verdict(console, rows[0].faults, 1, 1, 0)
    return not rows[0].faults


def _array(value: Any) -> Any:
    """A float, or a nested list of floats, as a float32 array; anything else as it is."""
    if not isinstance(value, (float, list, tuple)):
        return value
    array = numpy.array(value)
    return array.astype(numpy.float32) if array.dtype.kind == "f" else value
