"""Bad input: each is an error of TensorFlow's or Keras's type, names the values, and leaves all state as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import minidl
from minidl.context import thread

pytestmark = pytest.mark.usefixtures("device")

Invalid = minidl.errors.InvalidArgumentError


@dataclasses.dataclass(frozen=True)
class Bad:
    """A program that must fail on either engine.

    Attributes:
        name: what is wrong.
        program: takes the module.
        error: minidl's error.
        words: what its message must hold.
        same: whether TensorFlow raises an error of the same name.
    """

    name: str
    program: Callable[[Any], Any]
    error: type[Exception]
    words: tuple[str, ...]
    same: bool = True


def _used_twice(tf: Any) -> Any:
    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    return tape.gradient(y, x)


def _entered_twice(tf: Any) -> Any:
    with tf.GradientTape() as tape, tape:
        pass


def _entered_in_a_function(tf: Any) -> Any:
    tape = tf.GradientTape()

    @tf.function
    def enter() -> None:
        with tape:
            pass

    with tape:
        enter()


def _gradient(tf: Any, **options: Any) -> Any:
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = x * x
    return tape.gradient(options.pop("target", y), options.pop("source", x), **options)


def _stopped_outside(tf: Any) -> Any:
    with tf.GradientTape().stop_recording():
        pass


def _wrong_custom_gradient(tf: Any) -> Any:
    @tf.custom_gradient
    def f(x: Any, y: Any) -> Any:
        return x * y, lambda upstream: upstream

    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = f(x * 1.0, x * 2.0)
    return tape.gradient(y, x)


def _gradient_of_another_shape(tf: Any) -> Any:
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = tf.custom_gradient(lambda x: (x * 2.0, lambda upstream: tf.ones([3])))(x)
    return tape.gradient(y, x)


def _undeclared_variables(tf: Any) -> Any:
    v = tf.Variable(2.0)

    @tf.custom_gradient
    def f(x: Any) -> Any:
        return x * v, lambda upstream: upstream

    with tf.GradientTape():
        return f(tf.constant(1.0))


def ones(tf: Any, *shape: int) -> Any:
    return tf.ones(list(shape))


BAD = [
    Bad(
        "shapes that don't broadcast", lambda tf: ones(tf, 2, 3) + ones(tf, 2, 4), Invalid, ("add", "(2, 3)", "(2, 4)")
    ),
    Bad(
        "shapes that don't broadcast in where",
        lambda tf: tf.where([True, False, True], ones(tf, 2), 0.0),
        Invalid,
        ("where", "(3,)", "(2,)"),
    ),
    Bad(
        "widths that don't multiply",
        lambda tf: tf.matmul(ones(tf, 2, 3), ones(tf, 2, 3)),
        Invalid,
        ("(2, 3)", "matmul"),
    ),
    Bad("vectors multiplied as matrices", lambda tf: ones(tf, 2) @ ones(tf, 2), Invalid, ("(2,)", "two axes")),
    Bad(
        "batches that don't broadcast",
        lambda tf: tf.matmul(ones(tf, 2, 3, 3), ones(tf, 4, 3, 3)),
        Invalid,
        ("(2, 3, 3)", "(4, 3, 3)"),
    ),
    Bad(
        "float32 with float64",
        lambda tf: tf.constant([1.0]) + tf.constant([1.0], tf.float64),
        Invalid,
        ("add", "float32", "float64", "tf.cast"),
    ),
    Bad(
        "float32 with int32",
        lambda tf: tf.constant([1.0]) * tf.constant([1]),
        Invalid,
        ("multiply", "float32", "int32"),
    ),
    Bad(
        "dtypes mixed in a product of matrices",
        lambda tf: tf.matmul(ones(tf, 2, 2), tf.ones([2, 2], tf.float64)),
        Invalid,
        ("float32", "float64"),
    ),
    Bad(
        "dtypes mixed in a comparison",
        lambda tf: tf.constant([1.0]) < tf.constant([1]),
        Invalid,
        ("less", "float32", "int32"),
    ),
    Bad("a fraction beside whole numbers", lambda tf: tf.constant([1]) + 2.5, Invalid, ("add", "2.5", "int32")),
    Bad("fractions beside whole numbers", lambda tf: tf.constant([1]) + [2.5], Invalid, ("add", "[2.5]", "int32")),
    Bad("text beside a tensor", lambda tf: tf.constant([1.0]) + "a", Invalid, ("add", "'a'", "float32")),
    Bad("nothing beside a tensor", lambda tf: tf.constant([1.0]) + None, ValueError, ("None",)),
    Bad("the sine of whole numbers", lambda tf: tf.sin(1), Invalid, ("sin", "int32", "float32", "tf.cast")),
    Bad("a sum of bools", lambda tf: tf.reduce_sum([True]), Invalid, ("reduce_sum", "bool")),
    Bad("a difference of bools", lambda tf: tf.constant([True]) - tf.constant([True]), Invalid, ("subtract", "bool")),
    Bad("logic on numbers", lambda tf: tf.logical_not(ones(tf, 1)), Invalid, ("logical_not", "float32", "bool")),
    Bad("a negative power of whole numbers", lambda tf: tf.constant([2]) ** -1, Invalid, ("pow", "negative")),
    Bad("lists that differ in length", lambda tf: tf.constant([[1], [1, 2]]), ValueError, ("[[1], [1, 2]]",)),
    Bad("a fraction as a whole number", lambda tf: tf.constant(3.7, tf.int32), TypeError, ("3.7", "int32", "tf.cast")),
    Bad("a number as a bool", lambda tf: tf.constant(1, tf.bool), TypeError, ("1", "bool")),
    Bad("an unknown dtype", lambda tf: tf.cast([1.0], "float33"), TypeError, ("float33", "float32")),
    Bad(
        "a tensor of another dtype",
        lambda tf: tf.convert_to_tensor(ones(tf, 1), tf.float64),
        ValueError,
        ("float32", "float64"),
    ),
    Bad(
        "too few entries for a shape", lambda tf: tf.constant([1, 2], shape=[2, 2]), TypeError, ("(2, 2)", "2 entries")
    ),
    Bad("a negative depth", lambda tf: tf.one_hot([0], -1), Invalid, ("depth", "-1")),
    Bad("a depth that is text", lambda tf: tf.one_hot([0], "3"), TypeError, ("depth", "'3'")),
    Bad("a matrix of negative width", lambda tf: tf.eye(2, -1), Invalid, ("-1",)),
    Bad("a row of less than one number", lambda tf: tf.linspace(0.0, 1.0, -2), Invalid, ("num", "-2")),
    Bad("a tape entered again in a function", _entered_in_a_function, ValueError, ("recording already",)),
    Bad("a negative length", lambda tf: tf.zeros([2, -1]), Invalid, ("[2, -1]",)),
    Bad("an axis that isn't there", lambda tf: tf.reduce_sum(ones(tf, 2), 5), Invalid, ("5", "from -1 to 0")),
    Bad("an axis named twice", lambda tf: tf.reduce_sum(ones(tf, 2), [0, -1]), Invalid, ("[0, -1]", "twice")),
    Bad("a shape of another size", lambda tf: tf.reshape(ones(tf, 2), [3]), Invalid, ("2 entries", "(2,)", "[3]")),
    Bad("a shape that isn't whole", lambda tf: tf.reshape(ones(tf, 4), [2.9, 2.2]), Invalid, ("[2.9, 2.2]",)),
    Bad("a slice that isn't whole", lambda tf: ones(tf, 4)[0:1.9], TypeError, ("1.9",)),
    Bad("two open lengths", lambda tf: tf.reshape(ones(tf, 2), [-1, -1]), Invalid, ("[-1, -1]",)),
    Bad("squeezing a long axis", lambda tf: tf.squeeze(ones(tf, 1, 2), axis=1), Invalid, ("axis 1", "(1, 2)", "2")),
    Bad("a place beyond the axes", lambda tf: tf.expand_dims(ones(tf, 2), 3), Invalid, ("3", "from -2 to 1")),
    Bad("an order without an axis", lambda tf: tf.transpose(ones(tf, 2, 3), [0, 0]), Invalid, ("[0, 0]",)),
    Bad("a short order", lambda tf: tf.transpose(ones(tf, 2, 3), [0]), Invalid, ("[0]", "(2, 3)")),
    Bad(
        "broadcasting to less",
        lambda tf: tf.broadcast_to(ones(tf, 2), [3, 3]),
        Invalid,
        ("broadcast_to", "(2,)", "(3, 3)"),
    ),
    Bad("joining other shapes", lambda tf: tf.concat([ones(tf, 2), ones(tf, 2, 2)], 0), Invalid, ("(2,)", "(2, 2)")),
    Bad(
        "joining other dtypes",
        lambda tf: tf.concat([ones(tf, 2), tf.constant([1])], 0),
        Invalid,
        ("concat", "float32", "int32"),
    ),
    Bad("joining nothing", lambda tf: tf.concat([], 0), Invalid, ("concat",)),
    Bad("stacking other shapes", lambda tf: tf.stack([ones(tf, 2), ones(tf, 1)]), Invalid, ("stack", "(2,)", "(1,)")),
    Bad("picking beyond the end", lambda tf: tf.gather(ones(tf, 2), [0, 2]), Invalid, ("index 2", "0 to 1")),
    Bad("picking below 0", lambda tf: tf.gather(ones(tf, 2), [-1]), Invalid, ("index -1",)),
    Bad("whole numbers by zero", lambda tf: tf.constant([1, 2]) // 0, Invalid, ("divided by zero", "cast")),
    Bad("remainders by zero", lambda tf: tf.constant([1, 2]) % tf.constant([1, 0]), Invalid, ("divided by zero",)),
    Bad("negative powers", lambda tf: tf.pow(2, -1), Invalid, ("pow", "negative")),
    Bad("seed below 0", lambda tf: tf.keras.utils.set_random_seed(-1), ValueError, ("-1", "2**32")),
    Bad("seed too large", lambda tf: tf.keras.utils.set_random_seed(2**40), ValueError, (str(2**40),)),
    Bad("picking by fractions", lambda tf: tf.gather(ones(tf, 2), [0.5]), Invalid, ("gather", "float32", "int32")),
    Bad("an index beyond the end", lambda tf: ones(tf, 2)[5], Invalid, ("5", "(2,)")),
    Bad("an index too many", lambda tf: ones(tf, 2)[0, 0], Invalid, ("(0, 0)", "(2,)")),
    Bad("an index that is a fraction", lambda tf: ones(tf, 2)[1.0], TypeError, ("1.0", "tf.gather")),
    Bad("an index that is a vector", lambda tf: ones(tf, 2)[tf.constant([0, 1])], TypeError, ("tf.gather",)),
    Bad("softmax along no axis", lambda tf: tf.nn.softmax(ones(tf, 2), axis=1), Invalid, ("1",)),
    Bad("softmax of whole numbers", lambda tf: tf.nn.softmax([1, 2]), Invalid, ("softmax", "int32")),
    Bad("a bias of another width", lambda tf: tf.nn.bias_add(ones(tf, 2, 3), ones(tf, 2)), Invalid, ("(2,)", "(2, 3)")),
    Bad("a walk in steps of nothing", lambda tf: tf.range(1, 3, 0), Invalid, ("1", "3", "0")),
    Bad("a walk the wrong way", lambda tf: tf.range(3, 1), Invalid, ("3", "1")),
    Bad("the largest of nothing", lambda tf: tf.argmax(tf.zeros([0])), Invalid, ("(0,)", "no entries")),
    Bad("one number as a seed", lambda tf: tf.random.stateless_uniform([2], seed=1), Invalid, ("1", "two")),
    Bad(
        "whole numbers without a bound",
        lambda tf: tf.random.uniform([2], dtype=tf.int32),
        ValueError,
        ("int32", "maxval"),
    ),
    Bad(
        "bounds in the wrong order",
        lambda tf: tf.random.stateless_uniform([2], [1, 2], 5, 5, tf.int32),
        Invalid,
        ("5",),
    ),
    Bad("len of a number", lambda tf: len(tf.constant(1.0)), TypeError, ("()", "length")),
    Bad("iteration over a number", lambda tf: list(tf.constant(1.0)), TypeError, ("()", "iterated")),
    Bad("bool of several", lambda tf: bool(ones(tf, 2)), ValueError, ("ambiguous",)),
    Bad("float of several", lambda tf: float(ones(tf, 2)), TypeError, ("only",)),
    Bad("writing into a tensor", lambda tf: ones(tf, 2).__setitem__(0, 1.0), TypeError, ("never changes",), False),
    Bad(
        "assigning another shape",
        lambda tf: tf.Variable([1.0, 2.0], name="w").assign([1.0]),
        ValueError,
        ("'w'", "(2,)", "(1,)"),
    ),
    Bad(
        "assigning another dtype",
        lambda tf: tf.Variable([1.0]).assign(tf.constant([1])),
        ValueError,
        ("int32", "float32"),
    ),
    Bad("a second gradient", _used_twice, RuntimeError, ("persistent=True",)),
    Bad(
        "watching an ndarray",
        lambda tf: tf.GradientTape().watch(numpy.ones(1)),
        ValueError,
        ("array([1.])", "tf.constant"),
    ),
    Bad("a tape entered twice", _entered_twice, ValueError, ("recording already",)),
    Bad(
        "an unknown unconnected_gradients",
        lambda tf: _gradient(tf, unconnected_gradients="nil"),
        ValueError,
        ("'nil'", "'none'", "'zero'"),
    ),
    Bad(
        "a source that is an ndarray",
        lambda tf: _gradient(tf, source=[numpy.ones(1)]),
        ValueError,
        ("source", "array"),
        False,
    ),
    Bad("a target that is a number", lambda tf: _gradient(tf, target=[3.0]), ValueError, ("target", "3.0"), False),
    Bad(
        "an output gradient of another shape",
        lambda tf: _gradient(tf, output_gradients=tf.ones([3])),
        Invalid,
        ("(3,)", "(2,)"),
    ),
    Bad("stopping a tape that doesn't record", _stopped_outside, RuntimeError, ("isn't recording",)),
    Bad("resetting a tape that doesn't record", lambda tf: tf.GradientTape().reset(), ValueError, ("isn't recording",)),
    Bad("too few gradients by hand", _wrong_custom_gradient, ValueError, ("1", "2"), False),
    Bad("variables that a gradient by hand doesn't take", _undeclared_variables, TypeError, ("variables",)),
    Bad(
        "compute_gradient of no list",
        lambda tf: tf.test.compute_gradient(lambda x: x, tf.ones([1])),
        ValueError,
        ("list",),
    ),
    Bad("an argument that isn't there", lambda tf: tf.GradientTape(eager=True), TypeError, ("eager",)),
    Bad(
        "an unknown device",
        lambda tf: tf.device("/moon:0").__enter__(),
        ValueError,
        ("'/moon:0'", "/cpu:0", "/gpu:0"),
        False,
    ),
    Bad(
        "a fraction times whole numbers", lambda tf: tf.constant([1, 2]) * 1.5, TypeError, ("multiply", "1.5", "int32")
    ),
    Bad("whole numbers equal to a fraction", lambda tf: tf.constant([1]) == 4.4, TypeError, ("equal", "4.4", "int32")),
    Bad(
        "whole numbers unlike a fraction", lambda tf: tf.constant([1]) != 4.4, TypeError, ("not_equal", "4.4", "int32")
    ),
    Bad("whole numbers below a fraction", lambda tf: tf.constant([1]) < 1.5, TypeError, ("less", "1.5", "int32")),
    Bad("a fraction less whole numbers", lambda tf: 1.5 - tf.constant([1]), TypeError, ("subtract", "1.5", "int32")),
    Bad("whole numbers to a broken power", lambda tf: tf.constant([1]) ** 0.5, TypeError, ("pow", "0.5", "int32")),
    Bad("a number and a bool tensor", lambda tf: tf.constant([True]) & 1, TypeError, ("logical_and", "1", "bool")),
    Bad("a fraction among whole ones", lambda tf: tf.maximum(tf.constant([1]), 1.5), TypeError, ("maximum", "1.5")),
    Bad("an object beside a tensor", lambda tf: tf.constant([1.0]) + object(), ValueError, ("object object",)),
    Bad("an object compared", lambda tf: tf.constant([1.0]) == object(), ValueError, ("object object",)),
    Bad("bools among numbers", lambda tf: tf.constant([True, 1]), ValueError, ("[True, 1]", "one kind")),
    Bad("bools among rows", lambda tf: tf.constant([[True], [1.5]]), ValueError, ("[[True], [1.5]]",)),
    Bad("text among numbers", lambda tf: tf.constant([1, "a"]), ValueError, ("[1, 'a']",)),
    Bad("None among numbers", lambda tf: tf.constant([1, None], tf.float32), ValueError, ("[1, None]",)),
    Bad("an object", lambda tf: tf.constant({"a": 1}), ValueError, ("{'a': 1}",)),
    Bad("text", lambda tf: tf.constant("a"), TypeError, ("'a'", "strings"), False),
    Bad("an array of text", lambda tf: tf.constant(numpy.array(["long text"])), TypeError, ("strings",), False),
    Bad("beyond int64", lambda tf: tf.constant(2**63), ValueError, (str(2**63), "int64")),
    Bad("beyond int64 in a list", lambda tf: tf.constant([2**63, 1]), ValueError, (str(2**63), "int64")),
    Bad("beyond int64 as int64", lambda tf: tf.constant(2**63, tf.int64), ValueError, (str(2**63), "int64")),
    Bad("beyond float64", lambda tf: tf.constant(2**2000, tf.float64), ValueError, ("too large",)),
    Bad("a scalar's fraction", lambda tf: tf.constant([numpy.float32(1.5)], tf.int32), TypeError, ("1.5", "int32")),
    Bad("a nested shape", lambda tf: tf.zeros([[2, 3]]), Invalid, ("[[2, 3]]", "list of lengths")),
    Bad("a nested shape of ones", lambda tf: tf.ones([[2], [3]]), Invalid, ("[[2], [3]]",)),
    Bad("a nested shape to fill", lambda tf: tf.fill([[2, 3]], 1), Invalid, ("[[2, 3]]",)),
    Bad("a nested shape to reshape to", lambda tf: tf.reshape(ones(tf, 4), [[2, 2]]), Invalid, ("[[2, 2]]",)),
    Bad("a nested shape to broadcast to", lambda tf: tf.broadcast_to(ones(tf, 2), [[2, 2]]), Invalid, ("[[2, 2]]",)),
    Bad("a nested shape of draws", lambda tf: tf.random.uniform([[2]]), Invalid, ("[[2]]",)),
    Bad("a nested order of axes", lambda tf: tf.transpose(ones(tf, 1, 2), [[1, 0]]), Invalid, ("[[1, 0]]", "(1, 2)")),
    Bad("an order that is a number", lambda tf: tf.transpose(ones(tf, 2), 0), Invalid, ("order 0", "(2,)")),
    Bad("a long shape", lambda tf: tf.reshape(ones(tf, 2), [1] * 200 + [3]), Invalid, ("[1, 1, ", "...]")),
    Bad("a nested shape of a constant", lambda tf: tf.constant(1, shape=[[2]]), Invalid, ("[[2]]",), False),
    Bad("no shape", lambda tf: tf.zeros(None), ValueError, ("None",)),
    Bad("an open shape", lambda tf: tf.zeros([None, 2]), ValueError, ("[None, 2]",)),
    Bad("larger lower bounds", lambda tf: tf.clip_by_value(ones(tf, 2), [[0.0], [1.0]], 3.0), ValueError, ("(2, 2)",)),
    Bad("larger upper bounds", lambda tf: tf.clip_by_value(1.0, 0.0, ones(tf, 2)), ValueError, ("()", "(2,)")),
    Bad("adding by broadcasting", lambda tf: tf.Variable([1.0, 2.0]).assign_add(1.0), Invalid, ("assign_add", "()")),
    Bad("subtracting by broadcasting", lambda tf: tf.Variable([[1.0]]).assign_sub([1.0]), Invalid, ("(1,)", "(1, 1)")),
    Bad("adding another dtype", lambda tf: tf.Variable([1.0]).assign_add(tf.constant([1])), ValueError, ("int32",)),
    Bad("adding a fraction", lambda tf: tf.Variable(1).assign_add(1.5), TypeError, ("1.5", "int32")),
    Bad("a slice in steps of 0", lambda tf: ones(tf, 3)[::0], Invalid, ("step", "zero", "(3,)")),
    Bad("two ellipses", lambda tf: ones(tf, 3)[..., ...], Invalid, ("single ellipsis",)),
    Bad("an index beyond any axis", lambda tf: ones(tf, 3)[2**40], Invalid, (str(2**40), "(3,)")),
    Bad("a bool as an index", lambda tf: ones(tf, 3)[True], ValueError, ("mask", "()"), True),
    Bad(
        "axes to keep or not", lambda tf: tf.reduce_sum(ones(tf, 2), keepdims=numpy.ones(2)), ValueError, ("keepdims",)
    ),
    Bad(
        "whole numbers as a condition",
        lambda tf: tf.where(tf.constant([1]), 1.0, 0.0),
        ValueError,
        ("int32", "bool"),
        False,
    ),
    Bad("a list of numbers as a condition", lambda tf: tf.where([1, 0], 1.0, 0.0), TypeError, ("[1, 0]", "bool")),
    Bad("numbers as truths", lambda tf: tf.logical_not([1, 0]), TypeError, ("[1, 0]", "bool")),
    Bad("dtypes mixed in a list", lambda tf: tf.convert_to_tensor([ones(tf), tf.constant(1)]), Invalid, ("int32",)),
    Bad("a broken seed", lambda tf: tf.random.set_seed([1, 2]), ValueError, ("[1, 2]",), False),
    Bad("a broken bound", lambda tf: tf.random.uniform([2], 0, 1.5, tf.int32), TypeError, ("float",)),
    Bad("a gradient of another shape by hand", _gradient_of_another_shape, Invalid, ("(3,)", "(2,)"), False),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_the_error_names_the_values(bad: Bad) -> None:
    with pytest.raises(bad.error) as caught:
        bad.program(minidl)
    message = str(caught.value)
    assert all(word in message for word in bad.words), message
    assert len(message) > 20
    assert thread.state.listeners == ()


@pytest.mark.tf
@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.same], ids=lambda bad: bad.name)
def test_tensorflow_raises_an_error_of_that_name(bad: Bad, tensorflow: Any, device: str) -> None:
    if device != "/cpu:0":
        pytest.skip("TensorFlow's errors were seen on the CPU already")
    with pytest.raises(Exception) as caught:  # whichever it is
        bad.program(tensorflow)
    assert bad.error.__name__ in [kind.__name__ for kind in type(caught.value).__mro__]


def test_no_message_holds_a_whole_array() -> None:
    """However large what is refused is, and wherever."""
    tf: Any = minidl
    large: Any = numpy.arange(999.0)  # NumPy itself would print it whole
    x = tf.ones([2])
    refusals: list[Callable[[], Any]] = [
        lambda: tf.zeros(large), lambda: tf.reshape(x, large), lambda: tf.reduce_sum(x, large), lambda: x[large],
        lambda: tf.zeros(large.astype(int).reshape(3, 333)), lambda: tf.constant(large, shape=[2]),
        lambda: tf.constant(large.astype(complex)), lambda: tf.constant(large.astype(str)), lambda: x[large.tolist()],
        lambda: tf.constant(large.tolist(), tf.int32), lambda: tf.constant([1]) * large.tolist(),
        lambda: tf.reduce_sum(x, keepdims=large), lambda: tf.GradientTape().watch(large), lambda: x + ["a"] * 999,
        lambda: tf.GradientTape(persistent=True).gradient(x, large), lambda: tf.random.set_seed(large),
        lambda: tf.GradientTape(persistent=True).jacobian(large, x), lambda: tf.random.stateless_uniform([2], large),
        lambda: tf.transpose(x, large), lambda: tf.expand_dims(x, large.astype(int)), lambda: tf.gather(x, [0], large),
        lambda: _gradient(tf, unconnected_gradients=large.tolist()), lambda: tf.test.compute_gradient(tf.exp, large),
        lambda: tf.constant([large.tolist(), [1.0]]), lambda: tf.Variable(1).assign(large.tolist()),
    ]  # fmt: skip
    for refused in refusals:
        with pytest.raises((ValueError, TypeError)) as caught:
            refused()
        assert 20 < len(str(caught.value)) < 300, caught.value


def test_an_invalid_argument_is_a_value_error() -> None:
    assert issubclass(Invalid, ValueError)


def test_a_refused_assignment_leaves_the_variable() -> None:
    v = minidl.Variable([1.0, 2.0])
    for value in ([1.0], minidl.constant([1, 2]), "a", None, [[1.0, 2.0]]):
        with pytest.raises((ValueError, TypeError)):
            v.assign(value)
    for delta in ([1.0, 2.0, 3.0], 1.0, [[1.0, 2.0]], minidl.constant([1.0])):
        with pytest.raises(ValueError, match="broadcast"):
            v.assign_add(delta)
        with pytest.raises(ValueError, match="broadcast"):
            v.assign_sub(delta)
    assert v.numpy().tolist() == [1.0, 2.0]


def test_a_refused_gradient_leaves_the_tape() -> None:
    x = minidl.Variable(3.0)
    with minidl.GradientTape() as tape:
        y = x * x
    for options in ({"unconnected_gradients": "nil"}, {"output_gradients": [1.0, 2.0]}):
        with pytest.raises(ValueError):
            tape.gradient(y, x, **options)
    with pytest.raises(ValueError, match="source"):
        tape.gradient(y, [3.0])
    assert float(tape.gradient(y, x)) == 6.0
