"""The agreement report: minidl beside TensorFlow, op by op and epoch by epoch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy

import minidl
from tfref.cases import CASES
from tfref.judging import Judgement, judge, units_apart
from tfref.recording import Stamp
from tfref.references import REFERENCE, CaseReference, Live, Recorded, TrainingReference, largest_error
from tfref.running import MODES, Case, figures
from tfref.training import TRAININGS, Training, train

Reference = Live | Recorded
Told = Callable[[str], None]

# In the lesson: the units in the last place by which the losses and the weights may differ from Keras's.
LESSON_WEIGHT_UNITS = 2.0
NORMAL_UNITS = 4.0


@dataclasses.dataclass
class OpRow:
    """What was found about an operation.

    Attributes:
        op: its name.
        cases: how many cases were run.
        units: the largest error of minidl against the truth, and of each way of running TensorFlow, in units in
            the last place, over the cases that aren't about edges.
        edges, edges_agreeing: how many cases are about edges, and how many of them agree.
        faults: what disagrees.
        stamps: what TensorFlow's figures were made with.
    """

    op: str
    cases: int = 0
    units: dict[str, float] = dataclasses.field(default_factory=dict)
    edges: int = 0
    edges_agreeing: int = 0
    faults: list[str] = dataclasses.field(default_factory=list)
    stamps: list[Stamp] = dataclasses.field(default_factory=list)

    def add(self, case: Case, theirs: CaseReference, judgements: Sequence[Judgement], units: float) -> None:
        """Add a case, its figures' judgements, and minidl's largest error in it."""
        faults = [_fault(case.name, judgement) for judgement in judgements if judgement.fault]
        self.cases += 1
        self.faults += [f"{fault}; the inputs are {_shortened(case.inputs)}" for fault in faults]
        if theirs.stamp not in self.stamps:
            self.stamps.append(theirs.stamp)
        if case.edge:
            self.edges += 1
            self.edges_agreeing += not faults
        else:
            for engine, largest in {"minidl": units, **theirs.units}.items():
                self.units[engine] = max(self.units.get(engine, 0.0), largest)


@dataclasses.dataclass
class TrainingRow:
    """What was found about a training.

    Attributes:
        name, epochs: of the training.
        loss_units: the largest error of the losses against the truth, by engine, in units in the last place of
            the largest loss.
        apart: the largest distance of minidl's losses from TensorFlow's, in units in the last place of each loss.
        worst_epoch: the epoch with that distance, from 1.
        apart_itself: the same distance between two ways of running TensorFlow.
        weight_units, prediction_units: the largest errors of weights and predictions, minidl's and TensorFlow's.
        prediction, reference_prediction: the first prediction on either engine.
        faults: what disagrees.
        stamps: what TensorFlow's figures were made with.
    """

    name: str
    epochs: int
    loss_units: dict[str, float]
    apart: float
    worst_epoch: int
    apart_itself: float
    weight_units: tuple[float, float]
    prediction_units: tuple[float, float]
    prediction: float
    reference_prediction: float
    faults: list[str]
    stamps: list[Stamp]


@dataclasses.dataclass
class SeedRow:
    """Whether draws after a seed are TensorFlow's: how many were compared, and how far apart they are."""

    name: str
    draws: int
    units: float
    promised: float
    faults: list[str]


def op_rows(cases: Iterable[Case], reference: Reference, device: str, told: Told) -> list[OpRow]:
    """Run cases on minidl and compare them, a row for each operation."""
    found: dict[str, OpRow] = {}
    for case in cases:
        told(case.name)
        row = found.setdefault(case.op, OpRow(case.op))
        theirs = reference.case(case)
        with minidl.device(device):
            ours = figures(minidl, case)
        judgements = judge(ours, theirs.figures, theirs.truth)
        row.add(case, theirs, judgements, largest_error(ours, theirs.truth))
    return list(found.values())


def _fault(name: str, judgement: Judgement) -> str:
    return f"{name}, {judgement.figure}: {judgement.fault}"


def _shortened(inputs: Sequence[Any]) -> str:
    with numpy.printoptions(threshold=12, edgeitems=2):
        return ", ".join(" ".join(repr(each).split()) for each in inputs)


def training_rows(trainings: Iterable[Training], reference: Reference, device: str, told: Told) -> list[TrainingRow]:
    """Run trainings on minidl and compare them."""
    rows = []
    for training in trainings:
        told(training.name)
        theirs = reference.training(training)
        with minidl.device(device):
            ours = train(minidl, training)
        rows.append(_training_row(training, ours, theirs))
    return rows


