"""Devices: scopes, moves, mixtures, and what is said where there is none.

Where one GPU is enough, on the strict double of CuPy and, where there is a GPU, on that.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl import devices

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU = "/job:localhost/replica:0/task:0/device:GPU:0"


# -- scopes ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cupy")
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


@pytest.mark.usefixtures("cupy")
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


@pytest.mark.usefixtures("cupy")
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


@pytest.mark.usefixtures("cupy")
def test_a_sweep_runs_each_rule_where_its_call_ran() -> None:
    with tf.device("/gpu:0"):
        w = tf.Variable([[1.0], [2.0]])
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.ones([3, 2]) @ w))
    gradient = tape.gradient(loss, w)  # outside of any scope
    assert gradient.device == GPU
    w.assign_sub(0.1 * gradient)
    assert w.device == GPU


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_negative_zero_keeps_its_sign_on_its_way_to_a_gpu(cupy: Any, compiled: bool) -> None:
    """CuPy's `asarray` makes 0.0 of a -0.0 without axes."""
    function = tf.function if compiled else lambda function: function
    with tf.device("/gpu:0"):
        ones = tf.ones([2])
        made = [tf.constant(-0.0), tf.constant([-0.0, -0.0]), tf.Variable(-0.0), tf.zeros([]) * -1.0]
        made += [function(lambda x: x * -0.0)(ones), function(lambda x: -0.0 / x)(ones)]
        made += [function(lambda: tf.fill([2], -0.0))(), function(lambda x: tf.constant(-0.0) * x[0])(ones)]
    assert [numpy.signbit(each.numpy()).all() for each in made] == [True] * len(made)
    assert all(each.device == GPU for each in made)


@pytest.mark.usefixtures("double")
def test_parts_go_from_one_gpu_to_another() -> None:
    """CuPy copies only what lies together."""
    with tf.device("/gpu:0"):
        x = tf.reshape(tf.range(12.0), [3, 4])
    parts = [x[:, ::2], x[::-1], x[1], tf.transpose(x), tf.transpose(x)[1:]]
    with tf.device("/gpu:1"):
        moved = [tf.identity(part) for part in parts]
        found = tf.function(lambda *parts: [part * 1.0 for part in parts])(*parts)
    for part, *others in zip(parts, moved, found, strict=True):
        for other in others:
            assert other.device == GPU[:-1] + "1"
            assert other.numpy().tolist() == part.numpy().tolist()


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


@pytest.mark.usefixtures("cupy")
def test_random_draws_are_the_same_on_every_device() -> None:
    on_cpu = tf.random.stateless_uniform([5], [1, 2]), tf.random.stateless_normal([5], [1, 2])
    with tf.device("/gpu:0"):
        on_gpu = tf.random.stateless_uniform([5], [1, 2]), tf.random.stateless_normal([5], [1, 2])
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert other.device == GPU
        assert one.numpy().tolist() == other.numpy().tolist()


def test_an_array_of_cupys_beside_a_tensor_is_the_tensors_to_compute(cupy: Any) -> None:
    with tf.device("/gpu:0"):
        x = tf.constant([1.0, 2.0])
    array = cupy.asarray(numpy.array([3.0, 4.0], "float32"))
    for found in (array * x, array + x, array / x, array > x, x * array):
        assert isinstance(found, tf.Tensor)
        assert found.device == GPU


def test_a_model_works_on_its_gpu_outside_of_a_scope(double: Any) -> None:
    with tf.device("/gpu:1"):
        model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        model.compile(loss="mse", optimizer="sgd", metrics=["mae"])
        model(tf.zeros([1, 3]))
    for dtype in ("float32", "float64", "int32"):
        x = numpy.ones((7, 3), dtype)
        with double.cuda.Device(1):
            there = double.asarray(x)
        for data in (x, there):
            model.fit(data, numpy.ones((7, 1)), batch_size=3, verbose=0)
            assert model.evaluate(data, numpy.ones((7, 1)), verbose=0)[0] >= 0.0
            assert model.predict(data, verbose=0).shape == (7, 1)
    with tf.device("/gpu:1"):
        found = tf.constant(there)
    assert {weight.device for weight in [*model.weights, found, tf.cast(found, tf.float64)]} == {GPU[:-1] + "1"}


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
