"""Layers and models of Keras's slice, against Keras: weights, what is told of training, nests, shapes, copies."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import minidl
from tests.agree import assert_agree
from tests.test_keras import X, Y, fill, fitted, network

# -- weights -----------------------------------------------------------------------------------------------------


def first_values(tf: Any) -> Any:
    layer = tf.keras.layers.Layer()
    layer.add_weight(dtype="int32", name="whole")
    layer.add_weight((2,), dtype="bool", name="truth")
    layer.add_weight((2,), "ones", "int32", name="ones")
    drawn = layer.add_weight(shape=(2, 2), name="drawn")
    return [weight.numpy() for weight in layer.weights[:3]], bool(numpy.any(drawn.numpy() != 0.0))


def variables_of_ones_own(tf: Any) -> Any:
    class Own(tf.keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kept = tf.Variable(3.0)
            self.listed = [tf.Variable(1.0)]
            self.scale = self.add_weight((), "ones", name="scale")
            self.dense = tf.keras.layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs) * self.kept * self.scale * self.listed[0]

    model = Own()
    model(X)
    fill(model).compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1))
    names = [[weight.name for weight in weights] for weights in (model.weights, model.trainable_variables)]
    return [fitted(model, X, Y, epochs=2), float(model.kept), names, model.count_params()]


def order_of_weights(tf: Any) -> Any:
    class Own(tf.keras.layers.Layer):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            self.fixed = self.add_weight((), trainable=False, name="fixed")
            self.trained = self.add_weight((1,), name="trained")

        def call(self, inputs: Any) -> Any:
            return inputs * self.trained + self.fixed

    model = tf.keras.Sequential([Own(), tf.keras.layers.Dense(1)])
    model(X)
    found = [[weight.name for weight in weights] for weights in (model.weights, model.non_trainable_weights)]
    model.trainable = False
    model.trainable = True
    return [*found, [weight.name for weight in model.trainable_weights]]


def shared_weights(tf: Any) -> Any:
    dense = tf.keras.layers.Dense(3)

    class Part(tf.keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = dense

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    class Tied(tf.keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = other.kernel

        def call(self, inputs: Any) -> Any:
            return tf.matmul(inputs, self.kernel)

    other = tf.keras.layers.Dense(3)
    other.build((None, 4))
    place = tf.keras.Input((4,))
    model = tf.keras.Model(place, tf.keras.layers.Dense(3)(Part()(place)))
    twice = tf.keras.Sequential([tf.keras.Input((4,)), Part(), tf.keras.layers.Dense(4), Part()])
    tied = tf.keras.Sequential([tf.keras.Input((4,)), Tied()])
    for each in (model, twice, tied):
        fill(each).compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1))
    return [fitted(each, X, Y) for each in (model, twice, tied)]


def trainable(tf: Any) -> Any:
    frozen = tf.keras.layers.Dense(1, trainable=False)
    frozen.build((None, 2))
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)], trainable=False)
    counts = [len(frozen.trainable_weights), len(frozen.non_trainable_weights), len(model.trainable_weights)]
    frozen.trainable = 1
    return [counts, frozen.trainable, len(frozen.trainable_weights), model.layers[0].trainable]


# -- what is told of training ------------------------------------------------------------------------------------


def seeing(tf: Any, default: Any = None) -> Any:
    """A layer that notes what it is told of training."""

    class Seeing(tf.keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.told: list[Any] = []

        def call(self, inputs: Any, training: Any = default) -> Any:
            self.told.append(training)
            return inputs

    return Seeing()


def around(tf: Any, layer: Any, **given: Any) -> Any:
    """A layer that calls another, and takes no `training` itself."""

    class Around(tf.keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def call(self, inputs: Any) -> Any:
            return self.layer(inputs, **given)

    return Around()


def training_through_layers(tf: Any) -> Any:
    found = []
    for default in (None, True, False):
        for given in ({}, {"training": False}, {"training": True}):
            layer = seeing(tf, default)
            outer = around(tf, around(tf, layer, **given))
            outer(X)
            layer.told.clear()
            for training in (None, True, False):
                outer(X, training=training)
            outer(X)
            found.append(list(layer.told))
    return found


def training_in_graphs(tf: Any) -> Any:
    layers = [seeing(tf) for _ in range(4)]
    place = tf.keras.Input((4,))
    inner = tf.keras.Sequential([tf.keras.Input((4,)), layers[3]])
    first = layers[0](place, training=True)
    second = around(tf, layers[1])(first)
    third = layers[2](second, training=False)
    model = tf.keras.Model(place, tf.keras.layers.Dense(3)(inner(third)))
    model.compile(loss="mse", run_eagerly=True)
    for layer in layers:
        layer.told.clear()
    model(X)
    model(X, training=True)
    model(X, training=False)
    model.fit(X, Y, verbose=0, shuffle=False)
    model.evaluate(X, Y, verbose=0)
    return [list(layer.told) for layer in layers]


def training_in_a_call(tf: Any) -> Any:
    layers = [seeing(tf) for _ in range(3)]

    class Own(tf.keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = layers

        def call(self, inputs: Any) -> Any:
            return self.parts[2](self.parts[1](self.parts[0](inputs), training=False))

    model = Own()
    model(X)
    for layer in layers:
        layer.told.clear()
    model(X, training=True)
    model(X)
    return [list(layer.told) for layer in layers]


def test_a_failed_call_leaves_no_training_behind() -> None:
    def fail(inputs: Any) -> Any:
        raise RuntimeError

    layer, seen = around(minidl, fail), seeing(minidl)
    with pytest.raises(RuntimeError):
        layer(X, training=True)
    seen(X)
    assert seen.told == [None]


def test_a_layers_call_may_be_compiled() -> None:
    class Doubling(minidl.keras.layers.Layer):
        @minidl.function
        def call(self, inputs: Any, training: Any = None) -> Any:
            return inputs * (2.0 if training else 1.0)

    layer = Doubling()
    assert (layer(X, training=True).numpy() == 2.0 * X).all()
    assert (layer(X).numpy() == X).all()


# -- nests and shapes --------------------------------------------------------------------------------------------


def both(tf: Any, *keys: Any) -> Any:
    """A layer that adds what stands under some keys."""

    class Both(tf.keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return sum(inputs[key] for key in keys)

    return Both()


def sequential_of_nests(tf: Any) -> Any:
    found = []
    for keys, inputs in ((("a",), {"a": X}), (("a", "b"), {"a": X, "b": 2.0 * X}), ((0,), [X]), ((0, 1), [X, X])):
        model = tf.keras.Sequential([both(tf, *keys), tf.keras.layers.Dense(3)])
        model(inputs)
        fill(model).compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1))
        found += [model(inputs), model.predict(inputs, verbose=0), fitted(model, inputs, Y), model.built]
    named = tf.keras.Sequential([tf.keras.Input((4,), name="a"), tf.keras.layers.Dense(3)])
    return [*found, fill(named)({"a": X})]


def nested_models(tf: Any) -> Any:
    a, b = tf.keras.Input((4,), name="a"), tf.keras.Input((3,), name="b")
    dense = [tf.keras.layers.Dense(1, name="P"), tf.keras.layers.Dense(2, name="Q")]
    outputs = {"out": {"p": dense[0](a), "q": dense[1](b)}}
    model = fill(tf.keras.Model({"in": {"a": a, "b": b}}, outputs))
    x, y = {"in": {"a": X, "b": Y}}, {"out": {"p": Y[:, :1], "q": Y[:, :2]}}
    metrics = {"out": {"p": ["mae"], "q": ["mse", "mae"]}}
    model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1), metrics=metrics)
    ordered = fill(tf.keras.Model(a, {"z": dense[0](a), "b": tf.keras.layers.Dense(2)(a)}))
    ordered.compile(loss="mse", metrics={"b": ["mae"]})
    swapped = fill(tf.keras.Model([b, a], dense[0](a)))
    parts = tf.keras.Model({"ab": [a, b]}, [dense[0](a), {"z": dense[1](b)}])
    inner = tf.keras.Model([a, b], both(tf, "p", "q")({"p": dense[0](a), "q": dense[1](b)}))
    return [
        model(x),
        model.predict(x, verbose=0),
        fitted(model, x, y, epochs=2),
        model.evaluate(x, y, verbose=0),
        ordered.evaluate(X, {"z": Y[:, :1], "b": Y[:, :2]}, verbose=0),
        swapped({"a": X, "b": Y}),
        swapped.predict({"a": X, "b": Y}, verbose=0),
        parts({"ab": [X, Y]}),
        parts.compute_output_shape({"ab": [(3, 4), (3, 3)]}),
        inner([X, Y]),
    ]


def outputs_in_a_dictionary(tf: Any) -> Any:
    class Own(tf.keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = [tf.keras.layers.Dense(1), tf.keras.layers.Dense(3)]

        def call(self, inputs: Any) -> Any:
            return {"q": self.parts[1](inputs["x"]), "p": self.parts[0](inputs["x"])}

    model = Own()
    model({"x": X})
    fill(model).compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1), metrics={"p": ["mae"]})
    targets = {"p": Y[:, :1], "q": Y}
    return [fitted(model, {"x": X}, targets, epochs=2), model.evaluate({"x": X}, targets, verbose=0)]


def shapes(tf: Any) -> Any:
    Dense = tf.keras.layers.Dense
    dense, built = Dense(3), Dense(1)
    built.build((2,))
    late = tf.keras.Sequential([Dense(1)])
    late.build((5, 2))
    return [
        tf.keras.Sequential([Dense(3), Dense(2)]).compute_output_shape((None, 4)),
        dense.compute_output_shape((None, 4)),
        dense.compute_output_shape((4,)),
        dense.built,
        tuple(built.kernel.shape),
        fill(late)(X[:3, :2]),
    ]


def activation_taken_away(tf: Any) -> Any:
    model = network(tf)
    model.get_layer("hidden").activation = None
    return [model(X), model.predict(X, verbose=0), fitted(model, X, Y)]


# -- copies ------------------------------------------------------------------------------------------------------


def _unpickled(each: Any) -> Any:
    return pickle.loads(pickle.dumps(each))


def copies(tf: Any) -> Any:
    found = []
    for copied in (copy.deepcopy, copy.copy, _unpickled):
        model = network(tf, optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.9), metrics=["mae"])
        fitted(model, X, Y, epochs=2)
        other = copied(model)
        found += [other.get_weights(), int(other.optimizer.iterations), fitted(other, X, Y, epochs=2)]
        found += [model.get_weights(), [layer.name for layer in other.layers], other.name]
        layer = copied(model.get_layer("hidden"))
        found += [layer.get_weights(), layer.kernel is model.get_layer("hidden").kernel]
    late = tf.keras.Sequential([tf.keras.layers.Dense(2)])
    other = copy.deepcopy(late)
    return [*found, tuple(other(X).shape), late.built, other.layers[0] is late.layers[0]]


def test_a_copy_goes_on_as_the_model_does() -> None:
    shared = minidl.keras.layers.Dense(4)
    place = minidl.keras.Input((4,))
    inner = minidl.keras.Sequential([minidl.keras.Input((4,)), minidl.keras.layers.Dense(4, activation="tanh")])
    result = place
    for _ in range(300):  # so long that nothing may recurse along it
        result = shared(result)
    model = minidl.keras.Model(place, minidl.keras.layers.Dense(3)(inner(shared(inner(result)))))
    shared.set_weights([numpy.eye(4), numpy.zeros(4)])
    model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(0.1, momentum=0.9))
    model.fit(X, Y, verbose=0, shuffle=False)
    for other in (copy.deepcopy(model), _unpickled(model)):
        assert len(other.weights) == len(model.weights) == 6
        before = model.get_weights()
        other.fit(X, Y, verbose=0, shuffle=False)
        for weight, old in zip(model.get_weights(), before, strict=True):
            numpy.testing.assert_array_equal(weight, old)
        twin = copy.deepcopy(model)
        twin.fit(X, Y, verbose=0, shuffle=False)
        for weight, same in zip(twin.get_weights(), other.get_weights(), strict=True):
            numpy.testing.assert_array_equal(weight, same)
        assert minidl.keras.Model(other.inputs, other.layers[-1].output)(X).shape == (10, 3)
    other = copy.deepcopy(inner)
    other.add(minidl.keras.layers.Dense(2))
    assert (other(X).shape, inner(X).shape) == ((10, 2), (10, 4))
    begun = copy.deepcopy(minidl.keras.Sequential([minidl.keras.Input((4,))]))
    begun.add(minidl.keras.layers.Dense(2))
    assert begun(X).shape == (10, 2)


def constants_beside_an_input(tf: Any) -> Any:
    class Sum(tf.keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return 2.0 * inputs[0] + inputs[1]

    place = tf.keras.Input((2,))
    model = tf.keras.Model(place, Sum()([place, numpy.array([[1.0, 2.0]], "float32")]))
    return model.output_shape, model.predict(numpy.ones((3, 2), "float32"), verbose=0)


PROGRAMS = [
    constants_beside_an_input,
    first_values, variables_of_ones_own, order_of_weights, shared_weights, trainable, training_through_layers,
    training_in_graphs, training_in_a_call, sequential_of_nests, nested_models, outputs_in_a_dictionary, shapes,
    activation_taken_away, copies,
]  # fmt: skip


@pytest.mark.tf
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_gives_what_it_gives_on_keras(program: Callable[[Any], Any], tensorflow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorflow.random.set_seed(1)
        assert_agree(program, tensorflow, units=16.0)  # each may be 8 units from the truth


# -- refusals ----------------------------------------------------------------------------------------------------


def place(tf: Any) -> Any:
    return tf.keras.Input((4,), name="place")


def nested(tf: Any) -> Any:
    a, b = tf.keras.Input((4,), name="a"), tf.keras.Input((4,), name="b")
    return tf.keras.Model({"a": a, "b": b}, tf.keras.layers.Dense(1)(a))


def _unbuilt(tf: Any) -> Any:
    class Own(tf.keras.layers.Layer):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight((input_shape[-1], 2))

        def call(self, inputs: Any) -> Any:
            return tf.matmul(inputs, self.kernel)

    return Own().compute_output_shape((None, 4))


def _built_twice(tf: Any) -> Any:
    dense = tf.keras.layers.Dense(1)
    dense.build((None, 2))
    dense.build((None, 2))


def _called_on_a_vector(tf: Any) -> Any:
    dense = tf.keras.layers.Dense(1)
    dense.build((2,))
    return dense(numpy.ones(2, "float32"))


def model(tf: Any, *layers: Any, **options: Any) -> Any:
    return tf.keras.Sequential([*layers, tf.keras.layers.Dense(1)], **options)


REFUSED: list[tuple[str, Callable[[Any], Any], type[Exception], list[str]]] = [
    ("a name for a shape", lambda tf: tf.keras.layers.Layer().add_weight("w"), ValueError, ["name='w'"]),
    ("a number for a shape", lambda tf: tf.keras.layers.Layer().add_weight(shape=2), ValueError, ["2"]),
    ("a shape with None", lambda tf: tf.keras.layers.Layer().add_weight((None, 2)), ValueError, ["(None, 2)"]),
    ("four by place", lambda tf: tf.keras.layers.Layer().add_weight((), "ones", "float32", True), TypeError, []),
    ("trainable text", lambda tf: tf.keras.layers.Dense(1, trainable="x"), ValueError, ["trainable", "'x'"]),
    ("a trainable number", lambda tf: model(tf, trainable=1), ValueError, ["trainable", "1"]),
    ("a second Input", lambda tf: model(tf, place(tf), tf.keras.Input((3,))), ValueError, ["(None, 4)"]),
    ("a vector for a Sequential", lambda tf: model(tf).build((2,)), ValueError, ["(2,)"]),
    ("another shape", lambda tf: model(tf, place(tf)).build((None, 2)), ValueError, ["(None, 4)", "(None, 2)"]),
    ("no layers to build", lambda tf: tf.keras.Sequential().build((None, 2)), ValueError, ["no layers"]),
    ("no layers to call", lambda tf: tf.keras.Sequential()(X), ValueError, ["no layers"]),
    ("a vector for Dense", _called_on_a_vector, ValueError, ["(2,)"]),
    ("no width", lambda tf: tf.keras.layers.Dense(1).build((None,)), ValueError, ["(None,)"]),
    ("built twice", _built_twice, ValueError, ["built"]),
    ("no shape yet", _unbuilt, NotImplementedError, ["compute_output_shape"]),
    ("another name", lambda tf: nested(tf)({"a": X, "c": X}), ValueError, ["'c'", "'b'"]),
    ("one of two", lambda tf: nested(tf)([X]), ValueError, ["2", "a, b"]),
    ("a name that is not the model's", lambda tf: model(tf, place(tf))({"z": X}), ValueError, ["z", "place"]),
    ("tensors among places", lambda tf: tf.keras.layers.Dense(1)([place(tf), X]), ValueError, ["(10, 4)"]),
    ("an array for inputs", lambda tf: tf.keras.Model(numpy.ones((100, 100)), place(tf)), ValueError, ["(100, 100)"]),
    ("an array for a layer", lambda tf: model(tf, numpy.ones((100, 100))), ValueError, ["(100, 100)"]),
    *[
        (f"{name} of a place", function, error, ["KerasTensor"])
        for name, function, error in (
            ("square", lambda tf: tf.square(place(tf)), ValueError),
            ("add", lambda tf: tf.add(place(tf), 1.0), ValueError),
            ("a constant", lambda tf: tf.constant(place(tf)), ValueError),
            ("a tensor", lambda tf: tf.convert_to_tensor(place(tf)), ValueError),
            ("an array", lambda tf: numpy.array(place(tf)), ValueError),
            ("the truth", lambda tf: bool(place(tf)), TypeError),
            ("a float", lambda tf: float(place(tf)), ValueError),
            ("an int", lambda tf: int(place(tf)), ValueError),
            ("the parts", lambda tf: list(place(tf)), NotImplementedError),
        )
    ],
]


@pytest.mark.tf
@pytest.mark.parametrize(("name", "program", "error", "words"), REFUSED, ids=[each[0] for each in REFUSED])
def test_it_is_refused_as_by_keras(
    name: str, program: Callable[[Any], Any], error: type[Exception], words: list[str], tensorflow: Any
) -> None:
    with pytest.raises(error) as caught:
        program(minidl)
    said = str(caught.value)
    assert all(word in said for word in words), said
    assert len(said) < 400, said
    with pytest.raises(error), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorflow.random.set_seed(1)
        program(tensorflow)


def test_weights_are_numbers() -> None:
    model = network(minidl)
    before = model.get_weights()
    for values in (["1"] * 4, [*before[:3], numpy.array(["1", "2", "3"])], [*before[:3], 1j * before[3]]):
        with pytest.raises(ValueError, match="bias|kernel"):
            model.set_weights(values)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_refused_array_is_not_printed_whole() -> None:
    many: Any = numpy.linspace(0.0, 1.0, 900).reshape(30, 30)
    for program in (
        lambda: nested(minidl)([many, many, many]),
        lambda: network(minidl).fit([many] * 3, Y, verbose=0),
        lambda: network(minidl).fit(X, Y, validation_data=many, verbose=0),
        lambda: network(minidl).fit(X, Y, callbacks=[many], verbose=0),
        lambda: network(minidl).fit(X, Y, callbacks=3, verbose=0),
        lambda: network(minidl).fit(X, Y, batch_size=many, verbose=0),
        lambda: minidl.keras.layers.Dense(many),
        lambda: minidl.keras.layers.Layer().add_weight(shape=many),
        lambda: minidl.keras.Input(many),
        lambda: minidl.keras.layers.Dense(1, trainable=many),
    ):
        with pytest.raises(ValueError) as caught:
            program()
        assert len(str(caught.value)) < 400, str(caught.value)
