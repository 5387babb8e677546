"""A function of one number and its derivative, as a table of values, as letters and as a PNG file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy

import minidl
from minidl.okja.language import translated
from minidl.okja.pictures import BLUE, ORANGE, canvas, language_of_pictures

COLUMNS, ROWS = 61, 13  # of letters
POINTS = 481  # of the finer drawing


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values and derivatives of a function at evenly spaced places, in float64."""

    x: numpy.ndarray
    values: numpy.ndarray
    derivatives: numpy.ndarray

    @classmethod
    def of(cls, function: Callable[[Any], Any], low: float, high: float) -> Curve:
        """The curve between two places; the derivatives are a tape's."""
        x = minidl.constant(numpy.linspace(low, high, POINTS))
        with minidl.GradientTape() as tape:
            tape.watch(x)
            values = function(x)
        derivatives = tape.gradient(values, x, unconnected_gradients="zero")
        return cls(x.numpy(), values.numpy(), derivatives.numpy())

    def in_letters(self, columns: int = COLUMNS) -> Iterator[str]:
        """Lines of text with o for the function and + for the derivative, beside 10 letters for the heights."""
        places = numpy.linspace(0, len(self.x) - 1, columns).round().astype(int)
        drawn = [("+", self.derivatives[places]), ("o", self.values[places])]
        every = numpy.concatenate([values for _, values in drawn])
        every = every[numpy.isfinite(every)]
        low, high = float(every.min()), float(every.max())
        lines = [[" "] * columns for _ in range(ROWS)]
        for letter, values in drawn:
            for column, value in enumerate(values):
                if numpy.isfinite(value):
                    lines[round((high - value) / (high - low or 1.0) * (ROWS - 1))][column] = letter
        for row, line in enumerate(lines):
            height = high + (low - high) * row / (ROWS - 1)
            shown = 0.0 if abs(height) < 1e-6 * (high - low) else height  # what rounding leaves of 0
            yield f"{shown:8.3g} |{''.join(line)}".rstrip()
        yield " " * 9 + "+" + "-" * columns
        yield f"{'':10}{self.x[0]:<{columns // 2}.3g}{self.x[-1]:>{columns - columns // 2}.3g}"

    def save(self, path: Path, name: str, language: str = "en") -> None:
        """Draw it into a file. Raises ImportError where matplotlib is missing."""
        derivative = translated("its derivative", language_of_pictures(language))
        with canvas(path) as (figure, axes):
            axes.plot(self.x, self.values, color=BLUE, label=f"{name}(x)")
            axes.plot(self.x, self.derivatives, "--", color=ORANGE, label=derivative)
            axes.set_xlabel("x")
            figure.legend(loc="outside lower center", ncols=2, frameon=False)
