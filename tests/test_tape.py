"""GradientTape, against TensorFlow's."""

from __future__ import annotations

import collections
import gc
import threading
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import pytest

import minidl as tf
from minidl.context import thread
from minidl.primitive import Listener, Primitive, primitive
from minidl.tape import Tape
from minidl.tensor import Tensor
from tests import test_names
from tests.agree import assert_agree

pytestmark = pytest.mark.usefixtures("device")

Point = collections.namedtuple("Point", "x y")


def nests(tf: Any) -> Any:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = a * b
        z = b * b
    return (
        tape.gradient(y, a),
        tape.gradient({"y": y, "z": [z]}, [a, (b,)]),
        tape.gradient([y, z], {"b": b, "a": {"inner": a}}),
        list(tape.gradient(y, Point(a, b))),
        tape.gradient([y, y], b),
        tape.gradient(y, [b, b]),
        tape.gradient([], a),
    )


def output_gradients(tf: Any) -> Any:
    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        y, z = x * x, x + 1.0
    return (
        tape.gradient(y, x, output_gradients=tf.constant([1.0, 0.5, -1.0])),
        tape.gradient([y, z], x, output_gradients=[tf.constant([1.0, 0.0, 2.0]), tf.constant([3.0, 4.0, 5.0])]),
    )


def unconnected(tf: Any) -> Any:
    x, other, whole = tf.Variable([1.0, 2.0]), tf.Variable([[5.0]]), tf.Variable(3)
    with tf.GradientTape(persistent=True) as tape:
        y = x * 2.0 + tf.stop_gradient(x) + tf.cast(tf.cast(x, tf.int32), tf.float32)
        count = whole * 2
    zero = tf.UnconnectedGradients.ZERO
    return (
        tape.gradient(y, [x, other]),
        tape.gradient(y, other, unconnected_gradients=zero),
        tape.gradient(y, [x, other], unconnected_gradients="zero"),
        tape.gradient(count, whole),
        tape.gradient(tf.constant(1.0), x),
    )


def targets_and_sources(tf: Any) -> Any:
    x = tf.constant(2.0)
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x * v
        z = y * y
    return (
        tape.gradient(z, y),
        tape.gradient(z, [x, y, z]),
        tape.gradient(y, z),
        tape.gradient([z, y], [y, x]),
        tape.gradient(v, v),
        tape.gradient(x, x),
    )


def second_derivatives(tf: Any) -> Any:
    x = tf.Variable([0.5, 1.5])
    with tf.GradientTape() as outer, tf.GradientTape() as inner:
        y = tf.reduce_sum(tf.sin(x) * x * x)
    first = inner.gradient(y, x)
    before = outer.gradient(first, x)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(tf.sin(x) * x * x)
        first = inner.gradient(y, x)
    return before, first, outer.gradient(first, x)


def third_derivative(tf: Any) -> Any:
    x = tf.constant(1.2)
    with tf.GradientTape() as a:
        a.watch(x)
        with tf.GradientTape() as b:
            b.watch(x)
            with tf.GradientTape() as c:
                c.watch(x)
                y = tf.exp(tf.sin(x))
            first = c.gradient(y, x)
        second = b.gradient(first, x)
    return first, second, a.gradient(second, x)


def hessian_product(tf: Any) -> Any:
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    direction = tf.constant([[1.0, -1.0], [0.5, 2.0]])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(w, w))))
        gradient = inner.gradient(loss, w)
    return outer.gradient(gradient, w, output_gradients=direction)


def assignments(tf: Any) -> Any:
    v, x = tf.Variable(2.0), tf.Variable(5.0)
    with tf.GradientTape(persistent=True) as tape:
        z = v * x
        v.assign(9.0)
        later = v * x
        v.assign_add(1.0)
        last = v * v
    return (
        tape.gradient(z, [v, x]),
        tape.gradient(later, [v, x]),
        tape.gradient([z, later, last], v),
        tf.convert_to_tensor(v),
    )


def reads(tf: Any) -> Any:
    v = tf.Variable(2.0)
    before = v.read_value()
    with tf.GradientTape(persistent=True) as tape:
        inside = tf.convert_to_tensor(v)
        a, b, c = before * before, inside * inside * v, tf.identity(v) * 3.0
    return tape.gradient(a, v), tape.gradient(b, [v, inside]), tape.gradient(c, v)


