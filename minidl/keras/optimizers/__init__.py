"""Optimizers: SGD, what to derive one's own from, and schedules of the learning rate."""

from typing import Any

from minidl.keras.names import find
from minidl.keras.optimizers import schedules
from minidl.keras.optimizers.optimizer import Optimizer
from minidl.keras.optimizers.sgd import SGD

__all__ = ["SGD", "Optimizer", "get", "schedules"]


def get(identifier: Any) -> Any:
    """The optimizer of a name, 'sgd'; an optimizer stays itself, and None too.

    Raises ValueError for anything else.

    >>> tf.keras.optimizers.get('sgd').momentum
    0.0
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if not isinstance(identifier, (str, dict)):
        raise ValueError(f"An optimizer or its name is wanted; {identifier!r} was given")
    return find("optimizer", identifier.lower() if isinstance(identifier, str) else identifier, globals())
