"""How close figures are: in units in the last place, against the truth, beside TensorFlow's own distance from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy

Figures = Mapping[str, numpy.ndarray]

# What minidl promises: at most twice TensorFlow's own error, or this many units in the last place.
UNITS = 8.0
TIMES = 2.0

# In float64 no truth is at hand but TensorFlow's own figures, so its own error can't be told from minidl's.
UNITS_IN_FLOAT64 = 64.0


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How one figure of a case compares.

    Attributes:
        figure: its name, such as `gradient 0`.
        units: the largest error of minidl, in units in the last place of the largest entry of the truth.
        reference_units: the same for TensorFlow.
        fault: what disagrees, or "" where nothing does.
    """

    figure: str
    units: float
    reference_units: float
    fault: str = ""


def units_apart(values: numpy.ndarray, truth: numpy.ndarray) -> float:
    """The largest distance between the finite entries of two arrays.

    The unit is the last place, in the dtype of the first array, of the largest finite entry of the second.
    """
    finite = numpy.isfinite(values) & numpy.isfinite(truth)
    if not finite.any():
        return 0.0
    distance = numpy.abs(values[finite].astype(numpy.float64) - truth[finite].astype(numpy.float64)).max()
    largest = min(numpy.abs(truth[finite]).max(), float(numpy.finfo(values.dtype).max))
    smallest = float(numpy.finfo(values.dtype).tiny)  # TensorFlow flushes what is smaller to zero
    return float(distance / max(float(numpy.spacing(values.dtype.type(largest))), smallest))


def judge(ours: Figures, reference: Figures, truth: Figures, own: Mapping[str, float] | None = None) -> list[Judgement]:
    """Each figure on minidl, beside TensorFlow's and the truth.

    `own` says what is known of TensorFlow's own errors, by figure, from more runs than the one in `reference`.
    """
    judgements = [
        _judged(name, ours[name], reference[name], truth[name], (own or {}).get(name, 0.0))
        for name in reference
        if name in ours and name in truth
    ]
    for name in sorted(reference.keys() ^ ours.keys()):
        owner = "TensorFlow" if name in reference else "minidl"
        judgements.append(Judgement(name, 0.0, 0.0, f"only {owner} gives one"))
    return judgements


def _judged(name: str, ours: numpy.ndarray, reference: numpy.ndarray, truth: numpy.ndarray, own: float) -> Judgement:
    for what, one, other in (("dtype", ours.dtype, reference.dtype), ("shape", ours.shape, reference.shape)):
        if one != other:
            return Judgement(name, 0.0, 0.0, f"the {what} is {one}, in TensorFlow {other}")
    if ours.dtype.kind != "f":
        unequal = ours != reference
        return Judgement(name, 0.0, 0.0, _unequal(unequal, ours, reference, truth))
    strange = ~numpy.isfinite(reference) | ~numpy.isfinite(ours)
    unequal = strange & ~_same(ours, reference) & ~_same(ours, truth)  # TensorFlow's float32 and float64 can differ
    if unequal.any():
        return Judgement(name, 0.0, 0.0, _unequal(unequal, ours, reference, truth))
    units, reference_units = units_apart(ours, truth), max(units_apart(reference, truth), own)
    allowed = UNITS_IN_FLOAT64 if ours.dtype == numpy.float64 else max(TIMES * reference_units, UNITS)
    if units > allowed:
        worst = numpy.abs(ours.astype(numpy.float64) - truth)
        where = worst == numpy.nanmax(worst)
        far = f"{units:.3g} units in the last place from the truth, {allowed:.3g} are allowed"
        return Judgement(name, units, reference_units, f"{far}; {_entry(where, ours, reference, truth)}")
    return Judgement(name, units, reference_units)


def _same(values: numpy.ndarray, others: numpy.ndarray) -> numpy.ndarray:
    """Where two arrays hold the same number, infinity or NaN."""
    same: numpy.ndarray = (values == others) | (numpy.isnan(values) & numpy.isnan(others))
    return same


def _unequal(where: numpy.ndarray, ours: numpy.ndarray, reference: numpy.ndarray, truth: numpy.ndarray) -> str:
    """What is said of entries that should be equal: nothing where there are none."""
    count = int(where.sum())
    return f"{count} of {where.size} entries differ; {_entry(where, ours, reference, truth)}" if count else ""


def _entry(where: numpy.ndarray, ours: numpy.ndarray, reference: numpy.ndarray, truth: numpy.ndarray) -> str:
    """The first entry in question, with both values and the truth."""
    index = tuple(int(i) for i in numpy.argwhere(where)[0]) if where.ndim else ()
    values = f"minidl gives {ours[index]!s}, TensorFlow {reference[index]!s}, the truth is {truth[index]!s}"
    return f"at {list(index)} {values}" if index else values
