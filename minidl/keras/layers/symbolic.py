"""Values that aren't there yet: what `Input` gives, and the calls of layers on them, which make a model's graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minidl.keras.names import new_name
from minidl.nest import flatten
from minidl.values import as_dtype

if TYPE_CHECKING:
    from minidl.keras.layers.layer import Layer

Shape = tuple[int | None, ...]


class KerasTensor:
    """The place of a tensor in a graph of layers: its shape and dtype, and the call that it comes from.

    Attributes:
        shape: the lengths of its axes, None where any will do, as for the number of samples.
        name: its name.
        call: the LayerCall that gives it.

    >>> tf.keras.Input((3,), name='x')
    <KerasTensor shape=(None, 3), dtype=float32, name=x>
    """

    def __init__(self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.numpy_dtype = as_dtype(dtype)
        self.name = name or new_name("keras_tensor")
        self.call: LayerCall

    dtype = property(lambda self: str(self.numpy_dtype), doc="The name of the dtype.")
    ndim = property(lambda self: len(self.shape), doc="The number of axes.")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _has_no_numbers(self, *_: Any, error: type[Exception] = ValueError, **__: Any) -> Any:
        advice = "so call layers on it; for other operations derive one from keras.layers.Layer, with its own `call`"
        raise error(f"{self!r} stands for data to come and has no numbers yet, {advice}")

    def __bool__(self) -> bool:
        return bool(self._has_no_numbers(error=TypeError))

    def __iter__(self) -> Any:
        return self._has_no_numbers(error=NotImplementedError)

    __array__ = __float__ = __int__ = _has_no_numbers
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _has_no_numbers
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __getitem__ = _has_no_numbers

    def __getstate__(self) -> dict[str, Any]:
        """Where it comes from is left to the graph, which knows all calls: nothing recurses, however long the graph."""
        is_an_input = hasattr(self, "call") and not flatten(self.call.inputs)
        return {name: value for name, value in vars(self).items() if name != "call" or is_an_input}


class LayerCall:
    """One call of a layer on KerasTensors; a shared layer has several.

    Attributes:
        layer: the layer.
        inputs: what it was called on: a KerasTensor or a nest of them.
        outputs: what it gives, likewise.
        training: what it was told of training; None for nothing.
    """

    def __init__(self, layer: Layer, inputs: Any, outputs: Any, training: bool | None = None) -> None:
        self.layer, self.training = layer, training
        self.inputs, self.outputs = inputs, outputs
        for tensor in flatten(outputs):
            tensor.call = self
        layer.calls.append(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.layer.calls.append(self)  # a layer's own state leaves its calls out


def is_shape(shapes: Any) -> bool:
    """Whether this is one shape, and no nest of several."""
    return isinstance(shapes, (list, tuple)) and not any(isinstance(each, (list, tuple, dict)) for each in shapes)


def map_shapes(function: Callable[[Shape], Any], shapes: Any) -> Any:
    """What a function gives for a shape, or for each shape in a nest, in a nest of the same form."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {name: map_shapes(function, each) for name, each in shapes.items()}
    return [map_shapes(function, each) for each in shapes]


def flat_shapes(shapes: Any) -> list[Shape]:
    """The shapes in a nest, in the order of `flatten`."""
    if is_shape(shapes):
        return [tuple(shapes)]
    parts = [shapes[name] for name in sorted(shapes)] if isinstance(shapes, dict) else shapes
    return [shape for part in parts for shape in flat_shapes(part)]
