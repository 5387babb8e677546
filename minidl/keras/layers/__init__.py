"""Layers: Dense, what to derive one's own from, and where data enters."""

from minidl.keras.layers.dense import Dense
from minidl.keras.layers.layer import Input, InputLayer, Layer

__all__ = ["Dense", "Input", "InputLayer", "Layer"]
