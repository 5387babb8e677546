"""The errors that minidl raises where Python has none that fits, under TensorFlow's names."""

import reprlib

__all__ = ["InvalidArgumentError", "OpError"]

_repr = reprlib.Repr()
_repr.maxother = _repr.maxstring = 80
brief = _repr.repr  # how messages show what was given, which may be large


class OpError(Exception):
    """An operation can't be done as asked; `message` says why and what to do.

    >>> issubclass(tf.errors.InvalidArgumentError, tf.errors.OpError)
    True
    """

    @property
    def message(self) -> str:
        return str(self)


class InvalidArgumentError(OpError, ValueError):
    """An operation was given values that it doesn't take: shapes, dtypes or devices that don't go together.

    In TensorFlow this is no ValueError; here it is one, so that either name catches it.

    >>> try:
    ...     tf.ones([2, 3]) + tf.ones([2, 4])
    ... except tf.errors.InvalidArgumentError as error:
    ...     print(error.message)
    add: shapes (2, 3) and (2, 4) don't broadcast; make their last dimensions equal, or 1
    """
