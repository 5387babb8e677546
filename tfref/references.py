"""Where TensorFlow's figures come from: TensorFlow itself, or a recording of it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from tfref.cases import CASES
from tfref.judging import Figures, units_apart
from tfref.recording import FOLDER, Recording, RecordingError, joined, stamp
from tfref.running import MODES, Case, figures, start_tensorflow
from tfref.training import TRAININGS, Training, moved, train

RECORDING = FOLDER / "recording.npz"
PATTERNS = 4  # in how many ways the inputs of a training are moved by one unit in the last place
REFERENCE = "eager"  # the way of running TensorFlow that minidl is held against

Told = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class CaseReference:
    """What TensorFlow gives for a case.

    Attributes:
        figures: its eager figures.
        truth: the same in float64.
        units: the largest error of each way of running it, eager, graph and XLA, in units in the last place; no
            entry for a way that can't run the case.
    """

    figures: Figures
    truth: Figures
    units: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class TrainingReference:
    """What Keras gives for a training.

    Attributes:
        figures: its figures for each way of running it.
        truth: the same in float64.
        own: TensorFlow's own error of each figure. A long training is sensitive to each rounding, so this is taken
            over several runs, these and some on inputs moved by one unit in the last place: the largest distance
            of any from the truth, or from another.
    """

    figures: Mapping[str, Figures]
    truth: Figures
    own: Mapping[str, float]


class Live:
    """TensorFlow itself."""

    def __init__(self) -> None:
        self.tensorflow = start_tensorflow()

    @functools.cached_property
    def stamp(self) -> dict[str, Any]:
        """The versions and the processor in use."""
        return stamp()

    def case(self, case: Case) -> CaseReference:
        """Run a case each way."""
        truth = figures(self.tensorflow, case.in_float64())
        found = {}
        for mode, (options, _) in MODES.items():
            if options is None:
                found[mode] = figures(self.tensorflow, case)
            elif not case.eager_only:
                found[mode] = figures(self.tensorflow, case.as_function(**options))
        units = {mode: largest_error(given, truth) for mode, given in found.items()}
        return CaseReference(found[REFERENCE], truth, units)

    def training(self, training: Training) -> TrainingReference:
        """Run a training each way."""
        found = {mode: train(self.tensorflow, training, **options) for mode, (_, options) in MODES.items()}
        truth = train(self.tensorflow, training, "float64")
        graph = MODES["graph"][1]
        runs = [train(self.tensorflow, moved(training, pattern), **graph) for pattern in range(PATTERNS)]
        runs += found.values()
        own = {
            name: max(units_apart(run[name], other[name].astype("float64")) for run in runs for other in [truth, *runs])
            for name in truth
        }
        return TrainingReference(found, truth, own)


class Recorded:
    """TensorFlow's figures out of a recording.

    Raises RecordingError for one that is missing, damaged, or lacks a case.
    """

    def __init__(self, path: Path = RECORDING) -> None:
        self._recording = Recording.load(path)
        self._path = path
        self.stamp = self._recording.stamp

    def case(self, case: Case) -> CaseReference:
        """The figures of a case."""
        kinds = self._kinds(f"case {case.name}", "reference", "units")
        units = {mode: float(kinds["units"][mode]) for mode in MODES if mode in kinds["units"]}
        # What is in float64 itself is its own truth, and kept once.
        return CaseReference(kinds["reference"], kinds["reference"] | kinds.get("truth", {}), units)

    def training(self, training: Training) -> TrainingReference:
        """The figures of a training."""
        kinds = self._kinds(f"training {training.name}", *MODES, "truth", "own")
        own = {name: float(units) for name, units in kinds["own"].items()}
        return TrainingReference({mode: kinds[mode] for mode in MODES}, kinds["truth"], own)

    def _kinds(self, name: str, *needed: str) -> dict[str, dict[str, numpy.ndarray]]:
        kinds: dict[str, dict[str, numpy.ndarray]] = {}
        for key, array in self._recording.under(name).items():
            figure, _, kind = key.rpartition("/")
            kinds.setdefault(kind, {})[figure] = array
        if missing := [kind for kind in needed if kind not in kinds]:
            raise RecordingError(
                f"{self._path} lacks {', '.join(missing)} of {name}; record it with: python -m tfref record"
            )
        return kinds


def record(
    path: Path = RECORDING,
    cases: Sequence[Case] = CASES,
    trainings: Sequence[Training] = TRAININGS,
    told: Told = lambda what: None,
) -> None:
    """Run cases and trainings on TensorFlow, and keep their figures in a file; `told` is called before each.

    Where they aren't all, the file is there already, and keeps what it has of the others that still exist.
    """
    live = Live()
    everything = len(cases) == len(CASES) and len(trainings) == len(TRAININGS)
    kept: dict[str, numpy.ndarray] = {}
    if not everything:
        old = Recording.load(path)
        for name in [*(f"case {case.name}" for case in CASES), *(f"training {each.name}" for each in TRAININGS)]:
            kept |= {f"{name}/{key}": array for key, array in old.under(name).items()}
    for name in [*(f"case {case.name}" for case in cases), *(f"training {each.name}" for each in trainings)]:
        kept = {key: array for key, array in kept.items() if not key.startswith(f"{name}/")}
    for case in cases:
        told(case.name)
        reference = live.case(case)
        truth = {
            name: array for name, array in reference.truth.items()
            if array.dtype == numpy.float64 and reference.figures[name].dtype != numpy.float64
        }  # fmt: skip
        kinds = [("reference", reference.figures), ("truth", truth), ("units", _as_arrays(reference.units))]
        kept |= joined(f"case {case.name}", kinds)
    for training in trainings:
        told(training.name)
        found = live.training(training)
        kinds = [*found.figures.items(), ("truth", found.truth), ("own", _as_arrays(found.own))]
        kept |= joined(f"training {training.name}", kinds)
    Recording(kept, live.stamp).save(path)


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
