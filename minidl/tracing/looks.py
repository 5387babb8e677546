"""What an array looks like, its shape, dtype and strides, as a blank array: one whose memory nobody looks at.

What a call gives for arrays of some looks, NumPy says itself, when it is called on blank ones, or would call them.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from typing import Any

import numpy

# Pages that are only read take no memory in a mapping of one's own; Windows has no other kind.
_OWN_PAGES = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
_memory = mmap.mmap(-1, 1 << 16, **_OWN_PAGES)


def blank(shape: Sequence[int], dtype: Any, strides: tuple[int, ...] | None = None) -> Any:
    """A blank array of NumPy's, its entries in C's order or with other strides.

    All lie in one memory, which is mapped and never written, and so takes none.
    """
    global _memory
    dtype = numpy.dtype(dtype)
    if strides is None:
        size, start = math.prod(shape) * dtype.itemsize, 0
    else:
        ends = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
        size, start = sum(map(abs, ends)) + dtype.itemsize, -sum(end for end in ends if end < 0)
    if size > len(_memory):
        _memory = mmap.mmap(-1, 2 * size, **_OWN_PAGES)
    return numpy.ndarray(tuple(shape), dtype, _memory, start, strides)


def blank_like(array: Any) -> Any:
    """A blank array that looks like an array of any device."""
    return blank(array.shape, array.dtype, None if array.flags.c_contiguous else array.strides)


def of_entries(operands: Sequence[Any], dtype: Any) -> Any:
    """What NumPy allocates for a result that is computed entry by entry: laid out as the operands are."""
    shapes = {each.shape for each in operands} - {()}
    shape = shapes.pop() if len(shapes) == 1 else numpy.broadcast_shapes(*(each.shape for each in operands))
    if all(each.flags.c_contiguous for each in operands):
        return blank(shape, dtype)
    flags: Any = [["readonly"]] * len(operands) + [["writeonly", "allocate"]]
    dtypes: Any = [None] * len(operands) + [dtype]
    found = numpy.nditer([*operands, None], ["zerosize_ok"], flags, dtypes, casting="unsafe").operands[-1]
    return blank(shape, dtype, found.strides)


def of_product(x: Any, y: Any) -> Any:
    """The result of a product of matrices, or of two stacks of them."""
    if x.shape[-1] != y.shape[-2]:
        raise ValueError(f"matrices of shapes {x.shape} and {y.shape} don't multiply")
    stacks = [each[..., 0, 0] if each.size else blank(each.shape[:-2], each.dtype) for each in (x, y)]
    batch = of_entries(stacks, x.dtype)
    return blank((*batch.shape, x.shape[-2], y.shape[-1]), x.dtype) if batch.flags.c_contiguous else None
