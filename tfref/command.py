"""The command `python -m tfref`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

import minidl
from tfref.printing import print_ops, print_seeds, print_trainings, print_verdict
from tfref.recording import RecordingError
from tfref.references import RECORDING, Live, Recorded, record
from tfref.report import Reference, Told, all_faults, as_json, chosen, op_rows, seed_rows, training_rows
from tfref.training import DIGITS


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
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder {options.json.parent} to write the report to")
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
    if DIGITS in trainings and find_spec("sklearn") is None:
        trainings = [training for training in trainings if training is not DIGITS]
        console.print("Left out: the digits, which come with scikit-learn: pip install 'minidl[test]'", markup=False)
        if not cases and not trainings:
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
    print_ops(console, ops)
    print_trainings(console, runs)
    print_seeds(console, seeds)
    faults = [*all_faults(ops), *all_faults(runs), *all_faults(seeds)]
    print_verdict(console, faults, sum(row.cases for row in ops), len(ops), len(runs))
    if options.json:
        found = {"stamp": reference.stamp, "device": device, "ops": as_json(ops), "trainings": as_json(runs)}
        options.json.write_text(json.dumps(found | {"seeds": as_json(seeds)}, indent=1))
    return 1 if faults else 0
