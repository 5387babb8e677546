"""Files of weights: what is whole goes to a file and back, what isn't is refused, and nothing is lost on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import minidl

ENDINGS = [".weights.npz", ".weights.h5"]
KERNEL, STATE = "layers/dense/vars/0", "optimizer/vars/"
X = numpy.linspace(-1, 1, 12, dtype="float32").reshape(6, 2)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's file system")


def network(momentum: float = 0.9, units: int = 3, **options: Any) -> Any:
    """A model of five arrays of weights and state, and more with momentum, that has taken a step."""
    minidl.keras.utils.set_random_seed(1)
    model = minidl.keras.Sequential([minidl.keras.Input((2,)), minidl.keras.layers.Dense(units)])
    model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(0.125, momentum=momentum, **options))
    model.fit(X, X[:, :1], verbose=0)
    return model


def values(model: Any) -> list[Any]:
    """All that a file holds of a model."""
    variables = [*model.weights, *(model.optimizer.variables if model.optimizer else [])]
    return [variable.numpy().tolist() for variable in variables]


def other(**options: Any) -> Any:
    """A model of the same form as `network`'s, with other numbers."""
    model = network(**options)
    model.set_weights([weight + 1.0 for weight in model.get_weights()])
    model.fit(X, X[:, :1], verbose=0)
    return model


def read(path: Path) -> dict[str, Any]:
    if path.name.endswith("npz"):
        with numpy.load(path, allow_pickle=True) as file:
            return dict(file)
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda place, entry: found.update({place: entry[()]}) if hasattr(entry, "dtype") else None)
    return found


def write(path: Path, arrays: dict[str, Any]) -> None:
    if path.name.endswith("npz"):
        numpy.savez(path, **arrays)
        return
    with h5py.File(path, "w") as file:
        for place, array in arrays.items():
            file[place] = array


def refused(path: Path, *words: str, error: Any = (OSError, ValueError), **options: Any) -> str:
    """A file that a model refuses, in words that name the file, and without a change."""
    model = other(**options)
    before = values(model)
    with pytest.raises(error) as caught:
        model.load_weights(path)
    assert values(model) == before
    text = str(caught.value)
    assert path.name in text
    assert all(word in text for word in words), text
    return text


