"""Where TensorFlow's figures come from: TensorFlow itself, or a recording of it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from minidl.okja.reference import quiet
from tfref.cases import CASES
from tfref.judging import Figures, units_apart
from tfref.recording import FOLDER, Recording, RecordingError, Stamp, joined, stamp
from tfref.running import MODES, Case, deterministic_tensorflow, figures, first_values, repeated_figures
from tfref.training import TRAININGS, Training, moved, train
from tfref.variables import First, widened
from tfref.wide import in_float64

RECORDING = FOLDER / "recording.npz"
PATTERNS = 4  # in how many ways the inputs of a training are moved by one unit in the last place
REFERENCE = "eager"  # the way of running TensorFlow that minidl is held against

Told = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class CaseReference:
    """What TensorFlow gives for a case.

    Attributes:
        figures: its eager figures.
        truth: the same in float64; no entry for a figure whose truth float64 doesn't tell.
        units: the largest error of each way of running it, eager, graph and XLA, in units in the last place; no
            entry for a way that can't run the case.
        stamp: what it was made with.
        own: TensorFlow's own error of each figure, where more is known than what `figures` says.
        firsts: how the variables began that the program makes.
        refused: what was raised by the ways that can't run the case, and by "float64".
    """

    figures: Figures
    truth: Figures
    units: Mapping[str, float]
    stamp: Stamp
    own: Mapping[str, float] = dataclasses.field(default_factory=dict)
    firsts: Sequence[First] = ()
    refused: Mapping[str, Exception] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class TrainingReference:
    """What Keras gives for a training.

    Attributes:
        figures: its figures for each way of running it.
        truth: the same in float64.
        own: TensorFlow's own error of each figure. A long training is sensitive to each rounding, so this is taken
            over several runs, these and some on inputs moved by one unit in the last place: the largest distance
            of any from the truth, or from another.
        stamp: what it was made with.
    """

    figures: Mapping[str, Figures]
    truth: Figures
    own: Mapping[str, float]
    stamp: Stamp


class Live:
    """TensorFlow itself."""

    def __init__(self) -> None:
        self.tensorflow = deterministic_tensorflow()

    @functools.cached_property
    def stamp(self) -> dict[str, Any]:
        """The versions and the processor in use."""
        return stamp()

    def case(self, case: Case) -> CaseReference:
        """Run a case of the table each way. Raises whatever TensorFlow raises."""
        tf, found = self.tensorflow, {}
        with quiet(tf):
            truth = figures(tf, case.in_float64())
            for mode, (options, _) in MODES.items():
                if options is None:
                    found[mode] = figures(tf, case)
                elif not case.eager_only:
                    found[mode] = figures(tf, case.as_function(**options))
        units = {mode: largest_error(given, truth) for mode, given in found.items()}
        return CaseReference(found[REFERENCE], truth, units, self.stamp)

    def program(self, case: Case) -> CaseReference:
        """Run a program of anybody's, which may make variables, each way that TensorFlow can."""
        tf, refused, truth = self.tensorflow, {}, {}
        with quiet(tf):
            firsts = first_values(tf, case)
            eager = repeated_figures(tf, case, firsts)
            found = {REFERENCE: eager}
            for mode, (options, _) in MODES.items():
                if options is not None:
                    try:
                        found[mode] = figures(tf, case.as_function(**options), firsts)
                    except Exception as error:  # whatever TensorFlow raises of what it can't run so
                        refused[mode] = error
            try:
                with in_float64(tf) as wide:
                    truth = figures(wide, case.in_float64(), widened(firsts))
            except Exception as error:  # as above
                refused["float64"] = error
        truth = {name: array for name, array in truth.items() if name in eager and _tells(array, eager[name])}
        units = {mode: largest_error(given, {**eager, **truth}) for mode, given in found.items()}
        without = [name for name, array in eager.items() if array.dtype.kind == "f" and name not in truth]
        own = {name: _spread(eager[name], [run[name] for run in found.values() if name in run]) for name in without}
        return CaseReference(eager, truth, units, {}, own, firsts, refused)

    def training(self, training: Training) -> TrainingReference:
        """Run a training each way."""
        tf, graph = self.tensorflow, MODES["graph"][1]
        with quiet(tf):
            found = {mode: train(tf, training, **options) for mode, (_, options) in MODES.items()}
            truth = train(tf, training, "float64")
            runs = [train(tf, moved(training, pattern), **graph) for pattern in range(PATTERNS)]
        runs += found.values()
        own = {
            name: max(units_apart(run[name], other[name].astype("float64")) for run in runs for other in [truth, *runs])
            for name in truth
        }
        return TrainingReference(found, truth, own, self.stamp)


