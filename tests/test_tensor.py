"""Tensor and Variable: what they are made of, what they tell, and that a tensor never changes."""

from __future__ import annotations

import copy
import math
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
        *(tf.as_dtype(number).name for number in (1, 2, 3, 4, 9, 10, 19)), tf.zeros(1, 1),
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


def large_numbers(tf: Any) -> Any:
    return [
        tf.constant(2**72, tf.float64), tf.constant([2**72, 1], tf.float32), tf.constant([1, 2**63], tf.float64),
        tf.constant(2**63 - 1), tf.constant([-(2**63), 1]), tf.constant([1.0]) + 2**200, tf.constant([1, 2]) + 2**31,
        tf.constant(numpy.array([2**63], "uint64"), tf.float32), tf.constant([1, 1e30]),
    ]  # fmt: skip


def mixtures(tf: Any) -> Any:
    double, half = tf.constant([1.0, 2.5], tf.float64), tf.constant(1.5, tf.float16)
    return [
        tf.convert_to_tensor([[0.0, 0.1], double], tf.float32), tf.convert_to_tensor([0.1, half], tf.float64),
        tf.convert_to_tensor([[0.0, half], [1.0, 2.0]], tf.float32), tf.convert_to_tensor([half, 1], tf.int32),
        tf.convert_to_tensor([tf.Variable(1.5), 2.0], tf.float64), tf.constant([1.0]) + [half],
        tf.convert_to_tensor([half, 0.1]), tf.convert_to_tensor([1, 2], dtype_hint=tf.float32),
        tf.convert_to_tensor([1.5], dtype_hint=tf.int32), tf.constant([1, True]), tf.constant([True, 1], tf.int32),
        tf.constant([1.5, True]), tf.constant([True, 0], tf.float32),
    ]  # fmt: skip


def remainders(tf: Any) -> Any:
    inf, nan = math.inf, math.nan
    x = tf.constant([3.0, -3.0, 0.0, -0.0, 5.0, -5.0, inf, -inf, nan, 1e30])
    found = [x % y for y in (3.0, -3.0, 0.0, inf, -inf, nan, 1e-30)]
    whole = tf.constant([3, -3, 0, 5, -(2**31)]) % tf.constant([-3, 3, 3, -3, 7])
    return [*found, *[numpy.signbit(rest.numpy()) for rest in found if not numpy.isnan(rest.numpy()).all()], whole]


def means(tf: Any) -> Any:
    def whole(*values: int) -> Any:
        return tf.constant(values, tf.int64)

    half = tf.reshape(tf.cast(tf.range(1, 6001), tf.float16) / 6000.0, [2000, 3])
    return [
        *[tf.reduce_mean(whole(*each)) for each in ((2**53 + 1,), (2**63 - 1,), (-7, 2), (2**62, 2**62), (-1, 0), ())],
        tf.reduce_mean(tf.constant([[-7, 2, 5], [-2, 3, 2**31 - 1]]), 0), tf.reduce_mean(tf.zeros([3, 0], tf.int32), 1),
        tf.reduce_mean(tf.zeros([0, 3], tf.int64), 0), tf.reduce_mean(tf.constant([2**31 - 1, 2**31 - 1])),
        tf.reduce_mean(tf.constant([60000.0, 60000.0], tf.float16)), tf.reduce_mean(half, 1), tf.reduce_mean(half),
    ]  # fmt: skip


def largest_beside_nan(tf: Any) -> Any:
    inf, nan = math.inf, math.nan
    rows = [[0.0, nan, 0.5], [nan, 1.0, 2.0], [nan, nan, nan], [-inf, nan, -inf], [nan, -inf, nan], [nan, inf, inf]]
    return [tf.argmax(tf.constant(rows, dtype), axis) for dtype in ("float16", "float32", "float64") for axis in (0, 1)]


def indices(tf: Any) -> Any:
    x = tf.constant([[1, 2, 3], [4, 5, 6]])
    return [
        x[numpy.array(1)], x[numpy.int8(1)], x[numpy.array(0) : numpy.array(1)], x[tf.constant(1)], x[tf.Variable(1)],
        x[..., tf.constant(-1)], x[()], x[...], x[5:], x[::-1], x[numpy.array([True, False])], x[:, numpy.array(0) :],
        tf.constant(3)[()], tf.constant(3)[None], [list(range(10))[x[0, 0]]],
    ]  # fmt: skip


def conditions(tf: Any) -> Any:
    x = tf.constant([1.0, 2.0, 3.0])
    return [
        tf.where(numpy.array([1, 0, 1]), x, 0.0), tf.where(numpy.array([0.5, 0.0, math.nan]), x, 0.0),
        tf.where(numpy.int32(1), x, 0.0), tf.where(numpy.array([1, 0, 1])), tf.where([1.5, 0.0, 1.0]),
        tf.logical_and(numpy.array([1, 0]), True), tf.logical_not(numpy.array([2.0, 0.0])),
        tf.constant([True, False]) & numpy.array([1, 1]), tf.math.logical_xor(True, numpy.array([1, 0])),
        bool(tf.constant([])), bool(tf.zeros([0, 3])), bool(tf.constant([[2]])), bool(tf.constant([0.0])),
    ]  # fmt: skip


