"""The part of Keras that the lesson uses: Dense layers in any graph, mean squared error and SGD."""

from minidl.keras import activations, callbacks, initializers, layers, losses, metrics

from minidl.keras import models, optimizers, regularizers, utils  # isort: skip
from minidl.keras.layers import Input
from minidl.keras.models import Model, Sequential

__all__ = ["Input", "Model", "Sequential", "activations", "callbacks", "initializers", "layers", "losses", "metrics",
           "models", "optimizers", "regularizers", "utils"]  # fmt: skip
