"""A run as PNG files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.printing import bytes_text, curves, labels, speedups, time_text
from benchmarks.rows import LIMIT, TELLING, Row, geometric_mean, slope
from benchmarks.running import Run
from benchmarks.scaling import GROUPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {
    LIMIT: "#555555", "by hand, allocating": "#999999", "minidl": "#7fb2e5", "minidl function": "#1f5fa8",
    "TensorFlow": "#fdc27a", "TensorFlow function": "#f58518", "TensorFlow XLA": "#b85c00", "PyTorch": "#d1495b",
    "JAX": "#4c956c",
}  # fmt: skip
_LEAST = {"time": 0.0, "peak memory": TELLING}
_TEXTS = {"time": time_text, "peak memory": bytes_text}


def draw(folder: Path, run: Run) -> list[Path]:
    """Draw what the run holds; gives the files, of which those with nothing to show aren't made."""
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Figure] = {}
    for group, names in run.groups().items():
        if group in GROUPS:
            continue
        for what in ("time", "peak memory"):
            shown = [
                name for name in names if min((row.median for row in run.of(name, what)), default=0.0) > _LEAST[what]
            ]
            if shown:
                figures[f"{group} {what}".replace(",", "").replace(" ", "-")] = _bars(run, group, shown, what)
    if any(group in GROUPS for group in run.groups()):
        figures["scaling"] = _scaling(run)
    if speedups(run):
        figures["gpu-over-cpu"] = _speedups(run)
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], dpi=120)
    return files


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure  # heavy, and only pictures need it

    return Figure(figsize=size, layout="constrained")


def _label(row: Row, run: Run) -> str:
    return f"{row.engine} ({row.device})" if len(run.peaks) > 1 else row.engine


def _bars(run: Run, group: str, names: Sequence[str], what: str) -> Figure:
    """A panel for each workload with a bar for each side, and a line at the limit."""
    columns = min(2, len(names))
    lines = math.ceil(len(names) / columns)
    sides = max(len(run.of(name, what)) for name in names)
    figure = _figure((6 * columns, 0.8 + lines * (0.9 + 0.27 * sides)))
    figure.suptitle(f"{group[0].upper()}{group[1:]}: {what}{', with quartiles' if what == 'time' else ''}")
    panels = figure.subplots(lines, columns, squeeze=False).flat
    for name, axes in zip(names, panels, strict=False):
        rows = run.of(name, what)[::-1]
        values = [row.median for row in rows]
        ends = [row.quartiles for row in rows]
        errors = [[value - low for value, (low, _) in zip(values, ends, strict=True)],
                  [high - value for value, (_, high) in zip(values, ends, strict=True)]]  # fmt: skip
        axes.barh([_label(row, run) for row in rows], values, color=[_COLORS.get(row.engine) for row in rows],
                  xerr=errors if what == "time" else None, error_kw={"linewidth": 1, "capsize": 2})  # fmt: skip
        for position, (value, (_, high)) in enumerate(zip(values, ends, strict=True)):
            axes.annotate(
                _TEXTS[what](value), (high, position), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
        for row in rows:
            if row.engine == LIMIT:
                axes.axvline(row.median, color="#555555", linewidth=0.8, linestyle=":")
        if max(values) > 10 * min(values):
            axes.set_xscale("log")
            axes.set_xlim(min(values) / 2, max(values) * 8)
        else:
            axes.set_xlim(0, max(high for _, high in ends) * 1.25)
        _units(axes.xaxis, what)
        axes.set_title(labels(names)[name], fontsize=10)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels:  # those that are left over
        axes.set_axis_off()
    return figure


def _units(axis: Any, what: str) -> None:
    text = _TEXTS[what]
    axis.set_major_formatter(lambda value, _: re.sub(r"\.0+ ", " ", text(value)) if value > 0 else "0")
    axis.set_minor_formatter(lambda value, _: "")


def _scaling(run: Run) -> Figure:
    """Time, and memory beside it, against each size, with the exponent of the larger half in the legend."""
    groups = {group: names for group, names in run.groups().items() if group in GROUPS}
    kinds = [what for what in ("time", "peak memory") if any(row.what == what for row in run.rows)]
    figure = _figure((6.5 * len(kinds), 4.2 * len(groups)))
    panels = figure.subplots(len(groups), len(kinds), squeeze=False)
    for line, (group, names) in zip(panels, groups.items(), strict=True):
        for axes, what in zip(line, kinds, strict=True):
            _curves(axes, run, group, names, what)
    return figure


def _curves(axes: Any, run: Run, group: str, names: Sequence[str], what: str) -> None:
    lines = curves(run, names, what)
    axes.set_title(f"{what[0].upper()}{what[1:]} against {group}", fontsize=10)
    axes.set_xlabel(GROUPS[group], fontsize=9)
    if not lines:
        axes.annotate("too little to measure", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set(xticks=[], yticks=[])
        return
    for label, (sizes, values) in lines.items():
        exponent = f": {slope(sizes, values):.2f}" if len(sizes) > 2 else ""
        dashed = "--" if label.endswith("(gpu)") else "-"
        axes.plot(sizes, values, dashed, marker="o", markersize=3, label=label + exponent,
                  color=_COLORS.get(label.split(" (")[0]))  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    sizes = sorted({size for at, _ in lines.values() for size in at})
    axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes], fontsize=8)
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(low / 2, high * 2)  # so that there is a power of ten to label
    _units(axes.yaxis, what)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, title="exponent, larger half", title_fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _speedups(run: Run) -> Figure:
    """How many times faster the GPU is, a bar for each workload and engine."""
    found = {engine: rows for engine, rows in speedups(run).items() if engine in (LIMIT, "minidl", "minidl function")}
    names = [name for name in run.about if any(name == each for rows in found.values() for each, *_ in rows)]
    figure = _figure((9, 1.2 + 0.2 * len(names) * (len(found) + 1)))
    axes = figure.subplots()
    for offset, (engine, rows) in enumerate(found.items()):
        mean = geometric_mean([factor for _, factor, _ in rows])
        places = [-names.index(name) - offset / (len(found) + 1) for name, *_ in rows]
        axes.barh(places, [factor for _, factor, _ in rows], 1 / (len(found) + 1), color=_COLORS.get(engine),
                  label=f"{engine}, GM {mean:.2f}")  # fmt: skip
    axes.set_yticks(
        [-index - (len(found) - 1) / (len(found) + 1) / 2 for index in range(len(names))], names, fontsize=8
    )
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.set_title("How many times faster the GPU is than the CPU")
    axes.legend(fontsize=8)
    return figure
