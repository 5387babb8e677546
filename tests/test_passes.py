"""What each pass leaves of a program, counted in its text; and the values where one could go wrong."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.tracing.passes.packing import ENTRIES_OF_A_SMALL_VARIABLE


def _source(function: Any, *arguments: Any, level: str | None = None) -> str:
    compiled = tf.function(function)
    compiled(*arguments)
    text: str = compiled.source(level)
    return text


def test_a_number_takes_the_place_of_an_array_full_of_it_where_that_gives_the_same_bits() -> None:
    x = tf.constant([1.0, 2.0, 3.0])
    for function in (lambda x: x / tf.fill([3], 4.0), lambda x: tf.fill([3], 4.0) - x):
        assert "full((3,)" in _source(function, x, level="plain")
        assert "full((3,)" not in _source(function, x, level="constants")
    assert "full((3,)" in _source(lambda x: tf.pow(x, tf.fill([3], 4.0)), x, level="constants")


def test_the_first_thing_computed_is_written_over_a_variable_too() -> None:
    v = tf.Variable([1.0, 2.0])
    assert "out=v)" in _source(lambda x: v.assign_add(x), tf.constant([1.0, 1.0])).replace("Variable", "v")
    assert v.numpy().tolist() == [2.0, 3.0]


def test_a_chain_of_ufuncs_takes_one_buffer_and_one_of_products_two() -> None:
    x, w = tf.constant([[1.0, 2.0]]), tf.constant([[0.5, 0.0], [0.0, 0.5]])
    assert _source(lambda x: tf.tanh(tf.tanh(tf.tanh(tf.tanh(x)))), x).count("empty(") == 1
    assert _source(lambda x, w: (((((x @ w) @ w) @ w) @ w) @ w) @ w, x, w).count("empty(") == 2


def test_one_variable_alone_is_not_packed_and_two_are() -> None:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0])

    def one(x: Any) -> None:
        v.assign_sub(tf.tanh(x) * 0.0)

    def two(x: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(x * v) * tf.reduce_sum(w)
        for variable, gradient in zip([v, w], tape.gradient(loss, [v, w]), strict=True):
            variable.assign_sub(gradient * 0.5)

    x = tf.constant([1.0, 1.0])
    assert "concatenate(" not in _source(one, x)
    assert "concatenate(" in (text := _source(two, x))
    assert "gradients" in text
    assert v.numpy().tolist() == [-0.5, 0.5]


@pytest.mark.parametrize("more", [0, 1])
def test_variables_of_so_many_entries_are_packed_and_no_larger_ones(more: int) -> None:
    size = ENTRIES_OF_A_SMALL_VARIABLE + more
    v, w = (tf.Variable(numpy.zeros(size, "float32")) for _ in range(2))

    def step(x: Any) -> None:
        v.assign_sub(x * 1.0)
        w.assign_sub(tf.sqrt(x) * 2.0)

    assert ("concatenate(" in _source(step, tf.ones([size]))) == (not more)
    assert (v.numpy() == -1).all()
    assert (w.numpy() == -2).all()


def test_what_moves_packed_variables_and_is_handed_out_stays_as_it_was() -> None:
    v, w = tf.Variable([[1.0]]), tf.Variable([0.0])

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(x @ v + w))
        gradients = tape.gradient(loss, [v, w])
        for variable, gradient in zip([v, w], gradients, strict=True):
            variable.assign_sub(gradient * 0.125)
        return gradients

    first = step(tf.constant([[1.0], [2.0]]))
    kept = [each.numpy().copy() for each in first]
    step(tf.constant([[3.0], [5.0]]))
    assert [each.numpy().tolist() for each in first] == [each.tolist() for each in kept] == [[[10.0]], [6.0]]


def test_variables_may_be_moved_by_one_and_the_same_gradient() -> None:
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @tf.function
    def step(x: Any) -> None:
        shift = tf.tanh(x) * 0.0 + x
        v.assign_sub(shift)
        w.assign_sub(shift)

    for _ in range(2):
        step(tf.constant([1.0, 10.0]))
    assert v.numpy().tolist() == [-1.0, -18.0]
    assert w.numpy().tolist() == [1.0, -16.0]


def test_a_variable_is_moved_by_its_own_transpose() -> None:
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    step = tf.function(lambda: v.assign(v + tf.transpose(v)))
    assert step().numpy().tolist() == [[2.0, 5.0], [5.0, 8.0]]
    v.assign([[0.0, 1.0], [0.0, 0.0]])
    assert step().numpy().tolist() == [[0.0, 1.0], [1.0, 0.0]]
