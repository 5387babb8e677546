"""The lesson's pictures, as PNG files: the data, the loss, the line through the films, the descent on a parabola."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.okja.films import FILMS, OKJA, PEOPLE, Film
from minidl.okja.lesson import LINE, Result
from minidl.pictures import fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY = "#2b6cb0", "#c53030", "#718096"
COLORS = ("#2b6cb0", "#2f855a", "#6b46c1", "#b7791f")  # of the four films


def draw(folder: Path, result: Result, path: Sequence[float]) -> list[Path]:
    """Draw all pictures into a folder, which is made if need be; returns the files.

    Raises ImportError, with the command that installs it, where matplotlib is missing.
    """
    matplotlib = fonts.matplotlib()
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    font = fonts.korean_font()
    pictures: dict[str, Callable[[Axes], None]] = {
        "data": lambda axes: _data(axes, font is not None),
        "loss": lambda axes: _loss(axes, result.losses),
        "line": lambda axes: _line(axes, result, font is not None),
        "descent": lambda axes: _descent(axes, path),
    }
    with matplotlib.rc_context({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False}):
        if font is not None:
            matplotlib.rcParams["font.family"] = [font, "DejaVu Sans"]
        for name, picture in pictures.items():
            figure, axes = _canvas()
            picture(axes)
            if axes.get_legend_handles_labels()[0]:  # below the axes, where it covers nothing
                figure.legend(loc="outside lower center", ncols=2, fontsize=10, frameon=False)
            files.append(folder / f"{name}.png")
            figure.savefig(files[-1], dpi=120)
    return files


def _canvas() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # drawn without any window system

    figure = Figure(figsize=(8, 5), layout="constrained")
    return figure, figure.add_subplot()


def _name(film: Film, in_korean: bool) -> str:
    return f"{film.korean} ({film.english})" if in_korean else film.english


def _films(axes: Axes, in_korean: bool) -> None:
    for film, color in zip(FILMS, COLORS, strict=True):
        label = f"{_name(film, in_korean)}: {film.wishes:,} wishes, {film.audience:,}"
        axes.plot([film.wishes], [film.audience], "o", markersize=9, color=color, zorder=3, label=label)
    axes.set_xlim(7500, 18000)
    axes.set_xlabel("users of Watcha who want to see it")
    axes.set_ylabel(f"audience (units of {PEOPLE:,} people)")


def _data(axes: Axes, in_korean: bool) -> None:
    _films(axes, in_korean)
    axes.set_ylim(0, 1200)
    axes.set_title("The films: wishes and audiences")


def _loss(axes: Axes, losses: Sequence[float]) -> None:
    axes.plot(range(1, len(losses) + 1), losses, color=BLUE, marker="o" if len(losses) == 1 else None)
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error")
    axes.set_title("The training: the loss falls")
    if losses:
        axes.annotate(f"{losses[-1]:,.0f}", (len(losses), losses[-1]), xytext=(0, 8), textcoords="offset points",
                      ha="right", va="bottom", color=BLUE)  # fmt: skip


def _line(axes: Axes, result: Result, in_korean: bool) -> None:
    after = result.after
    axes.plot(list(LINE), after.line, "--", color=RED, zorder=1)
    _films(axes, in_korean)
    okja = f"{_name(OKJA, in_korean)}: {OKJA.wishes:,} wishes, {after.okja:,.1f} predicted"
    axes.plot([OKJA.wishes], [after.okja], "*", markersize=15, color=RED, zorder=4, label=okja)
    lowest, highest = min(0, *after.line), max(1200, *after.line)
    axes.set_ylim(lowest - 0.05 * (highest - lowest) * (lowest < 0), highest + 0.05 * (highest - lowest))
    axes.set_title(f"The line: audience = {after.weight:.5f} · wishes + {after.bias:.5f}")


def _descent(axes: Axes, path: Sequence[float]) -> None:
    def height(x: float) -> float:
        return (x - 50) ** 2 + 100

    axes.plot(range(101), [height(x) for x in range(101)], color=GREY, linewidth=2)
    axes.plot(path, [height(x) for x in path], "o-", color=RED, markersize=5, linewidth=1)
    axes.annotate("start", (path[0], height(path[0])), xytext=(10, 4), textcoords="offset points", color=RED)
    axes.annotate(f"after {len(path) - 1} steps: x = {path[-1]:.2f}", (path[-1], height(path[-1])), xytext=(0, -22),
                  textcoords="offset points", ha="center", color=RED)  # fmt: skip
    axes.set_ylim(-150, 2700)
    axes.set_xlabel("x")
    axes.set_ylabel(r"$(x - 50)^2 + 100$")
    axes.set_title("Gradient descent: each step goes against the slope")
