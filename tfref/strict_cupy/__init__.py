"""A strict double of CuPy: NumPy behind CuPy's manners, so that code which would break on a GPU breaks here.

Put into `sys.modules` as `cupy`, it counts two GPUs. Like CuPy's, its arrays are a class of their own, are not made
NumPy arrays unless asked, don't mix with NumPy arrays, have no axes where NumPy gives numbers, and live on a device
that must be the current one. Results are laid out row by row, an `out` has the result's very shape, float32's
subnormal numbers are flushed to zero, `add.at` adds in an order that nobody knows, -0.0 without axes arrives as 0.0,
only what lies together goes from one GPU to another, and while a stream captures, its work is put on record, and what
no graph can hold is refused.

It is stricter than CuPy in that NumPy's functions refuse its arrays, where CuPy's would pass them on; in that no `out`
is larger than the result, where CuPy's would be filled with repetitions; in that captures hold no transfers at all; and
in that a GPU can't reach the other's memory. What it doesn't know: which memory a captured graph has to keep alive.

It has all functions that CuPy has, but for those that NumPy hasn't, with the arguments that CuPy's have: `names.txt`
lists them, and a test holds the list against the CuPy that is installed.

What a program asks of it can be counted:

    with strict_cupy.counting() as counted:
        program()
    assert counted.uploads == 2
"""

from tfref.strict_cupy import arrays, cuda
from tfref.strict_cupy.counts import Counts, counting

__all__ = ["Counts", "arrays", "counting", "cuda"]

# CuPy's names, which hide some of Python's own here: `abs`, `all`, `sum`. So no code stands in this file.
globals().update(arrays.NAMESPACE)
