"""The lesson's pictures, as PNG files: the data, the loss, the line through the films, the descent on a parabola."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import minidl
from minidl.okja.films import FILMS, OKJA, PEOPLE, Film
from minidl.okja.language import rule_in, translated
from minidl.okja.lesson import LINE, Result
from minidl.pictures.diagram import Box, Diagram
from minidl.pictures.drawing import korean_font, matplotlib

# Colors that are told apart also without seeing red and green (Okabe and Ito, "Color universal design", 2008).
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
COLORS = (BLUE, "#009E73", "#882255", "#222222")  # of the four films
TANGENTS = 3  # how many steps of the descent show the slope that they go against
COMMAND = "apt-get install fonts-nanum"  # installs a Korean font on Debian and Ubuntu


def draw(folder: Path, result: Result, path: Sequence[float], language: str = "en") -> list[Path]:
    """Draw all pictures into a folder, which is made if need be; returns the files.

    Raises ImportError, with the command that installs it, where matplotlib is missing.
    """

    def words(text: str, **values: Any) -> str:
        return translated(text, language, **values)

    folder.mkdir(parents=True, exist_ok=True)
    language = language_of_pictures(language)
    with canvas(folder / "data.png") as (_, axes):
        _data(axes, words)
    with canvas(folder / "loss.png") as (_, axes):
        _loss(axes, words, result.losses)
    with canvas(folder / "line.png") as (_, axes):
        _line(axes, words, result)
    with canvas(folder / "descent.png") as (_, axes):
        _descent(axes, words, path)
    return [folder / f"{name}.png" for name in ("data", "loss", "line", "descent")]


def language_of_pictures(language: str) -> str:
    """The language in which pictures can be drawn: English where a font with Korean letters is missing."""
    return language if korean_font() is not None else "en"


@contextlib.contextmanager
def canvas(file: Path) -> Iterator[tuple[Any, Any]]:
    """A figure and its axes to draw on, in a font with Korean letters where there is one; written at the end.

    Raises ImportError where matplotlib is missing.
    """
    library = matplotlib()
    fonts = ["DejaVu Sans", *filter(None, [korean_font()])]
    look = {"font.size": 12, "axes.spines.top": False, "axes.spines.right": False, "font.family": fonts}
    with library.rc_context(look):
        figure = library.figure.Figure(figsize=(8, 5), layout="constrained")  # without any window system
        yield figure, figure.add_subplot()
        figure.savefig(file, dpi=120)


def diagram_in(language: str, picture: minidl.Picture) -> Diagram:
    """A picture's diagram with its words in a language, where they can be drawn."""
    diagram, language = picture.diagram(), language_of_pictures(language)
    mirrored = {
        row: Box([rule_in(line, language) for line in box.lines], box.kind) for row, box in diagram.mirrored.items()
    }
    left, right = (translated(title, language) for title in diagram.titles)
    return dataclasses.replace(diagram, mirrored=mirrored, titles=(left, right))


Words = Callable[..., str]


def _name(film: Film) -> str:
    return film.english if korean_font() is None else f"{film.korean} {film.english}"


def _label(axes: Any, text: str, x: float, y: float, color: str, is_left: bool, rises: float = -5) -> None:
    """A text beside a point, on its left or right, so many points above it or, where negative, below."""
    axes.annotate(text, (x, y), xytext=(-7 if is_left else 7, rises), textcoords="offset points", color=color,
                  fontsize=10.5, ha="right" if is_left else "left", va="bottom" if rises > 0 else "top", zorder=5,
                  bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0})  # fmt: skip


