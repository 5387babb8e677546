"""The part of Keras that the lesson uses: Dense layers in any graph, mean squared error and SGD."""

import sys as _sys

from minidl.keras import activations, callbacks, initializers, layers, losses, metrics

from minidl.keras import models, ops, optimizers, regularizers, utils  # isort: skip
from minidl.keras.layers import Input
from minidl.keras.models import Model, Sequential
from minidl.missing import explain_missing as _explain_missing

__all__ = ["Input", "Model", "Sequential", "activations", "callbacks", "initializers", "layers", "losses", "metrics",
           "models", "ops", "optimizers", "regularizers", "utils"]  # fmt: skip

for _name in ("", *(f".{_each}" for _each in __all__ if _each.islower()), ".optimizers.schedules"):
    _explain_missing(_sys.modules[f"{__name__}{_name}"], f"tf.keras{_name}")
