"""minidl: reverse-mode automatic differentiation on NumPy or CuPy arrays, under TensorFlow's names.

    import minidl as tf

    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = tf.math.log(2.0 * x + 3.0)
    tape.gradient(z, x)

To read the source, begin at `primitive.py`.
"""

import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

from minidl import config as config, errors as errors, operators as _operators, test as test
from minidl.custom import *
from minidl.devices import *
from minidl.gradient_tape import *
from minidl.ops import math as math, nn as nn, random as random
from minidl.ops.creation import *
from minidl.ops.elementwise import *
from minidl.ops.joining import *
from minidl.ops.reductions import *
from minidl.ops.shaping import *
from minidl.tensor import *
from minidl.values import *
from minidl.values import bool_ as bool

if _TYPE_CHECKING:
    from minidl import keras as keras
    from minidl.functions import function as function
    from minidl.pictures import Picture as Picture

newaxis = None

# `import minidl.math` is to work as `import tensorflow.math` does.
_sys.modules.update({f"{__name__}.{module}": globals()[module] for module in ("math", "nn", "random")})

__version__ = "0.1.0"


# Imported when they are first used, since many a program needs none of them.
_LATER = {"Picture": "minidl.pictures", "function": "minidl.functions", "keras": "minidl.keras"}


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        import importlib

        module = importlib.import_module(_LATER[name])
        return getattr(module, name, module)
    raise AttributeError(f"module 'minidl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*(name for name in globals() if not name.startswith("_")), *_LATER])
