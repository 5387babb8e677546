"""TensorFlow in float64 throughout: where a program makes floats of fewer bits, they are widened as they appear."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Wide:
    """A module of TensorFlow's, or one inside it, whose functions give float64 for any floats."""

    def __init__(self, module: Any, tensorflow: Any) -> None:
        self._module, self._tensorflow = module, tensorflow

    def __getattr__(self, name: str) -> Any:
        tf, value = self._tensorflow, getattr(self._module, name)
        if isinstance(value, ModuleType):
            return Wide(value, tf)
        if isinstance(value, tf.DType) and value.is_floating:
            return tf.float64
        return self._widening(value) if inspect.isroutine(value) else value

    def _widening(self, function: Any) -> Any:
        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            return self._widened(function(*arguments, **options))

        return call

    def _widened(self, result: Any) -> Any:
        if type(result) in (list, tuple):
            return type(result)(self._widened(each) for each in result)
        tf = self._tensorflow
        is_narrow = tf.is_tensor(result) and hasattr(result, "dtype") and not isinstance(result, tf.Variable)
        return tf.cast(result, tf.float64) if is_narrow and result.dtype.is_floating else result


@contextmanager
def in_float64(tensorflow: Any) -> Iterator[Any]:
    """TensorFlow in float64, in whose Keras, too, layers, losses and optimizers compute so."""
    config = tensorflow.keras.config
    floats, policy = config.floatx(), config.dtype_policy()
    try:
        config.set_floatx("float64")
        config.set_dtype_policy("float64")
        yield Wide(tensorflow, tensorflow)
    finally:
        config.set_floatx(floats)
        config.set_dtype_policy(policy)
