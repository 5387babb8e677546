"""Outlines and texts at their places, as SVG or, by matplotlib, as PNG and PDF.

The letters are all of one width, so that a text's width is known without any font at hand.
"""

import collections
import math
import unicodedata
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

FONT_SIZE = 9.0  # in points, as all lengths here
LETTER = 0.602 * FONT_SIZE  # the width of a letter, in most fonts whose letters are of one width
MARGIN = 16.0
SIDE, AREA = 2**16 - 1, 2**26  # how many pixels matplotlib can draw on a side, and how many are enough
INK = "#1a202c"
LATIN = "DejaVu Sans Mono"  # which comes with matplotlib

# Fonts with Korean letters that systems commonly have.
KOREAN = "Noto Sans CJK KR, Noto Sans KR, NanumGothic, Malgun Gothic, Apple SD Gothic Neo, AppleGothic, D2Coding"


Point = tuple[float, float]


# A line through points, and what it encloses: of a color each, or 'none'.
Outline = collections.namedtuple("Outline", "points line fill is_dashed")
# A line of text, by the middle of the line that it stands on.
Label = collections.namedtuple("Label", "x y text is_bold")


class Drawing(NamedTuple):
    """What is to be drawn, in this order: outlines, then texts."""

    outlines: Sequence[Outline]
    labels: Sequence[Label]

    def bounds(self) -> tuple[float, float, float, float]:
        """The left and the upper end, the width and the height."""
        corners = [(x + side * width_of(text) / 2, y - FONT_SIZE) for x, y, text, _ in self.labels for side in (-1, 1)]
        x, y = zip((0.0, 0.0), *corners, *(point for each in self.outlines for point in each.points), strict=True)
        return min(x) - MARGIN, min(y) - MARGIN, max(x) - min(x) + 2 * MARGIN, max(y) - min(y) + 2 * MARGIN

    def svg(self) -> str:
        """The drawing as SVG."""
        left, top, width, height = self.bounds()
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
            f'width="{width * 4 / 3:.0f}" height="{height * 4 / 3:.0f}" font-family="monospace" '
            f'font-size="{FONT_SIZE:g}" fill="{INK}" text-anchor="middle" '
            'xml:space="preserve" style="max-width: 100%; height: auto">'
            f'<rect x="{left:.1f}" y="{top:.1f}" width="100%" height="100%" fill="white"/>'
        ]
        for points, line, fill, is_dashed in self.outlines:
            path, dashes = " ".join(f"{x:.1f},{y:.1f}" for x, y in points), ' stroke-dasharray="3 2"' * is_dashed
            shape = "polyline" if fill == "none" else "polygon"
            lines.append(f'<{shape} points="{path}" stroke="{line}" fill="{fill}"{dashes}/>')
        for x, y, text, is_bold in self.labels:
            place, weight = f'x="{x:.1f}" y="{y:.1f}"', ' font-weight="bold"' * is_bold
            lines.append(f'<text {place} textLength="{width_of(text):.1f}"{weight}>{escape(text, quote=False)}</text>')
        return "\n".join([*lines, "</svg>\n"])

    def figure(self, dpi: float) -> Any:
        """The drawing as matplotlib's figure. Raises ImportError where that is missing."""
        library = matplotlib()
        left, top, width, height = self.bounds()
        dpi = min(dpi, 72 * SIDE / max(width, height), 72 * math.sqrt(AREA / (width * height)))
        figure = library.figure.Figure(figsize=(width / 72, height / 72), dpi=dpi)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(left, left + width), ylim=(top + height, top))
        axes.set_axis_off()
        for points, line, fill, is_dashed in self.outlines:
            dashes = "--" if is_dashed else "-"
            axes.add_patch(library.patches.Polygon(points, closed=fill != "none", ec=line, fc=fill, ls=dashes))
        for x, y, text, is_bold in self.labels:
            shown, fonts = drawable(text)
            style = {"family": fonts, "weight": "bold" if is_bold and text.isascii() else "normal", "ha": "center"}
            axes.text(x, y, shown, size=FONT_SIZE, color=INK, parse_math=False, **style)
        return figure


def width_of(text: str) -> float:
    """The width of a text; Korean letters are as wide as two others."""
    return LETTER * sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def matplotlib() -> Any:
    """The module. Raises ImportError, with the command that installs it, where it is missing."""
    try:
        import matplotlib.figure
        import matplotlib.font_manager
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib, which is not installed. Install it with: pip install 'minidl[lesson]'"
        ) from error
    return matplotlib


def korean_font() -> str | None:
    """The name of an installed font with Korean letters, None where there is none."""
    manager, names = matplotlib().font_manager, KOREAN.split(", ")
    for path in manager.findSystemFonts():
        if "Nanum" in path and not any(entry.fname == path for entry in manager.fontManager.ttflist):
            manager.fontManager.addfont(path)  # matplotlib's list is older than the font
    installed = {entry.name for entry in manager.fontManager.ttflist}
    return next((name for name in names if name in installed), None)


def drawable(text: str) -> tuple[str, list[str]]:
    """A text, and the fonts for it; letters that no font has become question marks."""
    names, manager = [LATIN, *filter(None, [None if text.isascii() else korean_font()])], matplotlib().font_manager
    fonts = [manager.get_font(manager.findfont(name)) for name in names]
    return "".join(x if any(font.get_char_index(ord(x)) for font in fonts) else "?" for x in text), names
