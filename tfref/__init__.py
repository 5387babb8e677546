"""TensorFlow as the reference: runs programs on it and on minidl, and says how closely they agree."""

from __future__ import annotations

import importlib
import os
from typing import Any


def start_tensorflow() -> Any:
    """TensorFlow, set to give the same bits at each run: deterministic, and without the shorter products of TF32."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        tensorflow = importlib.import_module("tensorflow")
    except ImportError as error:
        raise ImportError("TensorFlow is not installed. Install it with: pip install tensorflow") from error
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    return tensorflow