def watching(tf: Any) -> Any:
    trained, fixed, x = tf.Variable(2.0), tf.Variable(3.0, trainable=False), tf.constant(4.0)
    with tf.GradientTape(persistent=True) as tape:
        y = trained * fixed * x
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as choosy:
        choosy.watch([fixed, {"x": x}])
        z = trained * fixed * x
        fixed.assign(7.0)
        z = z * fixed
    return (
        tape.gradient(y, [trained, fixed, x]),
        len(tape.watched_variables()),
        choosy.gradient(z, [trained, fixed, x]),
        len(choosy.watched_variables()),
    )


def watching_twice(tf: Any) -> Any:
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
        tape.watch(v)
        tape.watch([v, v])
        v.assign(2.0)
        tape.watch(v)
        z = v * v
    return tape.gradient(y, v), tape.gradient([y, z], v)


def pausing_in_a_function(tf: Any) -> Any:
    """The function runs inside the block of the tape that it pauses, and then of the one that it resets."""
    x, found = tf.Variable(3.0), []

    def pause(a: Any, tape: Any) -> Any:
        with tape.stop_recording():
            square = a * a
        return square * a

    def forget(a: Any, tape: Any) -> Any:
        cube = a * a * a
        tape.reset()
        return cube + a * a

    for change in (pause, forget):
        with tf.GradientTape() as tape:
            y = tf.function(lambda a, change=change, tape=tape: change(a, tape))(x)
        found.append(tape.gradient(y, x))
    return found


def entering(tf: Any) -> Any:
    x = tf.Variable(3.0)
    tape = tf.GradientTape()
    with tape:
        y = x * x
    between = y * 5.0
    with tape:
        z = y * x
        with tape.stop_recording():
            hidden = z * x
        z = z + hidden
    first = tape.gradient(z, x)
    with tape:
        w = x * 7.0
    with tf.GradientTape(persistent=True) as other:
        u = x * x
        other.reset()
        t = x * x * x
    return first, tape.gradient(w, x), other.gradient([u, t], x), between


def gradient_inside(tf: Any) -> Any:
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x
        gradient = tape.gradient(y, x)
        z = gradient * x
    with tf.GradientTape(persistent=True) as tape:
        y = x * x * x
        inner = tape.gradient(y, x)
    return gradient, z, inner, tape.gradient(inner, x)


def jacobians(tf: Any) -> Any:
    x, w, other = tf.Variable([1.0, 2.0, 3.0]), tf.Variable([[1.0, -1.0]]), tf.Variable(0.0)
    with tf.GradientTape(persistent=True) as tape:
        y = tf.reshape(x[:2], [2, 1]) * w
        number = tf.reduce_sum(x * x)
    return (
        tape.jacobian(y, x),
        tape.jacobian(y, [x, w, other]),
        tape.jacobian(number, x),
        tape.jacobian(y, other, unconnected_gradients="zero"),
    )


def custom(tf: Any) -> Any:
    @tf.custom_gradient
    def clipped(x: Any) -> Any:
        return tf.identity(x), lambda upstream: tf.clip_by_value(upstream, -1.0, 1.0)

    @tf.custom_gradient
    def product_and_sum(x: Any, y: Any) -> Any:
        def gradient(upstream_product: Any, upstream_sum: Any) -> Any:
            return upstream_product * y * 10.0 + upstream_sum, upstream_product * x

        return (x * y, x + y), gradient

    x, y = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(y)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(y)
            product, total = product_and_sum(tf.identity(x), y)
            only = product * 2.0
            both = product * total
            cut = clipped(x) * 5.0
        first = tape.gradient(both, [x, y])
    return product, total, tape.gradient(only, [x, y]), first, tape.gradient(cut, x), outer.gradient(first, [x, y])


def custom_with_variables(tf: Any) -> Any:
    w = tf.Variable(3.0)

    @tf.custom_gradient
    def scaled(x: Any) -> Any:
        def gradient(upstream: Any, variables: Any = None) -> Any:
            return upstream * w, [upstream * x * 100.0]

        return x * w, gradient

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = scaled(x)
    return tape.gradient(y, [x, w])


