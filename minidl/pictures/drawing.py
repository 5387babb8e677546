"""Draws a diagram with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minidl.pictures.diagram import COLORS, DPI, Box, Diagram
from minidl.pictures.fonts import drawable, matplotlib
from minidl.pictures.layout import STUB, Point, arranged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT_SIZE = 9
LINE = 13.0  # the height of a line of text, in points, as all lengths here
PADDING = 7.0  # between a box's border and its text
MARGIN = 20.0
HEADING = 30.0  # the height of the titles
BETWEEN = 40.0  # the two sides
SIDE, AREA = 2**16 - 1, 2**26  # how many pixels matplotlib can draw on a side, and how many are enough


def draw(diagram: Diagram, dpi: float = DPI) -> Figure:
    """The diagram as a figure of its size. Raises ImportError where matplotlib is missing."""
    matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1), dpi=dpi)
    canvas = _Canvas(figure)
    sizes = [
        _largest(canvas.size(box), canvas.size(diagram.mirrored[place]) if place in diagram.mirrored else (0.0, 0.0))
        for place, box in enumerate(diagram.boxes)
    ]
    layout = arranged(sizes, diagram.arrows)
    top = MARGIN + (HEADING if any(diagram.titles) else 0.0)
    left = MARGIN + max(0.0, (canvas.width(diagram.titles[0], bold=True) - layout.width) / 2)
    right = left + layout.width + BETWEEN
    for start, end in diagram.arrows:
        canvas.arrow(_moved(layout.routes[start, end], left, top), COLORS["call"][1])
    for lower, upper in diagram.returns:
        route = layout.routes.get((upper, lower)) or _straight(layout.centers, sizes, upper, lower)
        canvas.arrow(_moved(route, right, top)[::-1], COLORS["gradient"][1])
    for place, box in enumerate(diagram.boxes):
        canvas.box(box, _moved([layout.centers[place]], left, top)[0], sizes[place])
    for place, box in diagram.mirrored.items():
        canvas.box(box, _moved([layout.centers[place]], right, top)[0], sizes[place])
    ends = [left + layout.width]
    for title, begin in zip(diagram.titles, (left, right), strict=True):
        if title:
            canvas.text(title, (begin + layout.width / 2, top - HEADING), bold=True)
            ends.append(begin + (layout.width + max(layout.width, canvas.width(title, bold=True))) / 2)
    whole = max(ends) + MARGIN, top + layout.height + MARGIN
    canvas.axes.set(xlim=(0, whole[0]), ylim=(whole[1], 0))
    figure.set_size_inches(whole[0] / 72, whole[1] / 72)
    figure.set_dpi(min(dpi, 72 * SIDE / max(whole), 72 * math.sqrt(AREA / (whole[0] * whole[1]))))
    return figure


class _Canvas:
    """Axes over the whole of a figure, in points from the top left corner."""

    def __init__(self, figure: Figure) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self._renderer = FigureCanvasAgg(figure).get_renderer()

    def text(self, text: str, top: Point, bold: bool = False) -> Any:
        shown, fonts = drawable(text)
        weight = "bold" if bold and len(fonts) == 1 else "normal"  # few systems have Korean letters in bold
        return self.axes.text(
            *top, shown, family=fonts, size=FONT_SIZE, weight=weight, ha="center", va="top",
            parse_math=False, color="#1a202c",
        )  # fmt: skip

    def width(self, text: str, bold: bool) -> float:
        artist = self.text(text, (0.0, 0.0), bold)
        pixels: float = artist.get_window_extent(self._renderer).width
        artist.remove()
        return pixels * 72 / float(self._renderer.dpi)

    def size(self, box: Box) -> Point:
        widest = max(self.width(line, bold=not index) for index, line in enumerate(box.lines))
        return widest + 2 * PADDING, LINE * len(box.lines) + 2 * PADDING

    def box(self, box: Box, center: Point, size: Point) -> None:
        from matplotlib.patches import FancyBboxPatch

        (x, y), (width, height) = center, size
        fill, line = COLORS[box.kind]
        corner = (x - width / 2, y - height / 2)
        style = "round,pad=0,rounding_size=5"
        self.axes.add_artist(FancyBboxPatch(corner, width, height, style, facecolor=fill, edgecolor=line, zorder=2))
        top = y - LINE * len(box.lines) / 2 + (LINE - FONT_SIZE) / 2  # half of the gap between two lines
        for index, text in enumerate(box.lines):
            self.text(text, (x, top + LINE * index), bold=not index)

    def arrow(self, route: Sequence[Point], color: str) -> None:
        """An arrow along a route: straight, over in a curve, straight, and so on."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        points, codes = [route[0]], [Path.MOVETO]
        for index, (x, y) in enumerate(route[1:]):
            before_x, before_y = points[-1]
            if index % 2:
                points += [(before_x, (before_y + y) / 2), (x, (before_y + y) / 2), (x, y)]
                codes += [Path.CURVE4] * 3
            else:
                points.append((x, y))
                codes.append(Path.LINETO)
        path = Path(points, codes)
        self.axes.add_artist(
            FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=9, color=color, linewidth=1, zorder=1)
        )


def _largest(one: Point, other: Point) -> Point:
    return max(one[0], other[0]), max(one[1], other[1])


def _moved(points: Sequence[Point], right: float, down: float) -> list[Point]:
    return [(x + right, y + down) for x, y in points]


def _straight(centers: Sequence[Point], sizes: Sequence[Point], upper: int, lower: int) -> list[Point]:
    """A route between boxes that no arrow connects."""
    (x, y), (end_x, end_y) = centers[upper], centers[lower]
    y, end_y = y + sizes[upper][1] / 2, end_y - sizes[lower][1] / 2
    return [(x, y), (x, y + STUB), (end_x, end_y - STUB), (end_x, end_y)]
