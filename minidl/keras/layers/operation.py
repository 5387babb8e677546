"""Operations on what `Input` gives: operators, slices and those of `keras.ops` become layers of their own."""

import math
import operator
from collections.abc import Callable
from typing import Any

from minidl.keras import activations
from minidl.keras.layers.layer import Layer
from minidl.keras.layers.symbolic import KerasTensor
from minidl.keras.names import new_name
from minidl.ops.shaping import reshape


class Operation(Layer):
    """A function of tensors as a layer, called on the list of its arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(new_name(function.__name__.strip("_")))
        self.function, self.built = function, True

    def _cast_all(self, inputs: Any) -> Any:
        """The arguments as they are: a function finds its own dtypes."""
        return inputs

    def call(self, inputs: Any) -> Any:
        """What the function gives."""
        return self.function(*inputs)


class Activation(Layer):
    """A function of each entry, as a layer.

    Arguments:
        activation: a function, or a name as of `Dense`.
        name, dtype: as of `Layer`.

    >>> tf.keras.layers.Activation('relu')([-1.0, 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation, self.built = activations.get(activation), True

    def call(self, inputs: Any) -> Any:
        """The function of each entry."""
        return self.activation(inputs)


class Flatten(Layer):
    """Each sample's entries in one row.

    Arguments:
        name, dtype: as of `Layer`.

    >>> tf.keras.layers.Flatten()(tf.zeros([2, 3, 4])).shape
    (2, 12)
    """

    def call(self, inputs: Any) -> Any:
        """The entries of each sample in a row."""
        return reshape(inputs, [inputs.shape[0], math.prod(inputs.shape[1:])])


def _operators(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    function = getattr(operator, name)
    return lambda *given: Operation(function)(list(given)), lambda x, y: Operation(function)([y, x])


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _forward, _reflected = _operators(_name)
    setattr(KerasTensor, f"__{_name}__", _forward)
    setattr(KerasTensor, f"__r{_name}__", _reflected)
for _name in ("neg", "abs", "getitem", "lt", "le", "gt", "ge"):
    setattr(KerasTensor, f"__{_name}__", _operators(_name)[0])
