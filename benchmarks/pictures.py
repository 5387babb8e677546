"""A run as PNG files: a dot for each side at its median, and a bar from quartile to quartile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .means import Speedups, by_workload, charts
from .rows import BY_HAND, LIMIT, TELLING, slope
from .runs import Run
from .scaling import GROUPS
from .texts import Curves, bytes_text, curves, labels, side_text, three, time_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {
    LIMIT: "#555555", BY_HAND: "#999999", "minidl": "#7fb2e5", "minidl function": "#1f5fa8",
    "TensorFlow": "#fdc27a", "TensorFlow function": "#f58518", "TensorFlow XLA": "#b85c00", "PyTorch": "#d1495b",
    "PyTorch captured": "#8c1c2d", "JAX": "#4c956c",
}  # fmt: skip
_OWN = "#7a5195"  # engines of one's own
GM, WM = "GM, the geometric mean", "WM, weighted by operations"
_TEXTS = {"time": time_text, "peak memory": bytes_text}


def draw(folder: Path, run: Run) -> list[Path]:
    """Draw what the run holds; gives the files, of which those with nothing to show aren't made."""
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Figure] = {}
    for group, names in run.groups().items():
        if group in GROUPS:
            continue
        for what, least in (("time", 0.0), ("peak memory", TELLING)):
            shown = [name for name in names if any(row.median > least for row in run.of(name, what))]
            if shown:
                figures[f"{group} {what}"] = _panels(run, group, shown, what)
    if any(group in GROUPS for group in run.groups()):
        figures["scaling"] = _scaling(run)
    found = charts(run)
    if found:
        figures["times as fast"] = _chart(found)
    if sides := by_workload(run):
        figures["GPU over CPU"] = _by_workload(run, sides)
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{name.lower().replace(',', '').replace(' ', '-')}.png")
        figure.savefig(files[-1], dpi=120)
    return files


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure  # heavy, and only pictures need it
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1))


def _color(side: str) -> str:
    return _COLORS.get(side.split(" (")[0], _OWN)


def _columns(count: int) -> int:
    """In how many columns so many panels leave no place empty."""
    return next(number for number in (2, 3, 1) if count % number == 0)


def _panels(run: Run, group: str, names: Sequence[str], what: str) -> Figure:
    """A panel for each workload with a dot for each side, and a line at the limit."""
    columns = _columns(len(names))
    lines = len(names) // columns
    sides = max(len(run.of(name, what)) for name in names)
    figure = _figure((5.5 * columns, 0.8 + lines * (0.9 + 0.24 * sides)))
    figure.suptitle(f"{group[0].upper()}{group[1:]}: {what}{', from quartile to quartile' if what == 'time' else ''}")
    for name, axes in zip(names, figure.subplots(lines, columns, squeeze=False).flat, strict=True):
        _dots(axes, run, name, what)
        axes.set_title(labels(names)[name], fontsize=10)
    return figure


