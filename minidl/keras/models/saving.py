"""Weights to and from files: NumPy's `.npz`, without pickle, and Keras's own `.h5`.

Either kind holds the same: arrays by Keras's paths, such as `layers/dense/vars/0` for the kernel of the first Dense
layer, and the state of the optimizer under `optimizer/vars`. A path is made of the classes of the layers and not of
their names, so that a file fits any model of the same form.

A file may come from anybody. Nothing of it is unpacked that isn't wanted, nothing is made room for before its shape and
dtype are known to fit, and nothing is assigned before all of it is found good.
"""

import collections
import contextlib
import errno
import io
import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy

from minidl.keras.layers.layer import Layer
from minidl.keras.models.steps import Learner
from minidl.keras.names import numbered, snake_case
from minidl.tensor import Variable

Shapes = Mapping[str, tuple[int, ...]]
# Of all that a file holds the names, and of what is wanted of it the arrays, or only the shapes where those are others.
Contents = tuple[set[str], dict[str, Any]]


def save_weights(model: Learner, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights, and the state of the optimizer, to a file.

    Arguments:
        filepath: ends in `.weights.npz`, or in `.weights.h5` for Keras's own format, which needs h5py.
        overwrite: whether a file that is there is replaced; it stays until the new one is whole.

    Raises ValueError for another ending and for a model without weights yet, FileExistsError, and ImportError
    without h5py.
    """
    path, write, _ = _checked(model, filepath)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; save with overwrite=True to replace it")
    weights = _weights(model)
    # The optimizer's state isn't last, so that a file that lost its end lacks weights, which no file may.
    variables = dict([*weights.items()][:1]) | _state(model) | weights
    content = io.BytesIO()  # HDF5 doesn't survive a disk that is full
    write(content, {place: numpy.asarray(variable.numpy()) for place, variable in variables.items()})
    with content.getbuffer() as whole:
        _replace(path, whole)


def load_weights(model: Learner, filepath: Any) -> None:
    """Read the weights, and the state of the optimizer, from a file that minidl or Keras wrote.

    Raises FileNotFoundError, OSError for a damaged file, ValueError where the number or the shapes of the weights
    differ; no weight is then changed.
    """
    path, _, read = _checked(model, filepath)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}")
    weights, state = _weights(model), _state(model)
    with open(path, "rb") as file:
        try:
            stored, found = read(file, {place: variable.shape for place, variable in (weights | state).items()})
        except ImportError:
            raise
        except Exception as error:  # of zipfile, zlib, struct, NumPy and HDF5, which check too little to name them
            raise OSError(f"{path} is damaged, or no file of weights: {error}") from error
    if not stored & set(state):  # a file of weights alone, or a model without an optimizer
        state, stored = {}, {place for place in stored if not place.startswith(_STATE)}
    wanted = weights | state
    if different := sorted(stored ^ set(wanted)):
        said = f"{path} holds {len(stored)} arrays, and model {model.name!r} {len(wanted)}"
        advice = "; load the weights before compiling to leave out another optimizer's state"
        names = ", ".join(different[:9]) + ", ..." * (len(different) > 9)
        raise ValueError(f"{said}; only one has {names}{advice * different[-1].startswith(_STATE)}")
    values = {}
    for place, variable in wanted.items():
        if isinstance(found[place], tuple):
            raise ValueError(f"{place} has shape {found[place]} in {path}, {variable.shape} in model {model.name!r}")
        value = values[place] = _converted(found[place], variable)
        count, rate = place == f"{_STATE}0", place == f"{_STATE}1" and variable.name == "learning_rate"
        if value is None or (count and value < 0) or (rate and not numpy.isfinite(value)):
            raise ValueError(f"{place} in {path} holds numbers that {variable.name!r}, {variable.dtype}, can't have")
    for place, value in values.items():
        wanted[place].assign(value)


def _converted(value: Any, variable: Variable) -> Any:
    """What was read, in a variable's dtype; None where that can't hold it."""
    with numpy.errstate(all="ignore"):
        converted = numpy.asarray(value).astype(variable.dtype)
        is_float = converted.dtype.kind == "f"
        kept = numpy.isfinite(value) == numpy.isfinite(converted) if is_float else value == converted
    return converted if numpy.all(kept) else None


def _replace(path: Path, content: Any) -> None:
    """Write a file at once: whoever looks at it finds what was there, or all that is new, whatever happens.

    The new file has a name only when it is whole, where the system can do so (Linux can). Who kills the process just
    then, before that name becomes the file's, leaves a whole `.tmp` file beside it; elsewhere it may be a part.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp")
    try:
        with _new_file(folder, temporary) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if not os.path.exists(temporary):  # given src_dir_fd, `os.link` follows the link that it is given
                os.link(f"/proc/self/fd/{file.fileno()}", temporary, src_dir_fd=file.fileno())
        if os.path.exists(target):
            if not os.path.isfile(target):
                raise FileExistsError(errno.EEXIST, "This is no file that could be replaced")
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _new_file(folder: str, temporary: str) -> BinaryIO:
    with contextlib.suppress(AttributeError, OSError):
        if os.path.exists("/proc/self/fd"):
            return open(folder, "wb", opener=lambda name, _: os.open(name, os.O_TMPFILE | os.O_WRONLY, 0o666))
    return open(temporary, "xb")


# -- paths -------------------------------------------------------------------------------------------------------


_STATE = "optimizer/vars/"


def _state(model: Learner) -> dict[str, Variable]:
    """The variables of a model's optimizer by their paths, made if they weren't yet."""
    if model.optimizer is None:
        return {}
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_weights)
    return {f"{_STATE}{index}": variable for index, variable in enumerate(model.optimizer.variables)}


