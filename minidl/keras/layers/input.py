"""Input: where data enters a graph of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.keras.layers.layer import Layer
from minidl.keras.layers.symbolic import KerasTensor, LayerCall
from minidl.keras.names import short
from minidl.values import as_dtype


class InputLayer(Layer):
    """The layer that stands for the data; `Input` makes it."""

    def __init__(self, tensor: KerasTensor, name: str | None = None) -> None:
        super().__init__(name=name, dtype=tensor.dtype)
        self.built = True
        LayerCall(self, [], tensor)

    @property
    def works_by_rows(self) -> bool:
        """A row stays itself."""
        return True

    def call(self, inputs: Any) -> Any:
        return inputs


def Input(  # Keras's name
    shape: int | Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> KerasTensor:
    """The place of data to come.

    Arguments:
        shape: of one sample; a number is the length of its only axis. None in it stands for any length.
        batch_size: how many samples come together; any number by default.
        dtype: of the data, 'float32' by default.
        name: of the input.

    Raises ValueError for lengths that aren't whole numbers from 0 on.

    >>> tf.keras.Input(1, name='x')
    <KerasTensor shape=(None, 1), dtype=float32, name=x>
    """
    lengths = (shape,) if isinstance(shape, int) else shape
    if lengths is None or any(length is not None and (not isinstance(length, int) or length < 0) for length in lengths):
        raise ValueError(f"The shape of an Input consists of whole numbers and None; {short(shape)} was given")
    tensor = KerasTensor((batch_size, *lengths), str(as_dtype(dtype or "float32")), name)
    InputLayer(tensor, name)
    return tensor
