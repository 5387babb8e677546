"""Everybody who computes, in the order in which they are reported."""

from __future__ import annotations

from benchmarks.engines import ByHand, Engine, ModuleEngine
from benchmarks.peers import Jax, Torch
from benchmarks.rows import LIMIT

ENGINES: tuple[Engine, ...] = (
    ByHand(LIMIT, True),
    ByHand("by hand, allocating", False),
    ModuleEngine("minidl", "minidl"),
    ModuleEngine("minidl function", "minidl", {}),
    ModuleEngine("TensorFlow", "tensorflow"),
    ModuleEngine("TensorFlow function", "tensorflow", {}),
    ModuleEngine("TensorFlow XLA", "tensorflow", {"jit_compile": True}),
    Torch(),
    Jax(),
)
