"""Cases of the operations that move entries."""

from __future__ import annotations

from collections.abc import Iterator

from tfref.cases.making import REAL, numbers, rows
from tfref.running import Case


def shapes() -> Iterator[Case]:
    x, y = numbers([2, 3], *REAL), numbers([2, 3], *REAL, start=6)
    yield from rows(
        "reshape",
        {
            "a row": lambda tf, x, y: tf.reshape(x, [6]),
            "the rest": lambda tf, x, y: tf.reshape(x, [-1, 2]) * 2.0,
            "behind a transpose": lambda tf, x, y: tf.reshape(tf.transpose(x), [2, 3]) * y,
            "one entry": lambda tf, x, y: tf.reshape(tf.reduce_sum(x), [1, 1]),
            "no entries": lambda tf, x, y: tf.reshape(x[:0], [-1, 3]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "transpose",
        {
            "two axes": lambda tf, x, y: tf.transpose(x),
            "in order": lambda tf, x, y: tf.transpose(tf.reshape(x, [1, 2, 3]), [2, 0, 1]),
            "nothing": lambda tf, x, y: tf.transpose(x, [0, 1]),
            "no axes": lambda tf, x, y: tf.transpose(tf.reduce_sum(x)),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "squeeze",
        {
            "all": lambda tf, x, y: tf.squeeze(tf.reshape(x, [1, 6, 1])),
            "one axis": lambda tf, x, y: tf.squeeze(tf.reshape(x, [1, 6, 1]), axis=-1),
            "two axes": lambda tf, x, y: tf.squeeze(tf.reshape(x, [1, 6, 1]), axis=[0, 2]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "expand_dims",
        {
            "in front": lambda tf, x, y: tf.expand_dims(x, 0),
            "behind": lambda tf, x, y: tf.expand_dims(x, -1) * y[0, 0],
            "between": lambda tf, x, y: tf.expand_dims(x, axis=1),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "broadcast_to",
        {
            "new axes": lambda tf, x, y: tf.broadcast_to(x, [4, 2, 3]),
            "an axis of one": lambda tf, x, y: tf.broadcast_to(x[:, :1], [2, 5]),
            "a number": lambda tf, x, y: tf.broadcast_to(x[0, 0], [2, 2]),
            "no entries": lambda tf, x, y: tf.broadcast_to(x[0], [0, 3]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "concat",
        {
            "axis 0": lambda tf, x, y: tf.concat([x, y[:1]], 0),
            "the last axis": lambda tf, x, y: tf.concat([x, y[:, :2], x], axis=-1),
            "one tensor": lambda tf, x, y: tf.concat([x], 0),
            "a tensor and no list": lambda tf, x, y: tf.concat(x * x, 0),
            "a list": lambda tf, x, y: tf.concat([x[0], [1.0, 2.0]], 0),
            "no entries": lambda tf, x, y: tf.concat([x[:0], y], 0),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "stack",
        {
            "axis 0": lambda tf, x, y: tf.stack([x, y]),
            "the last axis": lambda tf, x, y: tf.stack([x, y, x], axis=-1),
            "numbers": lambda tf, x, y: tf.stack([x[0, 0], 2.0]),
            "a list with tensors": lambda tf, x, y: tf.convert_to_tensor([[x[0, 0], 1.0], [2.0, y[1, 1]]]),
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "gather",
        {
            "repeated": lambda tf, x, y: tf.gather(x, [1, 0, 1]),
            "along columns": lambda tf, x, y: tf.gather(x, [[0, 2], [2, 2]], axis=1),
            "one": lambda tf, x, y: tf.gather(x, 1),
            "the last axis": lambda tf, x, y: tf.gather(x, [2], axis=-1),
            "none": lambda tf, x, y: tf.gather(x, tf.constant([], tf.int32)),
            "of squares": lambda tf, x, y: tf.gather(x * x, [1, 0, 1]) * y[0],
        },
        x, y,
    )  # fmt: skip
    yield from rows(
        "slices",
        {
            "a row": lambda tf, x, y: x[1],
            "from behind": lambda tf, x, y: x[-1, -2],
            "ranges": lambda tf, x, y: x[:, 1:] * y[:, :2],
            "steps": lambda tf, x, y: x[::-1, ::2],
            "dots": lambda tf, x, y: x[..., 0],
            "a new axis": lambda tf, x, y: x[:, tf.newaxis, 1],
            "nothing": lambda tf, x, y: x[2:],
            "an index that is a tensor": lambda tf, x, y: x[tf.constant(1), 0],
            "a mask": lambda tf, x, y: x[x > 0.0],
            "a mask of rows": lambda tf, x, y: x[tf.constant([False, True])],
        },
        x, y,
    )  # fmt: skip
    yield Case("slices", "iteration", lambda tf, x: [row * 2.0 for row in x], (x,), 2, eager_only=True)
