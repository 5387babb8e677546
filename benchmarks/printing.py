"""A run as tables in a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .comparing import CONFIDENCE, LEAST, NOTICED, Change, Comparison, Verdict
from .machine import QUIET
from .means import by_workload, charts
from .rows import LIMIT, NOISY, TELLING, UNSURE, best_framework, slope
from .runs import Run
from .scaling import GROUPS
from .texts import bytes_text, count_text, curves, labels, over_text, range_text, side_text, spread_text, time_text

# What a second does: of what a workload says it, in which unit.
_RATES = {"samples": ("samples/s", 1.0), "flops": ("GFLOP/s", 1e9), "bytes": ("GB/s", 1e9)}


def _table(console: Console, title: str, headings: Sequence[str]) -> Table:
    console.print(f"\n[bold]{title}[/bold]")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", overflow="fold")
    return table


def print_run(console: Console, run: Run) -> None:
    """Everything in a run."""
    print_machine(console, run)
    for group, names in run.groups().items():
        if any(run.about[name]["size"] is not None for name in names):
            _print_scaling(console, run, group, names)
        elif group == "processes":
            _print_processes(console, run, names)
        else:
            _print_times(console, run, group, names)
    _print_beginnings(console, run)
    _print_remarks(console, run)
    _print_charts(console, run)
    _print_gaps(console, run)


def print_machine(console: Console, run: Run) -> None:
    machine = run.machine
    malloc = {"raised": "malloc's thresholds raised for all", "default": "malloc as the system has it"}
    console.print("[bold]minidl beside the others[/bold]")
    console.print(
        f"{machine['processor']}, {machine['cores']} cores; {machine['threads']} threads for every engine, "
        f"{malloc.get(machine['malloc'], machine['malloc'])}; float32, TF32 off"
    )
    if "gpu" in machine:
        console.print(f"{machine['gpu']}, CUDA {machine['cuda']}, driver for CUDA {machine['driver']}")
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    console.print(f"Python {machine['python']}, {versions}; {machine['blas']}")
    for device, peak in run.peaks.items():
        console.print(
            f"At most on the {device}: {peak['flops'] / 1e9:,.0f} GFLOP/s in one large matrix product, "
            f"{peak['bytes'] / 1e9:,.0f} GB/s in one large copy"
        )


def _print_times(console: Console, run: Run, group: str, names: Sequence[str]) -> None:
    # In a narrow terminal the names need the room.
    rates = list(_RATES) if console.width >= 80 else []
    known = [what for what in rates if any(run.about[name].get(what) for name in names)][:2]
    headings = ["", "time", "±%", "/limit", "/best", *(_RATES[what][0] for what in known)]
    table = _table(console, f"{group[0].upper()}{group[1:]}", headings)
    for name in names:
        about, rows = run.about[name], run.of(name, "time")
        table.add_row(f"[bold]{labels(names)[name]}[/bold]")
        for device in run.devices:
            here = [row for row in rows if row.device == device]
            limit = next((row for row in here if row.engine == LIMIT), None)
            best = best_framework(here)
            for row in here:
                rates = [
                    count_text(about[what] / row.median / _RATES[what][1]) if about.get(what) else "-" for what in known
                ]
                cells = [range_text(row), spread_text(row), over_text(row, limit), over_text(row, best), *rates]
                style = "bold cyan" if row.engine.startswith("minidl") else None
                table.add_row(f"  {side_text(row, run)}", *cells, style=style)
    console.print(table)


def _print_beginnings(console: Console, run: Run) -> None:
    """The first call, which traces and compiles, and the peak memory, where it was measured."""
    names = [name for name, about in run.about.items() if about["size"] is None and run.of(name, "peak memory")]
    names = [name for name in names if run.of(name, "first call")]
    if not names:
        return
    heading = "The first call (trace and compile), and the peak memory of it and two more"
    table = _table(console, heading, ["", "first call", "peak memory", "/limit"])
    for name in names:
        table.add_row(f"[bold]{name}[/bold]")
        first = {(row.engine, row.device): row for row in run.of(name, "first call")}
        peaks = {(row.engine, row.device): row for row in run.of(name, "peak memory")}
        for key, row in first.items():
            peak, limit = peaks.get(key), peaks.get((LIMIT, row.device))
            memory = bytes_text(peak.median) if peak else "-"
            over = f"{peak.median / limit.median:.2f}" if peak and limit and limit.median > TELLING else "-"
            table.add_row(f"  {side_text(row, run)}", time_text(row.median), memory, over)
    console.print(table)


def _print_processes(console: Console, run: Run, names: Sequence[str]) -> None:
    table = _table(console, "Whole processes, and imports beside NumPy's", ["", "time", "±%", "peak memory"])
    for name in names:
        table.add_row(f"[bold]{name}[/bold]")
        peaks = {row.engine: row for row in run.of(name, "peak memory")}
        for row in run.of(name, "time"):
            memory = bytes_text(peaks[row.engine].median) if row.engine in peaks else "-"
            table.add_row(f"  {row.engine}", range_text(row), spread_text(row), memory)
    console.print(table)


def _print_scaling(console: Console, run: Run, group: str, names: Sequence[str]) -> None:
    sizes = [run.about[name]["size"] for name in names]
    for what, text in (("time", time_text), ("peak memory", bytes_text)):
        lines = curves(run, names, what)
        if not lines:
            continue
        heading = f"{what[0].upper()}{what[1:]} against {group}: {GROUPS.get(group, '')}"
        table = _table(console, heading, ["", *(f"{size:g}" for size in (sizes[0], sizes[-1])), "exponent"])
        for label, (at, values) in lines.items():
            ends = [text(values[at.index(size)]) if size in at else "-" for size in (sizes[0], sizes[-1])]
            table.add_row(label, *ends, f"{slope(at, values):.2f}" if len(at) > 2 else "-")
        console.print(table)


def _print_charts(console: Console, run: Run) -> None:
    """The lesson's chart, for this machine; the GPU over the CPU workload by workload, too."""
    found = charts(run)
    noisy = any(side.noisy for sides in found.values() for side in sides)
    for heading, sides in found.items():
        columns = ["", "GM", "WM", "workloads", *["noisy"] * noisy]
        table = _table(console, f"How many times as fast: {heading}", columns)
        for side in sides:
            style = "bold cyan" if side.name.startswith("minidl") else None
            weighted = "-" if side.weighted is None else f"{side.weighted:.2f}"
            cells = f"{side.geometric:.2f}", weighted, str(len(side.factors)), *[str(side.noisy or "-")] * noisy
            table.add_row(side.name, *cells, style=style)
        console.print(table)
    if found:
        console.print(
            "GM is the geometric mean over the workloads that both sides have, networks' where there are any. WM is "
            "the mean weighted by their floating-point operations, so that the large ones decide."
            + f" Noisy is in how many of these a time has quartiles more than {UNSURE:.0%} apart."
            * noisy
        )
    if faster := by_workload(run):
        table = _table(console, "GPU over CPU, by workload", ["", *(side.name for side in faster)])
        for column in table.columns[1:]:
            column.max_width = 11  # so that names of workloads have room
        for name in run.about:
            if any(name in side.factors for side in faster):
                table.add_row(name, *(f"{side.factors[name]:.2f}" if name in side.factors else "-" for side in faster))
        console.print(table)


