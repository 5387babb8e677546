"""What CuPy has of NumPy's names: read from a list, so that the double knows them where CuPy isn't installed."""

from __future__ import annotations

from pathlib import Path

LIST = Path(__file__).with_name("names.txt")


def read(kind: str) -> dict[str, tuple[str, ...]]:
    """The names of one kind (see `listing.py`), with those of their arguments."""
    lines = map(str.split, LIST.read_text(encoding="utf-8").splitlines())
    return {line[1]: tuple(line[2:]) for line in lines if line[0] == kind}
