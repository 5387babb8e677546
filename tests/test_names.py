"""The names at the edge, as documents use them: programs that give the same on either engine, and what errors say."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl
from minidl.missing import names_of_tensorflow
from tests.agree import assert_agree
from tfref.cases.making import numbers

X = numbers([6, 3], -1.0, 1.0)
Y = numbers([6, 2], -1.0, 1.0, start=18)


# -- programs ----------------------------------------------------------------------------------------------------


def modules(tf: Any) -> Any:
    class Line(tf.Module):  # type: ignore[misc]
        def __init__(self, units: int, name: Any = None) -> None:
            super().__init__(name=name)
            self.w = tf.Variable(numpy.ones((3, units), "float32"))
            self.b = tf.Variable(numpy.zeros(units, "float32"), trainable=False)

        def __call__(self, x: Any) -> Any:
            return x @ self.w + self.b

    class Net(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.second = Line(2, name="second")
            self.first: Any = [Line(3, name="first"), {"more": tf.Variable([1.0])}]
            self.again = self.second

        def __call__(self, x: Any) -> Any:
            return self.second(self.first[0](x))

    net = Net()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(net(tf.constant(X)) ** 2)
    gradients = tape.gradient(loss, net.trainable_variables)
    shapes = [[list(each.shape) for each in part] for part in (net.variables, net.non_trainable_variables)]
    return net.name, [part.name for part in net.submodules], shapes, gradients


def datasets(tf: Any) -> Any:
    data = tf.data.Dataset
    slices = data.from_tensor_slices({"x": X, "y": [0, 1, 2, 3, 4, 5]})
    pairs = data.zip((data.range(2, 8, 2), data.range(5).skip(1)))
    squares = data.range(7).map(lambda n: n * n).filter(lambda n: n % 2 == 0)
    return (
        [element["x"] for element in slices.batch(4)],
        list(data.range(10).batch(4, drop_remainder=True)),
        list(pairs.enumerate(start=3)),
        list(squares.take(3).repeat(2).as_numpy_iterator()),
        list(data.from_tensor_slices(X).prefetch(tf.data.AUTOTUNE).as_numpy_iterator()),
        sorted(int(n) for n in data.range(9).shuffle(4, seed=1)),
        [
            len(slices.batch(4)),
            len(data.range(10).batch(4, drop_remainder=True)),
            len(pairs),
            len(data.range(3).repeat(2)),
        ],
    )


def parts_of_variables(tf: Any) -> Any:
    v = tf.Variable(numpy.arange(6.0, dtype="float32").reshape(2, 3))
    v[0, 1].assign(9.0)
    v[1].assign([7.0, 8.0, 9.0])
    v[:, ::2].assign([[[1.0], [2.0]]] if False else [[1.0, 2.0], [3.0, 4.0]])
    before = v[0]
    v[0].assign(-v[1])

    @tf.function
    def step(x: Any) -> Any:
        v[1, :2].assign(x)
        return v * 2.0

    return v.read_value(), before, step(tf.constant([5.0, 6.0])), step(tf.constant([1.0, 2.0])), v.read_value()


def specs(tf: Any) -> Any:
    traced = []

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)])
    def total(x: Any, n: Any) -> Any:
        traced.append(1)
        return tf.reduce_sum(x) * tf.cast(n, tf.float32)

    refused = []
    for arguments in ((tf.ones([2, 2]), 1), (tf.ones([2], tf.int32), 1), (tf.ones([2]),)):
        try:
            total(*arguments)
        except TypeError:
            refused.append(True)
    shape = tf.ones([2, 3]).shape
    asked = [shape.as_list(), shape.rank, shape == [2, 3], (shape + [4]).as_list(), shape.num_elements()]
    asked += [shape[1:].as_list(), tf.TensorShape([None, 3]).is_compatible_with(shape), shape.is_fully_defined()]
    x = tf.Variable([1.0])
    asked += [x.ref() == x.ref(), x.ref() in {x.ref()}, x.ref().deref() is x, list(x.get_shape())]
    return (
        total(numpy.ones(3, "float32"), 2),
        total(tf.ones([2]), 3),
        refused,
        asked,
        x.assign_add([1.0], read_value=False),
    )


def printed(tf: Any) -> Any:
    stream, x = sys.stdout, tf.constant([[1.5, 2.0], [1 / 3, 1e10]])

    @tf.function
    def show(y: Any) -> Any:
        tf.print("y is", y, [y, 2], output_stream=stream)
        return y * 2.0

    tf.print("x", x, x[0], True, None, 0.1, output_stream=stream)
    tf.print(tf.range(10), tf.ones([8, 8]), tf.constant([True, False]), output_stream=stream)
    tf.print(tf.range(10), summarize=-1, sep="|", end="!\n", output_stream=stream)
    tf.print(
        tf.constant([0.1, 1 / 3, 1e-9], tf.float64), tf.constant([0.1, numpy.nan, -numpy.inf]), output_stream=stream
    )
    tf.print({"a": x[0]}, (1, x[1]), numpy.array([1.5, 2]), "{}", output_stream=stream)
    return [show(tf.constant(value)) for value in (1.0, 2.5)]


def jacobians(tf: Any) -> Any:
    x = tf.constant(numpy.arange(12.0, dtype="float32").reshape(2, 2, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.sin(x @ tf.ones([3, 4]))
        z = tf.reduce_sum(x * x, [1])
    return (
        tape.batch_jacobian(y, x), tape.batch_jacobian(z, x, experimental_use_pfor=False),
        tape.jacobian(z, x, experimental_use_pfor=False), tape.batch_jacobian(tf.ones([2, 1]), x),
    )  # fmt: skip


def eager_functions(tf: Any) -> Any:
    calls = []

    @tf.function
    def count(x: Any) -> Any:
        calls.append(1)
        return x + 1.0

    count(tf.constant(1.0))
    tf.config.run_functions_eagerly(True)
    try:
        for _ in range(3):
            count(tf.constant(1.0))
        asked = tf.config.functions_run_eagerly()
    finally:
        tf.config.run_functions_eagerly(False)
    count(tf.constant(1.0))
    return len(calls), asked, tf.config.functions_run_eagerly(), count.python_function(tf.constant(2.0))


def dtypes(tf: Any) -> Any:
    pixels = tf.constant(numpy.array([[0, 128, 255]], "uint8"))
    return (
        pixels,
        tf.cast(pixels, tf.float32) / 255.0,
        tf.convert_to_tensor([1, 2], tf.uint8),
        pixels[0, 1] == pixels[0, 2],
    )


def layers(tf: Any) -> Any:
    keras = tf.keras

    class Mixed(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, factor: float = 2.0, **options: Any) -> None:
            super().__init__(**options)
            self.factor = factor

        def call(self, a: Any, b: Any, scale: float = 1.0) -> Any:
            return (a + b) * scale * self.factor

        def get_config(self) -> Any:
            return {**super().get_config(), "factor": self.factor}

    mixed = Mixed.from_config(Mixed(3.0, name="mixed").get_config())
    one, other = keras.Input((3,), name="one"), keras.Input(batch_shape=(None, 3), name="other")
    model = keras.Model([one, other], mixed(one, other * 2.0 - one, scale=0.5)[:, 1:])
    model.compile("sgd", "mse", jit_compile=False)
    dense = keras.layers.Dense.from_config(
        keras.layers.Dense(2, activation="elu", kernel_regularizer="l2").get_config()
    )
    sequence = keras.Sequential(
        [keras.layers.InputLayer(shape=(3, 1)), keras.layers.Flatten(), keras.layers.Activation("relu")]
    )
    return (
        mixed(X, X), mixed(X, b=X, scale=3.0), model.predict([X, X], verbose=0), model.test_on_batch([X, X], Y),
        mixed.name, mixed.factor, dense.units, dense.activation.__name__, sequence.predict_on_batch(X[:, :, None]),
        sequence.input_shape, sequence.output_shape, [list(each) for each in model.input_shape],
    )  # fmt: skip


def ops(tf: Any) -> Any:
    keras = tf.keras
    x = keras.Input((3,))
    model = keras.Model(
        x, keras.ops.exp(keras.ops.sum(x, axis=-1, keepdims=True)) + keras.ops.mean(x, -1, keepdims=True)
    )
    names = ["sum", "max", "std", "var", "prod", "mean", "abs", "sqrt", "relu", "softmax", "sign", "min"]
    given = [getattr(keras.ops, name)(tf.constant(abs(X))) for name in names]
    joined = [
        keras.ops.concatenate([X, X]),
        keras.ops.clip(X, -0.5, 0.5),
        keras.ops.power(2.0, X),
        keras.ops.mean([1, 2]),
    ]
    return model.predict(X, verbose=0), given, joined, keras.ops.arange(3), keras.ops.any([True, False])


def signs_of_places(tf: Any) -> Any:
    place = tf.keras.Input((3,))
    low, high = place > -1.0, place < 1.0
    given = [place != 1.0, low & high, low ^ True, False | low, ~(high | (place >= 2.0)), place != place]
    hashed = len({place, place}), place in [low, place], place == low
    return tf.keras.Model(place, given).predict(X, verbose=0), hashed


def fits_of_datasets(tf: Any) -> Any:
    keras = tf.keras
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    history = model.fit(data, validation_data=data, epochs=2, verbose=0).history
    more = model.fit(data.repeat(), steps_per_epoch=3, epochs=2, verbose=0).history
    found = {name: numpy.array(values, "float32") for name, values in {**history, **more}.items()}
    return found, model.evaluate(data, verbose=0), model.predict(data, verbose=0)


def small(tf: Any) -> Any:
    """A layer that gives what it is given, and adds its size to the loss."""

    class Small(tf.keras.layers.Layer):  # type: ignore[misc]  # whichever engine's
        def call(self, inputs: Any) -> Any:
            self.add_loss(0.5 * tf.reduce_mean(tf.abs(inputs)))
            return inputs

    return Small()


def regularized(tf: Any) -> Any:
    keras = tf.keras

    dense = keras.layers.Dense
    first = dense(
        4, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02), bias_regularizer="l2"
    )
    second = dense(2, kernel_initializer="ones", activity_regularizer="l2", kernel_regularizer="l1")
    model = keras.Sequential([keras.Input((3,)), first, small(tf), second])
    losses = [(model(X), list(model.losses))[1] for _ in range(2)][1]
    model.compile(keras.optimizers.SGD(0.01), "mse")
    history = model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0).history
    found = numpy.array(history["loss"], "float32"), model.evaluate(X, Y, verbose=0), model.get_weights()
    alone = keras.Sequential([keras.Input((3,)), dense(1, kernel_initializer="ones", kernel_regularizer="l2")])
    alone.compile("sgd")
    return losses, found, numpy.array(alone.fit(X, Y, verbose=0).history["loss"], "float32")


def added_losses(tf: Any) -> Any:
    keras = tf.keras

    place = keras.Input((3,))
    first = keras.layers.Dense(2, kernel_initializer="ones", activity_regularizer="l2")
    model = keras.Model(place, small(tf)(first(place)))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = numpy.array(model.fit(X, Y, batch_size=6, epochs=2, verbose=0).history["loss"], "float32")
    model(X)
    one, other = keras.layers.Dense(1, activity_regularizer="l1", kernel_initializer="ones"), keras.layers.Dense(1)
    other(one(X))
    parts = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, name="h", kernel_initializer="ones"), keras.layers.Dense(1)]
    )
    inner = keras.Model(parts.inputs, parts.layers[0].output)
    return losses, model.get_weights(), model.losses, one.losses, inner.predict(X, verbose=0)


def edges(tf: Any) -> Any:
    inf, nan = numpy.inf, numpy.nan
    x = tf.constant([0.0, -0.0, -1.0])
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.elu(x)
        slope = tape.gradient(y, x)
    empty = tf.data.Dataset.range(0).repeat().take(2)
    return (
        tf.einsum("ii", tf.constant([[1.0, inf], [2.0, 3.0]])),
        tf.einsum("ii->i", tf.constant([[1.0, nan], [2.0, 3.0]])),
        tf.one_hot(tf.constant([0, 255], tf.uint8), 300), tf.linspace(1.0, inf, 3), tf.linspace(-3e38, 3e38, 3), slope,
        outer.gradient(slope, x), 1.0 / tf.nn.elu(x), tf.boolean_mask([1, 2, 3], [1, 0, 1]), list(empty),
        tf.clip_by_global_norm([None], 1.0), tf.norm([0.0, -4.0], ord=1), tf.constant([1.5], "float"),
    )  # fmt: skip


def endings(tf: Any) -> Any:
    keras = tf.keras
    model = keras.Sequential([keras.layers.Dense(2, input_dim=3)])
    model.compile(keras.optimizers.SGD(1e30), "mse")
    stopping = keras.callbacks.TerminateOnNaN()
    history = model.fit(X, Y, batch_size=1, epochs=3, verbose=0, shuffle=False, callbacks=[stopping]).history
    v = tf.Variable([2.0, -3.0], constraint=lambda value: tf.maximum(value, 0.0), shape=[2])
    keras.optimizers.SGD(0.5).apply_gradients([(tf.constant([1.0, 1.0]), v)])
    return (
        len(history["loss"]),
        model.stop_training,
        v.read_value(),
        tf.zeros_initializer()([2]),
        tf.optimizers.SGD(0.5).momentum,
    )


PROGRAMS: list[Callable[[Any], Any]] = [
    modules, datasets, parts_of_variables, specs, printed, jacobians, eager_functions, dtypes, layers, ops,
    signs_of_places, fits_of_datasets, regularized, added_losses, edges, endings,
]  # fmt: skip


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_gives_what_tensorflow_gives(
    program: Callable[[Any], Any], tensorflow: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    said = []

    def heard(tf: Any) -> Any:
        found = program(tf)
        said.append(capfd.readouterr().out)
        return found

    assert_agree(heard, tensorflow)
    assert said[0] == said[1]


def test_a_module_finds_the_weights_of_a_graph() -> None:
    keras, place = minidl.keras, minidl.keras.Input((3,))
    model = keras.Model(place, keras.layers.Dense(2)(keras.layers.Dense(4)(place)))
    module = minidl.Module()
    module.models = [model, keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])]  # type: ignore[attr-defined]
    assert [variable.shape for variable in module.trainable_variables] == [(3, 4), (4,), (4, 2), (2,), (2, 1), (1,)]
    assert set(model.layers) < set(module.submodules)


# -- what isn't there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reduce_men", "There is no tf.reduce_men; did you mean tf.reduce_mean?"),
        ("image", "tf.image: TensorFlow has this, minidl doesn't; see what minidl leaves out"),
        ("nn.conv2d", "tf.nn.conv2d: TensorFlow has this"),
        ("keras.optimizers.Adam", "tf.keras.optimizers.Adam: TensorFlow has this, minidl doesn't; derive one from"),
        ("keras.layers.Dropout", "tf.keras.layers.Dropout: TensorFlow has this"),
        ("keras.layers.Dens", "did you mean tf.keras.layers.Dense?"),
        ("math.qwertz", "There is no tf.math.qwertz"),
        ("data.TFRecordDataset", "tf.data.TFRecordDataset: TensorFlow has this"),
    ],
)
def test_a_missing_name_says_what_it_is(name: str, said: str) -> None:
    *path, last = name.split(".")
    found: Any = minidl
    for part in path:
        found = getattr(found, part)
    with pytest.raises(AttributeError, match=said.replace("?", r"\?").replace(".", r"\.")):
        getattr(found, last)
    assert not hasattr(found, last)


@pytest.mark.tf
def test_the_names_that_are_known_are_tensorflows(tensorflow: Any) -> None:
    from tfref.names import found_names

    assert found_names() == names_of_tensorflow()


@pytest.mark.parametrize(
    "module", ["", "nn", "math", "linalg", "random", "data", "config", "errors", "keras", "keras.layers"]
)
def test_a_listing_has_public_names_alone(module: str) -> None:
    found: Any = minidl
    for part in filter(None, module.split(".")):
        found = getattr(found, part)
    names = dir(found)
    assert not [name for name in names if name.startswith("_")]
    values = {name: getattr(found, name) for name in names}
    assert {"Any", "numpy", "annotations", "convert", "call"}.isdisjoint(names)
    inner = {"tape", "nest", "values", "tensor", "primitive", "context", "devices"}
    assert inner.isdisjoint(names)
    assert not any(value is types for value in values.values())


def test_a_slip_is_seen_by_a_type_checker(tmp_path: Path) -> None:
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    program = tmp_path / "program.py"
    program.write_text(
        "import minidl as tf\n"
        "x = tf.constant(1.0)\n"
        "@tf.function\n"
        "def f(x: tf.Tensor, n: int) -> tf.Tensor:\n"
        "    return x * float(n)\n"
        "reveal_type(f(x, 2))\n"
        "print(f.source(), tf.keras.ops.exp(x), tf.zeros_initializer())\n"
        "f(x, 'a')\n"
        "tf.reduce_men(x)\n"
        "tf.keras.layers.Dens(1)\n"
        "v, tape = tf.Variable(1.0), tf.GradientTape(persistent=True)\n"
        "reveal_type((tape.gradient(x, v), tape.jacobian(x, [v, x]), tape.gradient(x, {'v': v}, x, 'zero')))\n"
        "tape.gradient(x, v, output_gradient=x)\n"
    )
    out, _, _ = mypy.run(["--strict", "--no-incremental", f"--cache-dir={tmp_path}", str(program)])
    lines = [line.split(": ", 1) for line in out.splitlines() if "program.py" in line]
    numbers_of_lines = [int(place.split(":")[-1]) for place, said in lines if not said.startswith("note")]
    assert sorted(set(numbers_of_lines)) == [8, 9, 10, 13], out
    assert 'Revealed type is "minidl.tensor.Tensor"' in out
    tensor = "minidl.tensor.Tensor"
    assert f'is "tuple[{tensor}, list[{tensor}], dict[Any, {tensor}]]"' in out, out


TYPED = [  # what a user writes, and what a type checker knows of it
    ("dense(place)", "KerasTensor"),
    ("dense(tf.constant([[1.0]]))", "Tensor"),
    ("dense(tf.Variable([[1.0]]))", "Tensor"),
    ("dense(numpy.ones([1, 1]))", "Tensor"),
    ("dense([place, place])", "Any"),
    ("2.0 * place + dense(place)", "KerasTensor"),
    ("~(place != 1.0) & (place[:, 0] < 2.0)", "KerasTensor"),
    ("model(place)", "KerasTensor"),
    ("model(tf.constant([[1.0]]), training=True)", "Tensor"),
    ("model.fit(x, x)", "History"),
    ("model.fit(x, x).history", "dict[str, list[float]]"),
    ("model.evaluate(x, x)", "Any"),
    ("model.evaluate(x, x, return_dict=True)", "dict[str, Any]"),
    ("model.predict(x)", "ndarray[tuple[Any, ...], dtype[Any]] | Any"),
]


def test_calls_of_layers_and_models_have_types(tmp_path: Path) -> None:
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    begin = [
        "import numpy",
        "import minidl as tf",
        "dense, x, place = tf.keras.layers.Dense(1), numpy.ones([1, 1]), tf.keras.Input((1,))",
        "model = tf.keras.Sequential([dense])",
    ]
    asked = [f"reveal_type({expression})" for expression, _ in TYPED]
    slips = ["place.shap", "dense(place).numpy()", "model.fit(x, x).histori", "model.predict(x).shap"]
    program = tmp_path / "program.py"
    program.write_text("\n".join([*begin, *asked, *slips]))
    out, _, _ = mypy.run(["--strict", "--no-incremental", f"--cache-dir={tmp_path}", str(program)])
    lines = [line.split("program.py:", 1)[1].split(": ", 2) for line in out.splitlines() if "program.py:" in line]
    said = {int(number): (kind, re.sub(r"\b(\w+\.)+(?=\w)", "", text)) for number, kind, text in lines}
    notes = [("note", f'Revealed type is "{kind}"') for _, kind in TYPED]
    assert [said.pop(len(begin) + 1 + index) for index in range(len(TYPED))] == notes, out
    assert [kind for _, (kind, _) in sorted(said.items())] == ["error"] * len(slips), out


def not_begun(tf: Any) -> Any:
    return type("Own", (tf.keras.layers.Layer,), {"__init__": lambda self: None})()


# -- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda tf: tf.data.Dataset.from_tensor_slices(([1, 2], [1])), ValueError, "as long"),
        (lambda tf: tf.data.Dataset.from_tensor_slices(3), ValueError, "first axes"),
        (lambda tf: tf.data.Dataset.range(3).batch(0), tf_error := ValueError, "a whole number from 1 on"),
        (lambda tf: len(tf.data.Dataset.range(3).repeat()), TypeError, "never end"),
        (lambda tf: tf.Module(name="a b"), ValueError, "name in Python"),
        (lambda tf: tf.Variable([1.0], shape=[2]), ValueError, r"shape \(2,\)"),
        (lambda tf: tf.constant([1.0])[0].assign(2.0), AttributeError, "never changes"),
        (lambda tf: tf.Variable([[1.0]])[0].assign([1.0, 2.0]), tf_error, "broadcast"),
        (lambda tf: tf.print(1, output_stream="a"), ValueError, "stream"),
        (lambda tf: tf.einsum("ij,jk->iz", X, Y.T), ValueError, "no input"),
        (lambda tf: tf.einsum("ij->i", [1.0]), ValueError, "fit"),
        (lambda tf: tf.einsum("ij,ij->", X, X.T), tf_error, "fit"),
        (lambda tf: tf.split([1, 2, 3], 2), tf_error, "divide"),
        (lambda tf: tf.split([1, 2, 3], [1, 2], num=5), tf_error, "num=5"),
        (lambda tf: tf.tensordot(X, X, -1), ValueError, "axes"),
        (lambda tf: tf.einsum("i1->i", X), ValueError, "letters"),
        (lambda tf: tf.einsum("...i->i", X), tf_error, "result"),
        (lambda tf: tf.clip_by_global_norm(tf.constant([3.0]), 1.0), TypeError, "list"),
        (lambda tf: tf.one_hot([0.0], 2), tf_error, "indices"),
        (lambda tf: tf.data.Dataset.range(3).batch(2.5), TypeError, "float"),
        (lambda tf: tf.cast(1.5, "int"), TypeError, "no dtype 'int'"),
        (lambda tf: tf.Variable(1.0).__isub__(1.0), RuntimeError, "assign_sub"),
        (lambda tf: tf.Variable(1.0).__imul__(2.0), RuntimeError, "assign"),
        (lambda tf: tf.keras.ops.elu([1.0], 0.5), TypeError, "1 arguments"),
        (lambda tf: tf.keras.Sequential([tf.keras.layers.Dense(1)]).get_config(), NotImplementedError, "no config"),
        (lambda tf: not_begun(tf)([1.0]), RuntimeError, "super"),
        (lambda tf: tf.tile([1, 2], 2), tf_error, "each axis"),
        (lambda tf: tf.slice([1, 2], [1], [5]), tf_error, "beyond"),
        (lambda tf: tf.norm([1.0], "x"), ValueError, "euclidean"),
        (lambda tf: tf.boolean_mask([1, 2], [True]), tf_error, "fit"),
        (lambda tf: tf.constant([1, 2], tf.uint8) + 1, tf_error, "uint8"),
        (lambda tf: tf.function(lambda x: x, input_signature=[])(1), TypeError, "0 arguments"),
        (lambda tf: tf.function(lambda x: x, experimental_compile=True), TypeError, "experimental_compile"),
        (lambda tf: tf.keras.layers.Dense(1, input_shapes=(3,)), ValueError, "input_shapes"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call: Callable[[Any], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call(minidl)


def test_what_is_rarely_needed_is_imported_when_it_is_used() -> None:
    program = "import sys, minidl; print(sorted(name for name in sys.modules if name.startswith('minidl.keras')))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_a_stream_takes_what_is_printed_and_no_gradient_is_lost() -> None:
    stream, x = io.StringIO(), minidl.Variable(3.0)

    @minidl.function
    def f() -> Any:
        y = x * x
        minidl.print(y, output_stream=stream)
        return y

    with minidl.GradientTape() as tape:
        y = f()
    assert float(tape.gradient(y, x)) == 6.0
    assert stream.getvalue() == "9\n"
