"""The strict double of CuPy: what it refuses and does otherwise than NumPy, held against the CuPy that is installed.

CuPy imports without a GPU, and says then what it has; what it does was read in its source. What a test says of `cupy`,
and not of the `double` alone, is tried on CuPy itself where there is a GPU.
"""

from __future__ import annotations

import importlib.util
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from tfref import strict_cupy
from tfref.strict_cupy import arrays, listing, names

double: Any = strict_cupy  # its functions are made from a list of names

F32 = numpy.float32
Call = Callable[[], Any]


def on_gpu(values: Any, dtype: Any = "float32", cupy: Any = double) -> Any:
    return cupy.asarray(numpy.array(values, dtype))


# -- what is no NumPy array --------------------------------------------------------------------------------------


def test_an_accidental_asarray_is_caught(cupy: Any) -> None:
    with pytest.raises(TypeError, match="Implicit conversion"):
        numpy.asarray(cupy.zeros(2))
    with pytest.raises(TypeError, match="Unsupported type"):
        cupy.zeros(2) + numpy.zeros(2)
    with pytest.raises(TypeError, match="Unsupported type"):
        cupy.add(cupy.zeros(2), numpy.zeros(2))
    with pytest.raises(TypeError, match="Unsupported type"):
        double.copyto(double.zeros(2), numpy.zeros(2))


def test_a_numpy_function_on_a_gpu_array_is_caught() -> None:
    with pytest.raises(TypeError, match="__array_ufunc__"):
        numpy.sin(double.zeros(2))
    with pytest.raises(TypeError, match="concatenate"):
        numpy.concatenate([double.zeros(2)])
    with pytest.raises(TypeError, match="__array_ufunc__|Unsupported"):
        numpy.zeros(2) + double.zeros(2)


def test_a_number_expected_where_cupy_gives_an_array_is_caught(cupy: Any) -> None:
    x = cupy.ones(3)
    for made in (x.sum(), x[0], cupy.dot(x, x), cupy.maximum(1.0, 2.0), cupy.allclose(x, x), cupy.count_nonzero(x)):
        assert isinstance(made, cupy.ndarray)
        assert made.shape == ()
        with pytest.raises(TypeError, match="unhashable"):
            {made: 1}  # noqa: B018
    assert [type(each) for each in cupy.modf(x)] == [cupy.ndarray] * 2
    assert cupy.may_share_memory(x, x) is True
    assert cupy.ndim(x) == 1
    assert cupy.result_type(x, numpy.float32) == numpy.float64


def test_only_an_object_of_higher_priority_computes_with_an_array_on_its_left(cupy: Any) -> None:
    def other(**attributes: Any) -> Any:
        return type("Other", (), {"__rmul__": lambda self, array: "the other's", **attributes})()

    x = cupy.ones(2)
    assert x * other(__array_priority__=101) == "the other's"
    assert x * other(__array_ufunc__=None) == "the other's"
    for attributes in ({}, {"__array_priority__": 100}):
        with pytest.raises(TypeError, match="Unsupported type|all returned NotImplemented"):
            x * other(**attributes)


def test_work_on_another_gpu_than_the_current_one_is_caught() -> None:
    with double.cuda.Device(1):
        x = double.ones(3)
    calls: list[Call] = [lambda: x + 1.0, lambda: x.astype("float64"), lambda: x[0], lambda: double.sum(x)]
    for call in calls:
        with pytest.raises(ValueError, match="current device"):
            call()
    assert double.asarray(x).device == double.cuda.Device(0)
    assert x.device == double.cuda.Device(1)
    assert x.data.device_id == 1


# -- which functions and arguments there are ---------------------------------------------------------------------


def test_every_function_is_there_that_cupy_has() -> None:
    assert double.arctan(on_gpu([0.0, 1.0])).get().tolist() == numpy.arctan(numpy.array([0, 1], F32)).tolist()
    assert double.array_split(double.arange(4), 2)[1].get().tolist() == [2, 3]
    assert double.linspace(0.0, 1.0, 3).get().tolist() == [0.0, 0.5, 1.0]
    assert double.float32 is numpy.float32
    assert len(names.read("ufunc")) > 90
    assert len(names.read("function")) > 200


