"""Devices: scopes, moves, mixtures, what is said where there is none, and the strict double of CuPy itself."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl import devices
from tests import strict_cupy as _strict_cupy

strict_cupy: Any = _strict_cupy  # its functions are made from its tables

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU = "/job:localhost/replica:0/task:0/device:GPU:0"


# -- scopes ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("double")
def test_an_operation_runs_where_the_scope_says_and_brings_its_inputs() -> None:
    x = tf.constant([1], tf.float32)
    with tf.device("/gpu:0"):
        y = x + 1
        made = tf.zeros([2])
        with tf.device("/cpu:0"):
            back = y * 2.0
        with tf.device(None):
            there = y * 3.0
    assert [t.device for t in (x, y, made, back, there)] == [CPU, GPU, GPU, CPU, GPU]
    assert (y.numpy().tolist(), back.numpy().tolist()) == ([2.0], [4.0])


@pytest.mark.usefixtures("double")
def test_outside_a_scope_an_operation_runs_where_its_inputs_are() -> None:
    with tf.device("/gpu:0"):
        x, v = tf.constant([1.0, 2.0]), tf.Variable([3.0, 4.0])
    results: list[Any] = [
        *(x + 1.0, 2.0 * x, x * [1.0, 2.0], x + numpy.ones(2), v + 1.0, x * v, x == x),
        *(tf.where([True, False], x, 0.0), tf.where(x > 1.0, 5, 6), tf.clip_by_value(x, 0.0, 1.5), x[x > 1.0]),
        *(tf.stack([x[0], 3.0]), tf.convert_to_tensor([x[0], 1.0]), tf.concat([x, [1.0]], 0), tf.gather(x, [1])),
        *(tf.reduce_mean(x), tf.zeros_like(x), tf.cast(x, tf.int32), tf.reshape(x, [1, 2]) @ tf.reshape(v, [2, 1])),
    ]
    assert {result.device for result in results} == {GPU}
    v.assign([5.0, 6.0])
    v.assign_sub(x)
    assert (v.device, v.numpy().tolist()) == (GPU, [4.0, 4.0])


@pytest.mark.usefixtures("double")
def test_inputs_on_two_devices_are_an_error_that_names_both() -> None:
    x = tf.constant([[1.0]])
    with tf.device("/gpu:0"):
        y, v = tf.constant([[2.0]]), tf.Variable([[0.0]])
    for mixed in (lambda: x + y, lambda: x @ y, lambda: tf.concat([x, y], 0), lambda: v.assign(x), lambda: v + x):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            mixed()
        assert all(word in caught.value.message for word in ("/cpu:0", "/gpu:0", "with tf.device("))
    assert v.numpy().tolist() == [[0.0]]
    with tf.device("/gpu:0"):
        assert (v.assign(x).device, v.numpy().tolist()) == (GPU, [[1.0]])


@pytest.mark.usefixtures("double")
def test_a_gradient_moves_back_with_its_tensor() -> None:
    x, v = tf.constant([1.0, 2.0]), tf.Variable([3.0, 4.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        with tf.device("/gpu:0"):
            y = tf.reduce_sum(x * x * v)
        with tf.device("/gpu:1"):
            z = y * 2.0
    assert (y.device, z.device) == (GPU, GPU.replace("GPU:0", "GPU:1"))
    for scope in (None, "/cpu:0", "/gpu:1"):
        with tf.device(scope):
            gradients = tape.gradient(z, [x, v])
        assert [gradient.device for gradient in gradients] == [CPU, CPU]
        assert gradients[0].numpy().tolist() == [12.0, 32.0]


@pytest.mark.usefixtures("double")
def test_a_sweep_runs_each_rule_where_its_call_ran() -> None:
    with tf.device("/gpu:0"):
        w = tf.Variable([[1.0], [2.0]])
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.ones([3, 2]) @ w))
    gradient = tape.gradient(loss, w)  # outside of any scope
    assert gradient.device == GPU
    w.assign_sub(0.1 * gradient)
    assert w.device == GPU


@pytest.mark.usefixtures("double")
def test_every_gpu_is_used_by_its_number() -> None:
    with tf.device("/gpu:1"):
        x = tf.range(3, dtype=tf.float32)
        y = tf.reshape(tf.ones([3]) + x, [3, 1]) @ tf.fill([1, 2], 2.0)
        z = tf.constant(0.5, shape=[2])
    result = tf.reduce_sum(tf.nn.softmax(y) * z)
    assert result.device == GPU.replace("GPU:0", "GPU:1")
    assert float(result) == 1.5
    assert tf.gather(x, [2, 0]).numpy().tolist() == [2.0, 0.0]


@pytest.mark.usefixtures("double")
def test_random_draws_are_the_same_on_every_device() -> None:
    on_cpu = tf.random.stateless_uniform([5], [1, 2]), tf.random.stateless_normal([5], [1, 2])
    with tf.device("/gpu:0"):
        on_gpu = tf.random.stateless_uniform([5], [1, 2]), tf.random.stateless_normal([5], [1, 2])
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert other.device == GPU
        assert one.numpy().tolist() == other.numpy().tolist()


# -- names -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/cpu:0", "/cpu:0"), ("CPU", "/cpu:0"), ("cpu:0", "/cpu:0"), ("/device:CPU:0", "/cpu:0"), (CPU, "/cpu:0"),
        ("/gpu:0", "/gpu:0"), ("GPU:1", "/gpu:1"), ("/device:GPU:1", "/gpu:1"), (GPU, "/gpu:0"),
    ],
)  # fmt: skip
def test_names_are_spelled_as_in_tensorflow(name: str, found: str) -> None:
    assert str(devices.find_device(name)) == found


@pytest.mark.parametrize("name", ["foo", "/tpu:0", "", "/cpu:x", "cpu:0:1", 3])
def test_an_unknown_device_is_an_error(name: Any) -> None:
    with pytest.raises(ValueError, match="Unknown device") as caught:
        tf.device(name)
    assert repr(name) in str(caught.value)


@pytest.mark.usefixtures("double")
def test_a_number_beyond_the_last_device_is_an_error() -> None:
    for name, last in (("/cpu:1", "/cpu:0"), ("/gpu:2", "/gpu:1")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=last):
            tf.device(name)


def test_a_scope_ends_whatever_is_raised() -> None:
    with pytest.raises(ZeroDivisionError), tf.device("/cpu:0"):
        1 / 0  # noqa: B018
    from minidl.context import thread

    assert thread.state.device is None


# -- what is there -----------------------------------------------------------------------------------------------


def test_without_cupy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # importing it fails
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"CuPy is not installed.*pip install 'minidl\[cuda13\]'"):
        tf.device("/gpu:0")
    assert tf.config.list_physical_devices("GPU") == []
    assert [device.name for device in tf.config.list_physical_devices()] == ["/physical_device:CPU:0"]


def test_with_cupy_but_no_gpu_the_error_says_so(monkeypatch: pytest.MonkeyPatch, double: Any) -> None:
    monkeypatch.setattr(double.cuda.runtime, "getDeviceCount", staticmethod(lambda: 0))
    with pytest.raises(tf.errors.InvalidArgumentError, match="CuPy is installed, but it finds no GPU.*nvidia-smi"):
        tf.device("/gpu:0")

    def broken() -> int:
        raise RuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setattr(double.cuda.runtime, "getDeviceCount", staticmethod(broken))
    with pytest.raises(tf.errors.InvalidArgumentError, match="cudaErrorInsufficientDriver"):
        tf.device("/gpu:0")


def test_the_double_is_listed(double: Any) -> None:
    assert [device.name for device in tf.config.list_physical_devices("GPU")] == [
        "/physical_device:GPU:0",
        "/physical_device:GPU:1",
    ]


# -- the double --------------------------------------------------------------------------------------------------


def test_the_double_catches_an_accidental_asarray() -> None:
    with pytest.raises(TypeError, match="Implicit conversion"):
        numpy.asarray(strict_cupy.zeros(2))
    with pytest.raises(TypeError, match="Unsupported type"):
        strict_cupy.zeros(2) + numpy.zeros(2)
    with pytest.raises(TypeError, match="Unsupported type"):
        strict_cupy.add(strict_cupy.zeros(2), numpy.zeros(2))


def test_the_double_catches_a_numpy_function_on_a_gpu_array() -> None:
    with pytest.raises(TypeError, match="__array_ufunc__"):
        numpy.sin(strict_cupy.zeros(2))
    with pytest.raises(TypeError, match="concatenate"):
        numpy.concatenate([strict_cupy.zeros(2)])
    with pytest.raises(TypeError, match="__array_ufunc__|Unsupported"):
        numpy.zeros(2) + strict_cupy.zeros(2)


def test_the_double_catches_a_number_expected_where_cupy_gives_an_array() -> None:
    total = strict_cupy.ones(3).sum()
    assert isinstance(total, strict_cupy.ndarray)
    assert total.shape == ()
    assert isinstance(strict_cupy.ones(3)[0], strict_cupy.ndarray)
    assert not isinstance(total, (float, numpy.generic))
    with pytest.raises(TypeError, match="unhashable"):
        {total: 1}  # noqa: B018
    with pytest.raises(AttributeError):
        total.item  # noqa: B018


def test_the_double_catches_what_cupy_lacks() -> None:
    with pytest.raises(AttributeError):
        strict_cupy.array_split  # noqa: B018  # not among what minidl uses
    with pytest.raises(TypeError, match="initial"):
        strict_cupy.ones(3).max(initial=0.0)
    with pytest.raises(TypeError, match="mode"):
        strict_cupy.take(strict_cupy.ones(3), strict_cupy.arange(2), mode="clip")
    with pytest.raises(TypeError, match="where"):
        strict_cupy.add(strict_cupy.ones(3), 1.0, where=True)


def test_the_double_catches_work_on_another_gpu_than_the_current_one() -> None:
    with strict_cupy.cuda.Device(1):
        x = strict_cupy.ones(3)
    with pytest.raises(ValueError, match="current device"):
        x + 1.0


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
class TestTheDoubleHasOnlyWhatCupyHas:
    """The tables of the double, held against the real CuPy, which imports without a GPU."""

    cupy: Any = None

    @pytest.fixture(autouse=True)
    def _real_cupy(self) -> None:
        type(self).cupy = pytest.importorskip("cupy")

    @pytest.mark.parametrize("name", strict_cupy.FUNCTIONS)
    def test_functions(self, name: str) -> None:
        parameters = inspect.signature(getattr(self.cupy, name)).parameters
        assert set(strict_cupy.FUNCTIONS[name]) <= set(parameters)

    @pytest.mark.parametrize("name", strict_cupy.UFUNCS)
    def test_ufuncs(self, name: str) -> None:
        function = getattr(self.cupy, name)
        if name == "matmul":  # of a kind of its own, which takes `out` as all of them do
            assert type(function).__name__ == "_GUFunc"
            return
        assert isinstance(function, self.cupy.ufunc)
        assert all(f"{argument}" in (function.__doc__ or "") + "dtype out" for argument in strict_cupy.UFUNC_ARGUMENTS)

    @pytest.mark.parametrize("name", strict_cupy.METHODS)
    def test_methods(self, name: str) -> None:
        signature = (getattr(self.cupy.ndarray, name).__doc__ or "").splitlines()[0]
        assert all(f"{argument}=" in signature for argument in strict_cupy.METHODS[name]), signature

    @pytest.mark.parametrize(
        "name",
        ["shape", "dtype", "ndim", "size", "strides", "flags", "T", "base", "nbytes", "device", "get", "__array__"],
    )
    def test_attributes(self, name: str) -> None:
        assert hasattr(self.cupy.ndarray, name)

    def test_modules(self) -> None:
        assert callable(self.cupy.cuda.Device)
        assert callable(self.cupy.cuda.runtime.getDeviceCount)
        assert callable(self.cupy.asnumpy)
        assert callable(self.cupy.add.at)
        assert callable(self.cupy.iinfo)
