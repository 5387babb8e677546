"""TensorFlow as the reference: started in this one place, silently."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import warnings
from collections.abc import Iterator
from typing import Any


@functools.cache
def start_tensorflow() -> Any:
    """TensorFlow, its Keras and its devices, without a word in the terminal, and without the shorter products of TF32.

    Raises ImportError, with the command that installs it, where it is missing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # from here on it keeps to itself what isn't fatal
    try:
        with _silence():
            tensorflow = importlib.import_module("tensorflow")
            tensorflow.keras.version()  # loads Keras
            tensorflow.config.list_physical_devices()  # looks for GPUs
    except ImportError as error:
        if error.name != "tensorflow":
            raise ImportError(f"TensorFlow is installed, but does not start: {error}") from error
        raise ImportError("TensorFlow is not installed. Install it with: pip install tensorflow") from error
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    return tensorflow


@contextlib.contextmanager
def quiet(tensorflow: Any) -> Iterator[None]:
    """Keep from the terminal what TensorFlow says of programs, such as of functions that are traced often."""
    logger = tensorflow.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="tensorflow|keras")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep from the terminal what libraries say of themselves, those written in C before they can be told not to."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no terminal to keep it from
        yield
        return
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