def test_what_cupy_lacks_is_caught() -> None:
    with pytest.raises(AttributeError):
        double.setdiff  # noqa: B018
    with pytest.raises(AttributeError):
        double.block  # noqa: B018  # NumPy has it
    with pytest.raises(TypeError, match="initial"):
        double.ones(3).max(initial=0.0)
    with pytest.raises(TypeError, match="mode"):
        double.take(double.ones(3), double.arange(2), mode="clip")
    with pytest.raises(TypeError, match="5 were given"):
        double.take(double.ones(3), double.arange(2), None, None, "clip")
    with pytest.raises(TypeError, match="where"):
        double.add(double.ones(3), 1.0, where=True)
    for name in ("multiply", "exp"):
        with pytest.raises(NotImplementedError, match=rf"`cupy_{name}\.at` is not supported yet"):
            getattr(double, name).at(double.ones(3), double.arange(2), 1.0)
    with pytest.raises(NotImplementedError, match=r"`cupy_maximum\.reduce` is not supported yet"):
        double.maximum.reduce(double.ones(3))


# -- memory ------------------------------------------------------------------------------------------------------


def test_results_are_laid_out_row_by_row(cupy: Any) -> None:
    columns = on_gpu([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], cupy=cupy).T
    assert columns.flags.f_contiguous
    cube = cupy.ones((2, 3, 4)).transpose(2, 1, 0)
    made = [
        *(cupy.exp(columns), columns + 1.0, -columns, cupy.where(columns > 2.0, columns, 0.0), cube.sum(axis=1)),
        *(cupy.concatenate([columns, columns]), cupy.stack([columns, columns]), cupy.take(columns, cupy.arange(2), 0)),
        *(cupy.dot(columns, columns.T), columns.copy(), columns.reshape(2, 3), cupy.maximum(columns, columns)),
    ]
    assert all(each.flags.c_contiguous for each in made)
    copies = [columns.astype("float64"), cupy.copy(columns), cupy.zeros_like(columns), cupy.array(columns)]
    for kept in (*copies, cupy.empty_like(columns), cupy.asfortranarray(columns.T)):
        assert kept.flags.f_contiguous
        assert kept.base is None
    for view in (columns.T, columns[1:], columns.swapaxes(0, 1), cupy.broadcast_to(columns, (2, 3, 2))):
        assert cupy.may_share_memory(view, columns)


def test_out_has_the_very_shape_of_the_result(cupy: Any) -> None:
    x = cupy.ones((2, 3))
    assert cupy.add(x, 1.0, out=x) is x
    assert cupy.add(x, 1.0, x) is x
    with pytest.raises(ValueError, match="Out shape is mismatched"):
        cupy.add(x, 1.0, out=cupy.empty((1, 3)))
    with pytest.raises(ValueError, match="Out shape is mismatched"):
        x.sum(axis=0, out=cupy.empty((1, 3)))
    with pytest.raises(ValueError, match="C-contiguous"):
        cupy.dot(x, x.T, out=cupy.empty((2, 2)).T)
    with pytest.raises(ValueError, match="dtype"):
        cupy.dot(x, x.T, out=cupy.empty((2, 2), "float32"))
    with pytest.raises(TypeError, match="float64.*int64"):
        cupy.add(x, 1.0, out=cupy.empty((2, 3), "int64"))
    with pytest.raises(TypeError):
        cupy.add(x, 1.0, out=numpy.empty((2, 3)))


