"""How the command prints, in English or Korean: titles with numbers, paragraphs, equations and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minidl.okja.language import translated
from minidl.pictures.picture import Note

INDENT = 3  # of a paragraph
NAMES = 15  # how many letters stand before what an equation says, in a terminal of 60 columns or more
DIGITS, FEW_DIGITS = 7, 4  # of the numbers, in such a terminal and in a narrower one
SHORTEST = 8  # how many columns the names in a table need
USUAL = 80  # the width of a terminal that says it has none


class Printer:
    """Prints to the terminal, in lines as wide as that is."""

    def __init__(self, language: str = "en") -> None:
        from rich.console import Console  # rich takes its time to import

        self.language = language
        self.console = Console(highlight=False)
        if self.console.width < 1:
            self.console = Console(highlight=False, width=USUAL)
        self._count = 0

    def words(self, text: str, **values: Any) -> str:
        """An English text in the language of this printer, with values put in for the names in its braces."""
        return translated(text, self.language, **values)

    def heading(self, text: str) -> None:
        """What all that follows is about."""
        self.console.print(self.words(text), style="bold", markup=False)

    def title(self, text: str, **values: Any) -> None:
        """A title, with the next number."""
        self._count += 1
        self.console.print(f"\n{self._count}. {self.words(text, **values)}", style="bold", markup=False)

    def say(self, text: str, style: str = "", **values: Any) -> None:
        """A paragraph."""
        self.quote(self.words(text, **values), style)

    def quote(self, text: str, style: str = "") -> None:
        """A paragraph of a text that is the same in both languages, or is in the right one."""
        from rich.padding import Padding
        from rich.text import Text

        self.console.print(Padding(Text(text, style), (0, 0, 0, INDENT)))

    def value(self, note: Note) -> list[str]:
        """The entries of a tensor, matrices as grids; where they are many, its shape and its dtype."""
        return note.lines(DIGITS if self.console.width >= 4 * NAMES else FEW_DIGITS) or [note.kind()]

    def file(self, text: str, file: Path) -> None:
        """What was made of a file, whose name is not broken into lines."""
        print(" " * INDENT + self.words(text, file=file))

    def equation(self, name: str, sign: str, text: str, value: Sequence[str] = (), kept: Sequence[str] = ()) -> None:
        """A name with what it is computed by, the lines of its value, and what was kept for it."""
        from rich.table import Table
        from rich.text import Text

        width = min(NAMES, self.console.width // 4)  # of the names, with the sign behind them
        before = [f"{shrunk(name, width - len(sign) - 2)} {sign} "] + ["= " if text else ""] * bool(value)
        grid = Table.grid()
        grid.add_column(width=width, no_wrap=True)
        grid.add_column(overflow="fold")
        for line, color in [*([(text, "")] if text else []), *((each, "cyan") for each in value)]:
            grid.add_row(Text(_padded(before.pop(0) if before else "", width), "bold"), Text(line, color))
        if kept:
            grid.add_row(Text(_padded(f"{self.words('keeps')} ", width), "dim"), Text(", ".join(kept), "dim"))
        self.console.print(grid)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str] = ()) -> None:
        """A table, with a last row that stands apart. Where it finds no room, each row becomes lines of its own.

        The first column gives way, and its words are shrunk; the others, numbers, are never cut.
        """
        from rich.box import ROUNDED
        from rich.table import Table
        from rich.text import Text

        headings = [self.words(heading) for heading in headings]
        every = [headings, *rows, *([last] if last else [])]
        widths = [
            max(Text(line).cell_len for row in every for line in row[n].split("\n")) for n in range(len(headings))
        ]
        room = self.console.width - sum(widths[1:]) - 3 * len(widths) - 1  # for the first column, beside the borders
        if room < min(widths[0], SHORTEST):
            for first, *cells in every[1:]:
                self.quote(first, "bold")
                for heading, cell in zip(headings[1:], cells, strict=True):
                    below = "\n" + " " * (Text(heading).cell_len + 3)
                    self.quote(f"  {heading} {cell}".replace("\n", below))
            return
        table = Table(box=ROUNDED)
        for index, (heading, width) in enumerate(zip(headings, widths, strict=True)):
            table.add_column(
                Text(heading), justify="right" if index else "left", width=min(width, width if index else room)
            )
        for row in rows:
            table.add_row(Text(shrunk(row[0], room)), *map(Text, row[1:]))
        if last:
            table.add_section()
            table.add_row(Text(shrunk(last[0], room)), *map(Text, last[1:]), style="bold")
        self.console.print(table)

    def progress(self, *columns: str) -> Any:
        """A bar that moves, with these texts beside it."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        first, *others = (TextColumn(text) for text in columns)
        return Progress(first, BarColumn(30), *others, TimeElapsedColumn(), console=self.console)


def shrunk(name: str, room: int) -> str:
    """A name within so many columns, its end given up for an ellipsis where that is needed."""
    from rich.cells import cell_len, set_cell_size

    return name if cell_len(name) <= room else set_cell_size(name, max(room - 1, 0)).rstrip() + "…"


def _padded(text: str, width: int) -> str:
    """A text at the right of so many columns."""
    from rich.cells import cell_len

    return " " * (width - cell_len(text)) + text
