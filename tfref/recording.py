"""Figures of TensorFlow kept in a file, for machines without TensorFlow.

A recording is an `.npz` file without pickle: all numbers of one dtype in one long array, and an index, as JSON, that
says which figure lies where. Each thing whose figures were recorded carries a stamp: the versions and the processor
that it was made with.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import platform
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy

FOLDER = Path(__file__).parent
FORMAT = 2


Stamp = Mapping[str, Any]


class RecordingError(Exception):
    """A recording that can't be used; the message says why."""


_OTHER_FORM = ValueError, LookupError, TypeError, AttributeError  # what a file of another form leads to


class Recording:
    """Figures by name, with stamps.

    Attributes:
        figures: the arrays, by names such as `case sin/float32/gradient 0/reference`.
        stamps: what they were made with, by the beginnings of their names, such as `case sin/float32`.
    """

    def __init__(self, figures: Mapping[str, numpy.ndarray], stamps: Mapping[str, Stamp]) -> None:
        self.figures = dict(figures)
        self.stamps = dict(stamps)
        self._under: dict[str, list[str]] = {}
        for key in self.figures:
            for slash in [place for place, letter in enumerate(key) if letter == "/"]:
                self._under.setdefault(key[:slash], []).append(key)

    def under(self, name: str) -> dict[str, numpy.ndarray]:
        """The figures whose names begin with a name and a slash, by what stands behind it."""
        return {key[len(name) + 1 :]: self.figures[key] for key in self._under.get(name, ())}

    def stamp_of(self, name: str) -> Stamp:
        """What the figures under a name were made with; nothing for what was not recorded."""
        return self.stamps.get(name, {})

    def save(self, path: Path) -> None:
        """Write the file; where that fails, the old one stays."""
        by_dtype: dict[str, list[numpy.ndarray]] = {}
        index = []
        for name, array in self.figures.items():
            index.append([name, str(array.dtype), list(array.shape)])
            by_dtype.setdefault(str(array.dtype), []).append(array.reshape(-1))
        stamps: list[Stamp] = []
        for stamp in self.stamps.values():
            if stamp not in stamps:
                stamps.append(stamp)
        stamped = {name: stamps.index(stamp) for name, stamp in self.stamps.items()}
        head = json.dumps({"format": FORMAT, "stamps": stamps, "stamped": stamped, "index": index}).encode()
        numbers = {dtype: numpy.concatenate(arrays) for dtype, arrays in by_dtype.items()}
        content = io.BytesIO()
        numpy.savez_compressed(content, head=numpy.frombuffer(head, numpy.uint8), **numbers)  # type: ignore[arg-type]
        beside = path.with_name(f"{path.name}.new")
        try:
            beside.write_bytes(content.getvalue())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file. Raises RecordingError for one that is missing, damaged or of another format."""
        try:
            with open(path, "rb") as raw, numpy.load(raw, allow_pickle=False) as file:
                head = json.loads(file["head"].tobytes())
                numbers = {name: file[name] for name in file.files if name != "head"}
            if head["format"] != FORMAT:
                raise RecordingError(
                    f"{path} is a recording of format {head['format']}; this tfref reads {FORMAT}. "
                    "Make it anew with: python -m tfref record"
                )
            stamps = {name: head["stamps"][number] for name, number in head["stamped"].items()}
            taken = dict.fromkeys(numbers, 0)
            figures = {}
            for name, dtype, shape in head["index"]:
                start = taken[dtype]
                taken[dtype] += int(numpy.prod(shape))
                figures[name] = numbers[dtype][start : taken[dtype]].reshape(shape)
        except FileNotFoundError:
            raise RecordingError(f"There is no recording {path}; make it with: python -m tfref record") from None
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, *_OTHER_FORM) as error:
            raise RecordingError(f"{path} is damaged, or no recording: {error}") from error
        return cls(figures, stamps)


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


def joined(parts: Iterable[tuple[str, Mapping[str, numpy.ndarray]]]) -> dict[str, numpy.ndarray]:
    """The figures of one thing, of several kinds."""
    return {f"{figure}/{kind}": array for kind, figures in parts for figure, array in figures.items()}