def test_out_has_the_very_shape_also_where_cupys_may_be_larger_or_of_other_axes() -> None:
    x = double.ones((2, 3))
    for shape in ((4, 2, 3), (1, 2, 3)):
        with pytest.raises(ValueError, match="Out shape is mismatched"):
            double.add(x, 1.0, out=double.empty(shape))
    with pytest.raises(ValueError, match="Out shape is mismatched"):
        double.dot(x, x.T, out=double.empty((4,)))
    square = double.ones((2, 2))
    with pytest.raises(ValueError, match="still to read"):
        double.dot(square[::-1], square, out=square)


def test_asarray_takes_a_dtype(cupy: Any) -> None:
    x = cupy.ones(2, "float32")
    assert cupy.asarray(x) is x
    assert cupy.asarray(x, "float32") is x
    assert cupy.array(x) is not x
    assert cupy.asarray(x, "float64").dtype == numpy.float64
    assert cupy.asarray([1, 2], dtype="float32").dtype == numpy.float32
    assert cupy.ascontiguousarray(cupy.ones((2, 3)).T).flags.c_contiguous
    assert cupy.array([x, x]).shape == (2, 2)
    with pytest.raises(TypeError, match="oder"):
        cupy.asarray(x, oder="C")


def test_new_memory_holds_nothing_of_use() -> None:
    assert numpy.isnan(double.empty((2, 3), "float32").get()).all()


# -- arithmetic --------------------------------------------------------------------------------------------------


def test_subnormal_numbers_are_flushed(cupy: Any) -> None:
    tiny = on_gpu([1e-40, -3e-39, 1e-30, numpy.nan, -numpy.inf], cupy=cupy)
    assert cupy.multiply(tiny, 1.0).get().tolist()[:3] == [0.0, 0.0, float(F32(1e-30))]
    assert numpy.signbit((tiny * 1.0).get()).tolist()[:2] == [False, True]
    assert (tiny * 1.0).get()[4] == -numpy.inf
    assert (on_gpu([1e-30], cupy=cupy) * on_gpu([1e-10], cupy=cupy)).get().tolist() == [0.0]
    assert (tiny > 0.0).get().tolist() == [False, False, True, False, False]
    for kept in (tiny[:2], tiny.copy()[:2], cupy.concatenate([tiny])[:2], cupy.take(tiny, cupy.arange(2))):
        assert kept.get().tolist() == [float(F32(1e-40)), float(F32(-3e-39))]
    assert on_gpu([1e-310], "float64", cupy).sum().get() == 1e-310
    assert (on_gpu([6e-8], "float16", cupy) * numpy.float16(1)).get() > 0.0


def test_a_place_that_is_named_often_is_added_to_in_an_order_that_nobody_knows() -> None:
    steps = on_gpu([1e8, 1.0, -1e8, 1.0, 3e7, -3e7, 0.5])
    found = set()
    for _ in range(30):
        entries = double.zeros((1, 2), "float32")
        double.add.at(entries, (slice(None), double.zeros(7, int)), steps)
        assert entries.get()[0, 1] == 0.0
        found.add(float(entries.get()[0, 0]))
    assert len(found) > 1
    assert max(map(abs, found)) < 20.0


@pytest.mark.parametrize("shapes", [((1, 64), (64, 1)), ((64,), (64,))])
def test_a_product_of_one_entry_is_a_sum_of_products(shapes: Any) -> None:
    a, b = (numpy.random.default_rng(seed).normal(size=shape).astype("float32") for seed, shape in enumerate(shapes))
    found = double.dot(double.asarray(a), double.asarray(b))
    assert found.shape == numpy.dot(a, b).shape
    assert found.get().reshape(()) == (a.ravel() * b.ravel()).sum()
    assert double.matmul(double.asarray(a), double.asarray(b)).get().tolist() == found.get().tolist()


def test_arrays_of_the_cpu_keep_their_layout_on_their_way(cupy: Any) -> None:
    columns = numpy.asfortranarray([[1.0, 2.0], [3.0, 4.0]])
    for made, is_column_by_column in (
        (cupy.asarray(columns), True), (cupy.array(columns), True), (cupy.asarray(columns, order="C"), False),
        (cupy.asarray(columns[:, ::-1]), False), (cupy.asarray(columns.tolist()), False),
    ):  # fmt: skip
        assert made.flags.f_contiguous == is_column_by_column
        assert made.flags.c_contiguous != is_column_by_column


