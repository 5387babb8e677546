"""The command `python -m benchmarks`, which is `minidl benchmarks` where minidl is installed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from tfref.terminal import end, why_not_writable

from . import machine, pictures
from .comparing import compare
from .libraries import MissingError, need
from .measuring import Told
from .planning import Plan, compare_checkouts, compare_itself, run
from .printing import markdown, print_comparison, print_run, print_trial, print_trials
from .recording import RecordingError, read, save
from .runs import Run
from .worker import WorkerError


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds")
    return float(text)


def _kept(text: str) -> Path:
    """An argument's type: a file that can be written."""
    if why := why_not_writable(Path(text)):
        raise argparse.ArgumentTypeError(why)
    return Path(text)


def _folder(text: str) -> Path:
    """An argument's type: a folder, which may have to be made."""
    if Path(text).exists() and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file; name a folder to draw into")
    return Path(text)


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _options_of_measuring(threads: int, why: str) -> argparse.ArgumentParser:
    """Options of all that measures, with the number of threads that is taken by default."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--workloads", type=_file, metavar="FILE", help="a Python file of your own workloads and engines"
    )
    parser.add_argument("--only", metavar="NAME", default="", help="only workloads whose names hold this")
    parser.add_argument("--quick", action="store_true", help="fewer workloads and rounds")
    parser.add_argument("--threads", type=_count, default=threads, metavar="N",
                        help=f"how many threads every engine gets; by default {why}")  # fmt: skip
    parser.add_argument("--malloc", choices=["raised", "default"], default="raised",
                        help="whether malloc keeps large blocks for the next call, for all engines")  # fmt: skip
    parser.add_argument("--patience", type=_seconds, default=60.0, metavar="SECONDS",
                        help="how long to wait in all while other programs keep the processors busy (60)")  # fmt: skip
    return parser


def _options_of_a_run() -> argparse.ArgumentParser:
    """Options of what gives a run to keep."""
    parser = argparse.ArgumentParser(
        add_help=False, parents=[_options_of_measuring(machine.cores(), "one for each core")]
    )
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="gpu: on the GPU and the CPU")
    parser.add_argument("--gpu-only", action="store_true", help="with --device gpu: not on the CPU")
    parser.add_argument("--minutes", type=_count, metavar="N",
                        help="take no longer, and say what is left out (9 with --gpu-only, else no end)")  # fmt: skip
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory")
    parser.add_argument("--json", type=_kept, metavar="FILE", help="keep the run in this file")
    parser.add_argument("--pictures", type=_folder, metavar="DIR", help="draw the run as PNG files into this folder")
    return parser


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description="Time the same workloads on minidl, on NumPy by hand, on TensorFlow, and on PyTorch and JAX where "
        "they are installed; every result is checked against float64.",
        parents=[_options_of_a_run()],
    )
    parser.set_defaults(action="run")
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    scaling = actions.add_parser(
        "scaling", parents=[_options_of_a_run()], help="time against batch size, width, depth and number of ops",
        description="Time training steps against batch size, width and depth, and a chain against its number of ops.",
    )  # fmt: skip
    scaling.set_defaults(action="scaling")
    single = _options_of_measuring(1, "1, which other programs disturb least")
    compared = actions.add_parser(
        "compare", parents=[single], help="say what got faster or slower beyond the noise",
        description="Say what got faster or slower beyond the noise: between two runs that --json kept, or between two "
        "checkouts of minidl, which are timed now, in turns, with the workloads of this one.",
    )  # fmt: skip
    compared.add_argument("before", type=Path, metavar="BEFORE", help="a run's file, or the folder of a checkout")
    compared.add_argument("after", type=Path, metavar="AFTER", help="another of the same kind")
    compared.set_defaults(action="compare")
    checked = actions.add_parser(
        "check", help="say how far such a comparison can be trusted on this machine",
        description="Compare this code with itself, some quick workloads of which one has a tenth more to do, and "
        "count how many rows of the same code are called the same, and how often the tenth is found.",
    )  # fmt: skip
    checked.add_argument("--repeat", type=_count, default=10, metavar="N", help="how many comparisons (10)")
    checked.set_defaults(action="check", workloads=None, only="", quick=True, threads=1, malloc="raised", patience=0.0)
    shown = actions.add_parser(
        "show", help="print and draw a run that --json kept", description="Print and draw a run that --json kept."
    )
    shown.add_argument("file", type=Path, metavar="FILE", help="the run")
    shown.add_argument("--pictures", type=_folder, metavar="DIR", help="draw the run as PNG files into this folder")
    shown.add_argument("--markdown", metavar="GROUP", help="print the times of a group, as a table in Markdown")
    shown.set_defaults(action="show")
    return parser


def parse(arguments: Sequence[str] | None = None, name: str = "python -m benchmarks") -> argparse.Namespace:
    """The options; leaves with a message and status 2 where they make no sense."""
    parser, given = _parser(name), sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    if options.action != "run" and options.action != given[0]:
        parser.error(f"write {options.action} first, and its options after it")
    if options.action in ("run", "scaling") and options.gpu_only and options.device != "gpu":
        parser.error("--gpu-only is for --device gpu")
    if options.action == "compare" and options.before.is_dir() != options.after.is_dir():
        parser.error("compare takes two files or two folders, not one of each")
    if options.action == "compare" and not options.before.is_dir():
        plain = parser.parse_args(["compare", str(options.before), str(options.after)])
        if more := [name for name, value in vars(options).items() if value != getattr(plain, name)]:
            parser.error(f"--{more[0]} is for two folders, which are timed; files hold what was timed already")
    return options


def main(arguments: Sequence[str] | None = None, name: str = "python -m benchmarks") -> int:
    """Run the command; returns 0, or 1 where an engine gave wrong numbers, or 2 where it couldn't run."""
    options = parse(arguments, name)
    run = {"run": _run, "scaling": _run, "compare": _compare, "check": _check, "show": _show}[options.action]
    return end(
        "benchmarks", lambda console: run(console, options), (MissingError, RecordingError, WorkerError, OSError)
    )


