"""Sequential: layers one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.keras.layers.input import Input, InputLayer
from minidl.keras.layers.layer import Layer
from minidl.keras.layers.symbolic import KerasTensor
from minidl.keras.models.model import Model


class Sequential(Model):
    """A model of layers one behind the other.

    Arguments:
        layers: the layers; an `Input` may come first. Without one, the model is built when it first sees data.
        name: what it is called.

    >>> model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2), tf.keras.layers.Dense(1)])
    >>> [layer.units for layer in model.layers]
    [2, 1]
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None, **options: Any
    ) -> None:
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
        if isinstance(layer, KerasTensor) and isinstance(layer.call.layer, InputLayer) and not self._sequence:
            self._start = layer
        elif isinstance(layer, InputLayer) and not self._sequence:
            self._start = layer.output
        elif not isinstance(layer, Layer) or isinstance(layer, InputLayer):
            raise ValueError(f"A Sequential model consists of layers, with an Input in front; {layer!r} was given")
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
        self._graph = None
        self.built = False
        if self._start is not None and self._sequence:
            output = self._start
            for layer in self._sequence:
                output = layer(output)
            self._connect(self._start, output)

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input."""
        return list(self._sequence)

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape."""
        if self._graph is None:
            if not self._sequence:
                raise ValueError(f"Model {self.name!r} has no layers yet; add some first")
            self._start = Input(tuple(input_shape)[1:] or (1,))  # numbers in a row are samples of width 1
            self._rebuild()