def test_a_number_goes_to_the_gpu_with_a_kernel_which_has_no_negative_zero(cupy: Any) -> None:
    for kind in (numpy.asarray, float):
        assert not numpy.signbit(cupy.asarray(kind(-0.0)).get())
    assert numpy.signbit(cupy.full((), -0.0).get())
    assert numpy.signbit(cupy.asarray([-0.0]).get()).all()
    counts = counted(lambda: double.asarray(2.5))
    assert (counts.uploads, dict(counts.kernels)) == (0, {"fill": 1})


def test_only_what_lies_together_goes_to_another_gpu() -> None:
    x = double.ones((3, 4))
    turned, part = x.T, x[:, ::2]
    with double.cuda.Device(1):
        assert double.asarray(turned).device == double.cuda.Device(1)
        with pytest.raises(NotImplementedError, match="cannot copy non-contiguous array between devices"):
            double.asarray(part)


def test_an_index_beyond_the_end_wraps_around(cupy: Any) -> None:
    assert cupy.take(cupy.arange(3), cupy.asarray([1, 3, -1])).get().tolist() == [1, 0, 2]


def test_operators_in_place_write_in_place(cupy: Any) -> None:
    x = cupy.ones(2)
    same = x
    x += 1.0
    x *= on_gpu([1.0, 3.0], float, cupy)
    assert same.get().tolist() == [2.0, 6.0]
    assert (3.0 - x).get().tolist() == [1.0, -3.0]
    assert (numpy.float64(3.0) - x).get().tolist() == [1.0, -3.0]


def test_sums_flush_subnormal_numbers() -> None:
    assert on_gpu([1e-40, 2e-40]).sum().get() == 0.0  # CuPy's do where CUB isn't used


# -- counts ------------------------------------------------------------------------------------------------------


def counted(program: Callable[[], Any]) -> Any:
    with double.counting() as counts:
        program()
    return counts


def test_transfers_and_waits_are_counted() -> None:
    x, mask, device = double.arange(3.0), double.asarray([True, False, True]), double.cuda.Device(0)
    many = [x] * 9
    for program, uploads, downloads, synchronizations in (
        (lambda: double.asarray([1.0]), 1, 0, 0),
        (lambda: double.array([x, x]), 0, 0, 0),
        (lambda: x.set(numpy.ones(3)), 1, 0, 0),
        (lambda: double.add(x, 1.0), 0, 0, 0),
        (lambda: double.full(3, 2.0), 0, 0, 0),
        (lambda: x[[0, 1]], 1, 0, 0),
        (lambda: x.take([0, 1]), 1, 0, 0),
        (lambda: double.concatenate(many[:8]), 0, 0, 0),
        (lambda: double.concatenate(many), 1, 0, 0),
        (lambda: double.stack(many), 1, 0, 0),
        (lambda: x.get(), 0, 1, 1),
        (lambda: double.asnumpy(x), 0, 1, 1),
        (lambda: bool(x.all()), 0, 1, 1),
        (lambda: int(x[0]), 0, 1, 1),
        (lambda: x[0].item(), 0, 1, 1),
        (lambda: repr(x), 0, 1, 1),
        (lambda: x.tolist(), 0, 1, 1),
        (lambda: double.argwhere(x), 0, 0, 1),
        (lambda: x[mask], 0, 0, 1),
        (lambda: double.cuda.Stream.null.synchronize(), 0, 0, 1),
        (device.synchronize, 0, 0, 1),
        (double.cuda.runtime.deviceSynchronize, 0, 0, 1),
    ):
        counts = counted(program)
        found = (counts.uploads, counts.downloads, counts.synchronizations)
        assert found == (uploads, downloads, synchronizations), inspect.getsource(program)