class Recorded:
    """TensorFlow's figures out of a recording.

    Raises RecordingError for one that is missing, damaged, or lacks a case.
    """

    def __init__(self, path: Path = RECORDING) -> None:
        self._recording = Recording.load(path)
        self._path = path

    def case(self, case: Case) -> CaseReference:
        """The figures of a case."""
        kinds, stamp = self._kinds(f"case {case.name}", "reference", "units")
        units = {mode: float(kinds["units"][mode]) for mode in MODES if mode in kinds["units"]}
        # What is in float64 itself is its own truth, and kept once.
        return CaseReference(kinds["reference"], kinds["reference"] | kinds.get("truth", {}), units, stamp)

    def training(self, training: Training) -> TrainingReference:
        """The figures of a training."""
        kinds, stamp = self._kinds(f"training {training.name}", *MODES, "truth", "own")
        own = {name: float(units) for name, units in kinds["own"].items()}
        return TrainingReference({mode: kinds[mode] for mode in MODES}, kinds["truth"], own, stamp)

    def _kinds(self, name: str, *needed: str) -> tuple[dict[str, dict[str, numpy.ndarray]], Stamp]:
        """The figures of one thing by their kinds, and what they were made with."""
        kinds: dict[str, dict[str, numpy.ndarray]] = {}
        for key, array in self._recording.under(name).items():
            figure, _, kind = key.rpartition("/")
            kinds.setdefault(kind, {})[figure] = array
        if missing := [kind for kind in needed if kind not in kinds]:
            raise RecordingError(
                f"{self._path} lacks {', '.join(missing)} of {name}; record it with: python -m tfref record"
            )
        return kinds, self._recording.stamp_of(name)


def record(
    path: Path = RECORDING,
    cases: Sequence[Case] = CASES,
    trainings: Sequence[Training] = TRAININGS,
    told: Told = lambda what: None,
) -> None:
    """Run cases and trainings on TensorFlow, and keep their figures in a file; `told` is called before each.

    Where they aren't all, the file is there already, and keeps what it has of the others that still exist, with the
    stamps that these have.
    """
    everything = len(cases) == len(CASES) and len(trainings) == len(TRAININGS)
    old = Recording({}, {}) if everything else Recording.load(path)
    live = Live()
    made: dict[str, dict[str, numpy.ndarray]] = {}
    for case in cases:
        told(case.name)
        reference = live.case(case)
        truth = {
            name: array for name, array in reference.truth.items()
            if array.dtype == numpy.float64 and reference.figures[name].dtype != numpy.float64
        }  # fmt: skip
        kinds = [("reference", reference.figures), ("truth", truth), ("units", _as_arrays(reference.units))]
        made[f"case {case.name}"] = joined(kinds)
    for training in trainings:
        told(training.name)
        found = live.training(training)
        kinds = [*found.figures.items(), ("truth", found.truth), ("own", _as_arrays(found.own))]
        made[f"training {training.name}"] = joined(kinds)
    figures: dict[str, numpy.ndarray] = {}
    stamps: dict[str, Stamp] = {}
    for name in [*(f"case {case.name}" for case in CASES), *(f"training {each.name}" for each in TRAININGS)]:
        found_here = made.get(name)
        figures |= {f"{name}/{key}": array for key, array in (found_here or old.under(name)).items()}
        if found_here or old.under(name):
            stamps[name] = live.stamp if found_here else old.stamp_of(name)
    Recording(figures, stamps).save(path)


# A figure of TensorFlow's that is further than this part of its largest entry from what float64 gives, and than so
# many units in the last place, is another number (a random one, for example), and not a rounded one.
FAR, FAR_UNITS = 0.01, 64.0


def _tells(truth: numpy.ndarray, figure: numpy.ndarray) -> bool:
    """Whether a figure is what float64 gives, but for rounding."""
    if truth.shape != figure.shape:
        return False
    if figure.dtype.kind != "f":
        return True
    return units_apart(figure, truth) <= max(FAR_UNITS, FAR / float(numpy.finfo(figure.dtype).eps))


def _spread(figure: numpy.ndarray, others: Sequence[numpy.ndarray]) -> float:
    """How far TensorFlow's figures are from one of them, but for those that are other numbers."""
    return max(units_apart(other, figure) for other in others if _tells(figure, other))


def _as_arrays(units: Mapping[str, float]) -> dict[str, numpy.ndarray]:
    return {name: numpy.array(value) for name, value in units.items()}


def largest_error(given: Figures, truth: Figures) -> float:
    """The largest error of a case's figures of floats, in units in the last place."""
    return max(
        (
            units_apart(array, truth[name])
            for name, array in given.items()
            if array.dtype.kind == "f" and name in truth and array.shape == truth[name].shape
        ),
        default=0.0,
    )
