"""The graph of a model: which calls of layers lead from its inputs to its outputs, and in which order."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from minidl.keras.layers.layer import InputLayer, Layer
from minidl.keras.layers.symbolic import KerasTensor, LayerCall
from minidl.keras.names import short
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
    raise ValueError(f"{role} needs {len(names)} arrays, for {', '.join(names)}; {short(data)} was given")


def by_name(role: str, data: dict[str, Any], form: Any, may_lack: bool = False) -> list[tuple[str, Any, Any]]:
    """The parts of a dictionary in the order of a form: of each what it is, itself or None, and its place."""
    places = form if isinstance(form, dict) else {name: name for name in flatten(form)}
    if set(data) - set(places) or (set(places) - set(data) and not may_lack):
        raise ValueError(f"{role} has the names {sorted(data)}; the model has {sorted(places)}")
    order = sorted(places) if isinstance(form, dict) else places
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
        given = {id(tensor) for tensor in inputs}
        walked, met = _walk_back(outputs, given)
        sources = [call for call in walked if isinstance(call.layer, InputLayer)]
        if missing := [call.outputs for call in sources if id(call.outputs) not in given]:
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
            if isinstance(call.inputs, KerasTensor):
                taken = found[call.inputs]
            else:
                taken = pack(call.inputs, [found[tensor] for tensor in flatten(call.inputs)])
            result = call.layer(taken, training=call.training if training is None else training)
            if isinstance(call.outputs, KerasTensor):
                found[call.outputs] = result
            else:
                found.update(zip(flatten(call.outputs), flatten(result), strict=True))
        return found


def _walk_back(outputs: Sequence[KerasTensor], given: set[int]) -> tuple[list[LayerCall], list[Layer]]:
    """The calls that lead to the outputs, each after those it depends on, and their layers as the walk meets them.

    The walk goes from each output back, inputs from left to right, and ends at what is given.
    """
    ordered: list[LayerCall] = []
    met: list[Layer] = []
    begun: set[int] = set()
    ahead: list[tuple[LayerCall, bool]] = _calls_of(outputs, given)
    while ahead:
        call, is_done = ahead.pop()
        if is_done:
            ordered.append(call)
        elif id(call) not in begun:
            begun.add(id(call))
            met.append(call.layer)
            ahead += [(call, True), *_calls_of(flatten(call.inputs), given)]
    return ordered, met


def _calls_of(tensors: Sequence[KerasTensor], given: set[int]) -> list[tuple[LayerCall, bool]]:
    pairs = [(id(tensor), tensor.call) for tensor in reversed(tensors)]
    return [(call, False) for key, call in pairs if key not in given or isinstance(call.layer, InputLayer)]


def _by_distance(calls: Sequence[LayerCall], layers: Sequence[Layer]) -> list[Layer]:
    distance: dict[int, int] = collections.defaultdict(int)  # of a layer from the outputs, by id
    for call in reversed(calls):
        for tensor in flatten(call.inputs):
            source = id(tensor.call.layer)
            distance[source] = max(distance[source], distance[id(call.layer)] + 1)
    unique = {id(layer): layer for layer in layers}
    return sorted(unique.values(), key=lambda layer: -distance[id(layer)])