def _weights(model: Learner) -> dict[str, Variable]:
    """The weights of a model by their paths."""
    found: dict[str, Variable] = {}
    for path, layer in _walk(model, "", set()):
        own = sorted(layer._own()[0], key=lambda weight: not weight.trainable)
        found |= {f"{path}vars/{index}": weight for index, weight in enumerate(own)}
    return found


def _walk(part: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    """A layer and all that it keeps, or the layers in a container, each once, with their paths."""
    if isinstance(part, Layer):
        if id(part) not in seen:
            seen.add(id(part))
            yield path, part
            for name, kept in _attributes(part):
                yield from _walk(kept, f"{path}{name}/", seen)
        return
    counter: collections.Counter[str] = collections.Counter()
    for kept in part.values() if isinstance(part, dict) else part:
        if isinstance(kept, (Layer, list, tuple, dict)):
            name = snake_case(type(kept).__name__) if isinstance(kept, Layer) else "container"
            yield from _walk(kept, f"{path}{numbered(name, counter)}/", seen)


def _attributes(layer: Layer) -> list[tuple[str, Any]]:
    """Those that are or hold layers, with their names in the order of Keras's files."""
    layers = {"layers": layer.layers} if isinstance(layer, Learner) else {}
    kept = {name: each for name, each in (vars(layer) | layers).items() if isinstance(each, (Layer, list, tuple, dict))}
    first = "layers" if isinstance(layer, Learner) and layer._graph else ""
    order = sorted(kept.keys() - {"calls"}, key=lambda name: (name != first, name.startswith("_"), name))
    return [(name, kept[name]) for name in order]


# -- formats -----------------------------------------------------------------------------------------------------


def _checked(model: Learner, filepath: Any) -> tuple[Path, Callable[..., None], Callable[..., Contents]]:
    """The path of a file for a model's weights, what writes it and what reads it."""
    path = Path(filepath)
    ending = next((each for each in _FORMATS if path.name.endswith(each)), None)
    if ending is None:
        raise ValueError(f"The name of a file of weights ends in {' or '.join(_FORMATS)}; {path} was given")
    if not model.built:
        raise ValueError(f"Model {model.name!r} has no weights yet; call it on data or build it, and then save or load")
    return path, *_FORMATS[ending]


def _check(name: str, dtype: numpy.dtype) -> None:
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {dtype}, and weights are real numbers")


def _write_npz(file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    numpy.savez(file, **arrays)


def _read_npz(file: BinaryIO, wanted: Shapes) -> Contents:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise ValueError("two entries have one name")
        found = {place: _member(archive, members[place], wanted[place]) for place in set(wanted) & set(members)}
        return set(members), found


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, wanted: tuple[int, ...]) -> Any:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack all at once
        raise ValueError(f"{info.filename} is packed in a way that NumPy doesn't use")
    with archive.open(info) as file:
        version = numpy.lib.format.read_magic(file)
        if version != (1, 0):  # whose header is short
            raise ValueError(f"{info.filename} is an array of version {version}")
        shape, by_columns, dtype = numpy.lib.format.read_array_header_1_0(file)
        _check(info.filename, dtype)
        if shape != wanted:
            return shape
        size = math.prod(shape) * dtype.itemsize
        entries = numpy.frombuffer(file.read(size + 1), dtype)  # to the end, where zipfile compares the checksum
        return entries.reshape(shape, order="F" if by_columns else "C")


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        said = "Files that end in .h5 need h5py. Install it with: pip install 'minidl[h5]', or use .weights.npz"
        raise ImportError(said) from error
    return h5py


def _write_h5(file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    with _h5py().File(file, "w") as group:
        for place, array in arrays.items():
            group[place] = array


def _read_h5(file: BinaryIO, wanted: Shapes) -> Contents:
    with _h5py().File(file, "r") as group:
        places: list[Any] = []
        group.visit(places.append)  # which follows no link to elsewhere
        datasets = {str(place): group[place] for place in places if hasattr(group[place], "chunks")}
        return set(datasets), {place: _dataset(datasets[place], wanted[place]) for place in set(wanted) & set(datasets)}


def _dataset(entry: Any, wanted: tuple[int, ...]) -> Any:
    # A chunk, packed, may be larger than what it is a part of; what was never written reads as zeros.
    if entry.external or entry.is_virtual or entry.chunks or entry.id.get_storage_size() < entry.nbytes:
        raise ValueError(f"{entry.name} isn't stored in one piece in the file itself, as Keras stores weights")
    _check(entry.name, entry.dtype)
    return entry[()] if entry.shape == wanted else entry.shape or ()


_FORMATS = {".weights.npz": (_write_npz, _read_npz), ".weights.h5": (_write_h5, _read_h5)}
