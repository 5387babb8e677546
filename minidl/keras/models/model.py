"""Model: layers put together, with what it takes to train them."""

from __future__ import annotations

import functools
import html
from typing import Any

from minidl.keras.layers.layer import Layer, parts_among
from minidl.keras.layers.symbolic import KerasTensor, flat_shapes
from minidl.keras.models import saving
from minidl.keras.models.graph import Graph, in_order
from minidl.keras.models.summary import print_summary
from minidl.keras.models.training import Trainer
from minidl.keras.names import new_name
from minidl.keras.quoting import short
from minidl.nest import flatten, pack
from minidl.ops.creation import cast
from minidl.ops.shaping import expand_dims, squeeze
from minidl.tensor import Tensor


class Model(Trainer):
    """A network of layers between inputs and outputs, which can be trained.

    Arguments:
        inputs: what `Input` gave, or a list or dictionary of such.
        outputs: what layers gave when called on them, or a list or dictionary of such.
        name: what it is called.

    A class derived from it can instead keep layers as attributes and define `call(inputs)`. Raises ValueError where
    the outputs don't depend on the inputs, or layers share a name.

    >>> inputs = tf.keras.Input((1,), name='x')
    >>> outputs = tf.keras.layers.Dense(1, kernel_initializer='ones', name='output')(inputs)
    >>> model = tf.keras.Model(inputs, outputs, name='model')
    >>> model.predict([[3.0]], verbose=0)
    array([[3.]], dtype=float32)
    """

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, trainable: bool = True, **options: Any
    ) -> None:
        unnamed = type(self) is Model and name is None
        super().__init__(name=new_name("functional") if unnamed else name, trainable=trainable, **options)
        self._graph: Graph | None = None
        if inputs is not None or outputs is not None:
            self._connect(inputs, outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        for role, nest in (("inputs", inputs), ("outputs", outputs)):
            if not flatten(nest) or not all(isinstance(tensor, KerasTensor) for tensor in flatten(nest)):
                raise ValueError(
                    f"The {role} of a model come from Input and from calls of layers; {short(nest)} was given"
                )
        self._inputs = inputs
        self._outputs = outputs
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
        is_a_graph = self._graph is not None and type(self).call is Model.call
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
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"There is no layer {index} in model {self.name!r}, which has {len(self.layers)}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"There is no layer {name!r} in model {self.name!r}; it has {names}")

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
            raise NotImplementedError(
                f"{type(self).__name__} must be given inputs and outputs, or define call(self, inputs)"
            )
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

    # -- reading

    def summary(self, line_length: int | None = None, print_fn: Any = None) -> None:
        """Print the layers as a table: their names, the shapes of their results, the number of their weights.

        Arguments:
            line_length: how wide.
            print_fn: what to call on the text, instead of printing it.
        """
        print_summary(self, line_length, print_fn)

    def _repr_html_(self) -> str:
        """What a notebook shows: the summary."""
        lines: list[str] = []
        self.summary(80, lines.append)
        return f'<pre style="line-height: normal">{html.escape("".join(lines))}</pre>'

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights, and the state of the optimizer, to a file.

        Arguments:
            filepath: ends in `.weights.npz`, or in `.weights.h5` for Keras's own format, which needs h5py.
            overwrite: whether a file that is there is replaced; it stays until the new one is whole.

        Raises ValueError for another ending and for a model without weights yet, FileExistsError, and ImportError
        without h5py.
        """
        saving.save(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read the weights, and the state of the optimizer, from a file that minidl or Keras wrote.

        Raises FileNotFoundError, OSError for a damaged file, ValueError where the number or the shapes of the
        weights differ; no weight is then changed.
        """
        saving.load(self, filepath)


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
    return len(shape) == len(wanted) and all(
        length in (given, None) for given, length in zip(shape, wanted, strict=True)
    )
