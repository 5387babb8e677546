"""How the command prints: titles with numbers, paragraphs, equations and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INDENT = 3  # of a paragraph
NAMES = 15  # how many letters stand before what an equation says


class Printer:
    """Prints to the terminal, in lines as wide as that is."""

    def __init__(self) -> None:
        from rich.console import Console  # rich takes its time to import

        self.console = Console(highlight=False)
        self._count = 0

    def heading(self, text: str) -> None:
        """What all that follows is about."""
        self.console.print(text, style="bold", markup=False)

    def title(self, text: str) -> None:
        """A title, with the next number."""
        self._count += 1
        self.console.print(f"\n{self._count}. {text}", style="bold", markup=False)

    def say(self, text: str, style: str = "") -> None:
        """A paragraph."""
        from rich.padding import Padding
        from rich.text import Text

        self.console.print(Padding(Text(text, style), (0, 0, 0, INDENT)))

    def equation(self, name: str, sign: str, text: str, value: str = "") -> None:
        """A name with what it is computed by, and below it the value."""
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid()
        grid.add_row(Text(f"{name} {sign} ".rjust(NAMES), "bold"), Text(text))
        if value:
            grid.add_row("= ".rjust(NAMES), Text(value, "cyan"))
        self.console.print(grid)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str] = ()) -> None:
        """A table, with a last row that stands apart."""
        from rich.box import ROUNDED
        from rich.table import Table
        from rich.text import Text

        table = Table(box=ROUNDED)
        for index, heading in enumerate(headings):
            table.add_column(heading, justify="right" if index else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        if last:
            table.add_section()
            table.add_row(*map(Text, last), style="bold")
        self.console.print(table)

    def progress(self, *columns: str) -> Any:
        """A bar that moves, with these texts beside it."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        first, *others = (TextColumn(text) for text in columns)
        return Progress(first, BarColumn(30), *others, TimeElapsedColumn(), console=self.console)
