"""Sums of arrays over axes, as fast and as exact as NumPy's and BLAS's ways allow."""

import functools
from typing import Any

import numpy

from minidl.values import float16, float32


def summed(xp: Any, x: Any, axes: tuple[int, ...] | None, keepdims: bool = False) -> Any:
    """The sum of an array over axes (None for all), in the array's own dtype.

    Arguments:
        xp: the array module of x.
        keepdims: whether the axes stay, with length 1.
    """
    if x.dtype == float16:  # whose 11 bits lose most of a long sum
        return x.sum(axis=axes, dtype=float32, keepdims=keepdims).astype(float16)
    return x.sum(axis=axes, dtype=x.dtype, keepdims=keepdims)


def summed_rows(xp: Any, x: Any) -> Any:
    """The sum over the rows of a matrix of floats: BLAS adds them faster than NumPy does, and no worse."""
    ones = _ones(x.shape[0], x.dtype) if xp is numpy else xp.full((x.shape[0],), 1, x.dtype)
    return xp.dot(ones, x)


@functools.lru_cache(8)
def _ones(count: int, dtype: numpy.dtype) -> numpy.ndarray:
    """The same ones again, since a bias's gradient asks for them at each step."""
    return numpy.ones(count, dtype)
