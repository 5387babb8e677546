"""Layers: Dense, what to derive one's own from, and where data enters."""

from minidl.keras.layers.dense import Dense
from minidl.keras.layers.layer import Input, InputLayer, Layer
from minidl.keras.layers.operation import Activation, Flatten

__all__ = ["Activation", "Dense", "Flatten", "Input", "InputLayer", "Layer"]
