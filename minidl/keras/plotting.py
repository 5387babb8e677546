"""A model as a diagram: a box for each call of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minidl.keras.layers.input import InputLayer
from minidl.nest import flatten
from minidl.pictures.diagram import Arrow, Box, Diagram

if TYPE_CHECKING:
    from minidl.keras.layers.symbolic import KerasTensor
    from minidl.keras.models.model import Model


def diagram_of(model: Model, shapes: bool, dtype: bool, names: bool, activations: bool, trainable: bool) -> Diagram:
    """The boxes and arrows of a model, with as much text as is asked for; see `utils.plot_model`."""
    if model._graph is None:
        raise ValueError(
            f"Model {model.name!r} has no graph of layers to draw. Begin it with an Input, or build it; "
            "what a `call` of your own computes, minidl.Picture draws"
        )
    boxes: list[Box] = []
    places: dict[int, int] = {}  # of tensors, by their ids
    arrows: dict[Arrow, None] = {}

    def add(lines: list[str], inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], kind: str) -> None:
        for what, tensors in (("input", inputs), ("output", outputs)):
            if shapes and tensors:
                lines.append(f"{what}: {', '.join(str(tensor.shape) for tensor in tensors)}")
        if dtype:
            lines.append(f"dtype: {', '.join(tensor.dtype for tensor in outputs)}")
        arrows.update({(places[id(tensor)], len(boxes)): None for tensor in inputs})
        places.update({id(tensor): len(boxes) for tensor in outputs})
        boxes.append(Box(lines, kind))

    for tensor in model.inputs:
        source = tensor.call.layer
        name = source.name if isinstance(source, InputLayer) else tensor.name
        add([f"{name} (InputLayer)" if names else "InputLayer"], [], [tensor], "data")
    for call in model._graph.calls:
        layer, kind = call.layer, type(call.layer).__name__
        lines = [f"{layer.name} ({kind})" if names else kind]
        shared = [other for other in model._graph.calls if other.layer is layer]
        if len(shared) > 1:
            lines.append(f"shared: call {shared.index(call) + 1} of {len(shared)}")
        if activations and hasattr(layer, "activation"):
            lines.append(f"activation: {getattr(layer.activation, '__name__', layer.activation)}")
        if trainable and layer.weights:
            lines.append("trained" if layer.trainable_weights else "not trained")
        add(lines, flatten(call.inputs), flatten(call.outputs), "call")
    return Diagram(boxes, list(arrows))