# -- there and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_all_of_a_model_goes_to_a_file_and_back(ending: str, momentum: float, tmp_path: Path) -> None:
    model, path = network(momentum), tmp_path / f"a{ending}"
    model.save_weights(path)
    loaded = other(momentum=momentum)
    loaded.load_weights(path)
    assert values(loaded) == values(model)
    for each in (model, loaded):
        each.fit(X, X[:, :1], verbose=0, epochs=2, shuffle=False)
    assert values(loaded) == values(model)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_goes_back_to_its_beginning(ending: str, tmp_path: Path) -> None:
    model = minidl.keras.Sequential([minidl.keras.Input((2,)), minidl.keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(0.1, momentum=0.9))
    model.save_weights(tmp_path / f"a{ending}")
    beginning = values(model)
    model.fit(X, X[:, :1], verbose=0)
    model.load_weights(tmp_path / f"a{ending}")
    assert values(model) == beginning


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_alone_are_enough(ending: str, tmp_path: Path) -> None:
    model, path = network(), tmp_path / f"a{ending}"
    bare = minidl.keras.Sequential([minidl.keras.Input((2,)), minidl.keras.layers.Dense(3)])
    bare.save_weights(path)
    state = [variable.numpy() for variable in model.optimizer.variables]
    model.load_weights(path)
    assert all((a == b).all() for a, b in zip(model.get_weights(), bare.get_weights(), strict=True))
    assert all((a == b.numpy()).all() for a, b in zip(state, model.optimizer.variables, strict=True))
    model.save_weights(path)
    bare.load_weights(path)
    assert all((a == b).all() for a, b in zip(model.get_weights(), bare.get_weights(), strict=True))


@pytest.mark.parametrize("ending", ENDINGS)
def test_numbers_in_another_dtype_are_converted_where_they_can_be(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    model = network()
    model.save_weights(path)
    stored = read(path)
    stored[KERNEL] = numpy.asfortranarray(stored[KERNEL].astype(">f8"))
    stored[f"{STATE}0"] = numpy.float64(7.0)
    write(path, stored)
    loaded = other()
    loaded.load_weights(path)
    assert int(loaded.optimizer.iterations) == 7
    numpy.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


# -- what a file may not hold ------------------------------------------------------------------------------------

WRONG: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "complex": (KERNEL, lambda a: a + 1j),
    "dates": (KERNEL, lambda a: numpy.zeros(a.shape, "datetime64[s]")),
    "structures": (KERNEL, lambda a: numpy.zeros(a.shape, [("a", "f4")])),
    "bytes": (KERNEL, lambda a: numpy.zeros(a.shape, "S3")),
    "text": (KERNEL, lambda a: numpy.full(a.shape, "a")),
    "objects": (KERNEL, lambda a: numpy.full(a.shape, None)),
    "too large": (KERNEL, lambda a: numpy.full(a.shape, 1e300)),
    "another shape": (KERNEL, lambda a: a.T),
    "fewer axes": (KERNEL, lambda a: a.ravel()),
    "a rate that is no number": (f"{STATE}1", lambda a: numpy.float32("nan")),
    "an infinite rate": (f"{STATE}1", lambda a: numpy.float32("inf")),
    "a negative count": (f"{STATE}0", lambda a: numpy.int64(-1)),
    "a fraction of a count": (f"{STATE}0", lambda a: numpy.float64(1.5)),
    "a count that is no number": (f"{STATE}0", lambda a: numpy.float64("nan")),
    "a count that is too large": (f"{STATE}0", lambda a: numpy.uint64(2**64 - 1)),
    "counts": (f"{STATE}0", lambda a: numpy.zeros(2, "int64")),
    "a velocity in words": (f"{STATE}2", lambda a: numpy.zeros(a.shape, "S3")),
    "a velocity of another shape": (f"{STATE}2", lambda a: a.T),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_refused_whole(kind: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    network().save_weights(path)
    stored = read(path)
    place, change = WRONG[kind]
    stored[place] = change(stored[place])
    if kind in ("dates", "text", "objects") and ending.endswith("h5"):
        pytest.skip("HDF5 has no such thing as NumPy writes it")
    write(path, stored)
    refused(path, place)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_file_that_lost_entries_is_refused(ending: str, momentum: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    network(momentum).save_weights(path)
    stored = read(path)
    for count in range(1, len(stored)):
        write(path, dict(list(stored.items())[:-count]))
        if ending.endswith("npz") or count != len(stored) - 2:  # what lost all of an optimizer's, holds weights alone
            refused(path, momentum=momentum)
    for place in stored:
        write(path, {name: array for name, array in stored.items() if name != place})
        refused(path, momentum=momentum)
    write(path, {**stored, "layers/dense/vars/2": numpy.zeros(3)})
    refused(path, "layers/dense/vars/2", momentum=momentum)
    write(path, {**stored, f"{STATE}9": numpy.zeros(3)})
    refused(path, "optimizer", momentum=momentum)


@pytest.mark.parametrize("count", [1, 9, 10])
def test_up_to_nine_of_the_entries_that_differ_are_named(count: int, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    network().save_weights(path)
    write(path, read(path) | {f"layers/other/vars/{place}": numpy.zeros(3) for place in range(count)})
    text = refused(path, f"layers/other/vars/{min(count, 9) - 1}", error=ValueError)
    assert text.count("layers/other/vars/") == min(count, 9)
    assert ("..." in text) == (count > 9)


def test_the_state_of_another_optimizer_is_refused_and_says_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    network(0.9).save_weights(path)
    refused(path, "before compiling", "4", "2", momentum=0.0, error=ValueError)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_was_cut_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    network().save_weights(path)
    content = path.read_bytes()
    for length in sorted({*range(0, len(content), len(content) // 40), len(content) - 1}):
        path.write_bytes(content[:length])
        refused(path, error=OSError)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_npz_is_refused_or_means_the_same(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    model = network()
    model.save_weights(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    loaded = other()
    before = values(loaded)
    try:
        loaded.load_weights(path)
    except (OSError, ValueError):
        assert values(loaded) == before
    else:
        assert values(loaded) == values(model)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), head=st.booleans())
def test_any_bytes_are_refused(content: bytes, head: bool, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes((b"PK\3\4" if ending.endswith("npz") else b"\x89HDF\r\n\x1a\n") * head + content)
    model = minidl.keras.Sequential([minidl.keras.Input((2,)), minidl.keras.layers.Dense(3)])
    before = values(model)
    with pytest.raises(OSError, match=path.name):
        model.load_weights(path)
    assert values(model) == before


def _npz_with(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> None:
    network().save_weights(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, member in {**content, **members}.items():
            archive.writestr(name, member)


def _header(shape: str, dtype: str = "<f4", length: int | None = None) -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) if length is None else length) + text


MEMBERS: dict[str, dict[str, bytes]] = {
    "terabytes": {f"{KERNEL}.npy": _header("(2, 3000000000000)")},
    "a shape of negative lengths": {f"{KERNEL}.npy": _header("(-2, -3)")},
    "a long header": {f"{KERNEL}.npy": _header("(2, 3)", length=65535)},
    "a header of four gigabytes": {f"{KERNEL}.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 10**8},
    "another version": {f"{KERNEL}.npy": _header("(2, 3)").replace(b"Y\x01", b"Y\x09") + bytes(24)},
    "too few numbers": {f"{KERNEL}.npy": _header("(2, 3)") + bytes(23)},
    "too many numbers": {f"{KERNEL}.npy": _header("(2, 3)") + bytes(10**8)},
    "a program in the header": {f"{KERNEL}.npy": _header("__import__('os').abort()")},
    "huge items": {f"{KERNEL}.npy": _header("(2, 3)", "V2147483647")},
    "a member that isn't wanted": {"junk.npy": bytes(10**8)},
    "more of an optimizer": {f"{STATE}7.npy": bytes(10**8)},
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_zip_that_grows_is_refused_in_little_memory(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    _npz_with(path, MEMBERS[kind])
    model = other()
    before = values(model)
    tracemalloc.start()
    with pytest.raises((OSError, ValueError), match=path.name):
        model.load_weights(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert values(model) == before
    assert peak < 3e6


def test_what_an_uncompiled_model_does_not_want_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    _npz_with(path, {f"{STATE}7.npy": bytes(10**8)})
    model = minidl.keras.Sequential([minidl.keras.Input((2,)), minidl.keras.layers.Dense(3)])
    tracemalloc.start()
    model.load_weights(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6
    assert values(model) == values(network())[:2]


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack_are_refused(kind: int, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    _npz_with(path, {}, kind)
    refused(path, "packed", error=OSError)


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.npz"
    _npz_with(path, {})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"{KERNEL}.npy", _header("(2, 3)") + bytes(24))
    refused(path, "one name", error=OSError)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "run"),)

    path = tmp_path / "a.weights.npz"
    network().save_weights(path)
    stored = read(path)
    array = numpy.empty(stored[KERNEL].shape, object)
    array[:] = Bomb()
    write(path, {**stored, KERNEL: array})
    refused(path, "object", error=OSError)
    assert not (tmp_path / "run").exists()


# -- HDF5's ways to elsewhere ------------------------------------------------------------------------------------


def _external(file: Any, secret: Path) -> None:
    file.create_dataset(KERNEL, (2, 3), "f4", external=[(str(secret), 0, 24)])


def _external_link(file: Any, secret: Path) -> None:
    file[KERNEL] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "kernel")


def _soft_link(file: Any, secret: Path) -> None:
    file["elsewhere"] = numpy.zeros((2, 3), "f4")
    file[KERNEL] = h5py.SoftLink("/elsewhere")


def _virtual(file: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(str(secret.with_suffix(".h5")), "kernel", (2, 3))
    file.create_virtual_dataset(KERNEL, layout)


def _never_written(file: Any, secret: Path) -> None:
    file.create_dataset(KERNEL, (2, 3), "f4")


def _many_more(file: Any, secret: Path) -> None:
    file[KERNEL] = numpy.ones((2, 3), "f4")
    for number in range(1000):
        file[f"more{number}"] = 0.0


def _large_chunk(file: Any, secret: Path) -> None:
    file.create_dataset(KERNEL, (2, 3), "f4", chunks=(2**13, 2**13), maxshape=(None, None), compression="gzip")
    file[KERNEL][:] = 1.0


def _terabytes(file: Any, secret: Path) -> None:
    file.create_dataset(KERNEL, (2, 2**40), "f4")


def _words(file: Any, secret: Path) -> None:
    file.create_dataset(KERNEL, (2, 3), h5py.string_dtype())


def _nothing(file: Any, secret: Path) -> None:
    file[KERNEL] = h5py.Empty("f4")


def _references(file: Any, secret: Path) -> None:
    file.create_dataset(KERNEL, (2, 3), h5py.ref_dtype)


@pytest.mark.parametrize(
    "form",
    [
        _external,
        _external_link,
        _soft_link,
        _virtual,
        _large_chunk,
        _terabytes,
        _words,
        _nothing,
        _references,
        _never_written,
        _many_more,
    ],
)
def test_nothing_but_the_file_is_read(form: Callable[[Any, Path], None], tmp_path: Path) -> None:
    path, secret = tmp_path / "a.weights.h5", tmp_path / "secret"
    secret.write_bytes(bytes(range(24)))
    with h5py.File(secret.with_suffix(".h5"), "w") as file:
        file["kernel"] = numpy.ones((2, 3), "f4")
    network().save_weights(path)
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        form(file, secret)
    model = other()
    before = values(model)
    tracemalloc.start()
    try:
        with pytest.raises((OSError, ValueError), match=path.name) as caught:
            model.load_weights(path)
        assert len(str(caught.value)) < 500
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()
    assert values(model) == before


def test_a_changed_h5_never_tears_a_model(tmp_path: Path) -> None:
    # In a process of its own, since HDF5 is not Python.
    program = """
        import random, sys, warnings
        from pathlib import Path
        from tests.test_saving import network, other, values
        path = Path(sys.argv[1])
        network().save_weights(path)
        content = path.read_bytes()
        model, draw = other(), random.Random(7)
        for _ in range(150):
            changed = bytearray(content)
            for _ in range(draw.randint(1, 4)):
                changed[draw.randrange(len(changed))] = draw.randrange(256)
            path.write_bytes(changed)
            before = values(model)
            try:
                model.load_weights(path)
            except (OSError, ValueError) as error:
                assert path.name in str(error), error
                assert str(values(model)) == str(before)
        print("held")
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path / "a.weights.h5"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "held" in found.stdout, found.stderr


# -- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_who_has_the_old_file_open_keeps_it(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    network().save_weights(path)
    old = path.read_bytes()
    with open(path, "rb") as reader:
        other().save_weights(path)
        assert reader.read() == old
    assert path.read_bytes() != old
    assert os.listdir(tmp_path) == [path.name]


@LINUX
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_saved_file_obeys_the_umask(ending: str, umask: int, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    before = os.umask(umask)
    try:
        network().save_weights(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
        path.chmod(0o640)
        network().save_weights(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


@LINUX
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays(exists: bool, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "b.weights.npz", tmp_path / "a.weights.npz"
    if exists:
        network().save_weights(target)
    link.symlink_to(target)
    model = other()
    model.save_weights(link)
    assert link.is_symlink()
    loaded = network()
    loaded.load_weights(target)
    assert values(loaded) == values(model)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_is_not_there_is_named_as_it_was_given(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (f"nowhere/a{ending}", f"nowhere/deep/a{ending}"):
        with pytest.raises(FileNotFoundError) as caught:
            network().save_weights(path)
        assert path in str(caught.value)
        assert "tmp" not in str(caught.value).replace(str(tmp_path), "")
    assert os.listdir(tmp_path) == []


@LINUX
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_file_is_not_replaced(ending: str, tmp_path: Path) -> None:
    folder, link, pipe = (tmp_path / f"{name}{ending}" for name in ("folder", "link", "pipe"))
    folder.mkdir()
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (folder, link, pipe):
        with pytest.raises(OSError, match=path.name):
            network().save_weights(path)
        with pytest.raises(OSError, match=path.name):
            network().load_weights(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@LINUX
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_leaves_the_old_file(ending: str, tmp_path: Path) -> None:
    disk, path = tmp_path / "disk", tmp_path / "disk" / f"a{ending}"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        network(units=100).save_weights(path)
        old = path.read_bytes()
        with pytest.raises(OSError, match=path.name) as caught:
            network(units=20_000).save_weights(path)
        assert caught.value.errno == 28
        assert path.read_bytes() == old
        assert os.listdir(disk) == [path.name]
    finally:
        subprocess.run(["umount", disk], check=True)


@LINUX
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_may_not_grow_leaves_the_old_one(ending: str, tmp_path: Path) -> None:
    program = """
        import os, resource, signal, sys
        from tests.test_saving import network
        path = sys.argv[1]
        network().save_weights(path)
        old = open(path, "rb").read()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            network(units=20_000).save_weights(path)
        except OSError as error:
            print(os.path.basename(path) in str(error), open(path, "rb").read() == old)
    """
    path = tmp_path / f"a{ending}"
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), path], capture_output=True, text=True, check=False
    )
    assert found.stdout.split() == ["True", "True"], found.stderr
    assert os.listdir(tmp_path) == [path.name]


@LINUX
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_who_is_killed_while_saving_leaves_one_whole_file(ending: str, kind: int, tmp_path: Path) -> None:
    program = """
        import sys
        from tests.test_saving import network
        model = network(units=300_000)
        model.save_weights(sys.argv[1])
        print("saved", flush=True)
        while True:
            model.save_weights(sys.argv[1])
    """
    path = tmp_path / f"a{ending}"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        signal.sigtimedwait([], 0.05 + 0.05 * (kind == signal.SIGKILL))
        while process.poll() is None:  # Python ignores an interrupt that comes while it finalizes an object
            process.send_signal(kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
    network(units=300_000).load_weights(path)
    for name in set(os.listdir(tmp_path)) - {path.name}:  # killed when the new file had a name, and not yet its own
        assert kind != signal.SIGINT
        network(units=300_000).load_weights((tmp_path / name).rename(tmp_path / f"new{ending}"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_save_leaves_the_old_file_alone(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = tmp_path / f"a{ending}", other()
    network().save_weights(path)
    old = path.read_bytes()

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.save_weights(path)
        assert path.read_bytes() == old
        assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_where_files_need_names_it_is_the_same(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / f"a{ending}"
    model = network()
    model.save_weights(path)
    model.save_weights(path)
    loaded = other()
    loaded.load_weights(path)
    assert values(loaded) == values(model)
    assert os.listdir(tmp_path) == [path.name]


# -- Keras -------------------------------------------------------------------------------------------------------


@pytest.mark.tf
def test_the_state_goes_to_keras_and_back(tensorflow: Any, tmp_path: Path) -> None:
    def model(tf: Any, schedule: bool) -> Any:
        rate = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5) if schedule else 0.1
        made = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(3, kernel_initializer="ones")])
        made.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(rate, momentum=0.5))
        made.fit(X, X[:, :1], verbose=0, shuffle=False)
        return made

    for schedule in (False, True):
        ours, theirs = model(minidl, schedule), model(tensorflow, schedule)
        for source, target in ((ours, theirs), (theirs, ours)):
            source.fit(X, X[:, :1], verbose=0, shuffle=False)
            path = tmp_path / "a.weights.h5"
            source.save_weights(path)
            target.load_weights(path)
            found = [[numpy.asarray(each) for each in (*m.weights, *m.optimizer.variables)] for m in (source, target)]
            assert len(found[0]) == len(found[1])
            for one, two in zip(*found, strict=True):
                numpy.testing.assert_array_equal(one, two)


@pytest.mark.tf
def test_keras_refuses_an_external_dataset_too(tensorflow: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    (tmp_path / "secret").write_bytes(bytes(24))
    model = tensorflow.keras.Sequential(
        [tensorflow.keras.Input((2,)), tensorflow.keras.layers.Dense(3, kernel_initializer="ones")]
    )
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        _external(file, tmp_path / "secret")
    with pytest.raises(ValueError):
        model.load_weights(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_stands_where_the_learning_rate_would_may_be_infinite(ending: str, tmp_path: Path) -> None:
    def scheduled() -> Any:
        model = network()
        rate = minidl.keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        model.compile(minidl.keras.optimizers.SGD(rate, momentum=0.5), "mse")
        model.fit(X, X[:, :1], verbose=0)
        return model

    model, same = scheduled(), scheduled()
    assert model.optimizer.variables[1].name.endswith("momentum")
    model.optimizer.variables[1].assign(numpy.full((2, 3), numpy.inf, "float32"))
    model.save_weights(tmp_path / f"a{ending}")
    same.load_weights(tmp_path / f"a{ending}")
    assert values(same) == values(model)
