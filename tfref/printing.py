"""The agreement report as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfref.report import ENGINES, OpRow, SeedRow, TrainingRow


def _table(console: Console, title: str, headings: Sequence[str]) -> Table:
    console.print(f"\n[bold]{title}[/bold]")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", overflow="fold")
    return table


def print_ops(console: Console, rows: Sequence[OpRow]) -> None:
    if not rows:
        return
    title = "Largest errors against the truth in float64, in units in the last place"
    table = _table(console, title, ["operation", "cases", *ENGINES, "edges agree", ""])
    for row in rows:
        errors = [_units(row.units.get(engine)) for engine in ENGINES]
        edges = f"{row.edges_agreeing}/{row.edges}" if row.edges else "-"
        table.add_row(row.op, str(row.cases), *errors, edges, _mark(row.faults))
    console.print(table)


def print_trainings(console: Console, rows: Sequence[TrainingRow]) -> None:
    if not rows:
        return
    title = "Trainings: how far minidl's losses are from Keras's, and in which epoch;"
    title += "\nhow far Keras's eager, graph and XLA runs are from each other (itself);"
    title += "\nerrors against the truth, minidl's/Keras's; all in units in the last place"
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


def print_seeds(console: Console, rows: Sequence[SeedRow]) -> None:
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


def print_verdict(console: Console, faults: Sequence[str], cases: int, operations: int, trainings: int) -> None:
    """What disagrees, and the report in one line."""
    for fault in faults:
        console.print(Text.assemble(("✗ ", "red"), fault))
    compared = [f"{_count(cases, 'case')} of {_count(operations, 'operation')}"] if cases else []
    compared += [_count(trainings, "training")] if trainings else []
    if faults:
        said = Text(f"minidl disagrees with TensorFlow in {_count(len(faults), 'figure')} of", style="bold red")
    else:
        said = Text("minidl agrees with TensorFlow in", style="bold green")
    console.print(said, " and ".join(compared) + ".")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