def _dots(axes: Any, run: Run, name: str, what: str) -> None:
    rows = run.of(name, what)
    for place, row in enumerate(rows):
        low, high = row.quartiles
        axes.plot([low, high], [-place, -place], color=_color(row.engine), linewidth=3, alpha=0.5)
        axes.plot(row.median, -place, "o", color=_color(row.engine), markersize=5, zorder=3)
        _beside(axes, _TEXTS[what](row.median), high, -place)
        if row.engine == LIMIT:
            axes.axvline(row.median, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_yticks([-place for place in range(len(rows))], [side_text(row, run) for row in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    _room(axes, min(row.quartiles[0] for row in rows), max(row.quartiles[1] for row in rows))
    _units(axes.xaxis, what)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _beside(axes: Any, text: str, x: float, y: float) -> None:
    """A number to the right of its dot, on white, so that no line crosses it, and behind all dots."""
    white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", fontsize=8, bbox=white, zorder=2.5)


def _room(axes: Any, low: float, high: float) -> None:
    """Let the axis reach so far that the numbers beside the dots have room, logarithmic where the dots need it."""
    if high > 10 * low > 0:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.5, high * (high / low) ** 0.3)
    else:
        axes.set_xlim(0, high * 1.3)


def _units(axis: Any, what: str) -> None:
    text = _TEXTS[what]
    axis.set_major_formatter(lambda value, _: re.sub(r"\.0+ ", " ", text(value)) if value > 0 else "0")
    axis.set_minor_formatter(lambda value, _: "")


def _scaling(run: Run) -> Figure:
    """Time and memory against each size, with the exponent of the larger half in the legend."""
    found = {
        (group, what): lines
        for group, names in run.groups().items()
        for what in _TEXTS
        if group in GROUPS and (lines := curves(run, names, what))
    }
    columns = _columns(len(found))
    figure = _figure((6.5 * columns, 4.2 * len(found) / columns))
    panels = figure.subplots(len(found) // columns, columns, squeeze=False).flat
    for ((group, what), lines), axes in zip(found.items(), panels, strict=True):
        _curves(axes, group, what, lines)
    return figure


def _curves(axes: Any, group: str, what: str, lines: Curves) -> None:
    axes.set_title(f"{what[0].upper()}{what[1:]} against {group}", fontsize=10)
    axes.set_xlabel(GROUPS[group], fontsize=9)
    for label, (sizes, values) in lines.items():
        exponent = f": {slope(sizes, values):.2f}" if len(sizes) > 2 else ""
        dashed = "--" if label.endswith("(gpu)") else "-"
        axes.plot(sizes, values, dashed, marker="o", markersize=3, label=label + exponent,
                  color=_color(label))  # fmt: skip
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


def _chart(found: dict[str, list[Speedups]]) -> Figure:
    """The lesson's chart: how many times as fast each side is as another, in the two means."""
    most = max(len(sides) for sides in found.values())
    figure = _figure((5.5 * len(found), 1.7 + 0.36 * most))
    figure.suptitle("How many times as fast", fontsize=11)
    for (heading, sides), axes in zip(found.items(), figure.subplots(1, len(found), squeeze=False).flat, strict=True):
        geometric = {0.2 - place: side.geometric for place, side in enumerate(sides)}
        weighted = {-0.2 - place: side.weighted for place, side in enumerate(sides) if side.weighted is not None}
        for means, mark, color, label in ((geometric, "o", "#1f5fa8", GM), (weighted, "D", "#d1495b", WM)):
            axes.plot([*means.values()], [*means], mark, color=color, markersize=5, label=label, zorder=3)
            for place, mean in means.items():
                _beside(axes, f"{three(mean)}×", mean, place)
        axes.set_yticks([-place for place in range(len(sides))], [side.name for side in sides])
        axes.axvline(1.0, color="black", linewidth=0.8)
        _times(axes, heading, [1.0, *geometric.values(), *weighted.values()])
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=2)
    return figure


def _by_workload(run: Run, sides: Sequence[Speedups]) -> Figure:
    """How many times as fast the GPU is as the CPU, a dot for each workload and engine."""
    names = [name for name in run.about if any(name in side.factors for side in sides)]
    figure = _figure((9, 1.4 + 0.28 * len(names)))
    axes = figure.subplots()
    for side in sides:
        places = [-names.index(name) for name in side.factors]
        axes.plot([*side.factors.values()], places, "o", color=_color(side.name), markersize=5, label=side.name)
    axes.set_yticks([-place for place in range(len(names))], names)
    axes.axvline(1.0, color="black", linewidth=0.8)
    _times(axes, "How many times as fast: GPU over CPU", [factor for side in sides for factor in side.factors.values()])
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _times(axes: Any, title: str, factors: Sequence[float]) -> None:
    """An axis of times, on which twice as fast and half as fast are as far from 1."""
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log")
    low, high = min(factors), max(factors)
    axes.set_xlim(low / 1.3, high * max(high / low, 2) ** 0.25)
    is_long = high / low > 50  # so that labels between the powers of ten would touch each other
    axes.xaxis.set_major_locator(LogLocator(10, (1.0,) if is_long else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
