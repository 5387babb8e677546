"""summary: a model's layers as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl.nest import flatten

if TYPE_CHECKING:
    from minidl.keras.layers.layer import Layer
    from minidl.keras.models.model import Model


def print_summary(model: Model, line_length: int | None = None, print_fn: Any = None) -> None:
    """Print the layers of a model, or hand the text to a function."""
    from rich.box import HEAVY_HEAD  # they take their time to import
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    plain = False if print_fn else None  # without the codes of a terminal
    console = Console(highlight=False, width=line_length or None, force_jupyter=False, force_terminal=plain)
    branches = model._graph is not None and not model._graph.is_chain
    table = Table(box=HEAVY_HEAD, show_lines=True, width=min(line_length or 88, console.width))
    table.add_column("Layer (type)", ratio=4, overflow="fold")
    table.add_column("Output Shape", ratio=3, overflow="fold")
    table.add_column("Param #", ratio=2, justify="right")
    if branches:
        table.add_column("Connected to", ratio=3, overflow="fold")
    for layer in model.layers:
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [f"{layer.name} ({type(layer).__name__})", _output_shape(layer), count]
        table.add_row(*map(Text, [*row, _sources(model, layer)] if branches else row))
    with console.capture() as capture:
        console.print(Text(f'Model: "{model.name}"', style="bold"))
        console.print(table)
        trained = sum(weight.array.size for weight in model.trainable_weights)
        total = sum(weight.array.size for weight in model.weights)
        for label, weights, number in (
            ("Total params", model.weights, total),
            ("Trainable params", model.trainable_weights, trained),
            ("Non-trainable params", model.non_trainable_weights, total - trained),
        ):
            size = sum(weight.array.nbytes for weight in weights)
            console.print(Text.assemble((f" {label}: ", "bold"), f"{number:,} ({_readable(size)})"))
    if print_fn is None:
        console.print(Text.from_ansi(capture.get()))
    else:
        print_fn(capture.get())


def _output_shape(layer: Layer) -> str:
    if not layer.calls:
        return "?"
    return ", ".join(str(tensor.shape) for tensor in flatten(layer.calls[-1].outputs))


def _sources(model: Model, layer: Layer) -> str:
    assert model._graph is not None
    calls = [call for call in model._graph.calls if call.layer is layer]
    return ", ".join(tensor.call.layer.name for call in calls for tensor in flatten(call.inputs)) or "-"


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.2f} {unit}"
        size /= 1024
    raise AssertionError
