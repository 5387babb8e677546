"""Figures of TensorFlow kept in a file, for machines without TensorFlow.

A recording is an `.npz` file without pickle: all numbers of one dtype in one long array, and an index, as JSON, that
says which figure lies where. It carries a stamp: the versions and the processor that it was made with.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy

FOLDER = Path(__file__).parent
FORMAT = 1


class RecordingError(Exception):
    """A recording that can't be used; the message says why."""


class Recording:
    """Figures by name, with a stamp.

    Attributes:
        figures: the arrays, by names such as `sin/float32/gradient 0/reference`.
        stamp: what it was made with.
    """

    def __init__(self, figures: Mapping[str, numpy.ndarray], stamp: Mapping[str, Any]) -> None:
        self.figures = dict(figures)
        self.stamp = dict(stamp)
        self._under: dict[str, list[str]] = {}
        for key in self.figures:
            for slash in [place for place, letter in enumerate(key) if letter == "/"]:
                self._under.setdefault(key[:slash], []).append(key)

    def under(self, name: str) -> dict[str, numpy.ndarray]:
        """The figures whose names begin with a name and a slash, by what stands behind it."""
        return {key[len(name) + 1 :]: self.figures[key] for key in self._under.get(name, ())}

    def save(self, path: Path) -> None:
        """Write the file."""
        by_dtype: dict[str, list[numpy.ndarray]] = {}
        index = []
        for name, array in self.figures.items():
            index.append([name, str(array.dtype), list(array.shape)])
            by_dtype.setdefault(str(array.dtype), []).append(array.reshape(-1))
        head = json.dumps({"format": FORMAT, "stamp": self.stamp, "index": index}).encode()
        numbers = {dtype: numpy.concatenate(arrays) for dtype, arrays in by_dtype.items()}
        numpy.savez_compressed(path, head=numpy.frombuffer(head, numpy.uint8), **numbers)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file. Raises RecordingError for one that is missing, damaged or of another format."""
        try:
            with open(path, "rb") as raw, numpy.load(raw, allow_pickle=False) as file:
                head = json.loads(file["head"].tobytes())
                numbers = {name: file[name] for name in file.files if name != "head"}
            if head["format"] != FORMAT:
                raise RecordingError(f"{path} is a recording of format {head['format']}; this tfref reads {FORMAT}")
            taken = dict.fromkeys(numbers, 0)
            figures = {}
            for name, dtype, shape in head["index"]:
                start = taken[dtype]
                taken[dtype] += int(numpy.prod(shape))
                figures[name] = numbers[dtype][start : taken[dtype]].reshape(shape)
        except FileNotFoundError:
            raise RecordingError(f"There is no recording {path}; make it with: python -m tfref record") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RecordingError(f"{path} is damaged, or no recording: {error}") from error
        return cls(figures, head["stamp"])


def stamp() -> dict[str, Any]:
    """What a recording made here is made with."""
    try:
        from cpuinfo import get_cpu_info  # it looks around for a second
    except ImportError:
        raise ImportError("A recording names its processor with py-cpuinfo: pip install 'minidl[test]'") from None

    processor = get_cpu_info()
    telling = ("sse", "avx", "fma", "neon", "sve", "amx")
    return {
        "versions": {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
        | {"python": platform.python_version()},
        "processor": processor.get("brand_raw", platform.processor()),
        "features": sorted(flag for flag in processor.get("flags", []) if flag.startswith(telling)),
        "system": f"{platform.system()} {platform.machine()}",
    }


def joined(name: str, parts: Iterable[tuple[str, Mapping[str, numpy.ndarray]]]) -> dict[str, numpy.ndarray]:
    """The figures of one thing, of several kinds, under one name."""
    return {f"{name}/{figure}/{kind}": array for kind, figures in parts for figure, array in figures.items()}
