"""What `minidl okja` prints: each step of the lesson, as tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minidl.okja.films import FILMS, OKJA, PEOPLE, Film
from minidl.okja.lesson import Result, State
from minidl.okja.printing import Printer


def _name(film: Film) -> str:
    return f"{film.korean} {film.english}"


class Report:
    """Prints the lesson as it goes."""

    def __init__(self, printer: Printer, epochs: int) -> None:
        self._printer = printer
        self._epochs = epochs
        epoch, loss = printer.words("epoch"), printer.words("loss")
        self._progress = printer.progress(
            f"   {epoch} {{task.completed}}/{{task.total}}", f"{loss} {{task.fields[loss]}}"
        )
        self._task: Any = None

    def data(self) -> None:
        """The question and the films."""
        self._printer.heading("How many people will see Okja?")
        self._printer.title("The data")
        rows = [
            [_name(film), f"{film.wishes:,}", f"{film.audience:,}", f"{film.audience * PEOPLE / film.wishes:,.0f}"]
            for film in FILMS
        ]
        last = [_name(OKJA), f"{OKJA.wishes:,}", "?", ""]
        self._printer.table(["film", "wishes", "audience", "people per wish"], rows, last)
        self._printer.say(
            "A wish is a user of the service Watcha who wants to see the film; audiences are counted in units of "
            "{people:,} people. The more wishes, the larger the audience: a straight line may do.",
            people=PEOPLE,
        )

    def model(self, model: Any, before: State) -> None:
        """The model and what it predicts untrained."""
        self._printer.title("The model")
        console = self._printer.console
        model.summary(min(console.width, 80), print_fn=lambda text: console.print(text.rstrip(), markup=False))
        self._printer.say(
            "audience = weight · wishes + bias, with weight {weight:.7f} and bias {bias:g} at first",
            weight=before.weight,
            bias=before.bias,
        )
        self._printer.title("Its predictions before training")
        self._predictions(before)
        self._printer.title("The training")
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
            text = "The loss, the mean squared error, went from {first:,.1f} to {last:,.1f}."
            self._printer.say(text, first=losses[0], last=losses[-1])
        self._printer.say("weight {weight:.8f}, bias {bias:.8f}", weight=after.weight, bias=after.bias)
        self._printer.title("Its predictions after training")
        self._predictions(after)
        if math.isfinite(after.okja):
            self._printer.say(
                "{film}: {okja:,.4f} units of {people:,} people, which means about {audience:,.0f} people.",
                film=_name(OKJA),
                okja=after.okja,
                people=PEOPLE,
                audience=round(after.okja * PEOPLE, -3),
            )
        else:
            self._printer.say("{film}: {okja:g}, which is no number of people.", film=_name(OKJA), okja=after.okja)
        if losses and not math.isfinite(losses[-1]):
            self._printer.say("The training ran away: its steps were too long. Try a smaller --learning-rate.", "red")

    def _predictions(self, state: State) -> None:
        rows = [
            [_name(film), f"{prediction:,.2f}", f"{film.audience:,}", f"{prediction - film.audience:+,.2f}"]
            for film, prediction in zip(FILMS, state.predictions, strict=True)
        ]
        last = [_name(OKJA), f"{state.okja:,.2f}", "?", ""]
        self._printer.table(["film", "predicted", "actual", "difference"], rows, last)

    def extras(self, derivative: float, path: Sequence[float]) -> None:
        """The derivative and the descent, which the lesson shows apart from the film."""
        self._printer.title("What happens inside")
        self._printer.say(
            "The derivative of log(2x + 3) at x = 3, by the tape: {derivative:.3f} (it is 2/9).", derivative=derivative
        )
        self._printer.say(
            "Gradient descent on (x − 50)² + 100 from x = {start:g}: after {steps} steps x = {end:.2f}, near the "
            "lowest point, 50.",
            start=path[0],
            steps=len(path) - 1,
            end=path[-1],
        )

    def comparison(self, ours: Result, theirs: Result, derivatives: tuple[float, float]) -> None:
        """The same program's figures on minidl and on TensorFlow."""
        self._printer.title("The same program on TensorFlow")
        words = self._printer.words
        figures = [
            (words("first weight"), ours.before.weight, theirs.before.weight),
            *[
                (words("loss, epoch {epoch}", epoch=n + 1), ours.losses[n], theirs.losses[n])
                for n in _chosen(len(ours.losses))
            ],
            (words("weight"), ours.after.weight, theirs.after.weight),
            (words("bias"), ours.after.bias, theirs.after.bias),
            *[
                (_name(film), mine, other)
                for film, mine, other in zip(FILMS, ours.after.predictions, theirs.after.predictions, strict=True)
            ],
            (_name(OKJA), ours.after.okja, theirs.after.okja),
            (words("derivative of log(2x + 3)"), *derivatives),
        ]
        rows = [
            [label, f"{mine:,.9g}", f"{other:,.9g}", f"{mine - other:.1e}" if mine != other else "0"]
            for label, mine, other in figures
        ]
        self._printer.table(["", "minidl", "TensorFlow", "difference"], rows)
        worst = max((abs(a - b) / abs(b) for a, b in zip(ours.losses, theirs.losses, strict=True) if b), default=0.0)
        self._printer.say(
            "Over all {epochs} epochs the losses differ by at most {worst:.1e} of their size.",
            epochs=len(ours.losses),
            worst=worst,
        )


def _chosen(count: int) -> list[int]:
    """The first, a middle and the last of so many epochs."""
    return sorted({0, count // 2, count - 1}) if count else []