def _print_remarks(console: Console, run: Run) -> None:
    timed = [row for row in run.rows if row.what == "time"]
    noisy, unsure = (sum(limit < row.spread < math.inf for row in timed) for limit in (NOISY, UNSURE))
    if not timed:
        return
    console.print(
        "\nTimes are medians over rounds in which every side ran, ±% half the distance of their quartiles; /limit and "
        f"/best are the time as a multiple of that {LIMIT.replace('by hand,', 'by hand with')} and of the fastest "
        "framework's: the median over the rounds of the ratio in one round."
    )
    if (others := run.machine.get("others", 0.0)) > QUIET:
        console.print(f"[yellow]Other programs took {others:.0%} of the processors meanwhile.[/yellow]")
    if noisy:
        console.print(
            f"[yellow]Noisy (!): in {noisy} of {len(timed)} rows the quartiles are more than {NOISY:.0%} apart. Where "
            f"it is more than {UNSURE:.0%}, in {unsure}, they stand in place of the median, and ratios are not said "
            "(?).[/yellow]"
        )


def _print_gaps(console: Console, run: Run) -> None:
    """What is missing or wrong."""
    for reason in run.missing:
        console.print(f"Left out: {reason}", markup=False)
    for fault in run.faults:
        console.print(f"Wrong: {fault}", style="bold red", markup=False)