def empty_results(tf: Any) -> Any:
    none = tf.zeros([0, 3], tf.int32)
    return [
        none // 0, none % 0, none**-1, none // tf.constant([0, 1, 0]), none % tf.zeros([1, 3], tf.int32),
        tf.constant([1]) // tf.constant([], tf.int32), tf.gather(tf.zeros([2, 0]), [5, -5]),
        tf.gather(tf.zeros([0, 0]), [[7]]), tf.gather(none, tf.zeros([0], tf.int32)),
        tf.gather(tf.zeros([2, 0, 2]), [9], axis=2),
    ]  # fmt: skip


def joined(tf: Any) -> Any:
    x = tf.constant([[1, 2], [3, 4]])
    return [
        tf.concat(x, 0), tf.concat(tf.constant(3.0), 0), tf.concat(numpy.ones((2, 2)), 1), tf.concat([x], 1),
        tf.concat((x, [[5, 6]]), 0), tf.stack(x, 1), tf.stack(x), tf.concat(tf.Variable([1.0]), 0),
    ]  # fmt: skip


def clipped(tf: Any) -> Any:
    x = tf.constant([[1.0, 5.0], [-3.0, 0.5]])
    return [
        tf.clip_by_value(x, [0.0, 1.0], 3.0),
        tf.clip_by_value(x, 0, [[1.0], [0.2]]),
        tf.clip_by_value([1, 9], 2, 3),
    ]


PROGRAMS = [
    *(dtypes, ranges, beside_a_tensor, python_protocols, variables, large_numbers, mixtures, remainders, means),
    *(largest_beside_nan, indices, conditions, empty_results, joined, clipped),
]


@pytest.mark.tf
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
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
        assert repr(tf.constant(27.3)) == "<minidl.Tensor: shape=(), dtype=float32, numpy=27.299999237060547>"
        assert str(tf.constant(27.3)) == "minidl.Tensor(27.3, shape=(), dtype=float32)"
        assert repr(tf.ones([2, 1])) == (
            "<minidl.Tensor: shape=(2, 1), dtype=float32, numpy=\narray([[1.],\n       [1.]], dtype=float32)>"
        )
        assert str(tf.ones([2, 1])) == "minidl.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)"
        assert repr(tf.Variable(1.0, name="w")) == ("<minidl.Variable 'w' shape=() dtype=float32, numpy=1.0>")
        assert f"{tf.Variable(0.25):.1f}" == "0.2"


@pytest.mark.tf
def test_tensors_are_printed_as_tensorflow_prints_them(tensorflow: Any) -> None:
    """Ten shapes in each dtype, as `print`, `repr` and f-strings show them, but for the names of the modules."""
    values = numpy.cumprod(numpy.full(1200, -1.007)) * 27.3
    special = numpy.array([math.inf, -math.inf, math.nan, -0.0, 1e-30, 12345678.9])
    shapes = [(), (1,), (3,), (0,), (2, 0), (1, 3), (3, 1), (40,), (2, 2, 3), (1100,)]
    for dtype in ("float16", "float32", "float64", "int32", "int64", "bool"):
        arrays = [values[: math.prod(shape)].reshape(shape).astype(dtype) for shape in shapes]
        with numpy.errstate(over="ignore"):
            arrays += [special.astype(dtype)] if dtype.startswith("float") else []
        for array in arrays:
            for make in ("constant", "Variable"):
                mine, other = getattr(tf, make)(array), getattr(tensorflow, make)(array)
                for show in (repr, str, "{}".format):
                    theirs = show(other).replace("tf.", "minidl.", 1).replace("Variable:0'", "Variable'")
                    assert show(mine) == theirs


def test_an_operator_asks_what_is_no_value_for_a_tensor() -> None:
    class Unit:
        """Takes part in arithmetic on the right."""

        def __radd__(self, left: Any) -> str:
            return f"{left.numpy().tolist()} and a unit"

        def __rtruediv__(self, left: Any) -> Any:
            return NotImplemented

    x: Any = tf.constant([1.0])
    v: Any = tf.Variable([2.0])
    unit: Any = Unit()
    assert (x + unit, v + unit) == ("[1.0] and a unit", "[2.0] and a unit")
    for refused in (lambda: x / unit, lambda: x * unit, lambda: unit + x, lambda: tf.add(x, unit)):
        with pytest.raises((ValueError, TypeError), match="Unit"):
            refused()


def test_the_value_of_a_leaked_tensor_is_no_attribute() -> None:
    leaked: list[Any] = []

    @tf.function
    def leak(x: Any) -> Any:
        leaked.append(x + 1.0)
        return x

    leak(tf.constant([1.0]))
    for look in (lambda: leaked[0].numpy(), lambda: float(leaked[0]), lambda: leaked[0] + 1.0):
        with pytest.raises(AttributeError, match="Return it"):
            look()
    assert "out of scope" in repr(leaked[0])


def test_the_same_number_beside_other_dtypes_and_devices_is_not_confused(device: str) -> None:
    for dtype in (tf.float16, tf.float32, tf.float64):
        x = tf.constant([1.0], dtype)
        assert [(x * 2.0).dtype, (2.0 * x).dtype, (x + 0.1).dtype] == [dtype] * 3
        assert (x + 0.1).numpy() == numpy.ones(1, dtype) + dtype.type(0.1)
    assert numpy.signbit((tf.constant([1.0]) * -0.0).numpy()).all()
    assert not numpy.signbit((tf.constant([1.0]) * 0.0).numpy()).any()
    with pytest.raises(tf.errors.InvalidArgumentError, match="2.5"):
        tf.constant([1]) * 2.5
