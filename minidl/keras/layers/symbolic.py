"""Values that aren't there yet: what `Input` gives, and the calls of layers on them, which make a model's graph."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minidl.keras.names import new_name
from minidl.nest import flatten, pack
from minidl.ops.creation import zeros
from minidl.values import as_dtype

if TYPE_CHECKING:
    from minidl.keras.layers.layer import Layer
    from minidl.keras.layers.operation import Operators
else:
    Operators = object

Shape = tuple[int | None, ...]


class KerasTensor(Operators):  # which operation.py gives to it
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
        advice = "so call layers on it, or operations of keras.ops instead of tf's, or a layer of your own"
        raise error(f"{self!r} stands for data to come and has no numbers yet, {advice}")

    def __bool__(self) -> bool:
        return bool(self._has_no_numbers(error=TypeError))

    def __iter__(self) -> Any:
        return self._has_no_numbers(error=NotImplementedError)

    __array__ = __float__ = __int__ = _has_no_numbers

    def __getstate__(self) -> dict[str, Any]:
        """Where it comes from is left to the graph, which knows all calls: nothing recurses, however long the graph."""
        is_an_input = hasattr(self, "call") and not self.call.sources
        return {name: value for name, value in vars(self).items() if name != "call" or is_an_input}


class LayerCall:
    """One call of a layer on KerasTensors; a shared layer has several.

    Attributes:
        layer: the layer.
        inputs: what it was called on: a KerasTensor or a nest with them.
        outputs: what it gives: a KerasTensor or a nest of them.
        training: what it was told of training; None for nothing.
        options: its other arguments, by name.
    """

    def __init__(self, layer: "Layer", inputs: Any, outputs: Any, training: Any = None, options: Any = None) -> None:
        self.layer, self.training, self.options = layer, training, options or {}
        self.inputs, self.outputs = inputs, outputs
        for tensor in flatten(outputs):
            tensor.call = self
        layer.calls.append(self)

    @property
    def sources(self) -> list[KerasTensor]:
        """The KerasTensors among its arguments."""
        return [each for each in [*flatten(self.inputs), *flatten(self.options)] if isinstance(each, KerasTensor)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.layer.calls.append(self)  # a layer's own state leaves its calls out


def looks(function: Callable[..., Any], *nests: Any) -> Any:
    """What a function's results look like for nests with KerasTensors in them: a nest of KerasTensors.

    It is tried on zeros, twice: the lengths that follow the unknown ones are unknown too.
    """

    def tried(length: int) -> Any:
        def stand_in(place: Any) -> Any:
            if not isinstance(place, KerasTensor):
                return place
            return zeros([length if n is None else n for n in place.shape], place.dtype)

        return function(*(pack(nest, map(stand_in, flatten(nest))) for nest in nests))

    found, other = tried(2), tried(3)
    pairs = zip(flatten(found), flatten(other), strict=True)
    shapes = [[a if a == b else None for a, b in zip(x.shape, y.shape, strict=True)] for x, y in pairs]
    return pack(found, [KerasTensor(shape, str(x.dtype)) for shape, x in zip(shapes, flatten(found), strict=True)])


def shapes_of(nest: Any) -> Any:
    """The shapes of the tensors or KerasTensors in a nest, in a nest of the same form."""
    return pack(nest, [tuple(each.shape) for each in flatten(nest)])


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
