"""What CuPy has of NumPy's names: read from a list, so that the double knows them where CuPy isn't installed.

And which of them do more than others.
"""

from __future__ import annotations

from pathlib import Path

LIST = Path(__file__).with_name("names.txt")

# Functions and methods that are more than a kernel which computes entries in C order.
PRODUCTS = {"dot", "inner", "matmul", "tensordot", "vdot"}  # cuBLAS computes them
SUMS = {"cumprod", "cumsum", "max", "mean", "min", "prod", "std", "sum", "var"}  # flush subnormals too
COPIES = {  # have a layout of their own: as what they copy, or as they are told
    "asfortranarray", "astype", "copy", "empty_like", "full_like", "ones_like", "require", "reshape", "zeros_like",
}  # fmt: skip
WRITE = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}  # into their first argument
METHODS_WRITE = {"fill", "partition", "put", "sort"}
DOWNLOAD = {"dump", "dumps", "item", "tobytes", "tofile", "tolist"}
WAIT = {"argwhere", "bincount", "extract", "flatnonzero", "nonzero", "unique"}  # until the CPU knows how many there are
JOIN = {"concat", "concatenate", "stack"}
GIVE_ARRAYS = {"allclose", "array_equal", "array_equiv", "count_nonzero"}  # where NumPy's give Python's bool or int
POINTERS = 8  # so many arrays at most are joined one by one, more by their addresses, which are uploaded


def read(kind: str) -> dict[str, tuple[str, ...]]:
    """The names of one kind (see `listing.py`), with those of their arguments."""
    lines = map(str.split, LIST.read_text(encoding="utf-8").splitlines())
    return {line[1]: tuple(line[2:]) for line in lines if line[0] == kind}
