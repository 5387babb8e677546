"""A diagram of boxes and arrows: as Graphviz's text, as SVG, and as a file.

The boxes stand in rows of one or two. An arrow to a box that isn't in the next row goes around in an arc (Wattenberg,
"Arc diagrams", IEEE InfoVis 2002). So arrows cross no box, however many there are, and from top to bottom the order is
that of the program.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from minidl.pictures.drawing import FONT_SIZE, Drawing, Label, Outline, Point, width_of

DPI = 120
LINE, PADDING = 13.0, 7.0  # the height of a line of text, and what is free around it in a box, in points
GAP, BETWEEN = 18.0, 90.0  # between two rows and between the columns
ARC = 17.0  # how far an arc reaches out, times the root of the rows that it goes over
APART = 5.0  # from the middle of a box's side, where arcs leave and arrive
STEPS = 40  # of the lines that an arc is drawn by
HEAD = 7 + 3j  # the length, and half the width, of an arrow's head

# The fill and the line of each kind of box, told apart also without seeing red and green (Okabe and Ito, "Color
# universal design", 2008).
COLORS = {
    "call": ("#eaf4fb", "#0072b2"), "variable": ("#e5f5f0", "#009e73"),
    "data": ("#f7f7f7", "#666666"), "gradient": ("#fdf1e7", "#d55e00"),
}  # fmt: skip

Arrow = tuple[int, int]


class Layout:
    """The middles and sizes of boxes in rows and two columns.

    Arguments:
        sizes: for each row the width and height of its left box and of its right one, whether there is one or not.
            Those of a column will have one width, those of a row one height.
    """

    def __init__(self, sizes: Sequence[tuple[Point, Point]]) -> None:
        self._widths = [max((row[column][0] for row in sizes), default=0.0) for column in (0, 1)]
        self._heights = [max(left[1], right[1]) for left, right in sizes]
        bottoms = itertools.accumulate(height + GAP for height in self._heights)
        self.x = self._widths[0] / 2, self._widths[0] + BETWEEN + self._widths[1] / 2  # of each column
        self.y = [bottom - GAP - height / 2 for bottom, height in zip(bottoms, self._heights, strict=True)]

    def corners(self, row: int, column: int) -> list[Point]:
        """Those of a box."""
        x, y, right, down = self.x[column], self.y[row], self._widths[column] / 2, self._heights[row] / 2
        return [(x - right, y - down), (x + right, y - down), (x + right, y + down), (x - right, y + down)]

    def route(self, start: int, end: int, columns: tuple[int, int]) -> list[Point]:
        """The points that an arrow passes from row to row: straight to the next, or around or across in an arc."""
        is_straight, down = columns[0] == columns[1] and abs(end - start) == 1, 1 if end > start else -1
        sides = (0, 0) if is_straight else [(-1, -1), (1, -1), (1, 1)][sum(columns)]  # -1 is the left
        x, to_x = (
            self.x[column] + side * self._widths[column] / 2 for column, side in zip(columns, sides, strict=True)
        )
        leave, arrive = (self._heights[row] / 2 if is_straight else APART for row in (start, end))
        y, to_y = self.y[start] + down * leave, self.y[end] - down * arrive
        reach = sides[0] * ARC * math.sqrt(abs(end - start)) if sides[0] == sides[1] else 0.0
        return [
            (x + (to_x - x) * t + reach * math.sin(math.pi * t), y + (to_y - y) * (1 - math.cos(math.pi * t)) / 2)
            for t in (step / STEPS for step in range(STEPS + 1))
        ]


class Box(NamedTuple):
    """A box with its lines of text, the first of them its title, and its kind, one of those in COLORS."""

    lines: Sequence[str]
    kind: str = "call"

    def size(self) -> Point:
        """Its width and height."""
        return max(map(width_of, self.lines), default=0.0) + 2 * PADDING, LINE * len(self.lines) + 2 * PADDING


@dataclasses.dataclass(frozen=True)
class Diagram:
    """Boxes one below the other, some with another on the right, and arrows between them.

    Attributes:
        boxes: from top to bottom.
        arrows: between them, as pairs of places.
        returns: the arrows between the boxes on the right.
        across: the arrows from the left to the right.
        mirrored: for the place of a box, the box on its right.
        titles: of the left and of the right side.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    returns: Sequence[Arrow] = ()
    across: Sequence[Arrow] = ()
    mirrored: Mapping[int, Box] = dataclasses.field(default_factory=dict)
    titles: tuple[str, str] = ("", "")

    def _placed(self) -> Iterator[tuple[int, int, Box]]:
        """All boxes, each with its row and its column."""
        yield from ((row, 0, box) for row, box in enumerate(self.boxes))
        yield from ((row, 1, box) for row, box in self.mirrored.items())

    def _lines(self) -> Iterator[tuple[Arrow, tuple[int, int], str]]:
        """All arrows, each with the columns that it connects, and the kind of box in whose color it is drawn."""
        yield from ((arrow, (0, 0), "call") for arrow in dict.fromkeys(self.arrows))
        yield from ((arrow, (1, 1), "gradient") for arrow in dict.fromkeys(self.returns))
        yield from ((arrow, (0, 1), "data") for arrow in dict.fromkeys(self.across))

    def dot(self) -> str:
        """The diagram in Graphviz's language."""
        names = "box", "back"
        lines = ['node [shape=box, style="rounded,filled", fontname="Courier", fontsize=10];']
        for row, column, box in self._placed():
            text, (fill, line) = json.dumps("\n".join(box.lines), ensure_ascii=False), COLORS[box.kind]
            lines.append(f'{names[column]}{row} [label={text}, fillcolor="{fill}", color="{line}"];')
        lines += [f"{{rank=same; box{row}; back{row};}}" for row in self.mirrored]
        for (start, end), (left, right), kind in self._lines():
            options = "" if left == right else ", style=dashed, constraint=false"
            lines.append(f'{names[left]}{start} -> {names[right]}{end} [color="{COLORS[kind][1]}"{options}];')
        return "\n".join(["digraph {", *(f"  {line}" for line in lines), "}\n"])

    def drawing(self) -> Drawing:
        """The diagram with everything at its place."""
        layout = Layout([(box.size(), self.mirrored.get(row, Box([])).size()) for row, box in enumerate(self.boxes)])
        outlines: list[Outline] = []
        labels = [Label(x, -LINE, title, True) for x, title in zip(layout.x, self.titles, strict=True) if title]
        for arrow, columns, kind in self._lines():
            points, color = layout.route(*arrow, columns), COLORS[kind][1]
            outlines += [Outline(points, color, "none", columns == (0, 1)), Outline(_head(points), color, color, False)]
        for row, column, box in self._placed():
            fill, line = COLORS[box.kind]
            outlines.append(Outline(layout.corners(row, column), line, fill, False))
            first = layout.y[row] - LINE * (len(box.lines) - 1) / 2 + FONT_SIZE / 3  # letters stand on their line
            labels += [Label(layout.x[column], first + LINE * n, text, not n) for n, text in enumerate(box.lines)]
        return Drawing(outlines, labels)

    def save(self, path: Any, dpi: float = DPI) -> None:
        """Write a file: Graphviz's text for `.dot` and `.gv`, SVG for `.svg`, and otherwise a picture by matplotlib.

        Arguments:
            path: of the file.
            dpi: how many pixels make an inch, in which stand thirteen letters.

        Raises ValueError for another ending than matplotlib knows, and ImportError, with the command that installs
        it, where it is missing.
        """
        path = Path(path)
        if path.suffix in (".dot", ".gv", ".svg"):
            path.write_text(self._repr_svg_() if path.suffix == ".svg" else self.dot(), encoding="utf-8")
        else:
            figure = self.drawing().figure(dpi)
            figure.savefig(path, format=path.suffix[1:] or "png", dpi=figure.dpi)

    def _repr_svg_(self) -> str:
        return self.drawing().svg()

    _repr_html_ = _repr_svg_  # for a notebook that shows no SVG


def _head(points: Sequence[Point]) -> list[Point]:
    """The triangle at the end of an arrow."""
    before, tip = (complex(*point) for point in points[-2:])
    along = (tip - before) / abs(tip - before)
    return [(corner.real, corner.imag) for corner in (tip, tip - along * HEAD, tip - along * HEAD.conjugate())]
