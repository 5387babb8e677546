"""The command `python -m tfref`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

import minidl
from tfref.recording import RecordingError
from tfref.references import RECORDING, Live, Recorded, record
from tfref.report import (
    ENGINES,
    OpRow,
    Reference,
    SeedRow,
    Told,
    TrainingRow,
    all_faults,
    as_json,
    chosen,
    op_rows,
    seed_rows,
    training_rows,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfref",
        description="Say how closely minidl agrees with TensorFlow: op by op, epoch by epoch, seed by seed.",
    )
    parser.add_argument(
        "action", nargs="?", choices=["report", "record"], default="report",
        help="report (the default), or record TensorFlow's figures anew",
    )  # fmt: skip
    parser.add_argument("--only", metavar="NAME", help="only operations and trainings whose names hold this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report to this file too")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="where minidl computes")
    parser.add_argument(
        "--live", action="store_true",
        help="run TensorFlow now, which takes minutes, instead of taking its figures from the recording",
    )  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 where all agrees, 1 where something doesn't, 2 where it couldn't be compared."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    try:
        if options.action == "record":
            with _progress(console) as told:
                record(RECORDING, *chosen(options.only), told)
            console.print(f"recorded: {RECORDING.name}")
            return 0
        return _report(console, options)
    except (ImportError, RecordingError, minidl.errors.InvalidArgumentError) as error:
        Console(stderr=True, highlight=False).print(f"tfref: {error}", markup=False)
        return 2


@contextmanager
def _progress(console: Console) -> Iterator[Told]:
    columns = TextColumn("{task.completed}"), BarColumn(20), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda what: progress.update(task, advance=1, description=what)


def _report(console: Console, options: argparse.Namespace) -> int:
    cases, trainings = chosen(options.only)
    if not cases and not trainings:
        Console(stderr=True).print(f"tfref: there is no operation or training with {options.only!r} in its name")
        return 2
    device = f"/{options.device}:0"
    minidl.device(device)  # says at once where there is no GPU
    reference: Reference = Live() if options.live else Recorded()
    with _progress(console) as told:
        ops = op_rows(cases, reference, device, told)
        runs = training_rows(trainings, reference, device, told)
        seeds = seed_rows(cases, reference)
    console.print("[bold]minidl beside TensorFlow[/bold]")
    versions = reference.stamp["versions"]
    console.print(
        f"TensorFlow {versions['tensorflow']} and Keras {versions['keras']}, "
        f"{'run now' if options.live else 'recorded'} on {reference.stamp['processor']}; minidl on {device}"
    )
    _print_ops(console, ops)
    _print_trainings(console, runs)
    _print_seeds(console, seeds)
    faults = [*all_faults(ops), *all_faults(runs), *all_faults(seeds)]
    for fault in faults:
        console.print(Text.assemble(("✗ ", "red"), fault))
    console.print(verdict(sum(row.cases for row in ops), len(ops), len(runs), len(faults)))
    if options.json:
        found = {"stamp": reference.stamp, "device": device, "ops": as_json(ops), "trainings": as_json(runs)}
        options.json.write_text(json.dumps(found | {"seeds": as_json(seeds)}, indent=1))
    return 1 if faults else 0


def _table(console: Console, title: str, headings: Sequence[str]) -> Table:
    console.print(f"\n[bold]{title}[/bold]")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", overflow="fold")
    return table


def _print_ops(console: Console, rows: Sequence[OpRow]) -> None:
    if not rows:
        return
    title = "Largest error against the float64 truth, in units in the last place; edges agreeing"
    table = _table(console, title, ["operation", "cases", *ENGINES, "edges", ""])
    for row in rows:
        errors = [_units(row.units.get(engine)) for engine in ENGINES]
        edges = f"{row.edges_agreeing}/{row.edges}" if row.edges else "-"
        table.add_row(row.op, str(row.cases), *errors, edges, _mark(row.faults))
    console.print(table)


def _print_trainings(console: Console, rows: Sequence[TrainingRow]) -> None:
    if not rows:
        return
    title = (
        "Trainings: how far minidl's losses are from Keras's at most, and in which epoch; how far eager, graph and\n"
        "XLA runs of Keras are from each other; errors against the truth, minidl's / Keras's; all in units"
    )
    table = _table(console, title, ["training", "epochs", "apart", "itself", "losses", "weights", "asked", ""])
    for row in rows:
        keras = max(units for engine, units in row.loss_units.items() if engine != "minidl")
        table.add_row(
            row.name,
            str(row.epochs),
            f"{row.apart:.0f} in {row.worst_epoch}" if row.apart else "0",
            f"{row.apart_itself:.0f}",
            _beside(row.loss_units["minidl"], keras),
            _beside(*row.weight_units),
            _beside(*row.prediction_units),
            _mark(row.faults),
        )
    console.print(table)
    lessons = [row for row in rows if row.name.startswith("lesson")]
    for row in lessons:
        console.print(f"{row.name}: Okja {row.prediction:.4f}, on Keras {row.reference_prediction:.4f}")


def _print_seeds(console: Console, rows: Sequence[SeedRow]) -> None:
    if not rows:
        return
    table = _table(console, "Draws after a seed", ["what", "numbers", "units apart", "promised", ""])
    for row in rows:
        apart = "the same bits" if not row.units else _units(row.units)
        promised = "the same bits" if not row.promised else f"at most {row.promised:g}"
        table.add_row(row.name, f"{row.draws:,}", apart, promised, _mark(row.faults))
    console.print(table)


def _units(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _beside(ours: float, theirs: float) -> str:
    return f"{ours:.1f}/{theirs:.1f}"


def _mark(faults: Sequence[Any]) -> str:
    return "[red]✗[/red]" if faults else "[green]✓[/green]"


def verdict(cases: int, ops: int, trainings: int, faults: int) -> Text:
    """The report in one line."""
    said = f" {cases} cases of {ops} operations and {trainings} trainings."
    if faults:
        return Text.assemble((f"minidl disagrees with TensorFlow in {faults} figures", "bold red"), " of", said)
    return Text.assemble(("minidl agrees with TensorFlow", "bold green"), " in", said)
