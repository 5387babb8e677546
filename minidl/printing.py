"""print: tensors as TensorFlow prints them, in a compiled function at each run."""

import sys
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import device_of
from minidl.errors import brief
from minidl.nest import flatten, pack
from minidl.ops.inputs import convert
from minidl.primitive import Primitive, call
from minidl.tensor import Tensor, TensorLike
from minidl.tracing.symbols import Symbol

_print: Any = print  # Python's


class _Text(str):
    """The text of a tensor, which within a nest, too, is printed as it is."""

    __repr__ = str.__str__


def _text(array: Any, shown: int) -> _Text:
    """An array's text, with so many entries at both ends of each axis, all of them for -1."""
    values = device_of(array).to_numpy(array)
    ends: Any = {"threshold": 0, "edgeitems": values.size if shown < 0 else shown}
    return _Text(numpy.array2string(values, 2**31, separator=" ", formatter={"all": _number}, **ends))


def _number(value: Any) -> str:
    """A number as C++ writes it for TensorFlow: in few digits, or in all that may be needed to tell it from others."""
    if value.dtype.kind != "f":
        return str(int(value))
    kind, few, all_needed = (numpy.float64, 15, 17) if value.dtype == numpy.float64 else (numpy.float32, 6, 9)
    text = f"{value:.{few}g}"
    return text if kind(text) == value or numpy.isnan(value) else f"{value:.{all_needed}g}"


def print(*inputs: Any, output_stream: Any = None, summarize: int | None = 3, sep: str = " ", end: str = "\n",
          name: str | None = None) -> None:  # fmt: skip  # TensorFlow's name for it
    """Print values, tensors as TensorFlow does, to the standard error output; in a compiled function at each run.

    Arguments:
        inputs: tensors, nests of them, and whatever Python prints.
        output_stream: a stream with `write`, such as `sys.stdout`.
        summarize: how many entries to show at both ends of each axis; -1 for all.
        sep, end: what goes between the values, and behind them.

    >>> import sys
    >>> tf.print('x =', tf.range(10), output_stream=sys.stdout)
    x = [0 1 2 ... 7 8 9]
    """
    if output_stream is not None and not hasattr(output_stream, "write"):
        raise ValueError(f"tf.print writes to a stream such as sys.stdout; {brief(output_stream)} was given")
    leaves = [convert(each) if isinstance(each, TensorLike) else each for each in flatten(inputs)]
    late = [each for each in leaves if isinstance(each, Tensor) and type(each.array) is Symbol]

    def write(xp: Any, *arrays: Any) -> Any:
        today = dict(zip(map(id, late), arrays, strict=True))
        number = 3 if summarize is None else summarize
        shown = [_text(today.get(id(x), x.array), number) if isinstance(x, Tensor) else x for x in leaves]
        words = (each if isinstance(each, str) else repr(each) for each in pack(inputs, shown))
        _print(*words, sep=sep, end=end, file=output_stream or sys.stderr)
        return xp.zeros(0)  # of no entries: such a call stays in a program though nobody needs what it gives

    if thread.state.trace is None:
        write(numpy)
    else:
        primitive = Primitive("print", write, [None] * len(late))
        primitive.like = lambda *_: numpy.zeros(0)
        call(primitive, tuple(late))
