"""The agreement report as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from tfref.report import ENGINES, OpRow, SeedRow, TrainingRow

GAP = 2  # between columns
MARKS = {True: "✓", False: "✗"}
MARKS_IN_ASCII = {True: "ok", False: "no"}
STYLES = {"✓": "green", "ok": "green", "✗": "red", "no": "red"}


def _print_table(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first column is a name, which stands on a line of its own where the console is too narrow."""
    console.print(Text(f"\n{title}\n", "bold"))
    _, *columns = zip(headings, *rows, strict=True)
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    taken = sum(widths) + GAP * len(widths)
    room = max(0, min(max(len(row[0]) for row in rows), console.width - taken))
    for line in range(1 + max(heading.count("\n") for heading in headings)):
        parts = [heading.split("\n")[line : line + 1] for heading in headings]
        _print_line(console, ["".join(part) for part in parts], room, widths)
    console.print(("-" if console.options.ascii_only else "─") * min(room + taken, console.width))
    for name, *cells in rows:
        if len(name) > room:
            console.print(Text(name))
        _print_line(console, [name if len(name) <= room else "", *cells], room, widths)


def _print_line(console: Console, cells: Sequence[str], room: int, widths: Sequence[int]) -> None:
    line = Text(cells[0].ljust(room))
    for cell, width in zip(cells[1:], widths, strict=True):
        line.append(" " * GAP + cell.rjust(width), STYLES.get(cell))
    line.rstrip()
    console.print(line)


def print_ops(console: Console, rows: Sequence[OpRow]) -> None:
    if not rows:
        return
    lines = []
    for row in rows:
        errors = [_units(row.units.get(engine)) for engine in ENGINES]
        edges = f"{row.edges_agreeing}/{row.edges}" if row.edges else "-"
        lines.append([row.op, str(row.cases), *errors, edges, _mark(console, row.faults)])
    title = "Largest errors against the truth in float64, in units in the last place"
    _print_table(console, title, ["operation", "cases", *ENGINES, "edges\nagree", ""], lines)


def print_trainings(console: Console, rows: Sequence[TrainingRow]) -> None:
    if not rows:
        return
    lines = []
    for row in rows:
        keras = max(units for engine, units in row.loss_units.items() if engine != "minidl")
        lines.append(
            [
                row.name,
                str(row.epochs),
                f"{row.apart:.0f} in {row.worst_epoch}" if row.apart else "0",
                f"{row.apart_itself:.0f}",
                _beside(row.loss_units["minidl"], keras),
                _beside(*row.weight_units),
                _beside(*row.prediction_units),
                _mark(console, row.faults),
            ]
        )
    title = "Trainings: how far minidl's losses are from Keras's, and in which epoch; how far Keras's eager, graph "
    title += "and XLA runs are from each other (itself); errors against the truth, minidl's/Keras's; all in units "
    title += "in the last place"
    _print_table(console, title, ["training", "epochs", "apart", "itself", "losses", "weights", "asked", ""], lines)
    for row in rows:
        if row.name.startswith("lesson"):
            console.print(f"{row.name}: Okja {row.prediction:.4f}, on Keras {row.reference_prediction:.4f}")


def print_seeds(console: Console, rows: Sequence[SeedRow]) -> None:
    if not rows:
        return
    lines = []
    for row in rows:
        apart = "the same bits" if not row.units else _units(row.units)
        promised = "the same bits" if not row.promised else f"at most {row.promised:g}"
        lines.append([row.name, f"{row.draws:,}", apart, promised, _mark(console, row.faults)])
    _print_table(console, "Draws after a seed", ["what", "numbers", "units apart", "promised", ""], lines)


def _units(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _beside(ours: float, theirs: float) -> str:
    return f"{ours:.1f}/{theirs:.1f}"


def _mark(console: Console, faults: Sequence[Any]) -> str:
    return (MARKS_IN_ASCII if console.options.ascii_only else MARKS)[not faults]


def print_verdict(
    console: Console,
    faults: Sequence[str],
    cases: int,
    operations: int,
    trainings: int,
    not_run: Mapping[str, str] | None = None,
) -> None:
    """What disagrees, the report in one line, and what isn't in it, with the reasons, by the names of trainings."""
    console.print()
    for fault in faults:
        console.print(Text.assemble((f"{_mark(console, faults)} ", "red"), fault))
    compared = [f"{count(cases, 'case')} of {count(operations, 'operation')}"] if cases else []
    if trainings or not_run:
        of = f"{trainings} of " if not_run else ""
        compared.append(of + count(trainings + len(not_run or {}), "training"))
    if faults:
        said = Text(f"minidl disagrees with TensorFlow in {count(len(faults), 'figure')} of", style="bold red")
    else:
        said = Text("minidl agrees with TensorFlow in", style="bold green")
    console.print(said, " and ".join(compared) + ".")
    for name, reason in (not_run or {}).items():
        console.print(Text(f"Not run: {name}, {reason}"))


def count(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
