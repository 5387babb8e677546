"""minidl: reverse-mode automatic differentiation on NumPy or CuPy arrays, under TensorFlow's names.

    import minidl as tf

    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = tf.math.log(2.0 * x + 3.0)
    tape.gradient(z, x)

To read the source, begin at `primitive.py`.
"""

import sys as _sys
import typing as _typing

from minidl import errors as errors, operators as _operators, test as test
from minidl.custom import *
from minidl.devices import *
from minidl.gradient_tape import *
from minidl.missing import explain_missing as _explain_missing
from minidl.module import *
from minidl.ops import linalg as linalg, math as math, nn as nn, random as random
from minidl.ops.composed import *
from minidl.ops.creation import *
from minidl.ops.elementwise import *
from minidl.ops.reductions import *
from minidl.ops.shaping import *
from minidl.specs import *
from minidl.tensor import *
from minidl.values import *
from minidl.values import bool_ as bool

# isort: off
# fmt: off
if _typing.TYPE_CHECKING:
    from minidl import config as config, data as data, keras as keras
    from minidl.functions import function as function
    from minidl.keras import (initializers as initializers, losses as losses, metrics as metrics,
        optimizers as optimizers)
    from minidl.keras.initializers import (constant_initializer as constant_initializer,
        ones_initializer as ones_initializer, random_normal_initializer as random_normal_initializer,
        random_uniform_initializer as random_uniform_initializer, zeros_initializer as zeros_initializer)
    from minidl.pictures import Picture as Picture
    from minidl.printing import print as print
# fmt: on
# isort: on

newaxis = None
__version__ = "0.1.0"

# Imported when they are first used, since many a program needs none of them: the module, or what in it has the name.
_LATER = {
    "Picture": "pictures", "function": "functions", "print": "printing", "config": "config", "data": "data",
    "keras": "keras", **{name: f"keras.{name}" for name in ("initializers", "losses", "metrics", "optimizers")},
    **{f"{name}_initializer": "keras.initializers"
       for name in ("constant", "ones", "random_normal", "random_uniform", "zeros")},
}  # fmt: skip

_MODULES = {"errors": "errors", "test": "test", **{name: f"ops.{name}" for name in ("linalg", "math", "nn", "random")}}

for _name in _MODULES:
    _sys.modules[f"{__name__}.{_name}"] = globals()[_name]  # so that `import minidl.math` works, as TensorFlow's does
    _explain_missing(globals()[_name], f"tf.{_name}")
_explain_missing(_sys.modules[__name__], "tf", **_MODULES, **_LATER)