@contextmanager
def _progress(console: Console) -> Iterator[Told]:
    columns = BarColumn(20), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda what, share: progress.update(task, completed=share, description=what)


def _plan(options: argparse.Namespace) -> Plan:
    need("psutil")
    gpu = getattr(options, "device", "cpu") == "gpu"
    return Plan(
        scaling=options.action == "scaling",
        own=str(options.workloads.resolve()) if options.workloads else None,
        only=options.only,
        quick=options.quick,
        devices=(("gpu",) if options.gpu_only else ("cpu", "gpu")) if gpu else ("cpu",),
        memory=not getattr(options, "no_memory", True),
        environment=machine.arranged(options.threads, options.malloc),
        patience=options.patience,
        seconds=_seconds_to_measure(options),
    )


# Seconds at the end of a run that has an end, in which its tables are printed and its pictures drawn.
REPORT = 30.0


def _seconds_to_measure(options: argparse.Namespace) -> float | None:
    minutes = getattr(options, "minutes", None) or (9 if getattr(options, "gpu_only", False) else None)
    return None if minutes is None else 60.0 * minutes - REPORT


def _run(console: Console, options: argparse.Namespace) -> int:
    plan = _plan(options)
    if options.pictures:
        need("matplotlib")  # what would fail at the end, fails now
    with _progress(console) as told:
        found = run(plan, told)
    if options.device == "cpu":
        found.lacks("GPU: not asked for; ask with --device gpu")
    print_run(console, found)
    if options.json:
        save(found, options.json)
        console.print(f"kept: {options.json}")
    _draw(console, options.pictures, found)
    return 1 if found.faults else 0


def _draw(console: Console, folder: Path | None, found: Run) -> None:
    for file in pictures.draw(folder, found) if folder else ():
        console.print(f"drawn: {file}")


def _show(console: Console, options: argparse.Namespace) -> int:
    found = read(options.file)
    if options.markdown is None:
        print_run(console, found)
    elif options.markdown in found.groups():
        print(markdown(found, options.markdown))
    else:
        raise RecordingError(f"{options.file} has no group {options.markdown!r}, but {', '.join(found.groups())}")
    _draw(console, options.pictures, found)
    return 0


def _compare(console: Console, options: argparse.Namespace) -> int:
    need("scipy")
    if options.before.is_dir():
        plan = _plan(options)
        with _progress(console) as told:
            found = compare_checkouts(plan, options.before, options.after, told)
    else:
        found = compare(read(options.before), read(options.after))
    print_comparison(console, found)
    return 1 if found.after.faults else 0


def _check(console: Console, options: argparse.Namespace) -> int:
    need("scipy")
    plan, same, slowed = _plan(options), [], []
    for number in range(options.repeat):
        with _progress(console) as told:
            found, change = compare_itself(plan, told)
        same += found.changes
        slowed.append(change)
        print_trial(console, f"{number + 1} of {options.repeat}", found, change)
    print_trials(console, same, slowed)
    return 0
