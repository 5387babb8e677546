"""Help for scripts."""

from collections.abc import Sequence
from typing import Any

import minidl as tf
from minidl.keras.layers.layer import InputLayer
from minidl.keras.layers.symbolic import KerasTensor
from minidl.keras.models.data import unpack_x_y_sample_weight
from minidl.keras.models.model import Model
from minidl.keras.names import refuse
from minidl.nest import flatten
from minidl.pictures.diagram import Box, Diagram

__all__ = ["plot_model", "set_random_seed", "unpack_x_y_sample_weight"]


def set_random_seed(seed: int) -> None:
    """Make everything random that follows repeatable; the same as `random.set_seed`.

    Arguments:
        seed: a whole number from 0 to 2³² - 1, ValueError for any other.

    >>> tf.keras.utils.set_random_seed(1)
    >>> layer = tf.keras.layers.Dense(1)
    >>> layer.build((None, 1))
    >>> layer.get_weights()[0]
    array([[-0.83484906]], dtype=float32)
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"A seed is a whole number from 0 to 2**32 - 1; {seed!r} was given")
    tf.random.set_seed(seed)


def plot_model(
    model: Model, to_file: Any = "model.png", show_shapes: bool = False, show_dtype: bool = False,
    show_layer_names: bool = False, dpi: float = 200, show_layer_activations: bool = False,
    show_trainable: bool = False, **options: Any,
) -> Diagram:  # fmt: skip
    """Draw a model: a box for each call of a layer, so that a layer that is shared has several.

    Arguments:
        model: a model that is built of layers.
        to_file: `.png`, `.svg` or `.pdf`, drawn by matplotlib, or `.dot` for Graphviz's text; None for no file.
        show_shapes: whether to write the shapes of inputs and outputs; None in them stands for any length.
        show_dtype: whether to write the dtype of the outputs.
        show_layer_names: whether to write the names of the layers beside their classes.
        dpi: how many pixels make an inch, in which stand eight letters or so.
        show_layer_activations: whether to write the activations of the layers that have one.
        show_trainable: whether to write which layers are trained.

    Returns the diagram, which a notebook shows. Raises ValueError for a model that isn't built of layers, and for
    arguments of Keras's that minidl doesn't have; ImportError where matplotlib is missing.

    >>> model = tf.keras.Sequential([tf.keras.Input((3,), name='x'), tf.keras.layers.Dense(2, name='sums')])
    >>> diagram = tf.keras.utils.plot_model(model, to_file=None, show_layer_names=True)
    >>> [box.lines for box in diagram.boxes], diagram.arrows
    ([['x (InputLayer)'], ['sums (Dense)']], [(0, 1)])
    """
    refuse("plot_model", options)
    if model._graph is None:
        raise ValueError(f"Model {model.name!r} has no graph; build it, or draw its `call` with minidl.Picture")
    boxes: list[Box] = []
    places: dict[int, int] = {}  # of tensors, by their ids
    arrows: dict[tuple[int, int], None] = {}  # from box to box, each once

    def add(lines: list[str], inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], kind: str) -> None:
        for what, tensors in (("input", inputs), ("output", outputs)):
            if show_shapes and tensors:
                lines.append(f"{what}: {', '.join(str(tensor.shape) for tensor in tensors)}")
        if show_dtype:
            lines.append(f"dtype: {', '.join(tensor.dtype for tensor in outputs)}")
        arrows.update({(places[id(tensor)], len(boxes)): None for tensor in inputs})
        places.update({id(tensor): len(boxes) for tensor in outputs})
        boxes.append(Box(lines, kind))

    for tensor in model.inputs:
        source = tensor.call.layer
        name = source.name if isinstance(source, InputLayer) else tensor.name
        add([f"{name} (InputLayer)" if show_layer_names else "InputLayer"], [], [tensor], "data")
    for call in model._graph.calls:
        layer, kind = call.layer, type(call.layer).__name__
        lines = [f"{layer.name} ({kind})" if show_layer_names else kind]
        shared = [other for other in model._graph.calls if other.layer is layer]
        if len(shared) > 1:
            lines.append(f"shared: call {shared.index(call) + 1} of {len(shared)}")
        if show_layer_activations and hasattr(layer, "activation"):
            lines.append(f"activation: {getattr(layer.activation, '__name__', layer.activation)}")
        if show_trainable and layer.weights:
            lines.append("trained" if layer.trainable_weights else "not trained")
        add(lines, call.sources, flatten(call.outputs), "call")
    diagram = Diagram(boxes, list(arrows))
    if to_file is not None:
        diagram.save(to_file, dpi)
    return diagram
