"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from benchmarks import machine, pictures, processes, running, scaling, workloads
from benchmarks.catalogue import ENGINES
from benchmarks.engines import MissingError, array_module, load
from benchmarks.printing import print_comparison, print_run
from benchmarks.recording import RecordingError, read, save
from benchmarks.rows import changes
from benchmarks.running import Run
from benchmarks.timing import FULL, QUICK
from benchmarks.workloads import Workload


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; leaves with a message and status 2 where they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time the same workloads on minidl, on NumPy by hand, on TensorFlow, and on PyTorch and JAX where "
        "they are installed; every result is checked against float64.",
        epilog="`python -m benchmarks scaling` times against batch size, width, depth and number of ops; "
        "`python -m benchmarks compare A.json B.json` says what got faster or slower beyond the noise.",
    )
    parser.add_argument(
        "action", nargs="?", choices=["run", "scaling", "compare"], default="run", help="run by default"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="the two runs to compare")
    parser.add_argument("--quick", action="store_true", help="fewer workloads and rounds: under a minute")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="gpu: on the GPU and the CPU")
    parser.add_argument("--only", metavar="NAME", help="only workloads whose names hold this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the run in this file")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="draw the run as PNG files into this folder")
    parser.add_argument("--threads", type=_count, default=machine.cores(), metavar="N",
                        help="how many threads every engine gets; by default one for each core")  # fmt: skip
    parser.add_argument("--malloc", choices=["raised", "default"], default="raised",
                        help="whether malloc keeps large blocks for the next call, for all engines")  # fmt: skip
    options = parser.parse_args(arguments)
    if len(options.files) != (2 if options.action == "compare" else 0):
        parser.error("compare takes two files, and nothing else takes any")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder {options.json.parent} to keep the run in")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 where an engine gave wrong numbers, or 2 where it couldn't run."""
    options = parse(arguments)
    console = Console(highlight=False)
    try:
        return _compare(console, *options.files) if options.action == "compare" else _run(console, options)
    except (MissingError, RecordingError, OSError) as error:
        Console(stderr=True, highlight=False).print(f"benchmarks: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        return 130  # what a shell says of a command that was interrupted


def _compare(console: Console, before: Path, after: Path) -> int:
    earlier, later = read(before), read(after)
    print_comparison(console, earlier, later, changes(earlier.rows, later.rows))
    return 0


@contextmanager
def _progress(console: Console, steps: int) -> Iterator[Callable[[str], None]]:
    columns = BarColumn(20), TextColumn("{task.completed} of {task.total}"), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=steps)
        yield lambda what: progress.update(task, advance=1, description=what)


def _chosen(options: argparse.Namespace, found: Run) -> list[Workload]:
    """The workloads that the options ask for; the run notes which of them are too large."""
    named = (options.only or "").lower()
    chosen = [
        each
        for each in (scaling.WORKLOADS if options.action == "scaling" else workloads.WORKLOADS)
        if named in each.name.lower() and (each.quick or not options.quick)
    ]
    if options.device == "gpu" or options.only:
        return chosen
    for each in chosen:
        if each.fills_gpu:
            found.lacks(f"{each.name}: it is made to fill a GPU; ask for it with --only '{each.name}'")
    return [each for each in chosen if not each.fills_gpu]


def _run(console: Console, options: argparse.Namespace) -> int:
    # What would fail at the end, fails now.
    array_module(options.device)
    if options.pictures:
        load("matplotlib")
    found = running.Run(machine.describe(options.device))
    if options.device == "cpu":
        found.lacks("GPU: not asked for; ask with --device gpu")
    if machine.leaves_avx512_unused(found.machine["blas"]):
        found.lacks("AVX-512: NumPy's BLAS doesn't use it; OPENBLAS_CORETYPE=SkylakeX in the environment makes it")
    chosen = _chosen(options, found)
    in_processes = [processes.IMPORT, processes.PROCESS] if options.action == "run" else []
    in_processes = [name for name in in_processes if (options.only or "").lower() in name.lower()]
    if not chosen and not in_processes:
        Console(stderr=True).print(f"benchmarks: no workload has {options.only!r} in its name", markup=False)
        return 2
    devices = ["cpu", "gpu"] if options.device == "gpu" else ["cpu"]
    sides = [each for each in ENGINES if options.action == "run" or each.name in scaling.ENGINES]
    effort = QUICK if options.quick else FULL
    # A process for each measurement takes its time: where there are many, only for engines that start at once.
    few = options.quick or options.action == "scaling"
    starting = [each for each in sides if not few or each.name.startswith(("by hand", "minidl"))]
    remembered = [each for each in chosen if each.kind == "train" or each.ops]
    steps = len(chosen) * (len(sides) * len(devices) + 1) + len(remembered) * len(starting) * len(devices)
    with _progress(console, steps + len(in_processes)) as told:
        for device in devices:
            found.peaks[device] = running.measure_peaks(device)
        running.run(found, chosen, sides, devices, effort, told)
        running.measure_memory(found, remembered, starting, devices, told)
        for name in in_processes:
            running.measure_processes(found, name, min(5, effort.rounds), starting, told)
    print_run(console, found)
    if options.json:
        save(found, options.json)
        console.print(f"kept: {options.json}")
    if options.pictures:
        for file in pictures.draw(options.pictures, found):
            console.print(f"drawn: {file}")
    return 1 if found.faults else 0
