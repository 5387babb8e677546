"""Functions that follow a layer's sum, by the names that `Dense(activation=...)` takes."""

from typing import Any

import minidl as tf
from minidl.keras.names import find
from minidl.ops.nn import elu, leaky_relu, log_softmax, relu, sigmoid, softmax, softplus, tanh

__all__ = ["elu", "get", "leaky_relu", "linear", "log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh"]


def linear(x: Any) -> tf.Tensor:
    """x itself.

    >>> tf.keras.activations.linear([-1.0, 2.0]).numpy()
    array([-1.,  2.], dtype=float32)
    """
    return tf.convert_to_tensor(x)


KNOWN = (elu, leaky_relu, linear, log_softmax, relu, sigmoid, softmax, softplus, tanh)


def get(identifier: Any) -> Any:
    """The function of a name such as 'relu'; None is `linear`, and a function stays itself.

    Raises ValueError for an unknown name.

    >>> tf.keras.activations.get('relu').__name__
    'relu'
    """
    return linear if identifier is None else find("activation", identifier, globals())
