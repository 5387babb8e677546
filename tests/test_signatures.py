"""Which program runs for which arguments, and that no value is lost on the way: small, without TensorFlow."""

from __future__ import annotations

import functools
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.tracing.running import ANOTHER


def test_which_of_three_tensors_are_one_is_part_of_the_signature() -> None:
    weighted = tf.function(lambda a, b, c: a + 10.0 * b + 100.0 * c)
    x, y = tf.constant(1.0), tf.constant(2.0)
    assert float(weighted(x, x, y)) == 211.0
    assert float(weighted(x, y, y)) == 221.0
    assert float(weighted(x, y, x)) == 121.0
    assert float(weighted(y, y, y)) == 222.0


def test_new_variables_are_traced_once_for_all() -> None:
    traces: list[Any] = []

    @tf.function
    def double(v: Any) -> Any:
        traces.append(None)
        return v * 2.0

    assert [float(double(tf.Variable(float(n)))) for n in range(4)] == [0.0, 2.0, 4.0, 6.0]
    assert len(traces) == 1


def test_an_input_signature_takes_what_looks_so_and_nests() -> None:
    vector = tf.TensorSpec([None], tf.float32)

    @tf.function(input_signature=[vector, {"a": vector, "b": [vector]}])
    def total(x: Any, nest: Any) -> Any:
        return tf.reduce_sum(x) + tf.reduce_sum(nest["a"]) + tf.reduce_sum(nest["b"][0])

    three, four = tf.constant([3.0]), numpy.array([4.0], "float32")
    assert float(total([1.0, 2.0], {"a": three, "b": [four]})) == 10.0
    assert float(total(x=[1.0], nest={"a": three, "b": [four]})) == 8.0
    for wrong in ({"a": three}, {"a": three, "b": (four,)}, [three]):
        with pytest.raises(TypeError, match="wanted"):
            total([1.0], wrong)
    with pytest.raises(TypeError, match="argument"):
        total(*[[1.0]])

    @tf.function(input_signature=[vector])
    def more(x: Any, *others: Any, **options: Any) -> Any:
        return x

    for arguments, options in (([[1.0], [2.0]], {}), ([[1.0]], {"y": 1.0}), ([], {})):
        with pytest.raises(TypeError):
            more(*arguments, **options)
    assert more([1.0]).numpy().tolist() == [1.0]


def test_a_program_is_asked_for_the_place_of_its_tensors(double: Any) -> None:
    twice = tf.function(lambda x: x * 2.0)
    for place in ("/gpu:0", "/gpu:0", "/gpu:1", "/cpu:0", "/gpu:1"):
        with tf.device(place):
            x = tf.constant([1.0, 2.0])
        assert twice(x).device == x.device
        assert twice(x).device.lower().endswith(place[1:])


def test_a_variable_can_be_given_the_value_that_another_had() -> None:
    v, w = tf.Variable(numpy.zeros(5000, "float32")), tf.Variable(numpy.ones(5000, "float32"))

    @tf.function
    def step() -> None:
        w.assign(v)
        v.assign_add(tf.ones([5000]))

    for count in range(3):
        step()
        assert (w.numpy() == count).all()
        assert (v.numpy() == count + 1).all()


def test_a_variable_of_two_functions_keeps_its_value_between_them() -> None:
    v = tf.Variable(1.0)
    add, double = tf.function(lambda: v.assign_add(1.0)), tf.function(lambda: v.assign(v * 2.0))
    for _ in range(2):
        add()
        double()
    assert float(v) == 10.0


@pytest.mark.parametrize("kind", [numpy.float16, numpy.float32, numpy.float64])
def test_floats_of_numpy_are_tensors(kind: Any) -> None:
    seen, one = [], kind(1)

    @tf.function
    def same(x: Any, other: Any = one) -> Any:
        seen.append((type(x), type(other)))
        return x

    found = [same(kind(n)) for n in (0, 1, 2)] + [same(numpy.array(1, kind), other=kind(0))]
    assert seen == [(tf.Tensor, tf.Tensor)]
    assert {each.dtype for each in found} == {numpy.dtype(kind)}
    assert [each.numpy() for each in found] == [kind(0), kind(1), kind(2), kind(1)]


def test_numbers_of_python_and_words_of_numpy_are_taken_by_value() -> None:
    seen: list[Any] = []
    note = tf.function(seen.append)
    for value in (1, 2, 1.0, True, "a", numpy.str_("a"), numpy.str_("b"), 1):
        note(value)
    assert seen == [1, 2, 1.0, True, "a", "a", "b"]


def test_whole_numbers_of_numpy_serve_as_lengths_and_axes() -> None:
    x, two = tf.constant([[1.0, 2.0], [3.0, 4.0]]), numpy.int64(2)
    assert tf.function(lambda x, k: x[:k])(x, two).shape == (2, 2)
    assert tf.function(lambda k: tf.ones([k, 2]))(two).shape == (2, 2)
    assert tf.function(lambda x, k: tf.reduce_sum(x, k))(x, numpy.int64(1)).numpy().tolist() == [3.0, 7.0]
    assert tf.function(lambda x, k=two: tf.reshape(x, [k, -1]))(x).shape == (2, 2)
    assert tf.function(lambda x, b: x if b else -x)(x, numpy.bool_(True)).numpy().tolist() == x.numpy().tolist()


@pytest.mark.tf
def test_tensorflow_traces_numbers_of_numpy_once_a_dtype_too(tensorflow: Any) -> None:
    for module in (tensorflow, tf):
        traces: list[Any] = []
        scaled = module.function(functools.partial(_scaled, traces.append))
        for n in range(3):
            assert float(scaled({"a": numpy.float32(n)}, numpy.float32(2))) == 2.0 * n
        assert float(scaled({"a": numpy.array(3, "float32")}, module.constant(2.0))) == 6.0
        assert float(scaled({"a": numpy.float64(3)}, numpy.float64(2))) == 6.0
        assert len(traces) == 2


def _scaled(note: Any, nest: Any, scale: Any) -> Any:
    note(None)
    return nest["a"] * scale


def test_a_guard_runs_the_program_for_arguments_of_the_usual_kinds() -> None:
    x, y = tf.constant(1.0), tf.constant(2.0)
    for arguments in ((x,), (x, y), (x, None), (None, y)):
        compiled: Any = tf.function(lambda *given: sum(each for each in given if each is not None))
        total = compiled(*arguments)
        guard = compiled._latest.guard
        assert float(guard(*arguments)) == float(total)
        assert guard(*arguments, x) is ANOTHER
        assert guard(*[None if each is not None else x for each in arguments]) is ANOTHER
