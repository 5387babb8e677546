"""A network: layers put together, as a graph of their calls or by a `call` that a user writes.

The graph says which calls of layers lead from the inputs to the outputs, and in which order.
"""

import collections
import functools
from collections.abc import Sequence
from typing import Any

import minidl as tf
from minidl.keras.layers.layer import InputLayer, Layer
from minidl.keras.layers.symbolic import KerasTensor, LayerCall, shapes_of
from minidl.keras.names import brief
from minidl.module import Module
from minidl.nest import flatten, pack


def in_order(role: str, data: Any, form: Any) -> list[Any]:
    """The parts of data in the order of the names in a form, which is a nest of them.

    Data is given in a nest like the form's, or as a dictionary by name, or as a list in order. For a single name, a
    list that isn't of one array is a part itself. Raises ValueError for a number of parts that doesn't fit, and for
    an unknown name or a missing one.
    """
    names = flatten(form)
    if isinstance(data, dict):
        return [part for each in by_name(role, data, form) for part in in_order(*each)]
    if len(names) == 1:
        holds_one = isinstance(data, (list, tuple)) and len(data) == 1 and getattr(data[0], "ndim", 0) > 0
        return [data[0] if holds_one else data]
    if isinstance(data, (list, tuple)):
        if isinstance(form, (list, tuple)) and len(data) == len(form):
            pairs = enumerate(zip(data, form, strict=True))
            return [part for index, (each, place) in pairs for part in in_order(f"{role}[{index}]", each, place)]
        if len(data) == len(names) and (not isinstance(form, dict) or list(form) == sorted(form)):
            return list(data)
    raise ValueError(f"{role} needs {len(names)} arrays, for {', '.join(names)}; {brief(data)} was given")


def by_name(role: str, data: dict[str, Any], form: Any, may_lack: bool = False) -> list[tuple[str, Any, Any]]:
    """The parts of a dictionary in the order of a form: of each what it is, itself or None, and its place."""
    places = form if isinstance(form, dict) else {name: name for name in flatten(form)}
    if set(data) - set(places) or (set(places) - set(data) and not may_lack):
        raise ValueError(f"{role} has the names {sorted(data)}; the model has {sorted(places)}")
    order = sorted(places) if isinstance(form, dict) else flatten(form)
    return [(f"{role}[{name!r}]", data.get(name), places[name]) for name in order]


class Graph:
    """The calls between inputs and outputs.

    Attributes:
        inputs, outputs: where values enter and leave.
        calls: the calls of layers, each after those whose results it takes.
        layers: the layers in Keras's order: by their distance from the outputs, the farthest first, and among those
            of one distance in the order in which a walk from the outputs meets them.

    Raises ValueError where an output depends on an Input that isn't among the inputs, or two layers have one name.
    """

    def __init__(self, inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> None:
        self.inputs, self.outputs = inputs, outputs
        walked, met = _walk_back(outputs, set(inputs))
        sources = [call.outputs for call in walked if isinstance(call.layer, InputLayer)]
        if missing := [source for source in sources if source not in inputs]:
            raise ValueError(f"The outputs depend on {missing}, which isn't among the inputs, {list(inputs)}")
        self.calls = [call for call in walked if not isinstance(call.layer, InputLayer)]
        unused = [tensor.call.layer for tensor in inputs if isinstance(tensor.call.layer, InputLayer)]
        self.layers = _by_distance(self.calls, [*met, *unused])
        names = collections.Counter(layer.name for layer in self.layers)
        if repeated := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"The layers of a model need different names; {', '.join(repeated)} stands there twice")

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for call in self.calls:
            for tensor in flatten(call.outputs):
                tensor.call = call

    @property
    def is_chain(self) -> bool:
        """Whether each layer is called once, on nothing but the result of the one before."""
        results = [self.inputs[0], *(call.outputs for call in self.calls)]
        pairs = zip(self.calls, results, strict=False)
        return len(self.inputs) == 1 and all(call.inputs is result for call, result in pairs)

    def run(self, values: Sequence[Any], training: bool | None) -> dict[KerasTensor, Any]:
        """What each KerasTensor stands for with these values for the inputs."""
        found = dict(zip(self.inputs, values, strict=True))
        for call in self.calls:
            taken, options = _values(call.inputs, found), _values(call.options, found) if call.options else {}
            result = call.layer(taken, training=call.training if training is None else training, **options)
            one = isinstance(call.outputs, KerasTensor)
            found.update([(call.outputs, result)] if one else zip(flatten(call.outputs), flatten(result), strict=True))
        return found


def _values(nest: Any, found: dict[KerasTensor, Any]) -> Any:
    """A nest with what was found for the KerasTensors in it."""
    if isinstance(nest, KerasTensor):
        return found[nest]
    return pack(nest, [found[each] if isinstance(each, KerasTensor) else each for each in flatten(nest)])