def markdown(run: Run, group: str) -> str:
    """The times of a group as a table: a line for each workload, a column for each side."""
    names = run.groups()[group]
    sides = list(dict.fromkeys(side_text(row, run) for name in names for row in run.of(name, "time")))
    lines = [["", *sides], ["---"] * (len(sides) + 1)]
    for name in names:
        times = {side_text(row, run): range_text(row) for row in run.of(name, "time")}
        lines.append([labels(names)[name], *(times.get(side, "-") for side in sides)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("| --- ", "|---").replace("--- |", "---|")


def print_comparison(console: Console, found: Comparison) -> None:
    """What got faster or slower beyond the noise, what can't be told, and what only one of the runs has."""
    for key in ("processor", "threads", "malloc", "blas", "gpu"):
        one, other = found.before.machine.get(key), found.after.machine.get(key)
        if one != other:
            console.print(f"[yellow]The runs differ in {key}: {one} and {other}[/yellow]")
    by_verdict = {verdict: [each for each in found.changes if each.verdict is verdict] for verdict in Verdict}
    if changed := sorted(by_verdict[Verdict.CHANGED], key=lambda change: change.factor):
        table = _table(console, "What changed beyond the noise", ["", "before", "after", "times", "between"])
        for change in changed:
            text = bytes_text if change.after.what == "peak memory" else time_text
            what = "" if change.after.what == "time" else f", {change.after.what}"
            name = f"{change.after.workload}, {change.after.engine} ({change.after.device}){what}"
            cells = text(change.before.median), text(change.after.median), f"{change.factor:.2f}"
            between = f"{change.low:.2f}-{change.high:.2f}"
            table.add_row(name, *cells, between, style="green" if change.factor < 1 else "red")
        console.print(table)
    less, more = (sum((change.factor > 1) == grown for change in changed) for grown in (False, True))
    same, count = len(found.changes) - len(changed), len(found.changes)
    hidden = len(by_verdict[Verdict.UNSURE])
    noise = f"; {hidden} of these are so noisy that {NOTICED - 1:.0%} would not have been noticed" if hidden else ""
    console.print(f"{less} less, {more} more, {same} of {count} the same within the noise{noise}.")
    rule = (
        f"A row has changed where its factor is {LEAST - 1:.0%} at least, and 1 lies outside the interval that holds "
        f"it with {CONFIDENCE:.0%}"
    )
    if found.drift is None:
        console.print(
            f"{rule}, by pairs of processes that were timed in turns, one thread by the time of the processor."
        )
    else:
        console.print(
            f"{rule}, by what each process found over the rows by hand in the same rounds. These took "
            f"{found.drift:.2f} times as long in the later run: that is the machine."
        )
    if (others := max(run.machine.get("others", 0.0) for run in (found.before, found.after))) > QUIET:
        several = found.after.machine.get("threads", 1) > 1
        advice = ", which disturbs most what runs on several threads: --threads 1 tells more then" if several else ""
        console.print(f"[yellow]Other programs took {others:.0%} of the processors meanwhile{advice}.[/yellow]")
    for name, count in found.alone.items():
        console.print(f"{count} rows are only in {name}.")
    if found.single:
        console.print(f"Not compared, since one process doesn't tell the noise: {found.single} (of frameworks).")
    _print_gaps(console, found.after)


def _count(changes: Sequence[Change], verdict: Verdict) -> int:
    return sum(change.verdict is verdict for change in changes)


def print_trial(console: Console, which: str, found: Comparison, slowed: Change) -> None:
    """What a comparison of code with itself found, and of the workload that has a tenth more to do."""
    console.print(
        f"{which}: {_count(found.changes, Verdict.SAME)} of {len(found.changes)} rows the same, "
        f"{_count(found.changes, Verdict.CHANGED)} changed; a tenth more: {slowed.verdict.value}, {slowed.factor:.2f} "
        f"({slowed.low:.2f}-{slowed.high:.2f}); {max(len(change.after.values) for change in found.changes)} pairs of "
        f"processes; other programs took {found.after.machine['others']:.0%} of the processors."
    )
    for change in found.changes:
        if change.verdict is not Verdict.SAME:
            name = f"{change.after.workload}, {change.after.engine}"
            console.print(f"  {name}: {change.verdict.value}, {change.low:.2f}-{change.high:.2f}")


def print_trials(console: Console, same: Sequence[Change], slowed: Sequence[Change]) -> None:
    """What all of them found."""
    unsure = _count(same, Verdict.UNSURE)
    console.print(
        f"[bold]Of {len(same)} rows of the same code {_count(same, Verdict.SAME)} were found the same, "
        f"{_count(same, Verdict.CHANGED)} changed, {unsure} too noisy to tell; a tenth more work was found "
        f"{_count(slowed, Verdict.CHANGED)} times of {len(slowed)}.[/bold]"
    )
