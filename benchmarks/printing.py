"""A run as tables in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.rows import (
    LIMIT,
    NOISY,
    TELLING,
    Change,
    Row,
    best_framework,
    geometric_mean,
    ratio,
    slope,
    weighted_mean,
)
from benchmarks.running import Run
from benchmarks.scaling import GROUPS


def time_text(seconds: float) -> str:
    """Seconds in the unit that suits them, to three digits."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds / 1e-9)} ns"


def bytes_text(count: float) -> str:
    """Bytes in the unit that suits them, to three digits."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{_three(count / size)} {unit}"
    return f"{count:.0f} B"


def _three(number: float) -> str:
    return f"{number:,.0f}" if number >= 99.95 else f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


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
    _print_speedups(console, run)
    print_remarks(console, run)


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


def _named(row: Row, devices: Sequence[str]) -> str:
    return f"  {row.engine} ({row.device})" if len(devices) > 1 else f"  {row.engine}"


# The load of a machine on which something else runs.
BUSY = 0.5


def _over(row: Row, other: Row | None) -> str:
    times = ratio(row, other) if other else 0.0
    return "-" if not times else _three(times) if times >= 0.1 else f"{times:.1g}"


def labels(names: Sequence[str]) -> dict[str, str]:
    """The names of a group, without what follows the colon where that is the same in all."""
    kinds = {name.partition(": ")[2] for name in names}
    return {name: name.partition(": ")[0] if len(kinds) == 1 else name for name in names}


def _print_times(console: Console, run: Run, group: str, names: Sequence[str]) -> None:
    devices = list(dict.fromkeys(row.device for row in run.rows))
    table = _table(console, f"{group[0].upper()}{group[1:]}", ["", "time", "±%", "/limit", "/best", "GFLOP/s", "GB/s"])
    for name in names:
        about, rows = run.about[name], run.of(name, "time")
        table.add_row(f"[bold]{labels(names)[name]}[/bold]")
        for device in devices:
            here = [row for row in rows if row.device == device]
            limit = next((row for row in here if row.engine == LIMIT), None)
            best = best_framework(here)
            for row in here:
                rates = [
                    f"{about[what] / row.median / 1e9:,.1f}" if about[what] else "-" for what in ("flops", "bytes")
                ]
                spread = f"{row.spread * 50:.0f}{'!' if row.noisy else ''}"
                line = [
                    _named(row, devices),
                    time_text(row.median),
                    spread,
                    _over(row, limit),
                    _over(row, best),
                    *rates,
                ]
                table.add_row(*line, style="bold cyan" if row.engine.startswith("minidl") else None)
    console.print(table)


def _print_beginnings(console: Console, run: Run) -> None:
    """The first call, which traces and compiles, and the peak memory, where it was measured."""
    names = [name for name, about in run.about.items() if about["size"] is None and run.of(name, "peak memory")]
    names = [name for name in names if run.of(name, "first call")]
    if not names:
        return
    devices = list(dict.fromkeys(row.device for row in run.rows))
    table = _table(
        console,
        "The first call (trace and compile), and the peak memory of it and two more",
        ["", "first call", "peak memory", "/limit"],
    )
    for name in names:
        table.add_row(f"[bold]{name}[/bold]")
        first = {(row.engine, row.device): row for row in run.of(name, "first call")}
        peaks = {(row.engine, row.device): row for row in run.of(name, "peak memory")}
        for key, row in first.items():
            peak, limit = peaks.get(key), peaks.get((LIMIT, row.device))
            memory = bytes_text(peak.median) if peak else "-"
            over = f"{peak.median / limit.median:.2f}" if peak and limit and limit.median > TELLING else "-"
            table.add_row(_named(row, devices), time_text(row.median), memory, over)
    console.print(table)


def _print_processes(console: Console, run: Run, names: Sequence[str]) -> None:
    table = _table(console, "Whole processes, and imports", ["", "time", "±%", "peak memory"])
    for name in names:
        table.add_row(f"[bold]{name}[/bold]")
        peaks = {row.engine: row for row in run.of(name, "peak memory")}
        for row in run.of(name, "time"):
            memory = bytes_text(peaks[row.engine].median) if row.engine in peaks else "-"
            table.add_row(f"  {row.engine}", time_text(row.median), f"{row.spread * 50:.0f}", memory)
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


def curves(run: Run, names: Iterable[str], what: str) -> dict[str, tuple[list[float], list[float]]]:
    """Sizes and medians by engine and device."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    devices = {row.device for row in run.rows}
    for name in names:
        for row in run.of(name, what):
            if what == "peak memory" and row.median < TELLING:
                continue
            label = f"{row.engine} ({row.device})" if len(devices) > 1 else row.engine
            sizes, values = found.setdefault(label, ([], []))
            sizes.append(run.about[name]["size"])
            values.append(row.median)
    return found