def _walk_back(outputs: Sequence[KerasTensor], given: set[KerasTensor]) -> tuple[list[LayerCall], list[Layer]]:
    """The calls that lead to the outputs, each after those it depends on, and their layers as the walk meets them.

    The walk goes from each output back, inputs from left to right, and ends at what is given.
    """
    ordered: list[LayerCall] = []
    met: dict[LayerCall, Layer] = {}
    ahead = [(tensor, False) for tensor in reversed(outputs)]
    while ahead:
        tensor, is_done = ahead.pop()
        call = tensor.call
        if is_done:
            ordered.append(call)
        elif call not in met and (tensor not in given or isinstance(call.layer, InputLayer)):
            met[call] = call.layer
            ahead += [(tensor, True), *((source, False) for source in reversed(call.sources))]
    return ordered, [*met.values()]


def _by_distance(calls: Sequence[LayerCall], layers: Sequence[Layer]) -> list[Layer]:
    distance: dict[int, int] = collections.defaultdict(int)  # of a layer from the outputs, by id
    for call in reversed(calls):
        for tensor in call.sources:
            source = id(tensor.call.layer)
            distance[source] = max(distance[source], distance[id(call.layer)] + 1)
    unique = {id(layer): layer for layer in layers}
    return sorted(unique.values(), key=lambda layer: -distance[id(layer)])


class Network(Layer):
    """A layer made of layers between inputs and outputs; see `Model`, which can be trained."""

    _graph: Graph | None = None

    def _connect(self, inputs: Any, outputs: Any) -> None:
        for role, nest in (("inputs", inputs), ("outputs", outputs)):
            if not flatten(nest) or not all(isinstance(tensor, KerasTensor) for tensor in flatten(nest)):
                raise ValueError(f"The {role} of a model come from Input and calls of layers; {brief(nest)} was given")
        self._inputs, self._outputs = inputs, outputs
        self._graph = Graph(flatten(inputs), flatten(outputs))
        self.built = True

    # -- layers

    @property
    def layers(self) -> list[Layer]:
        """The layers, those at the inputs first."""
        return list(self._graph.layers) if self._graph else super()._own()[1]

    def _own(self) -> tuple[list[Any], list[Layer]]:
        return super()._own()[0], self.layers

    def _inner(self) -> list[Module]:
        return [*self.layers, *(each for each in super()._inner() if not isinstance(each, Layer))]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its index. Raises ValueError for one that isn't there.

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, name='output')])
        >>> model.get_layer('output').units
        1
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer takes a name or an index; name={name!r} and index={index!r} were given")
        for place, layer in enumerate(self.layers):
            if layer.name == name or index in (place, place - len(self.layers)):
                return layer
        wanted, known = index if name is None else name, ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"There is no layer {wanted!r} in model {self.name!r}; it has {known}")

    inputs = property(lambda self: [*self._graph.inputs] if self._graph else [], doc="Where data enters: a list.")
    outputs = property(lambda self: [*self._graph.outputs] if self._graph else [], doc="Where results leave: a list.")
    input = property(lambda self: self._inputs, doc="Where data enters.")
    output = property(lambda self: self._outputs, doc="Where results leave.")
    input_shape = property(lambda self: shapes_of(self._inputs), doc="The shape of the input, or a nest of them.")
    output_shape = property(lambda self: shapes_of(self._outputs), doc="The shape of the output, or a nest of them.")

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

    def get_config(self) -> dict[str, Any]:
        """Of a class with a `get_config` of its own, what it can begin with; others have none in minidl."""
        if type(self).get_config is Network.get_config:
            name = type(self).__name__
            raise NotImplementedError(f"minidl writes no config of a {name}; make it anew, and load its weights")
        return super().get_config()

    def save(self, *_: Any, **__: Any) -> None:
        """Raises NotImplementedError: of a model, minidl saves the weights alone."""
        raise NotImplementedError("minidl saves no models; use save_weights, and load_weights of a model made anew")

    to_json = export = save

    # -- calling

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The outputs for inputs in the nest, or in the order, of the model's own."""
        if self._graph is None:
            return self._call_without_graph(inputs, training)
        places = self._graph.inputs
        is_one = isinstance(inputs, tf.Tensor) and len(places) == 1
        values = [inputs] if is_one else in_order(f"The input of {self.name}", inputs, self._forms()[0])
        found = self._graph.run([_fitting(value, place) for value, place in zip(values, places, strict=True)], training)
        return _values(self._outputs, found)

    def _call_without_graph(self, inputs: Any, training: bool | None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs inputs and outputs, or its own call(self, inputs)")

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape, by calling the layers on zeros."""
        if self._graph is None:
            self._looks_for(input_shape)
            self.built = True


def _fitting(value: tf.Tensor, place: KerasTensor) -> tf.Tensor:
    """A value in the dtype, and with the number of axes, that an input has."""
    if value.array.dtype is not place.numpy_dtype:
        value = tf.cast(value, place.numpy_dtype)
    shape = value.array.shape
    if _fits(shape, place.shape):
        return value
    if place.shape[-1:] == (1,) and _fits((*shape, 1), place.shape):
        return tf.expand_dims(value, -1)
    if shape[-1:] == (1,) and _fits(shape[:-1], place.shape):
        return tf.squeeze(value, -1)
    raise ValueError(f"Input {place.name!r} has shape {place.shape}; data of shape {shape} was given for it")


@functools.lru_cache(4096)
def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (a, None) for a, b in zip(shape, wanted, strict=True))
