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


def _operators(function: Callable[..., Any]) -> tuple[Callable[..., KerasTensor], Callable[..., KerasTensor]]:
    """One of Python's operators, for KerasTensors, and with its sides exchanged."""
    return lambda *operands: Operation(function)([*operands]), lambda x, y: Operation(function)([y, x])


class Operators:
    """What KerasTensors can do."""

    __add__, __radd__ = _operators(operator.add)
    __sub__, __rsub__ = _operators(operator.sub)
    __mul__, __rmul__ = _operators(operator.mul)
    __truediv__, __rtruediv__ = _operators(operator.truediv)
    __floordiv__, __rfloordiv__ = _operators(operator.floordiv)
    __mod__, __rmod__ = _operators(operator.mod)
    __pow__, __rpow__ = _operators(operator.pow)
    __matmul__, __rmatmul__ = _operators(operator.matmul)
    __and__, __rand__ = _operators(operator.and_)
    __or__, __ror__ = _operators(operator.or_)
    __xor__, __rxor__ = _operators(operator.xor)
    __neg__, __abs__ = _operators(operator.neg)[0], _operators(operator.abs)[0]
    __lt__, __gt__ = _operators(operator.lt)[0], _operators(operator.gt)[0]
    __le__, __ge__ = _operators(operator.le)[0], _operators(operator.ge)[0]
    __invert__, __getitem__ = _operators(operator.invert)[0], _operators(operator.getitem)[0]
    __ne__ = _operators(operator.ne)[0]  # type: ignore[assignment]  # object's gives a bool
    __eq__, __hash__ = object.__eq__, object.__hash__  # a KerasTensor equals itself alone, as in Keras


for _name, _function in vars(Operators).items():
    if callable(_function):
        setattr(KerasTensor, _name, _function)