def _films(axes: Any, words: Words, lowest: float = 0) -> None:
    """The films as points with their names; in a picture that reaches far down these go below each other."""
    for index, (film, color, marker) in enumerate(zip(FILMS, COLORS, "osD^", strict=True)):
        axes.plot([film.wishes], [film.audience], marker, markersize=9, color=color, zorder=3)
        is_left = film.wishes > OKJA.wishes
        rises = -5 - 45 * (index % 2) if lowest < -1000 else 5 if is_left else -5
        text = f"{_name(film)}\n{film.wishes:,} → {film.audience:,}"
        _label(axes, text, film.wishes, film.audience, color, is_left and (rises > 0 or film is FILMS[-1]), rises)
    axes.set_xlim(7500, 18000)
    axes.set_xlabel(words("users of Watcha who want to see it"))
    axes.set_ylabel(words("audience (units of {people:,} people)", people=PEOPLE))


def _data(axes: Any, words: Words) -> None:
    _films(axes, words)
    axes.set_ylim(0, 1200)
    axes.set_title(words("The films: wishes and audiences"))


def _loss(axes: Any, words: Words, losses: Sequence[float]) -> None:
    axes.plot(range(1, len(losses) + 1), losses, color=BLUE, marker="o" if len(losses) == 1 else None)
    axes.set_yscale("log")
    axes.set_xlabel(words("epoch"))
    axes.set_ylabel(words("mean squared error"))
    axes.set_title(words("The training: the loss falls"))
    if losses:
        axes.annotate(f"{losses[-1]:,.0f}", (len(losses), losses[-1]), xytext=(0, 8), textcoords="offset points",
                      ha="right", va="bottom", color=BLUE)  # fmt: skip


def _line(axes: Any, words: Words, result: Result) -> None:
    after = result.after
    axes.plot(list(LINE), after.line, "--", color=ORANGE, zorder=1)
    lowest, highest = min(0, *after.line), max(1200, *after.line)
    _films(axes, words, lowest)
    axes.plot([OKJA.wishes], [after.okja], "*", markersize=16, color=ORANGE, zorder=4)
    okja = words("{film}: {audience:,.1f} predicted", film=_name(OKJA), audience=after.okja)
    _label(axes, okja, OKJA.wishes, after.okja, ORANGE, is_left=lowest < -1000)
    axes.set_ylim(lowest - 0.05 * (highest - lowest) * (lowest < 0), highest + 0.05 * (highest - lowest))
    axes.set_title(
        words("The line: audience = {weight:.5f} · wishes + {bias:.5f}", weight=after.weight, bias=after.bias)
    )


def _descent(axes: Any, words: Words, path: Sequence[float]) -> None:
    def height(x: float) -> float:
        return (x - 50) ** 2 + 100

    axes.plot(range(101), [height(x) for x in range(101)], color=GREY, linewidth=2)
    for x, following in itertools.pairwise(path[: TANGENTS + 1]):
        slope = 2 * (x - 50)
        ends = x - 5, x + 16
        axes.plot(ends, [height(x) + slope * (end - x) for end in ends], "--", color=BLUE, linewidth=1.2)
        arrow = {"arrowstyle": "-|>", "color": ORANGE, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (following, height(x)), (x, height(x)), arrowprops=arrow)
        axes.plot([following] * 2, [height(x), height(following)], ":", color=ORANGE, linewidth=1.2)
    axes.plot(path, [height(x) for x in path], "o", color=ORANGE, markersize=5)
    slope, step = 2 * (path[0] - 50), path[1] - path[0]
    text = words("slope {slope:g}: x moves by {rate:.2g} · {size:g} = {step:.2g}, against it",
                 slope=slope, rate=-step / slope, size=abs(slope), step=step)  # fmt: skip
    axes.annotate(text, (path[1], height(path[0])), xytext=(8, 0), textcoords="offset points", va="center", color=BLUE)
    axes.annotate(words("after {steps} steps: x = {x:.2f}", steps=len(path) - 1, x=path[-1]),
                  (path[-1], height(path[-1])), xytext=(0, -22), textcoords="offset points", ha="center",
                  color=ORANGE)  # fmt: skip
    axes.set_ylim(-150, 2900)
    axes.set_xlabel("x")
    axes.set_ylabel(r"$(x - 50)^2 + 100$")
    axes.set_title(words("Gradient descent: each step goes against the slope"))