def speedups(run: Run) -> dict[str, list[tuple[str, float, float]]]:
    """By engine, for each workload: its name, how many times faster the GPU is, and the seconds that that takes."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for name, about in run.about.items():
        times = {(row.engine, row.device): row for row in run.of(name, "time")}
        for (engine, device), row in times.items():
            if device == "gpu" and (engine, "cpu") in times and about["size"] is None:
                found.setdefault(engine, []).append((name, ratio(times[engine, "cpu"], row), row.median))
    return found


def _print_speedups(console: Console, run: Run) -> None:
    found = speedups(run)
    if not found:
        return
    engines = [engine for engine in (LIMIT, "minidl", "minidl function", "TensorFlow function") if engine in found]
    table = _table(console, "How many times faster the GPU is than the CPU", ["", *engines])
    by_name = {engine: {name: factor for name, factor, _ in found[engine]} for engine in engines}
    for name in run.about:
        if any(name in factors for factors in by_name.values()):
            cells = [by_name[engine].get(name) for engine in engines]
            table.add_row(name, *("-" if cell is None else f"{cell:.2f}" for cell in cells))
    table.add_section()
    columns = [
        ([factor for _, factor, _ in found[engine]], [weight for *_, weight in found[engine]]) for engine in engines
    ]
    table.add_row("GM", *(f"{geometric_mean(factors):.2f}" for factors, _ in columns), style="bold")
    table.add_row("WM", *(f"{weighted_mean(factors, weights):.2f}" for factors, weights in columns), style="bold")
    console.print(table)
    console.print(
        "GM is the geometric mean. WM is the mean weighted by the time that each workload takes on the GPU: "
        "how many times faster the GPU runs them all, each once."
    )


def print_remarks(console: Console, run: Run) -> None:
    """What is missing, noisy or wrong."""
    timed = [row for row in run.rows if row.what == "time"]
    noisy = sum(row.noisy for row in timed)
    console.print(
        "\nTimes are medians over rounds in which every side ran, ±% half the distance of their quartiles; /limit and "
        f"/best are the time as a multiple of that {LIMIT.replace('by hand,', 'by hand with')} and of the fastest "
        "framework's: the median over the rounds of the ratio in one round."
    )
    if (load := run.machine["load"]) and load > BUSY:
        console.print(f"[yellow]Other programs were running when this began: the load was {load}[/yellow]")
    if noisy:
        console.print(
            f"[yellow]Noisy (!): in {noisy} of {len(timed)} rows the quartiles are more than {NOISY:.0%} apart; "
            "the machine may be busy.[/yellow]"
        )
    for reason in run.missing:
        console.print(f"Left out: {reason}", markup=False)
    for fault in run.faults:
        console.print(f"Wrong: {fault}", style="bold red", markup=False)


def print_comparison(console: Console, before: Run, after: Run, found: Sequence[Change]) -> None:
    """What got faster or slower beyond the noise, and what only one of the runs has."""
    for key in ("processor", "threads", "malloc", "blas", "gpu"):
        one, other = before.machine.get(key), after.machine.get(key)
        if one != other:
            console.print(f"[yellow]The runs differ in {key}: {one} and {other}[/yellow]")
    real = sorted((change for change in found if not change.is_noise), key=lambda change: change.factor)
    if real:
        table = _table(console, "What changed beyond the noise", ["", "before", "after", "times"])
        for change in real:
            text = bytes_text if change.after.what == "peak memory" else time_text
            what = "" if change.after.what == "time" else f", {change.after.what}"
            name = f"{change.after.workload}, {change.after.engine} ({change.after.device}){what}"
            cells = text(change.before.median), text(change.after.median), f"{change.factor:.2f}"
            table.add_row(name, *cells, style="green" if change.factor < 1 else "red")
        console.print(table)
    less, more = (sum((change.factor > 1) == grown for change in real) for grown in (False, True))
    console.print(f"{less} less, {more} more, {len(found) - len(real)} of {len(found)} the same within the noise.")
    alone = {row.key for row in before.rows} ^ {row.key for row in after.rows}
    if alone:
        console.print(f"{len(alone)} rows are in only one of the two runs.")
