"""A network: layers put together, as a graph of their calls, or by a `call` that a user writes."""

from __future__ import annotations

import functools
from typing import Any

from minidl.keras.layers.layer import Layer, parts_among
from minidl.keras.layers.symbolic import KerasTensor, flat_shapes
from minidl.keras.models.graph import Graph, in_order
from minidl.keras.names import short
from minidl.nest import flatten, pack
from minidl.ops.creation import cast
from minidl.ops.shaping import expand_dims, squeeze
from minidl.tensor import Tensor


class Network(Layer):
    """A layer made of layers between inputs and outputs; see `Model`, which can be trained."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None, trainable: bool, **options: Any) -> None:
        super().__init__(name=name, trainable=trainable, **options)
        self._graph: Graph | None = None
        if inputs is not None or outputs is not None:
            self._connect(inputs, outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        for role, nest in (("inputs", inputs), ("outputs", outputs)):
            if not flatten(nest) or not all(isinstance(tensor, KerasTensor) for tensor in flatten(nest)):
                raise ValueError(f"The {role} of a model come from Input and calls of layers; {short(nest)} was given")
        self._inputs, self._outputs = inputs, outputs
        self._graph = Graph(flatten(inputs), flatten(outputs))
        self.built = True

    # -- layers

    @property
    def layers(self) -> list[Layer]:
        """The layers, those at the inputs first."""
        return list(self._graph.layers) if self._graph else super()._sublayers()

    def _sublayers(self) -> list[Layer]:
        return self.layers

    def _parts(self) -> list[tuple[str, Any]]:
        parts = parts_among({**vars(self), "layers": self.layers})
        return sorted(parts, key=lambda part: part[0] != "layers") if self._graph else parts

    @property
    def works_by_rows(self) -> bool:
        """Whether each row of the result depends on nothing but the same row of the input."""
        is_a_graph = self._graph is not None and type(self).call is Network.call
        return is_a_graph and all(layer.works_by_rows for layer in self.layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its index. Raises ValueError for one that isn't there.

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, name='output')])
        >>> model.get_layer('output').units
        1
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer takes a name or an index; name={name!r} and index={index!r} were given")
        if index is not None:
            if -len(self.layers) <= index < len(self.layers):
                return self.layers[index]
            raise ValueError(f"There is no layer {index} in model {self.name!r}, which has {len(self.layers)}")
        named = {layer.name: layer for layer in self.layers}
        if name in named:
            return named[name]
        raise ValueError(f"There is no layer {name!r} in model {self.name!r}; it has {', '.join(named)}")

    @property
    def inputs(self) -> list[KerasTensor]:
        """Where data enters, as a list."""
        return list(self._graph.inputs) if self._graph else []

    @property
    def outputs(self) -> list[KerasTensor]:
        """Where results leave, as a list."""
        return list(self._graph.outputs) if self._graph else []

    @property
    def input(self) -> Any:
        """Where data enters."""
        return self._inputs

    @property
    def output(self) -> Any:
        """Where results leave."""
        return self._outputs

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of a dictionary, or of the layers that they come from."""
        if self._graph and isinstance(self._outputs, dict) and len(self._outputs) == len(self.outputs):
            return sorted(self._outputs)
        return [tensor.call.layer.name for tensor in self.outputs]

    def _forms(self) -> tuple[Any, Any]:
        """Nests of the names of the inputs and of the outputs, None for a model that defines `call` itself."""
        if self._graph is None:
            return None, None
        return pack(self._inputs, [place.name for place in self.inputs]), pack(self._outputs, self.output_names)

    # -- calling

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The outputs for inputs in the nest, or in the order, of the model's own."""
        graph = self._graph
        if graph is None:
            raise NotImplementedError(f"{type(self).__name__} needs inputs and outputs, or its own call(self, inputs)")
        places = graph.inputs
        is_one = isinstance(inputs, Tensor) and len(places) == 1
        values = [inputs] if is_one else in_order(f"The input of {self.name}", inputs, self._forms()[0])
        found = graph.run([_fitting(value, place) for value, place in zip(values, places, strict=True)], training)
        if isinstance(self._outputs, KerasTensor):
            return found[self._outputs]
        return pack(self._outputs, [found[tensor] for tensor in graph.outputs])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs."""
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        found = dict(zip(self._graph.inputs, flat_shapes(input_shape), strict=True))
        for call in self._graph.calls:
            taken = pack(call.inputs, [found[tensor] for tensor in flatten(call.inputs)])
            found.update(zip(flatten(call.outputs), flat_shapes(call.layer.compute_output_shape(taken)), strict=True))
        return pack(self._outputs, [found[tensor] for tensor in self._graph.outputs])

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape, by calling the layers on zeros."""
        if self._graph is None:
            self._tried(input_shape, 1)
            self.built = True


def _fitting(value: Tensor, place: KerasTensor) -> Tensor:
    """A value in the dtype, and with the number of axes, that an input has."""
    if value.array.dtype is not place.numpy_dtype:
        value = cast(value, place.numpy_dtype)
    shape = value.array.shape
    if _fits(shape, place.shape):
        return value
    if place.shape[-1:] == (1,) and _fits((*shape, 1), place.shape):
        return expand_dims(value, -1)
    if shape[-1:] == (1,) and _fits(shape[:-1], place.shape):
        return squeeze(value, -1)
    raise ValueError(f"Input {place.name!r} has shape {place.shape}; data of shape {shape} was given for it")


@functools.lru_cache(4096)
def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (a, None) for a, b in zip(shape, wanted, strict=True))
