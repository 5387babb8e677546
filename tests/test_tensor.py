"""Tensor and Variable: what they are made of, what they tell, and that a tensor never changes."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pandas
import pytest

import minidl as tf
from tests.agree import assert_agree

pytestmark = pytest.mark.usefixtures("device")


def dtypes(tf: Any) -> Any:
    return [
        tf.constant(1), tf.constant(1.0), tf.constant(True), tf.constant([]), tf.constant([1, 2.5]),
        tf.constant([1, True]), tf.constant(range(3)), tf.constant((1, 2)), tf.constant([[1.0], [2.0]]),
        tf.constant(numpy.float64(1)), tf.constant([numpy.float64(1)]), tf.constant(numpy.arange(3)),
        tf.constant(numpy.ones(2)), tf.constant([numpy.ones(2)]), tf.constant(pandas.Series([1.5, 2.5])),
        tf.constant(pandas.Series([1, 2])), tf.constant(2**40), tf.constant([1, 2], tf.float16),
        tf.constant(True, tf.float32), tf.constant(numpy.array([2.9]), tf.int32), tf.constant(1e400),
        tf.constant(1, dtype=float), tf.cast(1, float), tf.as_dtype(float).name, tf.as_dtype(bool).name,
    ]  # fmt: skip


def ranges(tf: Any) -> Any:
    ends = [0.0, 0.3, 1.0, 1.1, 2.7, 10.0]
    large = tf.constant(2**53, tf.int64)
    return [
        *[tf.range(0.0, end, pace) for end in ends for pace in (0.1, 0.3, 0.7)],
        *[tf.range(end, -1.0, -pace) for end in ends for pace in (0.1, 0.3, 0.7)],
        tf.range(5, 0, -2), tf.range(0, 7, 3), tf.range(0), tf.range(3), tf.range(large, large + 3),
        tf.range(2**60, 2**60 + 3, dtype=tf.int64),
    ]  # fmt: skip


def beside_a_tensor(tf: Any) -> Any:
    x, n, h = tf.constant([1.0, 2.0]), tf.constant([1, 2]), tf.constant([1.0], tf.float16)
    double = tf.constant([1.0], tf.float64)
    return [
        x + numpy.ones(2), numpy.ones(2) * x, x + [1, 2], x + True, n + numpy.array([1.7, 2.0]), n * 2, n // 2,
        n / 2, n / n, x + numpy.float64(2), numpy.float32(2) - x, h * 3, double * 3, double + numpy.float32(1.5),
        tf.add(1, 2), tf.add(1.0, 2), tf.add(numpy.ones(1), 1), tf.where([True, False], x, 7),
        tf.maximum(x, 1), n**2, 2**n, h + 0.1, x == [1.0, 2.0], x == [1, 2, 3], x != [1, 2, 3], tf.pow(x, 2),
    ]  # fmt: skip


def python_protocols(tf: Any) -> Any:
    x, n = tf.constant([[1.5, 2.5]]), tf.constant(3)
    return [
        len(x), float(x[0, 0]), int(n), list(range(n)), bool(n), bool(tf.constant(0.0)), [float(v) for v in x[0]],
        f"{x[0, 0]:.3f}", f"{x[0, 0]} {x} {n}",
        numpy.asarray(x), numpy.sin(x), numpy.asarray(x, "float64"), tuple(x.shape), x.ndim,
        x.numpy(), n.numpy(), tf.is_tensor(x), tf.is_tensor(1.0), x.dtype.name, str(numpy.array(x).tolist()),
        [*map(int, tf.constant([4, 5]))], {"a": [1, 2]}["a"][tf.constant(1)],
    ]  # fmt: skip


def variables(tf: Any) -> Any:
    v = tf.Variable([1.0, 2.0], dtype=tf.float32)
    given = [tf.convert_to_tensor(v)]
    v.assign([3.0, 4.0])
    v.assign_add([1.0, 1.0]).assign_sub(numpy.array([0.5, 0.5]))
    made = tf.Variable(lambda: [1, 2])
    return [
        *given, v + 1.0, 2.0 * v, v * v, v[0], v.numpy(), tuple(v.shape),
        v.trainable, tf.Variable(1.0, trainable=False).trainable, made + 1, v.read_value(), v.value(),
        tf.Variable(tf.constant([1.0])) * 2.0, tf.Variable(v) + v, abs(-v), v > 3.0, tf.identity(v),
    ]  # fmt: skip


@pytest.mark.tf
@pytest.mark.parametrize(
    "program", [dtypes, ranges, beside_a_tensor, python_protocols, variables], ids=lambda p: p.__name__
)
def test_a_program_gives_what_it_gives_on_tensorflow(program: Callable[[Any], Any], tensorflow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_agree(program, tensorflow)


def test_a_tensor_does_not_change_through_the_array_it_came_from() -> None:
    source = numpy.ones(3, "float32")
    for x in (tf.constant(source), tf.convert_to_tensor(source), tf.Variable(source), tf.identity(source)):
        source[0] = 7.0
        assert x.numpy().tolist() == [1.0, 1.0, 1.0]
        source[0] = 1.0


def test_a_tensor_does_not_change_through_the_arrays_it_gave() -> None:
    x = tf.constant([1.0, 2.0])
    given = x.numpy()
    given[0] = 7.0
    copied = numpy.array(x)
    copied[0] = 7.0
    with pytest.raises(ValueError, match="read-only"):
        numpy.asarray(x)[0] = 7.0
    v = tf.Variable(x)
    v.numpy()[0] = 7.0
    v.assign_add([1.0, 1.0])
    assert x.numpy().tolist() == [1.0, 2.0]
    assert tf.reshape(x, [2, 1])[0].numpy().tolist() == [1.0]


def test_a_variable_does_not_change_the_tensor_that_was_read() -> None:
    v = tf.Variable([1.0, 2.0])
    read, identity, part = v.read_value(), tf.identity(v), v[:1]
    v.assign([5.0, 6.0])
    assert [t.numpy().tolist() for t in (read, identity, part)] == [[1.0, 2.0], [1.0, 2.0], [1.0]]


def test_a_tensor_cannot_be_written_into_or_hashed() -> None:
    for x in (tf.constant([1.0]), tf.Variable([1.0])):
        with pytest.raises(TypeError, match=r"can't be written into at 0.*assign"):
            x[0] = 2.0
        with pytest.raises(TypeError, match=r"can't be hashed.*id\(\)"):
            hash(x)


def test_no_warning_where_tensorflow_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = tf.constant([0.0, 1e38, -1.0])
        results = [1.0 / x, x / x, x * 1e38, tf.math.log(x), tf.sqrt(x), tf.exp(x), tf.pow(x, -1.0), x % 0.0]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.math.log(x) * tf.sqrt(x) / x
        tape.gradient(y, x)
        tf.constant(numpy.array([1e300]), tf.float32)
        tf.cast(tf.constant([1e300], tf.float64), tf.float32)
    assert not numpy.isfinite(results[0].numpy()).all()


def test_numpy_settings_of_the_caller_stay() -> None:
    with numpy.errstate(all="raise"):
        tf.constant([1.0]) / 0.0
        with pytest.raises(FloatingPointError):
            numpy.array([1.0]) / numpy.array([0.0])


def test_copies_are_tensors_of_their_own() -> None:
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = copy.deepcopy(x) * 3.0
    assert tape.gradient(y, x) is None
    assert y.numpy().tolist() == [3.0, 6.0]


def test_pickled_tensors_are_tensors_of_their_own() -> None:
    with tf.device("/cpu:0"):
        x = tf.constant([1.0, 2.0])
        again = pickle.loads(pickle.dumps(x))
        assert again.serial != x.serial
        assert again.numpy().tolist() == [1.0, 2.0]


def test_printed_forms() -> None:
    with tf.device("/cpu:0"):
        assert repr(tf.constant([1, 2])) == (
            "<minidl.Tensor: shape=(2,), dtype=int32, numpy=array([1, 2], dtype=int32)>"
        )
        assert repr(tf.constant(3.0)) == "<minidl.Tensor: shape=(), dtype=float32, numpy=3.0>"
        assert repr(tf.ones([1, 2])) == (
            "<minidl.Tensor: shape=(1, 2), dtype=float32, numpy=\narray([[1., 1.]], dtype=float32)>"
        )
        assert str(tf.constant([1.0])) == "minidl.Tensor([1.], shape=(1,), dtype=float32)"
        assert repr(tf.Variable(1.0, name="w")) == ("<minidl.Variable 'w' shape=() dtype=float32, numpy=1.0>")
        assert f"{tf.Variable(0.25):.1f}" == "0.2"


def test_the_same_number_beside_other_dtypes_and_devices_is_not_confused(device: str) -> None:
    for dtype in (tf.float16, tf.float32, tf.float64):
        x = tf.constant([1.0], dtype)
        assert [(x * 2.0).dtype, (2.0 * x).dtype, (x + 0.1).dtype] == [dtype] * 3
        assert (x + 0.1).numpy() == numpy.ones(1, dtype) + dtype.type(0.1)
    assert numpy.signbit((tf.constant([1.0]) * -0.0).numpy()).all()
    assert not numpy.signbit((tf.constant([1.0]) * 0.0).numpy()).any()
    with pytest.raises(tf.errors.InvalidArgumentError, match="2.5"):
        tf.constant([1]) * 2.5
