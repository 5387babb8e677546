"""summary: a model's layers as a table."""

from typing import Any

from minidl.keras.layers.layer import Layer
from minidl.keras.models.network import Network
from minidl.nest import flatten


def summary(model: Network, line_length: int | None = None, print_fn: Any = None) -> None:
    """Print the layers as a table: their names, the shapes of their results, the number of their weights.

    Arguments:
        line_length: how wide.
        print_fn: what to call on the text, instead of printing it.
    """
    from rich import box, console, table  # they take their time to import
    from rich.text import Text

    plain = False if print_fn else None  # without the codes of a terminal
    screen = console.Console(highlight=False, width=line_length or None, force_jupyter=False, force_terminal=plain)
    layers = table.Table(box=box.HEAVY_HEAD, show_lines=True, width=min(line_length or 88, screen.width))
    ratios = {"Layer (type)": 4, "Output Shape": 3, "Param #": 2}
    if model._graph is not None and not model._graph.is_chain:
        ratios["Connected to"] = 3
    for title, ratio in ratios.items():
        layers.add_column(title, ratio=ratio, overflow="fold", justify="right" if title == "Param #" else "left")
    for layer in model.layers:
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [f"{layer.name} ({type(layer).__name__})", _output_shape(layer), count, _sources(model, layer)]
        layers.add_row(*map(Text, row[: len(ratios)]))
    with screen.capture() as capture:
        screen.print(Text(f'Model: "{model.name}"', style="bold"))
        screen.print(layers)
        fixed = model.non_trainable_weights
        optimizer = getattr(model, "optimizer", None)
        kept = optimizer.variables if optimizer is not None and optimizer.built else []
        groups = {"Total": [*model.weights, *kept], "Trainable": model.trainable_weights, "Non-trainable": fixed}
        groups |= {"Optimizer": kept} if kept else {}
        for label, weights in groups.items():
            number, size = (sum(getattr(weight.array, of) for weight in weights) for of in ("size", "nbytes"))
            screen.print(Text.assemble((f" {label} params: ", "bold"), f"{number:,} ({_readable(size)})"))
    if print_fn is None:
        screen.print(Text.from_ansi(capture.get()))
    else:
        print_fn(capture.get())


def _output_shape(layer: Layer) -> str:
    shapes = [tensor.shape for call in layer.calls[-1:] for tensor in flatten(call.outputs)]
    if not shapes and layer.built_for is not None:
        shapes = [layer.compute_output_shape(layer.built_for)]
    return ", ".join(map(str, shapes)) or "?"


def _sources(model: Network, layer: Layer) -> str:
    calls = [call for call in (model._graph.calls if model._graph else []) if call.layer is layer]
    return ", ".join(tensor.call.layer.name for call in calls for tensor in call.sources) or "-"


def _readable(size: int) -> str:
    power = min(max(size.bit_length() - 1, 0) // 10, 3)
    return f"{size / 1024**power:.2f} {('B', 'KB', 'MB', 'GB')[power]}"
