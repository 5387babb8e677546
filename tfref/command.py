"""The command `python -m tfref`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

import minidl
from tfref.printing import count, print_ops, print_seeds, print_trainings, print_verdict
from tfref.recording import RecordingError
from tfref.references import RECORDING, Live, Recorded, record
from tfref.report import Reference, Told, all_faults, all_stamps, as_json, chosen, op_rows, seed_rows, training_rows
from tfref.running import Case
from tfref.terminal import end, why_not_writable
from tfref.training import DIGITS, Training

EPILOG = """The JSON of `report --json` has a form with a number, which is documented at `tfref.report.as_json`.
Exit status: 0 where all agrees, 1 where something doesn't, 2 where it couldn't be compared."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfref",
        description="Say how closely minidl agrees with TensorFlow: op by op, epoch by epoch, seed by seed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_report, only=None, json=None, device="cpu", live=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    report = actions.add_parser("report", help="say how closely they agree; the default", epilog=EPILOG)
    for each in (parser, report):
        _add_report_options(each)
    recording = actions.add_parser(
        "record", help="record TensorFlow's figures anew",
        description=f"Run TensorFlow, and keep its figures in {RECORDING.name}, from which the report takes them.",
    )  # fmt: skip
    recording.set_defaults(run=_record)
    _add_only(recording)
    return parser


def _add_only(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", metavar="NAME", default=argparse.SUPPRESS,
        help="only operations and trainings whose names hold this",
    )  # fmt: skip


def _add_report_options(parser: argparse.ArgumentParser) -> None:
    _add_only(parser)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="write the report to this file too"
    )
    parser.add_argument(
        "--device", choices=["cpu", "gpu"], default=argparse.SUPPRESS, help="where minidl computes (default: cpu)"
    )
    parser.add_argument(
        "--live", action="store_true", default=argparse.SUPPRESS,
        help="run TensorFlow now, which takes minutes, instead of taking its figures from the recording",
    )  # fmt: skip


class RefusedError(Exception):
    """Why the command can't do what was asked, in a sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 where all agrees, 1 where something doesn't, 2 where it couldn't be compared."""

    def run(console: Console) -> int:
        options = _parser().parse_args(arguments)
        status: int = options.run(console, options)
        return status

    refusals = ImportError, OSError, RefusedError, RecordingError, minidl.errors.InvalidArgumentError
    return end("tfref", run, refusals)


@contextmanager
def _progress(console: Console) -> Iterator[Told]:
    columns = TextColumn("{task.completed}"), BarColumn(20), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=console, transient=True) as progress, _interrupts() as interrupted:
        task = progress.add_task("", total=None)

        def told(what: str) -> None:
            if interrupted:
                raise KeyboardInterrupt
            progress.update(task, advance=1, description=what)

        yield told


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """The Ctrl-Cs that were pressed, since TensorFlow swallows one that comes at the wrong moment."""
    pressed: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only that one is interrupted
        yield pressed
        return
    former = signal.signal(signal.SIGINT, interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, former)


def _chosen(options: argparse.Namespace) -> tuple[list[Case], list[Training], Mapping[str, str]]:
    """The cases and trainings to run, and the names of trainings that can't be, with the reasons."""
    cases, trainings = chosen(options.only)
    if not cases and not trainings:
        raise RefusedError(f"there is no operation or training with {options.only!r} in its name")
    if DIGITS not in trainings or find_spec("sklearn") is not None:
        return cases, trainings, {}
    reason = "needs scikit-learn: pip install scikit-learn"
    trainings = [training for training in trainings if training is not DIGITS]
    if not cases and not trainings:
        raise RefusedError(f"nothing to run; not run: {DIGITS.name}, {reason}")
    return cases, trainings, {DIGITS.name: reason}


def _record(console: Console, options: argparse.Namespace) -> int:
    if options.json is not None or options.live or options.device != "cpu":
        raise RefusedError("--json, --live and --device belong to the report; to record takes --only")
    cases, trainings, not_run = _chosen(options)
    if not os.access(RECORDING.parent, os.W_OK):
        raise RefusedError(f"{RECORDING.parent} can't be written to; record in a checkout of your own")
    with _progress(console) as told:
        record(RECORDING, cases, trainings, told)
    said = f"Recorded in {RECORDING}: {count(len(cases), 'case')}, {count(len(trainings), 'training')}"
    console.print(Text(said), soft_wrap=True)
    for name, reason in not_run.items():
        console.print(Text(f"Not recorded: {name}, {reason}"))
    return 0


def _report(console: Console, options: argparse.Namespace) -> int:
    cases, trainings, not_run = _chosen(options)
    if options.json is not None and (why := why_not_writable(options.json)):
        raise RefusedError(why)
    device = f"/{options.device}:0"
    minidl.device(device)  # says at once where there is no GPU
    reference: Reference = Live() if options.live else Recorded()
    with _progress(console) as told:
        ops = op_rows(cases, reference, device, told)
        runs = training_rows(trainings, reference, device, told)
        seeds = seed_rows(cases, reference)
    console.print("[bold]minidl beside TensorFlow[/bold]")
    made = "run now" if options.live else "recorded"
    said = [
        f"TensorFlow {stamp['versions']['tensorflow']} and Keras {stamp['versions']['keras']}, {made} on "
        f"{stamp['processor']}; minidl on {device}"
        for stamp in all_stamps([*ops, *runs])
    ]
    for line in dict.fromkeys(said):  # processors of one name may differ in what they can do
        console.print(line, markup=False)
    print_ops(console, ops)
    print_trainings(console, runs)
    print_seeds(console, seeds)
    faults = [*all_faults(ops), *all_faults(runs), *all_faults(seeds)]
    print_verdict(console, faults, sum(row.cases for row in ops), len(ops), len(runs), not_run)
    if options.json is not None:
        text = json.dumps(as_json(device, ops, runs, seeds, not_run), indent=1, allow_nan=False)
        try:
            options.json.write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise RefusedError(f"the report was not written to {options.json}: {error.strerror}") from error
        words = f"Written to {options.json}, as JSON: {count(len(ops), 'operation')}, {count(len(runs), 'training')}"
        console.print(Text(words), soft_wrap=True)  # a name of a file is not broken
    return 1 if faults else 0
