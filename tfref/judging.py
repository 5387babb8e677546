"""How close figures are: in units in the last place, against the truth, beside TensorFlow's own distance from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy

Figures = Mapping[str, numpy.ndarray]

# What minidl promises: at most twice TensorFlow's own error, or this many units in the last place.
UNITS = 8.0
TIMES = 2.0

# In float64 no truth is at hand but TensorFlow's own figures, so its own error can't be told from minidl's, and so
# many times as much is allowed.
TIMES_WITHOUT_TRUTH = 8.0


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How one figure of a case compares.

    Attributes:
        figure: its name, such as `gradient 0`.
        units: the largest error of minidl, in units in the last place of the largest entry of the truth.
        reference_units: the same for TensorFlow.
        allowed: how many units may be.
        fault: what disagrees, or "" where nothing does.
        worst: the index of the entry with minidl's largest error, or of the first that differs; None where there is
            none.
        ours, reference, truth: the arrays; None for one that there isn't.
    """

    figure: str
    units: float = 0.0
    reference_units: float = 0.0
    allowed: float = 0.0
    fault: str = ""
    worst: tuple[int, ...] | None = None
    ours: numpy.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)
    reference: numpy.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)
    truth: numpy.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)


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


def judge(
    ours: Figures,
    reference: Figures,
    truth: Figures,
    own: Mapping[str, float] | None = None,
    units: float = UNITS,
    times: float = TIMES,
) -> list[Judgement]:
    """Each figure on minidl, beside TensorFlow's and the truth.

    Arguments:
        ours, reference, truth: the figures; where the truth lacks one, TensorFlow's stands for it.
        own: what is known of TensorFlow's own errors, by figure, from more runs than the one in `reference`.
        units, times: an error is allowed of so many units in the last place, or so many times TensorFlow's own,
            whichever is larger; without a truth, of 8 times as many units.
    """
    judgements = []
    for name in [*reference, *sorted(ours.keys() - reference.keys())]:
        plain = Judgement(name, ours=ours.get(name), reference=reference.get(name), truth=truth.get(name))
        judgements.append(_judged(plain, (own or {}).get(name, 0.0), units, times))
    return judgements


def _judged(plain: Judgement, own: float, units: float, times: float) -> Judgement:
    ours, reference = plain.ours, plain.reference
    if ours is None or reference is None:
        return dataclasses.replace(plain, fault=f"only {'TensorFlow' if ours is None else 'minidl'} gives one")
    for what, one, other in (("dtype", ours.dtype, reference.dtype), ("shape", ours.shape, reference.shape)):
        if one != other:
            return dataclasses.replace(plain, fault=f"the {what} is {one}, in TensorFlow {other}")
    truth = reference if plain.truth is None else plain.truth
    unequal = ours != reference
    if ours.dtype.kind == "f":
        strange = ~numpy.isfinite(reference) | ~numpy.isfinite(ours)
        # TensorFlow's float32 and float64 can differ
        unequal = strange & ~_same(ours, reference) & ~_same(ours, truth)
    if unequal.any():
        index = _first(unequal)
        fault = f"{int(unequal.sum())} of {unequal.size} entries differ; {_entry(plain, index)}"
        return dataclasses.replace(plain, fault=fault, worst=index)
    if ours.dtype.kind != "f" or not ours.size:
        return plain
    finite = numpy.isfinite(ours) & numpy.isfinite(truth)
    errors = numpy.abs(numpy.where(finite, ours, 0).astype(numpy.float64) - numpy.where(finite, truth, 0))
    apart, reference_apart = units_apart(ours, truth), max(units_apart(reference, truth), own)
    least = units if plain.truth is not None and ours.dtype != numpy.float64 else TIMES_WITHOUT_TRUTH * units
    judgement = dataclasses.replace(
        plain, units=apart, reference_units=reference_apart, allowed=max(times * reference_apart, least),
        worst=_first(errors == errors.max()),
    )  # fmt: skip
    if apart <= judgement.allowed:
        return judgement
    whose = "TensorFlow's figure" if plain.truth is None else "the truth"
    far = f"{_count(apart)} units in the last place from {whose}, {_count(judgement.allowed)} are allowed"
    return dataclasses.replace(judgement, fault=f"{far}; {_entry(judgement, judgement.worst)}")


def _count(units: float) -> str:
    return f"{units:,.0f}" if 100 <= units < 1e6 else f"{units:.3g}"


def _same(values: numpy.ndarray, others: numpy.ndarray) -> numpy.ndarray:
    """Where two arrays hold the same number, infinity or NaN."""
    same: numpy.ndarray = (values == others) | (numpy.isnan(values) & numpy.isnan(others))
    return same


def _first(where: numpy.ndarray) -> tuple[int, ...]:
    """The index of the first entry in question."""
    return tuple(int(place) for place in numpy.argwhere(where)[0]) if where.ndim else ()


def _entry(judgement: Judgement, index: Any) -> str:
    """An entry, with both values and the truth."""
    arrays = {"minidl gives": judgement.ours, "TensorFlow": judgement.reference, "the truth is": judgement.truth}
    values = ", ".join(f"{whose} {array[index]!s}" for whose, array in arrays.items() if array is not None)
    return f"at {list(index)} {values}" if index else values
