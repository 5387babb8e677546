"""Layers: Dense, what to derive one's own from, and where data enters."""

from minidl.keras.layers.dense import Dense
from minidl.keras.layers.input import Input, InputLayer
from minidl.keras.layers.layer import Layer

__all__ = ["Dense", "Input", "InputLayer", "Layer"]
