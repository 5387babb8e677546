"""Values that aren't there yet: what `Input` gives, and the calls of layers on them, which make a model's graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minidl.keras.names import new_name
from minidl.nest import flatten
from minidl.values import as_dtype

if TYPE_CHECKING:
    from minidl.keras.layers.layer import Layer

Shape = tuple[int | None, ...]


class KerasTensor:
    """The place of a tensor in a graph of layers: its shape and dtype, and the call that it comes from.

    Attributes:
        shape: the lengths of its axes, None where any will do, as for the number of samples.
        name: its name.
        call: the LayerCall that gives it.

    >>> tf.keras.Input((3,), name='x')
    <KerasTensor shape=(None, 3), dtype=float32, name=x>
    """

    def __init__(self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.numpy_dtype = as_dtype(dtype)
        self.name = name or new_name("keras_tensor")
        self.call: LayerCall

    @property
    def dtype(self) -> str:
        """The name of the dtype."""
        return str(self.numpy_dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _has_no_numbers(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            f"{self!r} stands for data to come and has no numbers yet, so only layers can be called on it. "
            "For other operations derive a layer from keras.layers.Layer and compute in its `call`"
        )

    __array__ = __bool__ = __float__ = __int__ = __iter__ = _has_no_numbers
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _has_no_numbers
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __getitem__ = _has_no_numbers


class LayerCall:
    """One call of a layer on KerasTensors; a shared layer has several.

    Attributes:
        layer: the layer.
        inputs: what it was called on: a KerasTensor or a nest of them.
        outputs: what it gives, likewise.
    """

    def __init__(self, layer: Layer, inputs: Any, outputs: Any) -> None:
        self.layer = layer
        self.inputs = inputs
        self.outputs = outputs
        for tensor in flatten(outputs):
            tensor.call = self
        layer.calls.append(self)


def holds_symbols(values: Any) -> bool:
    """Whether a nest has a KerasTensor in it."""
    return any(isinstance(value, KerasTensor) for value in flatten(values))
