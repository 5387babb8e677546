"""What a layer's weights or results add to the loss, so that they stay small."""

import math
from typing import Any

import minidl as tf
from minidl.keras.names import Configured, find

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get", "l1", "l1_l2", "l2"]


class Regularizer(Configured):
    """Gives what a tensor adds to the loss: a number; to derive from, with `__call__(x)`.

    >>> class Largest(tf.keras.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.5 * tf.reduce_max(tf.abs(x))
    >>> Largest()([1.0, -3.0]).numpy()
    np.float32(1.5)
    """

    def __call__(self, x: Any) -> Any:
        return 0.0


class L1L2(Regularizer):
    """l1 · Σ|x| + l2 · Σx².

    Arguments:
        l1, l2: numbers from 0 on, ValueError for any other.

    >>> tf.keras.regularizers.L1L2(l1=0.5, l2=0.25)([1.0, -3.0]).numpy()
    np.float32(4.5)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        for factor in (l1, l2):
            if not isinstance(factor, (int, float)) or not 0 <= factor < math.inf:
                raise ValueError(f"The factor of a regularizer is a number from 0 on; {factor!r} was given")
        self.l1, self.l2 = float(l1), float(l2)

    def __call__(self, x: Any) -> Any:
        tensor = tf.convert_to_tensor(x)
        parts = [self.l1 * tf.reduce_sum(tf.abs(tensor))] if self.l1 else []
        parts += [self.l2 * tf.reduce_sum(tf.square(tensor))] if self.l2 else []
        return sum(parts[1:], parts[0]) if parts else tf.convert_to_tensor(0.0, tensor.dtype)


class L1(L1L2):
    """l1 · Σ|x|, which drives many entries to 0.

    Arguments:
        l1: a number from 0 on, ValueError for any other.

    >>> tf.keras.regularizers.L1(0.5)([1.0, -3.0]).numpy()
    np.float32(2.0)
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """l2 · Σx², which keeps all entries small.

    Arguments:
        l2: a number from 0 on, ValueError for any other.

    >>> tf.keras.regularizers.L2(0.5)([1.0, -3.0]).numpy()
    np.float32(5.0)
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


l1, l2, l1_l2 = L1, L2, L1L2  # Keras's other names for them


def get(identifier: Any) -> Any:
    """The regularizer of a name such as 'l2'; a regularizer or a function stays itself, and None too.

    Raises ValueError for an unknown name.

    >>> tf.keras.regularizers.get('l2').l2
    0.01
    """
    return find("regularizer", identifier, globals())
