"""Random draws, beyond the cases of the table: what makes them repeatable, and what they look like."""

from __future__ import annotations

import random
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl import philox

pytestmark = pytest.mark.usefixtures("device")


def test_a_seed_makes_everything_repeatable() -> None:
    def draw() -> list[Any]:
        tf.random.set_seed(3)
        return [
            tf.random.uniform([3]).numpy().tolist(),
            tf.random.uniform([3]).numpy().tolist(),
            tf.random.normal([3], seed=5).numpy().tolist(),
            tf.keras.initializers.GlorotUniform()([2, 2]).numpy().tolist(),
            random.random(),
            numpy.random.rand(),
        ]

    first, second = draw(), draw()
    assert first == second
    assert first[0] != first[1]


def test_set_seed_and_set_random_seed_mean_the_same() -> None:
    tf.random.set_seed(7)
    one = tf.keras.initializers.HeUniform()([3]).numpy()
    tf.keras.utils.set_random_seed(7)
    assert (tf.keras.initializers.HeUniform()([3]).numpy() == one).all()


def test_a_seed_is_a_whole_number() -> None:
    for refused in ("one", 1.5, [1], numpy.array([1, 2])):
        with pytest.raises(ValueError, match="whole number"):
            tf.random.set_seed(refused)
    for taken in (1, 1.0, numpy.int64(1), tf.constant(1), True):
        tf.random.set_seed(taken)
        assert tf.random.uniform([2]).numpy().tolist() == numpy.array([0.16513085, 0.9014813], "float32").tolist()


def test_none_as_a_seed_leaves_draws_with_one_of_their_own() -> None:
    def draw() -> list[Any]:
        tf.random.set_seed(None)
        return [tf.random.normal([3], seed=5).numpy().tolist(), tf.random.normal([3]).numpy().tolist(), random.random()]

    first, second = draw(), draw()
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert first[2] != second[2]


def test_draws_leave_pythons_own_generator_alone() -> None:
    tf.random.set_seed(3)
    random.seed(8)
    expected = random.random()
    random.seed(8)
    tf.random.normal([3])
    assert random.random() == expected


def test_unseeded_draws_differ() -> None:
    assert (tf.random.uniform([8]).numpy() != tf.random.uniform([8]).numpy()).any()
    tf.random.set_seed(1)
    with_one = tf.random.uniform([8], seed=1).numpy()
    tf.random.set_seed(1)
    assert (tf.random.uniform([8], seed=2).numpy() != with_one).any()


def test_draws_have_the_moments_asked_for() -> None:
    tf.random.set_seed(1)
    uniform = tf.random.uniform([20_000], -1.0, 3.0).numpy()
    assert uniform.min() >= -1.0
    assert uniform.max() < 3.0
    assert abs(uniform.mean() - 1.0) < 0.03
    normal = tf.random.normal([20_000], 2.0, 0.5).numpy()
    assert abs(normal.mean() - 2.0) < 0.02
    assert abs(normal.std() - 0.5) < 0.02
    whole = tf.random.uniform([2000], 0, 3, tf.int32).numpy()
    assert sorted(set(whole.tolist())) == [0, 1, 2]


def test_philox_gives_the_words_of_its_paper() -> None:
    """The known answers of the authors' own implementation, Random123, for counters and keys of all zeros and ones."""
    for word, expected in (
        (0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (0xFFFFFFFF, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ):
        counter = tuple(numpy.array([word], numpy.uint64) for _ in range(4))
        mixed = philox._mix(counter, (word, word))  # type: ignore[arg-type]
        assert [int(part[0]) for part in mixed] == expected


@pytest.mark.tf
def test_many_draws_are_tensorflows(tensorflow: Any, device: str) -> None:
    if device != "/cpu:0":
        pytest.skip("draws are made on the CPU, whatever the device")
    for seed in ([0, 0], [1, 2**40], [-1, -(2**63)], [2**62, 3]):
        ours = tf.random.stateless_uniform([10_001], seed).numpy()
        theirs = tensorflow.random.stateless_uniform([10_001], tensorflow.constant(seed, "int64")).numpy()
        assert (ours == theirs).all()


def in_a_row(tf: Any, seed: Any) -> list[Any]:
    """Draws of all kinds in a row after a seed, with seeds of their own and without, and the row begun anew."""
    found = []
    for _ in range(2):
        tf.random.set_seed(seed)
        for own in (5, 0, None, -7, 2**31 - 1, 5):
            if seed is None and own is None:
                continue  # which nobody can repeat
            for shape in ([3], [2, 3], [0], [1001], []):
                found += [
                    tf.random.uniform(shape, seed=own), tf.random.uniform(shape, -2.0, 5.0, seed=own),
                    tf.random.uniform(shape, 0, 10, tf.int32, own), tf.random.uniform(shape, -3, 2**40, tf.int64, own),
                    tf.random.uniform(shape, dtype=tf.float64, seed=own),
                    tf.random.uniform(shape, seed=own, dtype="float16"),
                    tf.random.normal(shape, seed=own), tf.random.normal(shape, dtype=tf.float64, seed=own),
                    tf.random.normal(shape, dtype=tf.float16, seed=own),
                ]  # fmt: skip
    return [each.numpy() for each in found]


@pytest.mark.tf
@pytest.mark.parametrize("seed", [3, 0, 2020, 1.0, 2**40 + 3, -3, 2**31 - 1, None])
def test_draws_after_a_seed_are_tensorflows(tensorflow: Any, seed: Any) -> None:
    """Bit for bit; those of the normal distribution, which takes logarithms and sines, within 4 units."""
    try:
        for number, (mine, other) in enumerate(zip(in_a_row(tf, seed), in_a_row(tensorflow, seed), strict=True)):
            assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
            if number % 9 < 6:
                numpy.testing.assert_array_equal(mine, other)
            elif mine.size:
                units = numpy.abs(mine.astype(float) - other) / numpy.spacing(numpy.abs(other) + other.dtype.type(1e-3))
                assert units.max() <= 4
    finally:
        tensorflow.random.set_seed(1)