def test_lookups_scopes_kernels_and_conversions_are_counted() -> None:
    x = double.ones((2, 3), "float32")

    def program() -> None:
        with x.device:
            y = double.exp(x.T) + x.astype("float64").T
        x.astype("float32")  # a copy
        x.astype("float32", copy=False)
        y.reshape(-1)  # views start no kernel
        y[0] = 2.0

    counts = counted(program)
    assert (counts.lookups, counts.scopes, counts.conversions) == (1, 1, 2)
    assert dict(counts.kernels) == {"exp": 1, "add": 1, "astype": 2, "setitem": 1}


def test_counts_may_be_nested() -> None:
    with double.counting() as outer:
        double.ones(1)
        with double.counting() as inner:
            double.ones(1)
    assert (outer.kernels["ones"], inner.kernels["ones"]) == (2, 1)


# -- streams and graphs ------------------------------------------------------------------------------------------


def capture(program: Callable[[], Any]) -> tuple[Any, Any]:
    """The graph of a program, and what the program gives."""
    stream = double.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            found = program()
        finally:
            graph = stream.end_capture()
    return graph, found


def test_a_graph_does_again_what_was_captured_on_the_values_of_now() -> None:
    x, total = on_gpu([1.0, 2.0]), double.zeros((), "float32")

    def program() -> Any:
        y = double.exp(x) * 2.0
        y[0] = 5.0
        double.add(total, y.reshape(-1).sum(), out=total)
        double.add.at(y, double.zeros(2, int), x)
        return y

    with double.counting() as counts:
        graph, y = capture(program)
    assert counts.kernels["exp"] == 1
    assert total.get() == 0.0, "nothing is done in a capture"
    assert numpy.isnan(y.get()).all()
    for values in ([1.0, 2.0], [3.0, 4.0]):
        x[...] = on_gpu(values)
        before = total.get()
        graph.launch()
        entry = numpy.exp(F32(values[1])) * F32(2.0)
        assert y.get().tolist() == [5.0 + values[0] + values[1], entry]
        assert total.get() == before + (F32(5.0) + entry)
    assert counted(graph.launch).launches == 1


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (lambda x: double.asarray([1.0]), "cudaErrorStreamCaptureUnsupported"),
        (lambda x: x.get(), "cudaErrorStreamCaptureUnsupported"),
        (lambda x: float(x.sum()), "cudaErrorStreamCaptureUnsupported"),
        (lambda x: double.argwhere(x), "cudaErrorStreamCaptureUnsupported"),
        (lambda x: double.concatenate([x] * 9), "cudaErrorStreamCaptureUnsupported"),
        (lambda x: double.cuda.get_current_stream().synchronize(), "cudaErrorStreamCaptureUnsupported"),
        (lambda x: double.dot(x, x), "cuBLAS"),
        (lambda x: x @ x, "cuBLAS"),
        (lambda x: double.dot(x, x, out=double.empty((2, 2))), "cuBLAS"),
    ],
)
def test_a_capture_refuses_what_no_graph_can_hold(program: Callable[[Any], Any], error: str) -> None:
    x = double.ones((2, 2))
    program(x)
    with pytest.raises((double.cuda.runtime.CUDARuntimeError, NotImplementedError), match=error):
        capture(lambda: program(x))
    program(x)


def test_a_product_of_one_entry_can_be_captured() -> None:
    x = on_gpu([1.0, 2.0])
    graph, found = capture(lambda: double.dot(x, x))
    graph.launch()
    assert found.get() == 5.0


def test_streams_and_graphs_are_made_as_cupys() -> None:
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        double.cuda.Stream.null.begin_capture()
    with pytest.raises(NotImplementedError, match="via stream capture"):
        double.cuda.Graph()
    stream = double.cuda.Stream(non_blocking=True)
    with double.cuda.Device(1), pytest.raises(RuntimeError, match="does not match with the current device"), stream:
        pass
    with stream:
        assert double.cuda.get_current_stream() is stream
        others = []
        thread = threading.Thread(target=lambda: others.append(double.cuda.get_current_stream()))
        thread.start()
        thread.join()
    assert others == [double.cuda.Stream.null]
    assert double.cuda.get_current_stream() is double.cuda.Stream.null


