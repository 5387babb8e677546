"""A diagram of boxes and arrows, as Graphviz's text, and for a notebook or a file."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from minidl.pictures.layout import Arrow

DPI = 120

# The fill and the line of each kind of box.
COLORS = {
    "call": ("#ebf4ff", "#2b6cb0"),
    "variable": ("#e6fffa", "#2f855a"),
    "data": ("#f7fafc", "#718096"),
    "gradient": ("#fff5f5", "#c53030"),
}


@dataclasses.dataclass(frozen=True)
class Box:
    """A box with its lines of text, the first of them its title, and its kind, one of those in COLORS."""

    lines: Sequence[str]
    kind: str = "call"


@dataclasses.dataclass(frozen=True)
class Diagram:
    """Boxes with arrows down, and on their right, where there are any, others with arrows back up.

    Attributes:
        boxes: in such an order that arrows lead from one to a later one.
        arrows: pairs of places in `boxes`.
        mirrored: for the place of a box, the box on its right.
        returns: the arrows between the boxes on the right, as pairs (lower place, upper place).
        titles: of the left and of the right side.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    mirrored: Mapping[int, Box] = dataclasses.field(default_factory=dict)
    returns: Sequence[Arrow] = ()
    titles: tuple[str, str] = ("", "")

    def dot(self) -> str:
        """The diagram in Graphviz's language."""
        return "\n".join(["digraph {", *(f"  {line}" for line in self._dot_lines()), "}"]) + "\n"

    def _dot_lines(self) -> Iterator[str]:
        yield 'newrank=true; nodesep=0.3; ranksep=0.35; fontname="Helvetica"; fontsize=12;'
        yield 'node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=10, margin="0.12,0.06"];'
        yield 'edge [color="#4a5568", arrowsize=0.7];'
        sides = [("left", dict(enumerate(self.boxes)), ""), ("right", self.mirrored, "_back")]
        for (side, boxes, suffix), title in zip(sides, self.titles, strict=True):
            yield f"subgraph cluster_{side} {{"
            yield f"  label={_quoted([title])}; peripheries=0;"
            for place, box in boxes.items():
                fill, line = COLORS[box.kind]
                yield f'  box{place}{suffix} [label={_quoted(box.lines)}, fillcolor="{fill}", color="{line}"];'
            yield "}"
        for start, end in self.arrows:
            yield f"box{start} -> box{end};"
        for lower, upper in self.returns:  # turned about, so that Graphviz puts the lower one below
            yield f'box{upper}_back -> box{lower}_back [dir=back, color="{COLORS["gradient"][1]}"];'
        for place in self.mirrored:
            yield f"{{rank=same; box{place}; box{place}_back;}}"

    def save(self, path: Any, dpi: float = DPI) -> None:
        """Write a file: Graphviz's text for `.dot` and `.gv`, and otherwise a picture, by matplotlib.

        Arguments:
            path: of the file.
            dpi: how many pixels make an inch, in which stand eight letters or so.

        Raises ValueError for another ending than matplotlib knows, and ImportError, with the command that installs
        it, where it is missing.
        """
        path = Path(path)
        if path.suffix in (".dot", ".gv"):
            path.write_text(self.dot(), encoding="utf-8")
        else:
            self._write(path, path.suffix[1:] or "png", dpi)

    def _write(self, file: Any, format: str, dpi: float) -> None:
        from minidl.pictures.drawing import draw  # matplotlib takes its time to import

        figure = draw(self, dpi)
        figure.savefig(file, format=format, dpi=figure.dpi)

    def _repr_svg_(self) -> str | None:
        """What a notebook shows, where Graphviz is installed."""
        if shutil.which("dot") is None:
            return None
        return subprocess.run(
            ["dot", "-Tsvg"], input=self.dot(), capture_output=True, check=True, encoding="utf-8"
        ).stdout

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows, where Graphviz is not installed, but matplotlib is."""
        if shutil.which("dot") is not None:
            return None
        file = io.BytesIO()
        try:
            self._write(file, "png", DPI)
        except ImportError:
            return None
        return file.getvalue()


def _quoted(lines: Sequence[str]) -> str:
    text = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
