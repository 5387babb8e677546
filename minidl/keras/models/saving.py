"""Weights to and from files: NumPy's `.npz`, without pickle, and Keras's own `.h5`.

Either kind holds the same: arrays by Keras's paths, such as `layers/dense/vars/0` for the kernel of the first Dense
layer, and the state of the optimizer under `optimizer/vars`. A path is made of the classes of the layers and not of
their names, so that a file fits any model of the same form.
"""

from __future__ import annotations

import collections
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from minidl.keras.layers.layer import Layer
from minidl.keras.names import numbered, snake_case
from minidl.tensor import Variable

if TYPE_CHECKING:
    from minidl.keras.models.model import Model

Arrays = dict[str, numpy.ndarray]


def save(model: Model, filepath: Any, overwrite: bool) -> None:
    """Write the weights of a model; see `Model.save_weights`."""
    path = Path(filepath)
    write = _WRITERS[_ending(path)]
    if not model.built:
        raise ValueError(f"Model {model.name!r} has no weights yet; call it on data, or build it, before saving them")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; save with overwrite=True to replace it")
    arrays = {place: numpy.asarray(weight.numpy()) for place, weight in _weights(model).items()}
    optimizer = model.optimizer
    if optimizer is not None:
        state = [optimizer.iterations, optimizer.learning_rate, *optimizer.velocities]
        arrays |= {f"optimizer/vars/{index}": numpy.asarray(each.numpy()) for index, each in enumerate(state)}
    # What is there stays until the new file is whole.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(name, arrays)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def load(model: Model, filepath: Any) -> None:
    """Read the weights of a model; see `Model.load_weights`."""
    path = Path(filepath)
    read = _READERS[_ending(path)]
    if not model.built:
        raise ValueError(f"Model {model.name!r} has no weights yet; call it on data, or build it, before loading them")
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}")
    try:
        arrays = read(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise OSError(f"{path} is damaged, or no file of weights: {error}") from error
    weights = _weights(model)
    stored = {place for place in arrays if not place.startswith("optimizer/vars/")}
    if stored != set(weights):
        raise ValueError(
            f"{path} holds {len(stored)} weights, and model {model.name!r} has {len(weights)}; only one of them has "
            f"{', '.join(sorted(stored ^ set(weights)))}"
        )
    for place, weight in weights.items():
        if arrays[place].shape != weight.shape:
            raise ValueError(
                f"Weight {place} has shape {weight.shape} in model {model.name!r}, and {arrays[place].shape} in {path}"
            )
    state = [arrays[f"optimizer/vars/{index}"] for index in range(len(arrays) - len(stored))]
    if model.optimizer is not None and state:
        model.optimizer.restore(state, model.trainable_weights)
    for place, weight in weights.items():
        weight.assign(arrays[place].astype(weight.dtype))


# -- paths -------------------------------------------------------------------------------------------------------


def _weights(model: Model) -> dict[str, Variable]:
    """The weights of a model by their paths."""
    return {
        f"{path}vars/{index}": weight
        for path, layer in _walk(model, "", set())
        for index, weight in enumerate(sorted(layer._own_weights(), key=lambda weight: not weight.trainable))
    }


def _walk(layer: Layer, path: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    """A layer and all that it keeps, each once, with their paths."""
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path, layer
    for name, kept in layer._parts():
        if isinstance(kept, Layer):
            yield from _walk(kept, f"{path}{name}/", seen)
        else:
            yield from _walk_container(kept, f"{path}{name}/", seen)


def _walk_container(container: Iterable[Any], path: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    counter: collections.Counter[str] = collections.Counter()
    for kept in container.values() if isinstance(container, dict) else container:
        if isinstance(kept, Layer):
            yield from _walk(kept, f"{path}{numbered(snake_case(type(kept).__name__), counter)}/", seen)
        elif isinstance(kept, (list, tuple, dict)):
            yield from _walk_container(kept, f"{path}{numbered('container', counter)}/", seen)


# -- formats -----------------------------------------------------------------------------------------------------


def _ending(path: Path) -> str:
    for ending in _READERS:
        if path.name.endswith(ending):
            return ending
    raise ValueError(f"The name of a file of weights ends in {' or '.join(_READERS)}; {path} was given")


def _write_npz(name: str, arrays: Arrays) -> None:
    with open(name, "wb") as file:
        numpy.savez(file, **arrays)  # type: ignore[arg-type]  # any name might be `allow_pickle`, to the checker


def _read_npz(path: Path) -> Arrays:
    with open(path, "rb") as raw, numpy.load(raw, allow_pickle=False) as file:
        return {place: file[place] for place in file.files}


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "Files that end in .h5 need h5py. Install it with: pip install 'minidl[h5]', or use .weights.npz"
        ) from error
    return h5py


def _write_h5(name: str, arrays: Arrays) -> None:
    with _h5py().File(name, "w") as file:
        for place, array in arrays.items():
            file[place] = array


def _read_h5(path: Path) -> Arrays:
    h5py = _h5py()
    arrays: Arrays = {}

    def keep(place: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            arrays[place] = numpy.asarray(entry)

    with h5py.File(path, "r") as file:
        file.visititems(keep)
    return arrays


_READERS: dict[str, Callable[[Path], Arrays]] = {".weights.npz": _read_npz, ".weights.h5": _read_h5}
_WRITERS: dict[str, Callable[[str, Arrays], None]] = {".weights.npz": _write_npz, ".weights.h5": _write_h5}