# -- the real CuPy -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
class TestTheDoubleIsAsCupyIs:
    """What the double has and refuses, held against the CuPy that is installed."""

    real: Any = None

    @pytest.fixture(autouse=True)
    def _real_cupy(self) -> None:
        type(self).real = pytest.importorskip("cupy")

    def test_the_list_of_names_is_cupys(self) -> None:
        found = set(listing.found_in(self.real))
        listed = set(names.LIST.read_text(encoding="utf-8").splitlines())
        if int(self.real.__version__.split(".")[0]) < 14:
            pytest.skip("the list is that of CuPy 14")
        missing = listed - found
        assert not {line for line in missing if hasattr(numpy, line.split()[1])}, "run tfref.strict_cupy.listing"

    def test_arguments_are_refused_that_cupy_refuses(self) -> None:
        for module in (self.real, double):
            with pytest.raises(TypeError):
                module.add(1.0, 1.0, where=True)
            with pytest.raises(TypeError):
                module.take(1.0, 1, mode="clip")

    @pytest.mark.parametrize("name", names.read("ufunc"))
    def test_ufuncs_have_at_and_reduce_where_cupys_have(self, name: str) -> None:
        real = getattr(self.real, name)
        if not isinstance(real, self.real.ufunc):
            pytest.skip("products are of a kind of their own")
        for method, double_has in (("at", name in arrays.AT), ("reduce", name in arrays.REDUCE)):
            with pytest.raises((NotImplementedError, AttributeError)) as caught:  # None has no values to work on
                getattr(real, method)(None, None, None)
            assert (caught.type is AttributeError) == double_has, f"{name}.{method}"

    @pytest.mark.parametrize("name", [name for name in vars(arrays.ndarray) if name not in ("_values", "_device")])
    def test_attributes(self, name: str) -> None:
        class Plain:  # what Python itself gives to any class, more from 3.13 on
            entries: Any

        assert name in vars(Plain) or hasattr(self.real.ndarray, name)

    def test_priority(self) -> None:
        assert self.real.ndarray.__array_priority__ == double.ndarray.__array_priority__ == 100

    def test_making_arrays(self) -> None:
        for name in ("array", "asarray", "ascontiguousarray", "empty", "asnumpy"):
            theirs, ours = (list(inspect.signature(getattr(module, name)).parameters) for module in (self.real, double))
            assert ours == theirs, name

    def test_modules(self) -> None:
        for name in ("Device", "Stream", "Graph", "MemoryPointer", "get_current_stream", "runtime"):
            assert hasattr(self.real.cuda, name)
        for name in vars(double.cuda.runtime):
            assert name.startswith("__") or hasattr(self.real.cuda.runtime, name)
        assert {"ptr", "device_id"} <= set(dir(self.real.cuda.MemoryPointer))
        for kind in ("Device", "Stream", "Graph"):
            ours = {name for name in vars(getattr(double.cuda, kind)) if not name.startswith("_")}
            assert ours - {"recorded", "work"} <= set(dir(getattr(self.real.cuda, kind))), kind
        assert issubclass(self.real.cuda.runtime.CUDARuntimeError, RuntimeError)
        with pytest.raises(NotImplementedError, match="via stream capture"):
            self.real.cuda.Graph()
        with pytest.raises(RuntimeError, match="cannot capture on the default"):
            self.real.cuda.Stream.null.begin_capture()

    def test_kernels_flush_subnormal_numbers(self) -> None:
        source = Path(importlib.import_module("cupy.cuda.compiler").__file__ or "").read_text(encoding="utf-8")
        assert "options += ('-ftz=true',)" in source
