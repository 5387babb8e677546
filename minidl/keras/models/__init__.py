"""Models: layers put together, with what it takes to train them."""

from minidl.keras.models.model import Model
from minidl.keras.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
