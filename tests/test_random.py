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
    with pytest.raises(ValueError, match="'one'"):
        tf.random.set_seed("one")  # type: ignore[arg-type]


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
