"""Where the boxes of a diagram stand: in rows of one or two, with arcs beside them.

An arrow to a box that isn't in the next row goes around in an arc (Wattenberg, "Arc diagrams", IEEE InfoVis 2002). So
arrows cross no box, however many there are, and from top to bottom the order is that of the program.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

GAP, BETWEEN = 18.0, 90.0  # between two rows and between the columns, in points, as all lengths here
ARC = 17.0  # how far an arc reaches out, times the root of the rows that it goes over
APART = 5.0  # from the middle of a box's side, where arcs leave and arrive
STEPS = 40  # of the lines that an arc is drawn by

Point = tuple[float, float]


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
        """Those of a box: all four, and the first again."""
        right, down = self._widths[column] / 2, self._heights[row] / 2
        signs = (-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)
        return [(self.x[column] + one * right, self.y[row] + other * down) for one, other in signs]

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
