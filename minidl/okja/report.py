"""What `minidl okja` prints: each step of the lesson, as tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.box import ROUNDED
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from minidl.okja.films import FILMS, OKJA, PEOPLE, Film
from minidl.okja.lesson import Result, State


def _name(film: Film) -> str:
    return f"{film.korean} {film.english}"


def _people(audience: float) -> str:
    """An audience in words: a number of people, rounded to thousands."""
    people = round(audience * PEOPLE, -3)
    return f"{people:,.0f} people" if math.isfinite(people) else "no number of people"


class Report:
    """Prints the lesson as it goes."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console = console
        self._epochs = epochs
        columns = TextColumn("   epoch"), TextColumn("{task.completed}/{task.total}"), BarColumn(30)
        self._progress = Progress(
            *columns, TextColumn("loss {task.fields[loss]}"), TimeElapsedColumn(), console=console
        )
        self._task: Any = None

    def _step(self, number: int, title: str, korean: str) -> None:
        self._console.print(f"\n[bold]{number}. {title}[/bold] [dim]{korean}[/dim]")

    def _say(self, text: str) -> None:
        self._console.print(Padding(text, (0, 0, 0, 3)))

    def _table(self, *headings: str) -> Table:
        table = Table(box=ROUNDED, pad_edge=True)
        for index, heading in enumerate(headings):
            table.add_column(heading, justify="right" if index else "left")
        return table

    def data(self) -> None:
        """The question and the films."""
        self._console.print("[bold]How many people will see Okja?[/bold] [dim]옥자의 관객수 예측[/dim]")
        self._step(1, "The data", "데이터")
        table = self._table("film", "wishes", "audience", "people per wish")
        for film in FILMS:
            assert film.audience is not None
            table.add_row(
                _name(film), f"{film.wishes:,}", f"{film.audience:,}", f"{film.audience * PEOPLE / film.wishes:,.0f}"
            )
        table.add_section()
        table.add_row(f"[bold]{_name(OKJA)}[/bold]", f"{OKJA.wishes:,}", "?", "")
        self._console.print(table)
        self._say(
            f"A wish is a user of the service Watcha who wants to see the film; audiences are counted in units of "
            f"{PEOPLE:,} people. The more wishes, the larger the audience: a straight line may do."
        )

    def model(self, model: Any, before: State) -> None:
        """The model and what it predicts untrained."""
        self._step(2, "The model", "모델 구성")
        model.summary(print_fn=lambda text: self._console.print(text.rstrip(), highlight=False, markup=False))
        self._say(
            f"audience = weight · wishes + bias, with weight [bold]{before.weight:.7f}[/bold] and bias "
            f"[bold]{before.bias:g}[/bold] at first"
        )
        self._step(3, "Its predictions before training", "학습 전 예측")
        self._predictions(before)
        self._step(4, "The training", "학습")
        self._progress.start()
        self._task = self._progress.add_task("training", total=self._epochs, loss="")

    def epoch(self, number: int, logs: dict[str, float]) -> None:
        """An epoch's end."""
        self._progress.update(self._task, completed=number + 1, loss=f"{logs['loss']:,.1f}")

    def close(self) -> None:
        """Stop the progress bar, if it is still there."""
        if self._progress.live.is_started:
            self._progress.stop()

    def trained(self, result: Result) -> None:
        """What the training brought."""
        self.close()
        losses, after = result.losses, result.after
        if losses:
            self._say(f"The loss, the mean squared error, went from {losses[0]:,.1f} to {losses[-1]:,.1f}.")
        self._say(f"weight [bold]{after.weight:.8f}[/bold], bias [bold]{after.bias:.8f}[/bold]")
        self._step(5, "Its predictions after training", "학습 후 예측")
        self._predictions(after)
        self._say(
            f"[bold]{_name(OKJA)}: {after.okja:,.4f}[/bold] units of {PEOPLE:,} people, which means about "
            f"[bold]{_people(after.okja)}[/bold]."
        )
        if losses and not math.isfinite(losses[-1]):
            self._say("[red]The training ran away: its steps were too long. Try a smaller --learning-rate.[/red]")

    def _predictions(self, state: State) -> None:
        table = self._table("film", "predicted", "actual", "difference")
        for film, prediction in zip(FILMS, state.predictions, strict=True):
            assert film.audience is not None
            table.add_row(
                _name(film), f"{prediction:,.2f}", f"{film.audience:,}", f"{prediction - film.audience:+,.2f}"
            )
        table.add_section()
        table.add_row(f"[bold]{_name(OKJA)}[/bold]", f"[bold]{state.okja:,.2f}[/bold]", "?", "")
        self._console.print(table)

    def extras(self, derivative: float, path: Sequence[float]) -> None:
        """The derivative and the descent, which the lesson shows apart from the film."""
        self._step(6, "What happens inside", "자동 미분과 경사 하강법")
        self._say(f"The derivative of log(2x + 3) at x = 3, by the tape: [bold]{derivative:.3f}[/bold] (it is 2/9).")
        self._say(
            f"Gradient descent on (x − 50)² + 100 from x = {path[0]:g}: after {len(path) - 1} steps "
            f"x = [bold]{path[-1]:.2f}[/bold], near the lowest point, 50."
        )

    def comparison(self, ours: Result, theirs: Result, derivatives: tuple[float, float]) -> None:
        """The same program's figures on minidl and on TensorFlow."""
        self._step(7, "The same program on TensorFlow", "텐서플로우와 비교")
        table = self._table("", "minidl", "TensorFlow", "difference")
        rows = [
            ("first weight", ours.before.weight, theirs.before.weight),
            *[(f"loss, epoch {n + 1}", ours.losses[n], theirs.losses[n]) for n in _chosen(len(ours.losses))],
            ("weight", ours.after.weight, theirs.after.weight),
            ("bias", ours.after.bias, theirs.after.bias),
            *[
                (_name(film), mine, other)
                for film, mine, other in zip(FILMS, ours.after.predictions, theirs.after.predictions, strict=True)
            ],
            (_name(OKJA), ours.after.okja, theirs.after.okja),
            ("derivative of log(2x + 3)", *derivatives),
        ]
        for label, mine, other in rows:
            table.add_row(label, f"{mine:,.9g}", f"{other:,.9g}", f"{mine - other:.1e}" if mine != other else "0")
        self._console.print(table)
        worst = max((abs(a - b) / abs(b) for a, b in zip(ours.losses, theirs.losses, strict=True) if b), default=0.0)
        self._say(f"Over all {len(ours.losses)} epochs the losses differ by at most {worst:.1e} of their size.")


def _chosen(count: int) -> list[int]:
    """The first, a middle and the last of so many epochs."""
    return sorted({0, count // 2, count - 1}) if count else []