def _training_row(training: Training, ours: dict[str, numpy.ndarray], theirs: TrainingReference) -> TrainingRow:
    keras, truth = theirs.figures[REFERENCE], theirs.truth
    losses = {"minidl": ours["losses"], **{mode: given["losses"] for mode, given in theirs.figures.items()}}
    apart = _units_by_entry(ours["losses"], keras["losses"])
    judgements = {judgement.figure: judgement for judgement in judge(ours, keras, truth, theirs.own)}
    faults = [_fault(training.name, judgement) for judgement in judgements.values() if judgement.fault]
    if training.units is not None and apart.max() > training.units:
        faults.append(
            f"{training.name}: a loss is {apart.max():.0f} units from Keras's; {training.units:.0f} are promised"
        )
    weights = [name for name in ours if name.startswith("weight")]
    if training.units is not None:
        far = max(float(_units_by_entry(ours[name], keras[name]).max()) for name in weights)
        if far > LESSON_WEIGHT_UNITS:
            faults.append(
                f"{training.name}: a weight is {far:.0f} units from Keras's; {LESSON_WEIGHT_UNITS:.0f} are promised"
            )
    return TrainingRow(
        name=training.name,
        epochs=training.epochs,
        loss_units={engine: units_apart(given, truth["losses"]) for engine, given in losses.items()},
        apart=float(apart.max()),
        worst_epoch=int(apart.argmax()) + 1,
        apart_itself=_spread([losses[mode] for mode in theirs.figures]),
        weight_units=_largest([judgements[name] for name in weights]),
        prediction_units=_largest([judgements["predictions"]]),
        prediction=float(ours["predictions"].reshape(-1)[0]),
        reference_prediction=float(keras["predictions"].reshape(-1)[0]),
        faults=faults,
        stamps=[theirs.stamp],
    )


def _units_by_entry(values: numpy.ndarray, others: numpy.ndarray) -> numpy.ndarray:
    """The distance of each entry from another, in units in the last place of that one."""
    distance = numpy.abs(values.astype(numpy.float64) - others)
    units: numpy.ndarray = distance / numpy.maximum(numpy.spacing(numpy.abs(others)), numpy.finfo(others.dtype).tiny)
    return units


def _spread(runs: Sequence[numpy.ndarray]) -> float:
    return max(float(_units_by_entry(one, other).max()) for one in runs for other in runs)


def _largest(judgements: Sequence[Judgement]) -> tuple[float, float]:
    return max(each.units for each in judgements), max(each.reference_units for each in judgements)


def seed_rows(cases: Iterable[Case], reference: Reference) -> list[SeedRow]:
    """Compare the draws of cases: the uniform ones bit for bit, the normal ones within a few units."""
    found: dict[str, SeedRow] = {}
    for case in cases:
        if not case.op.startswith(("random.", "keras.initializers.")):
            continue
        promised = NORMAL_UNITS if "normal" in case.op.lower() else 0.0
        row = found.setdefault(case.op, SeedRow(case.op, 0, 0.0, promised, []))
        ours, theirs = figures(minidl, case), reference.case(case).figures
        for name, given in theirs.items():
            if not given.size:
                continue
            units = (
                float(_units_by_entry(ours[name], given).max())
                if given.dtype.kind == "f"
                else float((ours[name] != given).any())
            )
            row.draws += given.size
            row.units = max(row.units, units)
            if units > promised:
                row.faults.append(
                    f"{case.name}: draws are up to {units:g} units from TensorFlow's; {promised:g} are promised"
                )
    return list(found.values())


def chosen(only: str | None) -> tuple[list[Case], list[Training]]:
    """The cases and trainings whose names hold a text; all without one."""
    if only is None:
        return CASES, TRAININGS
    return (
        [case for case in CASES if only.lower() in case.name.lower()],
        [training for training in TRAININGS if only.lower() in training.name.lower()],
    )


def all_faults(rows: Iterable[OpRow | TrainingRow | SeedRow]) -> list[str]:
    """What disagrees, over rows."""
    return [fault for row in rows for fault in row.faults]


FORMAT = 1


def as_json(
    device: str,
    ops: Sequence[OpRow],
    trainings: Sequence[TrainingRow],
    seeds: Sequence[SeedRow],
    not_run: Mapping[str, str],
) -> dict[str, Any]:
    """The report as JSON can hold it.

    Its form has the number `format`, 1, which grows when a name changes its meaning or goes. It holds:
        format, agrees, device: the number; whether all agrees; where minidl computed.
        stamps: what TensorFlow's figures were made with: `versions`, `processor`, `features`, `system`. In rows,
            `stamps` are places in this list.
        not_run: the reasons, by the names of what was left out.
        ops, trainings, seeds: the rows, with the attributes of OpRow, TrainingRow and SeedRow. A number that isn't
            finite is null.
    """
    rows: Sequence[OpRow | TrainingRow] = [*ops, *trainings]
    stamps = all_stamps(rows)
    return {
        "format": FORMAT,
        "agrees": not all_faults([*rows, *seeds]),
        "device": device,
        "stamps": _plain(stamps),
        "not_run": dict(not_run),
        "ops": [_row_as_json(row, stamps) for row in ops],
        "trainings": [_row_as_json(row, stamps) for row in trainings],
        "seeds": [_plain(dataclasses.asdict(row)) for row in seeds],
    }


def all_stamps(rows: Iterable[OpRow | TrainingRow]) -> list[Stamp]:
    """What the figures of rows were made with, each once."""
    found: list[Stamp] = []
    for row in rows:
        found += [stamp for stamp in row.stamps if stamp not in found]
    return found


def _row_as_json(row: OpRow | TrainingRow, stamps: list[Stamp]) -> Any:
    return _plain(dataclasses.asdict(row) | {"stamps": [stamps.index(stamp) for stamp in row.stamps]})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


ENGINES = ("minidl", *MODES)
