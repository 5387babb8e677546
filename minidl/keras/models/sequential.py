"""Sequential: layers one behind the other."""

from typing import Any

from minidl.keras.layers.layer import Input, InputLayer, Layer
from minidl.keras.layers.symbolic import KerasTensor, is_shape
from minidl.keras.models.model import Model
from minidl.keras.names import brief


class Sequential(Model):
    """A model of layers one behind the other.

    Arguments:
        layers: the layers; an `Input` may come first. Without one, the model is built when it first sees data.
        name: what it is called.

    >>> model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2), tf.keras.layers.Dense(1)])
    >>> [layer.units for layer in model.layers]
    [2, 1]
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, trainable=trainable, **options)
        self._sequence: list[Layer] = []
        self._start: KerasTensor | None = None
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer behind the others.

        Raises ValueError for what is no layer, or has the name of one that is there.

        >>> model = tf.keras.Sequential()
        >>> model.add(tf.keras.layers.Dense(1, name='only'))
        >>> len(model.layers)
        1
        """
        layer = layer.output if isinstance(layer, InputLayer) else layer
        if isinstance(layer, Layer) and layer.given_input_shape is not None and not (self._sequence or self._start):
            self.add(Input(layer.given_input_shape))
        if isinstance(layer, KerasTensor) and isinstance(layer.call.layer, InputLayer) and not self._sequence:
            if self._start is not None:
                raise ValueError(f"Model {self.name!r} begins with {self._start} already; {layer} was given behind it")
            self._start = layer
        elif not isinstance(layer, Layer):
            raise ValueError(f"A Sequential model consists of layers, with an Input in front; {brief(layer)} was given")
        elif layer.name in [other.name for other in self._sequence]:
            raise ValueError(f"The layers of a model need different names; {layer.name} is there already")
        else:
            self._sequence.append(layer)
        self._rebuild()

    def pop(self) -> Layer:
        """Take the last layer off. Raises ValueError where there is none."""
        if not self._sequence:
            raise ValueError(f"Model {self.name!r} has no layer to take off")
        last = self._sequence.pop()
        self._rebuild()
        return last

    def _rebuild(self) -> None:
        for call in self._graph.calls if self._graph else ():  # the layers stand in the new graph alone
            call.layer.calls.remove(call)
        self._graph, self._steps, self.built = None, {}, False
        if self._start is not None and self._sequence:
            self.build(self._start.shape)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input."""
        return list(self._sequence)

    def _call_without_graph(self, inputs: Any, training: bool | None) -> Any:
        for layer in self._sequence:
            inputs = layer(inputs, training=training)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that the last layer gives."""
        for layer in self._sequence:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of a shape, or of several in a nest; None leaves it to the first call.

        Raises ValueError without layers, for a shape of one axis, and for another shape than the model's.
        """
        if not self._sequence:
            raise ValueError(f"Model {self.name!r} has no layers yet; add some first")
        if input_shape is None:
            return
        if self._start is None and not is_shape(input_shape):
            super().build(input_shape)
        elif self._start is None and len(input_shape) < 2:
            raise ValueError(f"Model {self.name!r} takes inputs of two axes or more; their shape was {input_shape}")
        elif self._start is None:
            self._start, self._steps = Input(tuple(input_shape)[1:]), {}
        elif self._start.shape[1:] != tuple(input_shape)[1:]:
            raise ValueError(f"Model {self.name!r} takes inputs of shape {self._start.shape}; {input_shape} was given")
        if self._start is not None and self._graph is None:
            output = self._start
            for layer in self._sequence:
                output = layer(output)
            self._connect(self._start, output)

    def _build_for(self, inputs: Any) -> None:
        shape = getattr(inputs, "shape", None)
        if shape is None or len(shape) > 1:
            super()._build_for(inputs)
        else:
            self.build((*shape, 1))  # numbers in a row are samples of width 1