def custom_that_may_take_variables(tf: Any) -> Any:
    w, x = tf.Variable(3.0), tf.constant(2.0)

    def by_name(upstream: Any, *, variables: Any) -> Any:
        return upstream * 2.0, [upstream * 10.0]

    def by_any_name(upstream: Any, **options: Any) -> Any:
        return upstream * 3.0, [upstream * 20.0 * float(len(options["variables"]))]

    found = []
    for rule in (by_name, by_any_name):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.custom_gradient(lambda x, rule=rule: (x * w, rule))(x)
        found += tape.gradient(y, [x, w])
    try:
        tf.custom_gradient(lambda x: (x * w, lambda upstream: upstream))(x)
    except TypeError as error:
        found.append("variables" in str(error))
    return found


def custom_in_two_sweeps(tf: Any) -> Any:
    v, x = tf.Variable(3.0), tf.Variable(2.0)

    @tf.custom_gradient
    def scaled(x: Any, factor: float, power: Any = None) -> Any:
        def gradient(upstream: Any, variables: Any = None) -> Any:
            return (upstream * v.read_value() * factor, None), [upstream]

        return x * v.read_value() * power, gradient

    power = tf.constant(1.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(power)
        y = scaled(x, 10.0, power=power)
    first = tape.gradient(y, [x, v, power])
    v.assign(7.0)
    again = tape.gradient(y, [x, v, power])
    upstream = tf.constant(2.0)
    third = tape.gradient(y, x, output_gradients=upstream)
    v.assign(11.0)
    return first, again, third, tape.gradient(y, x, output_gradients=upstream)


def custom_second_derivative_of_one_target(tf: Any) -> Any:
    @tf.custom_gradient
    def square(x: Any) -> Any:
        return x * x, lambda upstream: upstream * 2.0 * x

    x = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = square(x)
    first = tape.gradient(y, x)
    with tf.GradientTape() as outer:
        second = tape.gradient(y, x)
    return first, second, outer.gradient(second, x)


def kinks(tf: Any) -> Any:
    """relu and its like, differentiated twice and three times."""
    x = tf.Variable([-2.0, -0.0, 0.0, 0.5, 3.0])
    with tf.GradientTape(persistent=True) as third, tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape(persistent=True) as tape:
            plain, cubed = tf.nn.relu(x), tf.nn.relu(x) * x * x
        first, slope = tape.gradient(plain, x), tape.gradient(cubed, x)
        second = outer.gradient(slope, x)
    return first, outer.gradient(first, x), slope, second, third.gradient(second, x)


def edges(tf: Any) -> Any:
    """Gradients of calls at the edges of what an operation takes."""
    x, half = tf.Variable([1.0, -2.0, 0.5]), tf.Variable(1.5, dtype=tf.float16)
    with tf.GradientTape(persistent=True) as tape:
        found = [
            tf.concat(x, 0) * 2.0, tf.concat([x], 0) * x, tf.convert_to_tensor([[2.0, half], [half, 1.0]], tf.float32),
            tf.where(numpy.array([1, 0, 2]), x, 0.0), x % 0.75, tf.clip_by_value(x, [0.0, 0.0, 1.0], 2.0),
            x[numpy.array(1)], tf.gather(tf.reshape(x, [3, 1])[:, 1:], [7, -1]), tf.reduce_mean(x, keepdims=1),
        ]  # fmt: skip
    return [tape.gradient(each, [x, half]) for each in found]


def unwinding(tf: Any) -> Any:
    """A tape goes on where what it left out ends with an exception."""
    x = tf.Variable(3.0)

    @tf.custom_gradient
    def broken(x: Any) -> Any:
        raise KeyError(x)

    with tf.GradientTape() as tape:
        try:
            with tape.stop_recording():
                raise KeyError
        except KeyError:
            y = x * x
        try:
            broken(x)
        except KeyError:
            y = y * x
    return tape.gradient(y, x)


PROGRAMS = [
    custom_in_two_sweeps,
    kinks,
    edges,
    unwinding,
    custom_second_derivative_of_one_target,
    nests,
    output_gradients,
    unconnected,
    targets_and_sources,
    second_derivatives,
    third_derivative,
    hessian_product,
    assignments,
    reads,
    watching,
    watching_twice,
    entering,
    gradient_inside,
    jacobians,
    custom,
    custom_with_variables,
    custom_that_may_take_variables,
    test_names.jacobians,
    pausing_in_a_function,
]


def test_a_primitive_called_as_a_function_reads_variables_and_takes_numbers() -> None:
    @primitive(x=lambda upstream, x: upstream * 3.0 * x * x)
    def cube(xp: Any, x: Any) -> Any:
        return x * x * x

    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = cube(v) + cube(1.0)
    assert (float(y), float(tape.gradient(y, v))) == (9.0, 12.0)


@pytest.mark.tf
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_gives_what_it_gives_on_tensorflow(program: Callable[[Any], Any], tensorflow: Any) -> None:
    assert_agree(program, tensorflow)


def test_what_has_no_samples_or_others_has_no_jacobian_of_each() -> None:
    x = tf.constant([[1.0], [2.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, number = x * x, tf.reduce_sum(x)
    for target, source in ((y[:1], x), (number, x), (number, tf.constant(1.0))):
        with pytest.raises(ValueError, match="as many samples in both"):
            tape.batch_jacobian(target, source)
    with pytest.raises(ValueError, match="nothing"):
        tape.batch_jacobian(y, x, unconnected_gradients="nothing")
    assert tape.batch_jacobian(y, x).numpy().tolist() == [[[2.0]], [[4.0]]]


def test_a_gradient_taken_inside_a_function_ends_no_block_outside() -> None:
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x

        @tf.function
        def inside() -> Any:
            return tape.gradient(y, x)

        assert float(inside()) == 6.0
    assert thread.state.listeners == ()


def test_old_value_of_a_variable_is_differentiated() -> None:
    v, x = tf.Variable(2.0), tf.Variable(5.0)
    with tf.GradientTape() as tape:
        z = v * x
        v.assign(9.0)
    assert [float(gradient) for gradient in tape.gradient(z, [v, x])] == [5.0, 2.0]


class Calls(Listener):
    """Notes the names of the primitives called."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def hear(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], result: Tensor, options: Mapping[str, Any]
    ) -> None:
        self.names.append(primitive.name)


def test_only_gradients_that_somebody_needs_are_computed() -> None:
    data, w1, w2 = tf.ones([4, 3]), tf.Variable(tf.ones([3, 3])), tf.Variable(tf.ones([3, 2]))
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(data @ w1 @ w2)
    calls = Calls()
    thread.state.enter(calls)
    try:
        tape.gradient(loss, [w1, w2])
        both = calls.names.count("matmul")
        calls.names.clear()
        tape.gradient(loss, w2)
        only_the_last = calls.names.count("matmul")
    finally:
        thread.state.leave(calls)
    # Of w1, w2 and the hidden layer, but not of the data; and for w2 alone, of nothing else.
    assert (both, only_the_last) == (3, 1)


def test_a_tape_leaves_the_stack_whatever_is_raised() -> None:
    x = tf.Variable(1.0)
    with pytest.raises(ZeroDivisionError), tf.GradientTape() as tape:
        y = x * 2.0
        1 / 0  # noqa: B018
    assert thread.state.listeners == ()
    assert float(tape.gradient(y, x)) == 2.0


def test_tapes_listen_to_their_own_thread(device: str) -> None:
    x = tf.Variable(1.0)
    seen: list[Any] = []

    def other() -> None:
        with tf.device(device), tf.GradientTape() as tape:
            y = x * 3.0
        seen.append(float(tape.gradient(y, x)))

    with tf.GradientTape() as tape:
        worker = threading.Thread(target=other)
        worker.start()
        worker.join()
        z = x * 5.0
    assert (seen, float(tape.gradient(z, x))) == ([3.0], 5.0)


def test_two_threads_may_differentiate_at_once(device: str) -> None:
    def work(seed: int, found: list[float]) -> None:
        with tf.device(device):
            x = tf.Variable(float(seed))
            for _ in range(200):
                with tf.GradientTape() as tape:
                    y = x * x * x
                found.append(float(tape.gradient(y, x)))

    found: dict[int, list[float]] = {seed: [] for seed in (1, 2, 3)}
    workers = [threading.Thread(target=work, args=(seed, found[seed])) for seed in found]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(set(values) == {3.0 * seed * seed} and len(values) == 200 for seed, values in found.items())


def test_a_long_chain_needs_no_recursion() -> None:
    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = x * 1.0
        for _ in range(20_000):
            y = y + x
    assert float(tape.gradient(y, x)) == 20_001.0


def test_a_sweep_lets_go_of_what_it_has_passed() -> None:
    x = tf.Variable(numpy.ones(50_000, "float32"))
    with tf.GradientTape() as tape:
        y = x * 1.0
        for _ in range(100):
            y = tf.sin(y)  # the tape keeps each y: 20 MB
    tracemalloc.start()
    try:
        tape.gradient(y, x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
    assert tape.edges == []


def test_training_leaves_nothing_for_the_garbage_collector() -> None:
    x, w = tf.constant([[1.0], [2.0]]), tf.Variable([[0.5]])

    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ w - 1.0))
        w.assign_sub(0.01 * tape.gradient(loss, w))

    step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_watched_variables_are_in_the_order_in_which_they_were_made() -> None:
    made = [tf.Variable(float(number), name=f"v{number}") for number in range(5)]
    with tf.GradientTape() as tape:
        tape.watch(made[2])
        for number in (3, 0, 4, 3):
            made[number] * 2.0
    assert [variable.name for variable in tape.watched_variables()] == ["v0", "v2", "v3", "v4"]


def test_integers_are_watched_in_vain() -> None:
    x = tf.constant(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x) is None


def test_compute_gradient_agrees_with_itself() -> None:
    x, w = tf.constant([[1.0, 2.0], [3.0, 4.0]], tf.float64), tf.constant([[0.5], [-1.0]], tf.float64)
    theoretical, numerical = tf.test.compute_gradient(lambda x, w: tf.tanh(x @ w), [x, w], delta=1e-6)
    for one, other in zip(theoretical, numerical, strict=True):
        numpy.testing.assert_allclose(one, other, atol=1e-9)
    assert theoretical[0].shape == (2, 4)


def _broadcast_in_each_way(tf: Any) -> Any:
    """The gradients of what is broadcast along new axes in front, along axes of length 1, and both."""
    whole = tf.constant(numpy.random.default_rng(0).normal(size=(5, 2, 3, 4)).astype("float32"))
    found = []
    for shape in ([2, 3, 4], [3, 4], [4], [], [1, 3, 4], [5, 1, 1, 1], [1, 4], [1, 1, 1, 1], [2, 1, 4]):
        x = tf.ones(shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = whole * tf.sin(x)
        found.append(tape.gradient(y, x))
    for rows in (whole[0, 0], whole[:, 0]):
        for shape in ([1, 4], [4], [3, 4]):
            x = tf.ones(shape)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = rows + x
            found.append(tape.gradient(y, x))
    return found


@pytest.mark.tf
def test_broadcasting_is_undone_in_each_way(tensorflow: Any) -> None:
    assert_agree(_broadcast_in_each_way, tensorflow, units=8.0)


def test_the_gradient_of_a_bias_of_half_precision_is_summed_in_single() -> None:
    bias = tf.Variable(tf.zeros([3], "float16"))
    with tf.GradientTape() as tape:
        y = (tf.zeros([5000, 3], "float16") + bias) * tf.constant(0.3, "float16")
    expected = numpy.float16(5000 * float(numpy.float16(0.3)))
    assert tape.gradient(y, bias).numpy().tolist() == [expected] * 3


def test_a_plain_tape_watches_trainable_variables() -> None:
    v, frozen = tf.Variable(3.0), tf.Variable(2.0, trainable=False)
    tape = Tape()
    thread.state.enter(tape)
    try:
        z = v * frozen * v
    finally:
        thread.state.leave(tape)
    gradients = {z.serial: tf.constant(1.0)}
    tape.sweep(tape.edges, gradients, {v.tensor.serial})
    assert float(gradients[v.tensor.serial]) == 12.0
    assert frozen.tensor.serial not in tape.watched


def test_unconnected_gradients_are_none_by_the_name_of_tensorflows_too() -> None:
    x, other = tf.Variable([1.0, 2.0]), tf.Variable(3.0)
    for asked, expected in ((tf.UnconnectedGradients.NONE, [None] * 2), (tf.UnconnectedGradients.ZERO, [0.0] * 2)):
        with tf.GradientTape(persistent=True) as tape:
            y = x * x
        found = tape.gradient(y, other, unconnected_gradients=asked), tape.jacobian(y, other, asked)
        assert [None if each is None else float(tf.reduce_sum(each)) for each in found] == expected


def test_a_tape_gives_one_jacobian_and_keeps_nothing_of_it() -> None:
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.jacobian(y, x).numpy().tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert not tape.edges
    for again in (tape.jacobian, tape.gradient):
        with pytest.raises(RuntimeError, match="A tape gives gradients once"):
            again(y, x)
