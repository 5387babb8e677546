"""The shortest paths of a call give, tell and refuse what the call itself does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl import primitive as idea
from minidl.context import thread
from minidl.ops import elementwise, reductions, shortcut
from minidl.primitive import Listener, Primitive
from minidl.tensor import Tensor
from tests.agree import bits

UNARY = [name for name in elementwise.__all__ if getattr(getattr(elementwise, name), "primitive", None)]
VALUES = [
    numpy.array([[1.5, -2.0, 0.0], [numpy.inf, numpy.nan, 1e-3]], "float32"), numpy.array(0.25, "float64"),
    numpy.array([[3], [-4]], "int32"), numpy.array([], "float32"), numpy.array([True, False]),
    numpy.arange(6.0, dtype="float32").reshape(2, 3).T, numpy.array([1.0, 2.0], "float16"),
]  # fmt: skip


class Heard(Listener):
    """Notes what is told of calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        self.calls.append((primitive, [x.serial for x in inputs], bits(result), dict(options)))


def outcome(call: Callable[[], Tensor]) -> Any:
    """What a call gives and tells, or the error that it raises."""
    heard = Heard()
    thread.state.enter(heard)
    try:
        result = call()
        made = [hasattr(result, name) for name in Tensor.__slots__]
        return bits(result), result.home, made, heard.calls
    except tf.errors.InvalidArgumentError as error:
        return type(error), str(error)
    finally:
        thread.state.leave(heard)


@pytest.mark.parametrize("name", UNARY)
def test_a_shortest_path_is_the_call(name: str) -> None:
    operation: Any = getattr(elementwise, name)
    primitive = operation.primitive
    tried = 0
    for value in VALUES:
        for other in VALUES if len(primitive.rules) == 2 else [value]:
            inputs = tuple(map(tf.constant, [value, other][: len(primitive.rules)]))
            if inputs[0].dtype in operation.dtypes and len({x.dtype for x in inputs}) == 1:
                assert outcome(lambda: operation(*inputs)) == outcome(lambda: idea.call(primitive, inputs))  # noqa: B023
                tried += 1
    assert tried


@pytest.mark.parametrize("axis", [None, (0,), (1,), (0, 1)])
def test_the_path_with_options_is_the_call(axis: Any) -> None:
    for reduction in (reductions.reduce_sum, reductions.reduce_mean, reductions.reduce_max):
        primitive: Any = vars(reduction)["primitive"]
        for value in VALUES[:1] + VALUES[5:6]:
            given, options = (tf.constant(value),), {"axis": axis, "keepdims": True}
            shorter = outcome(lambda: shortcut.call(primitive, given, options))  # noqa: B023
            assert shorter == outcome(lambda: idea.call(primitive, given, options))  # noqa: B023


def test_whatever_is_otherwise_goes_to_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def call(primitive: Primitive, inputs: Any, options: Any = idea.NO_OPTIONS) -> Tensor:
        seen.append(primitive.name)
        return right(primitive, inputs, options)

    right = idea.call
    monkeypatch.setattr(idea, "call", call)
    x = tf.constant([1.0, 2.0])
    assert (x + x).numpy().tolist() == [2.0, 4.0]
    assert seen == []
    with tf.device("/cpu:0"):
        tf.add(x, x), tf.exp(x), tf.reduce_sum(x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="don't broadcast"):
        tf.add(x, tf.constant([1.0, 2.0, 3.0]))
    assert seen == ["add", "exp", "reduce_sum", "add"]
