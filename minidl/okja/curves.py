"""A function of one number and its derivative, as a table of values, as letters and as a PNG file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy

import minidl
from minidl.pictures import fonts

COLUMNS, ROWS = 61, 13  # of letters
PER_COLUMN = 8  # points of the finer drawing, in a column of letters


@dataclasses.dataclass(frozen=True)
class Curve:
    """Values and derivatives of a function at evenly spaced places, in float64."""

    x: numpy.ndarray
    values: numpy.ndarray
    derivatives: numpy.ndarray

    @classmethod
    def of(cls, function: Callable[[Any], Any], low: float, high: float) -> Curve:
        """The curve between two places; the derivatives are a tape's."""
        x = minidl.constant(numpy.linspace(low, high, PER_COLUMN * (COLUMNS - 1) + 1))
        with minidl.GradientTape() as tape:
            tape.watch(x)
            values = function(x)
        derivatives = tape.gradient(values, x, unconnected_gradients="zero")
        return cls(x.numpy(), values.numpy(), derivatives.numpy())

    def in_letters(self) -> Iterator[str]:
        """Lines of text with o for the function and + for the derivative."""
        drawn = [("+", self.derivatives[::PER_COLUMN]), ("o", self.values[::PER_COLUMN])]
        every = numpy.concatenate([values for _, values in drawn])
        every = every[numpy.isfinite(every)]
        low, high = float(every.min()), float(every.max())
        lines = [[" "] * COLUMNS for _ in range(ROWS)]
        for letter, values in drawn:
            for column, value in enumerate(values):
                if numpy.isfinite(value):
                    lines[round((high - value) / (high - low or 1.0) * (ROWS - 1))][column] = letter
        for row, line in enumerate(lines):
            height = high + (low - high) * row / (ROWS - 1)
            shown = 0.0 if abs(height) < 1e-6 * (high - low) else height  # what rounding leaves of 0
            yield f"{shown:8.3g} |{''.join(line)}".rstrip()
        yield " " * 9 + "+" + "-" * COLUMNS
        yield f"{'':10}{self.x[0]:<{COLUMNS // 2}.3g}{self.x[-1]:>{COLUMNS - COLUMNS // 2}.3g}"

    def save(self, path: Path, name: str) -> None:
        """Draw it into a file. Raises ImportError where matplotlib is missing."""
        fonts.matplotlib()
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(self.x, self.values, color="#2b6cb0", label=f"{name}(x)")
        axes.plot(self.x, self.derivatives, "--", color="#c53030", label="its derivative")
        axes.set_xlabel("x")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(path, dpi=120)
