"""The Keras slice, against Keras: models of any form, training, metrics, callbacks, weights."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

import minidl
from tests.agree import assert_agree
from tfref.cases.making import numbers

pytestmark = pytest.mark.usefixtures("device")

X = numbers([10, 4], -1.0, 1.0)
Y = numbers([10, 3], -1.0, 1.0, start=50)
ONE_HOT = numpy.eye(3, dtype="float32")[numpy.arange(10) % 3]
WEIGHTS = numbers([10], 0.5, 2.0)


def fill(model: Any) -> Any:
    """Give a model weights that are the same on either engine."""
    model.set_weights([numbers(weight.shape, -0.5, 0.5, start=7 * i) for i, weight in enumerate(model.weights)])
    return model


def network(tf: Any, **compile_options: Any) -> Any:
    """A compiled network of two layers."""
    inputs = tf.keras.Input((4,), name="x")
    hidden = tf.keras.layers.Dense(5, activation="tanh", name="hidden")(inputs)
    model = fill(tf.keras.Model(inputs, tf.keras.layers.Dense(3, name="output")(hidden), name="network"))
    compile_options.setdefault("optimizer", tf.keras.optimizers.SGD(0.1))
    model.compile(**{"loss": "mse", **compile_options})
    return model


def fitted(model: Any, *arguments: Any, **options: Any) -> Any:
    """The history of a fit, and the weights after it."""
    history = model.fit(*arguments, **{"verbose": 0, "shuffle": False, **options})
    return {name: numpy.array(values, "float32") for name, values in history.history.items()}, model.get_weights()


# -- programs that give the same on either engine ----------------------------------------------------------------


def batches(tf: Any) -> Any:
    return [fitted(network(tf), X, Y, batch_size=size, epochs=3) for size in (None, 1, 3, 10, 100)]


def validation(tf: Any) -> Any:
    return [
        fitted(network(tf), X, Y, epochs=2, validation_split=0.3, batch_size=4),
        fitted(network(tf), X, Y, epochs=2, validation_data=(X[:3], Y[:3])),
        fitted(network(tf), X, Y, epochs=2, validation_data=(X, Y, WEIGHTS), validation_batch_size=4),
        fitted(network(tf), X, Y, epochs=4, validation_data=(X, Y), validation_freq=2)[1],
    ]


def sample_weights(tf: Any) -> Any:
    return [
        fitted(network(tf, metrics=["mae"]), X, Y, epochs=2, sample_weight=WEIGHTS, batch_size=4),
        network(tf).evaluate(X, Y, sample_weight=WEIGHTS, verbose=0),
    ]


def metrics(tf: Any) -> Any:
    names = ["mae", "mse", "accuracy"]
    model = network(tf, metrics=names)
    binary = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1, activation="sigmoid")])
    fill(binary).compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1), metrics=["accuracy"])
    sparse = network(tf, metrics=["acc"], loss=lambda y, p: tf.reduce_mean(tf.square(p - y), -1))
    own = network(tf, metrics=[tf.keras.metrics.MeanAbsoluteError(name="mine"), lambda y, p: tf.reduce_max(p, -1)])
    return [
        fitted(model, X, ONE_HOT, epochs=2, batch_size=4),
        model.evaluate(X, ONE_HOT, verbose=0),
        model.evaluate(X, ONE_HOT, verbose=0, return_dict=True),
        fitted(binary, X, ONE_HOT[:, :1], epochs=2),
        fitted(sparse, X, numpy.argmax(ONE_HOT, -1)[:, None].astype("float32")),
        own.evaluate(X, Y, verbose=0),
    ]


def single_steps(tf: Any) -> Any:
    model = network(tf, metrics=["mae"])
    return [
        model.train_on_batch(X, Y),
        model.train_on_batch(X[:3], Y[:3], sample_weight=WEIGHTS[:3]),
        model.train_on_batch(X, Y, return_dict=True),
        model.get_weights(),
        int(model.optimizer.iterations),
    ]


def data(tf: Any) -> Any:
    def line() -> Any:
        inputs = tf.keras.Input((1,))
        model = tf.keras.Model(inputs, tf.keras.layers.Dense(1, kernel_initializer="ones")(inputs))
        model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.01))
        return model

    row = numpy.arange(1, 5)
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [0.5, 0.25], "d": [1.0, 0.0]})
    return [
        fitted(line(), row, 2 * row),
        fitted(line(), tf.constant(row[:, None], tf.float32), tf.constant(2.0 * row)),
        fitted(line(), row.astype("float64")[:, None], (2 * row).astype("uint8")),
        line().predict(row, verbose=0),
        line().predict(row[:, None].astype("int32"), verbose=0, batch_size=3),
        line().predict(pandas.Series(row), verbose=0),
        network(tf).predict(frame, verbose=0),
        network(tf)(X[:2]),
        network(tf)(tf.constant(X[:2])),
        network(tf).predict([X], verbose=0),
        network(tf).predict({"x": X}, verbose=0),
    ]


def graphs(tf: Any) -> Any:
    layers = tf.keras.layers
    a, b = tf.keras.Input((4,), name="a"), tf.keras.Input((3,), name="b")
    shared = layers.Dense(3, activation="relu", name="shared")
    inner = tf.keras.Sequential(
        [tf.keras.Input((3,)), layers.Dense(2, name="i1"), layers.Dense(3, name="i2")], name="inner"
    )
    first, second = inner(shared(a)), layers.Dense(2, name="second")(b)
    again = inner(b)
    model = fill(tf.keras.Model([a, b], [first, second, again], name="several"))
    named = fill(tf.keras.Model({"a": a, "b": b}, {"one": shared(a), "two": second}))
    straight = tf.keras.Model(a, a)
    part = tf.keras.Model(model.inputs, model.get_layer("second").output)
    nested = fill(tf.keras.Model(b, tf.keras.Model(b, second)(b)))
    return [
        model.predict([X, Y], verbose=0),
        named.predict({"a": X, "b": Y}, verbose=0),
        straight.predict(X, verbose=0),
        part.predict([X, Y], verbose=0),
        nested.predict(Y, verbose=0),
        [layer.name for layer in model.layers],
        [weight.shape for weight in model.get_weights()],
        model.count_params(),
        [tuple(tensor.shape) for tensor in model.outputs],
    ]


def several_outputs(tf: Any) -> Any:
    def model(**options: Any) -> Any:
        a, b = tf.keras.Input((4,), name="a"), tf.keras.Input((3,), name="b")
        outputs = [tf.keras.layers.Dense(3, name="p")(a), tf.keras.layers.Dense(1, name="q")(b)]
        made = fill(tf.keras.Model([a, b], outputs))
        made.compile(optimizer=tf.keras.optimizers.SGD(0.1), **options)
        return made

    targets = [Y, Y[:, :1]]
    return [
        fitted(model(loss="mse"), [X, Y], targets, epochs=2, batch_size=5),
        fitted(model(loss=["mse", "mse"], loss_weights=[1.0, 0.25]), [X, Y], targets, epochs=2),
        fitted(model(loss={"p": "mse", "q": "mse"}, metrics={"p": ["mae"], "q": ["mse"]}), [X, Y], targets),
        fitted(model(loss="mse", metrics=[["mae"], ["mae", "mse"]]), [X, Y], targets),
        model(loss="mse").evaluate([X, Y], targets, verbose=0, return_dict=True),
        model(loss="mse").evaluate([X, Y], targets, verbose=0),
    ]


def own_layers(tf: Any) -> Any:
    class Scale(tf.keras.layers.Layer):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
            self.fixed = self.add_weight(shape=(), initializer="ones", trainable=False, name="fixed")

        def call(self, inputs: Any, training: Any = None) -> Any:
            return inputs * self.factor * (2.0 if training else 1.0) + self.fixed

    class Both(tf.keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            first, second = inputs
            return tf.concat([first, second], -1)

    class Two(tf.keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.hidden = tf.keras.layers.Dense(3, activation="relu")
            self.rest = [tf.keras.layers.Dense(2), tf.keras.layers.Dense(3)]

        def call(self, inputs: Any) -> Any:
            values = self.hidden(inputs)
            for layer in self.rest:
                values = layer(values)
            return values

    inputs = tf.keras.Input((4,))
    scaled = Scale()(inputs)
    model = fill(tf.keras.Model(inputs, tf.keras.layers.Dense(3)(Both()([scaled, inputs]))))
    model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1))
    two = Two()
    two(X)
    fill(two).compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1))
    return [
        fitted(model, X, Y, epochs=2),
        model.predict(X, verbose=0),
        [len(model.trainable_variables), len(model.non_trainable_weights), model.count_params()],
        fitted(two, X, Y, epochs=2),
        len(two.layers),
    ]


def frozen(tf: Any) -> Any:
    model = network(tf)
    model.get_layer("hidden").trainable = False
    model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1))
    counts = [len(model.trainable_variables), len(model.non_trainable_weights)]
    result = fitted(model, X, Y, epochs=2)
    model.trainable = False
    return [counts, result, len(model.trainable_variables)]


def frozen_before_built(tf: Any) -> Any:
    class Inside(tf.keras.layers.Layer):  # type: ignore[misc]  # whichever engine's
        def build(self, shape: Any) -> None:
            self.inside = tf.keras.layers.Dense(2)
            self.inside.build(shape)
            self.built = True

        def call(self, inputs: Any) -> Any:
            return self.inside(inputs)

    added = tf.keras.Sequential([tf.keras.Input((4,))])
    added.trainable = False
    added.add(tf.keras.layers.Dense(2))
    layers = [tf.keras.layers.Dense(2), Inside(), Inside(trainable=False), added]
    for layer in layers[:2]:
        layer.trainable = False
    models = [tf.keras.Sequential([tf.keras.Input((4,)), layer, tf.keras.layers.Dense(1)]) for layer in layers]
    return [[len(each.trainable_weights), len(each.non_trainable_weights)] for each in [*layers, *models]]


def learning_rates(tf: Any) -> Any:
    model = network(tf, optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.5))
    first = fitted(model, X, Y)
    model.optimizer.learning_rate = 0.02
    second = fitted(model, X, Y)
    model.optimizer.learning_rate.assign(0.03)
    third = fitted(model, X, Y)
    rates = iter([0.5, 0.25, 0.125, 0.0625])
    scheduled = tf.keras.optimizers.SGD(lambda: 0.25)
    v = tf.Variable([1.0])
    scheduled.apply_gradients([(tf.constant([1.0]), v)])
    return [
        first,
        second,
        third,
        float(model.optimizer.learning_rate),
        int(model.optimizer.iterations),
        v + next(rates),
    ]


def gradients_of_other_kinds(tf: Any) -> Any:
    v, optimizer = tf.Variable([1.0, 2.0]), tf.keras.optimizers.SGD(0.1)
    for gradient in (tf.constant([1.0, 0.1], tf.float64), numpy.ones(2), numpy.ones(2, "float32"), [0.5, 0.1]):
        optimizer.apply_gradients([(gradient, v)])
    return v


def callbacks(tf: Any) -> Any:
    told: list[Any] = []

    class Notes(tf.keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            told.append(("begin", self.params["epochs"], self.params["steps"], self.model.name))

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            told.append(("batch", batch, sorted(logs)))

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            told.append(("test batch", batch))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            told.append(("epoch", epoch, sorted(logs)))
            if epoch == 2:
                self.model.stop_training = True

        def on_train_end(self, logs: Any = None) -> None:
            told.append(("end", sorted(logs)))

    begun = tf.keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: told.append(("begun", epoch)))
    history = network(tf).fit(
        X, Y, epochs=6, initial_epoch=1, batch_size=4, verbose=0, validation_data=(X[:3], Y[:3]), shuffle=False,
        callbacks=[Notes(), begun],
    )  # fmt: skip
    network(tf).predict(X, verbose=0, batch_size=5, callbacks=[
        tf.keras.callbacks.LambdaCallback(on_train_begin=None),
    ])  # fmt: skip
    return [str(entry) for entry in told], history.epoch


def early_stopping(tf: Any) -> Any:
    def run(rate: float, **options: Any) -> Any:
        stop = tf.keras.callbacks.EarlyStopping(**options)
        model = network(tf, optimizer=tf.keras.optimizers.SGD(rate), metrics=["accuracy"])
        history = model.fit(
            X, ONE_HOT, epochs=8, verbose=0, shuffle=False, validation_split=0.4, callbacks=[stop], batch_size=2
        )
        return history.epoch, stop.stopped_epoch, model.get_weights()

    return [
        run(1.5, monitor="val_loss"),
        run(1.5, monitor="loss", patience=2, restore_best_weights=True),
        run(0.1, monitor="loss", min_delta=0.05),
        run(0.1, monitor="val_accuracy", patience=1, mode="max"),
        run(0.1, monitor="loss", baseline=0.01, patience=2),
        run(1.5, monitor="val_loss", start_from_epoch=3, patience=1),
    ]


def streams(tf: Any) -> Any:
    def parts(weighted: bool = False) -> Iterator[Any]:
        for start in (0, 4, 8):
            rows = slice(start, start + 4)
            yield (X[rows], Y[rows], WEIGHTS[rows]) if weighted else (X[rows], Y[rows])

    def forever() -> Iterator[Any]:
        while True:
            yield from parts()

    return [
        fitted(network(tf), parts(), epochs=1),
        fitted(network(tf), parts(True), epochs=1),
        fitted(network(tf), forever(), epochs=2, steps_per_epoch=4),
        network(tf).evaluate(parts(), verbose=0),
        network(tf).evaluate(forever(), steps=2, verbose=0),
        network(tf).predict(parts(), verbose=0),
        fitted(network(tf), X, Y, epochs=2, batch_size=4, steps_per_epoch=3),
    ]


def sequential(tf: Any) -> Any:
    Dense = tf.keras.layers.Dense
    built = tf.keras.Sequential([tf.keras.Input((4,)), Dense(3, activation="relu"), Dense(2)])
    late = tf.keras.Sequential()
    late.add(Dense(3, activation="relu"))
    late.add(Dense(2))
    before = len(late.weights)
    late(X)
    built.pop()
    return [
        [layer.units for layer in built.layers],
        fill(built).predict(X, verbose=0),
        before,
        fill(late).predict(X, verbose=0),
        tuple(late.layers[0].kernel.shape),
        late.layers[1].use_bias,
    ]


def weights_by_name(tf: Any) -> Any:
    model = network(tf)
    layer = model.get_layer("hidden")
    return [
        layer.kernel.name, layer.bias.name, layer.get_weights(), model.get_layer(index=-1).name, layer.units,
        [weight.name for weight in model.weights], layer.dtype, layer.built, model.built, layer.count_params(),
    ]  # fmt: skip


def seeded(tf: Any) -> Any:
    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((4,)),
            tf.keras.layers.Dense(5),
            tf.keras.layers.Dense(5, kernel_initializer="he_uniform", bias_initializer="random_uniform"),
            tf.keras.layers.Dense(2, kernel_initializer=tf.keras.initializers.RandomUniform(seed=3)),
        ]
    )
    return model.get_weights()


PROGRAMS = [
    batches, validation, sample_weights, metrics, single_steps, data, graphs, several_outputs, own_layers, frozen,
    frozen_before_built,
    learning_rates, gradients_of_other_kinds, callbacks, early_stopping, streams, sequential, weights_by_name, seeded,
]  # fmt: skip


@pytest.mark.tf
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_gives_what_it_gives_on_keras(program: Callable[[Any], Any], tensorflow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_agree(program, tensorflow, units=16.0)  # each may be 8 units from the truth


# -- what Keras 3 doesn't take, and the lesson needs -------------------------------------------------------------


def test_forms_that_the_lesson_needs() -> None:
    inputs = minidl.keras.Input(1, name="x")
    assert inputs.shape == (None, 1)
    model = minidl.keras.Model(inputs, inputs)
    assert model.predict([1, 2, 3], verbose=0).tolist() == [[1.0], [2.0], [3.0]]
    line = minidl.keras.Model(inputs, minidl.keras.layers.Dense(1, kernel_initializer="ones")(inputs))
    line.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(0.0625))
    row = pandas.Series([1, 2, 3, 4])
    history = line.fit(x=row, y=2 * row, verbose=0)
    assert history.history["loss"] == [7.5]
    assert line.predict(row, verbose=0).shape == (4, 1)


def test_predictions_are_arrays_of_their_own() -> None:
    model = minidl.keras.Model(place := minidl.keras.Input((4,)), place)
    source = X.copy()
    predicted = model.predict(source, verbose=0)
    predicted[0] = 99.0
    assert (source == X).all()


def test_no_samples_give_no_predictions() -> None:
    assert network(minidl).predict(X[:0], verbose=0).shape == (0, 3)


def test_shuffling_visits_every_sample_once_in_another_order() -> None:
    seen: list[float] = []

    class Note(minidl.keras.layers.Layer):
        def call(self, inputs: Any, training: Any = None) -> Any:
            if training:
                seen.extend(inputs.numpy()[:, 0].tolist())
            return inputs

    x = numpy.arange(20, dtype="float32")[:, None]
    model = minidl.keras.Sequential([Note(), minidl.keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(1e-6), run_eagerly=True)
    minidl.random.set_seed(1)
    model.fit(x, x, epochs=2, batch_size=3, verbose=0)
    first, second = seen[:20], seen[20:]
    assert sorted(first) == sorted(second) == x[:, 0].tolist()
    assert first != second


def test_fit_brings_data_to_its_models_weights(device: str) -> None:
    model = network(minidl)
    with minidl.device("/cpu:0"):
        pass
    assert {weight.device for weight in model.weights} == {model.weights[0].device}
    with minidl.device(None):
        history = model.fit(X, Y, verbose=0, epochs=2)
        assert model.weights[0].device.endswith("CPU:0" if "cpu" in device else "GPU:0")
        assert model.predict(X, verbose=0).shape == (10, 3)
        model.evaluate(X, Y, verbose=0)
    assert len(history.history["loss"]) == 2


# -- printing ----------------------------------------------------------------------------------------------------


def test_summary_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    model = network(minidl)
    model.summary()
    printed = capsys.readouterr().out
    for word in ('Model: "network"', "hidden (Dense)", "(None, 5)", "25", "Total params: 43 (172.00 B)"):
        assert word in printed
    lines: list[str] = []
    model.summary(line_length=60, print_fn=lines.append)
    assert max(len(line) for line in lines[0].splitlines()) <= 60


@pytest.mark.parametrize(
    ("verbose", "words"),
    [(0, []), (2, ["Epoch 1/2", "3/3 - ", "loss: ", "val_loss: "]), ("auto", ["Epoch 2/2", "3/3", "/step", "loss: "])],
)
def test_progress_is_shown_as_asked(verbose: Any, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    network(minidl).fit(X, Y, epochs=2, batch_size=4, verbose=verbose, validation_data=(X, Y))
    printed = capsys.readouterr().out
    assert all(word in printed for word in words)
    assert bool(printed) == bool(words)


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".weights.npz", ".weights.h5"])
def test_weights_go_to_a_file_and_back(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{ending}"
    model = network(minidl, optimizer=minidl.keras.optimizers.SGD(0.1, momentum=0.9))
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    model.save_weights(path)
    other = network(minidl, optimizer=minidl.keras.optimizers.SGD(0.2, momentum=0.9))
    other.load_weights(str(path))
    assert int(other.optimizer.iterations) == 2
    for again in (model, other):
        again.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    assert all((a == b).all() for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(path, overwrite=False)


@pytest.mark.tf
def test_weights_go_to_keras_and_back(tensorflow: Any, tmp_path: Path) -> None:
    def models(tf: Any) -> list[Any]:
        class Pair(tf.keras.layers.Layer):  # type: ignore[misc]
            def build(self, input_shape: Any) -> None:
                self.scale = self.add_weight(shape=(1,), name="scale")
                self.count = self.add_weight(shape=(), trainable=False, initializer="zeros", name="count")
                self.parts = [tf.keras.layers.Dense(2), tf.keras.layers.Dense(2)]
                for part in self.parts:
                    part.build(input_shape)

            def call(self, inputs: Any) -> Any:
                return (self.parts[0](inputs) + self.parts[1](inputs)) * self.scale + self.count

        class Chain(tf.keras.layers.Layer):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.layers = [tf.keras.layers.Dense(2), tf.keras.layers.Dense(1)]

            def call(self, inputs: Any) -> Any:
                return self.layers[1](self.layers[0](inputs))

        inputs = tf.keras.Input((4,))
        inner = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(3), tf.keras.layers.Dense(4)])
        chain = tf.keras.Sequential([tf.keras.Input((4,)), Chain()])
        graph = tf.keras.Model(inputs, Pair()(inner(inputs)))
        graph.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.9))
        graph.fit(X, Y[:, :2], verbose=0)
        return [graph, inner, chain]

    tensorflow.random.set_seed(1)
    for ours, theirs in zip(models(minidl), models(tensorflow), strict=True):
        path = tmp_path / "theirs.weights.h5"
        theirs.save_weights(path)
        ours.load_weights(path)
        assert all((a == b).all() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))
        fill(ours).save_weights(tmp_path / "ours.weights.h5")
        theirs.load_weights(tmp_path / "ours.weights.h5")
        assert all((a == b).all() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))


def _damaged(path: Path, ending: str) -> list[Path]:
    model = network(minidl)
    whole = path / f"whole{ending}"
    model.save_weights(whole)
    content = whole.read_bytes()
    pieces = {"empty": b"", "text": b"not weights", "cut": content[: len(content) // 2]}
    if ending.endswith("npz"):
        middle = content.index(b"NUMPY") + 150
        pieces["flipped"] = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
    files = []
    for name, piece in pieces.items():
        files.append(path / f"{name}{ending}")
        files[-1].write_bytes(piece)
    return files


@pytest.mark.parametrize("ending", [".weights.npz", ".weights.h5"])
def test_a_damaged_file_is_refused_and_changes_nothing(ending: str, tmp_path: Path) -> None:
    model = network(minidl)
    before = model.get_weights()
    for path in _damaged(tmp_path, ending):
        with pytest.raises(OSError, match=path.name) as caught:
            model.load_weights(path)
        assert "damaged" in str(caught.value)
    pickled = tmp_path / "pickled.weights.npz"
    entries: dict[str, Any] = {"layers/dense/vars/0": numpy.array([{"a": 1}], dtype=object)}
    numpy.savez(pickled, **entries)
    with pytest.raises(OSError, match="damaged"):
        model.load_weights(pickled)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("ending", [".weights.npz", ".weights.h5"])
def test_a_file_of_another_model_is_refused_and_changes_nothing(ending: str, tmp_path: Path) -> None:
    model = network(minidl)
    before = model.get_weights()
    others = [
        minidl.keras.Sequential([minidl.keras.Input((4,)), minidl.keras.layers.Dense(3)]),
        minidl.keras.Model(
            i := minidl.keras.Input((4,)), minidl.keras.layers.Dense(3)(minidl.keras.layers.Dense(6)(i))
        ),
    ]
    for index, (other, words) in enumerate(zip(others, (["2", "4"], ["(4, 5)", "(4, 6)"]), strict=True)):
        path = tmp_path / f"{index}{ending}"
        other.save_weights(path)
        with pytest.raises(ValueError) as caught:
            model.load_weights(path)
        assert all(word in str(caught.value) for word in words), str(caught.value)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_an_interrupted_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.weights.npz"
    model = network(minidl)
    model.save_weights(path)
    old = path.read_bytes()

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(numpy, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.save_weights(path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["model.weights.npz"]


# -- bad input ---------------------------------------------------------------------------------------------------


def _refused_weights(tf: Any, weights: Any) -> None:
    network(tf).set_weights(weights)


def _disconnected(tf: Any) -> Any:
    return tf.keras.Model(tf.keras.Input((1,)), tf.keras.layers.Dense(1)(tf.keras.Input((1,), name="elsewhere")))


def _wrong_width(tf: Any) -> Any:
    layer = tf.keras.layers.Dense(2, name="wide")
    layer(tf.ones([2, 3]))
    return layer(tf.ones([2, 4]))


def sgd(tf: Any, **options: Any) -> Any:
    return tf.keras.optimizers.SGD(**options)


def uncompiled(tf: Any) -> Any:
    return tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(3)])


BAD: list[tuple[str, Callable[[Any], Any], type[Exception], list[str], bool]] = [
    ("no units", lambda tf: tf.keras.layers.Dense(0), ValueError, ["0"], True),
    ("units that are a fraction", lambda tf: tf.keras.layers.Dense(2.5), ValueError, ["2.5"], True),
    (
        "an unknown activation",
        lambda tf: tf.keras.layers.Dense(1, activation="gelatine"),
        ValueError,
        ["gelatine", "relu"],
        True,
    ),
    (
        "an unknown initializer",
        lambda tf: tf.keras.layers.Dense(1, kernel_initializer="nil"),
        ValueError,
        ["nil", "glorot_uniform"],
        True,
    ),
    ("an argument that Dense lacks", lambda tf: tf.keras.layers.Dense(1, colour=1), ValueError, ["colour"], True),
    ("an unknown loss", lambda tf: uncompiled(tf).compile(loss="nil"), ValueError, ["nil", "mse"], False),
    ("an unknown optimizer", lambda tf: uncompiled(tf).compile(optimizer="nil"), ValueError, ["nil", "sgd"], True),
    (
        "an unknown metric",
        lambda tf: network(tf, metrics=["nil"]).evaluate(X, Y, verbose=0),
        ValueError,
        ["nil", "mae"],
        True,
    ),
    (
        "an unknown reduction",
        lambda tf: tf.keras.losses.MeanSquaredError(reduction="nil"),
        ValueError,
        ["nil", "sum"],
        True,
    ),
    ("a momentum above 1", lambda tf: sgd(tf, momentum=1.5), ValueError, ["1.5"], True),
    ("a momentum below 0", lambda tf: sgd(tf, momentum=-0.1), ValueError, ["-0.1"], True),
    ("a learning rate that is text", lambda tf: sgd(tf, learning_rate="fast"), ValueError, ["fast"], True),
    ("two clippings", lambda tf: sgd(tf, clipnorm=1.0, clipvalue=1.0), ValueError, ["clipnorm", "clipvalue"], True),
    ("a clipping below 0", lambda tf: sgd(tf, clipnorm=-1.0), ValueError, ["clipnorm", "-1.0"], False),
    ("an argument that SGD lacks", lambda tf: sgd(tf, warmup=1), ValueError, ["warmup"], True),
    ("no gradients", lambda tf: sgd(tf).apply_gradients([(None, tf.Variable(1.0))]), ValueError, ["gradient"], True),
    ("another width", _wrong_width, ValueError, ["wide", "3", "(2, 4)"], True),
    ("another width of a model", lambda tf: network(tf)(X[:, :2]), ValueError, ["(10, 2)", "(None, 4)"], True),
    ("fit before compile", lambda tf: uncompiled(tf).fit(X, Y, verbose=0), ValueError, ["compile"], True),
    ("evaluate before compile", lambda tf: uncompiled(tf).evaluate(X, Y, verbose=0), ValueError, ["compile"], True),
    ("lengths that differ", lambda tf: network(tf).fit(X, Y[:3], verbose=0), ValueError, ["10", "3"], True),
    (
        "weights for other samples",
        lambda tf: network(tf).fit(X, Y, sample_weight=WEIGHTS[:2], verbose=0),
        ValueError,
        ["10", "2"],
        True,
    ),
    ("no samples", lambda tf: network(tf).fit(X[:0], Y[:0], verbose=0), ValueError, ["(0, 4)"], False),
    (
        "text for data",
        lambda tf: network(tf).fit(numpy.array([["a"] * 4]), Y[:1], verbose=0),
        ValueError,
        ["strings"],
        True,
    ),
    ("no targets", lambda tf: network(tf).fit(X, verbose=0), ValueError, ["targets"], True),
    (
        "a batch of none",
        lambda tf: network(tf).fit(X, Y, batch_size=0, verbose=0),
        ValueError,
        ["batch_size", "0"],
        False,
    ),
    ("an unknown verbosity", lambda tf: network(tf).fit(X, Y, verbose=5), ValueError, ["5"], False),
    (
        "a split that leaves nothing",
        lambda tf: network(tf).fit(X, Y, validation_split=1.0, verbose=0),
        ValueError,
        ["1.0", "10"],
        True,
    ),
    ("an argument that fit lacks", lambda tf: network(tf).fit(X, Y, colour=1), TypeError, ["colour"], True),
    ("too few weights", lambda tf: _refused_weights(tf, [numpy.ones((4, 5))]), ValueError, ["4", "1"], True),
    (
        "weights of another shape",
        lambda tf: _refused_weights(tf, [numpy.ones((4, 5)), numpy.ones(5), numpy.ones((5, 3)), numpy.ones(4)]),
        ValueError,
        ["(3,)", "(4,)"],
        True,
    ),
    ("outputs without inputs", _disconnected, ValueError, ["elsewhere"], True),
    (
        "layers of one name",
        lambda tf: tf.keras.Sequential([tf.keras.layers.Dense(1, name="a"), tf.keras.layers.Dense(1, name="a")]),
        ValueError,
        ["a"],
        True,
    ),
    ("an unknown layer", lambda tf: network(tf).get_layer("attic"), ValueError, ["attic", "hidden"], True),
    (
        "a layer without weights counted",
        lambda tf: tf.keras.layers.Dense(1).count_params(),
        ValueError,
        ["build"],
        True,
    ),
    (
        "an unknown ending",
        lambda tf: network(tf).save_weights("model.txt"),
        ValueError,
        ["model.txt", ".weights.h5"],
        True,
    ),
    ("no such file", lambda tf: network(tf).load_weights("nowhere.weights.h5"), FileNotFoundError, ["nowhere"], True),
    ("an Input of a fraction", lambda tf: tf.keras.Input((1.5,)), ValueError, ["1.5"], True),
    (
        "an unknown event",
        lambda tf: tf.keras.callbacks.LambdaCallback(on_tuesday=print),
        ValueError,
        ["on_tuesday"],
        False,
    ),
    ("numbers of an Input", lambda tf: float(tf.keras.Input((1,))), ValueError, ["(None, 1)", "no numbers"], True),
    ("an input too few", lambda tf: network(tf).predict({"y": X}, verbose=0), ValueError, ["y", "x"], True),
]


@pytest.mark.parametrize(("name", "program", "error", "words", "same"), BAD, ids=[bad[0] for bad in BAD])
def test_the_error_names_the_values(
    name: str, program: Callable[[Any], Any], error: type[Exception], words: list[str], same: bool
) -> None:
    with pytest.raises(error) as caught:
        program(minidl)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.tf
@pytest.mark.parametrize(
    ("program", "error"), [bad[1:3] for bad in BAD if bad[4]], ids=[bad[0] for bad in BAD if bad[4]]
)
def test_keras_raises_an_error_of_that_name(
    program: Callable[[Any], Any], error: type[Exception], tensorflow: Any, device: str
) -> None:
    if device != "/cpu:0":
        pytest.skip("Keras's errors were seen on the CPU already")
    with pytest.raises(error), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorflow.random.set_seed(1)
        program(tensorflow)


def test_refused_weights_change_nothing() -> None:
    model = network(minidl)
    before = model.get_weights()
    for weights in ([before[0]], [*before[:3], numpy.ones(4)], [numpy.ones((4, 4)), *before[1:]]):
        with pytest.raises(ValueError):
            model.set_weights(weights)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_h5_without_h5py_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'minidl\[h5\]'"):
        network(minidl).save_weights(tmp_path / "a.weights.h5")
    assert list(tmp_path.iterdir()) == []


# -- compiled steps ----------------------------------------------------------------------------------------------


def _trained(run_eagerly: bool, **options: Any) -> list[Any]:
    minidl.random.set_seed(3)
    model = network(minidl)
    model.compile(
        loss="mse", optimizer=minidl.keras.optimizers.SGD(0.05, momentum=0.9, clipnorm=1.0),
        metrics=["mae", "accuracy"], run_eagerly=run_eagerly,
    )  # fmt: skip
    history = model.fit(X, Y, epochs=4, batch_size=4, verbose=0, validation_data=(X[:3], Y[:3]), **options)
    found = [history.history[name] for name in sorted(history.history)]
    found += [model.evaluate(X, Y, verbose=0), model.train_on_batch(X, Y), model.predict(X, verbose=0)]
    return [numpy.array(each) for each in [*found, *model.get_weights(), model.optimizer.iterations.numpy()]]


@pytest.mark.parametrize("options", [{}, {"sample_weight": numpy.arange(10.0)}, {"shuffle": False}])
def test_compiled_steps_give_the_same_bits(options: dict[str, Any], device: str) -> None:
    for eager, compiled in zip(_trained(True, **options), _trained(False, **options), strict=True):
        numpy.testing.assert_array_equal(compiled, eager)


def test_a_step_is_compiled_unless_the_model_runs_eagerly() -> None:
    calls: list[Any] = []

    class Noting(minidl.keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            calls.append(inputs.shape)
            return inputs

    def count(**options: Any) -> int:
        model = minidl.keras.Sequential([minidl.keras.Input((4,)), Noting(), minidl.keras.layers.Dense(1)])
        model.compile(loss="mse", **options)
        calls.clear()
        model.fit(X, Y[:, :1], epochs=50, verbose=0)
        return len(calls)

    assert count() == 1
    assert count(run_eagerly=True) == 50


def test_what_is_trainable_can_change_between_fits() -> None:
    model = network(minidl)
    model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(0.1))
    model.fit(X, Y, verbose=0)
    first = model.layers[-1].get_weights()
    model.layers[-1].trainable = False
    model.fit(X, Y, verbose=0)
    numpy.testing.assert_array_equal(model.layers[-1].get_weights()[0], first[0])
    model.layers[-1].trainable = True
    model.fit(X, Y, verbose=0)
    assert (model.layers[-1].get_weights()[0] != first[0]).any()


def test_python_in_a_compiled_step_is_told_how_to_run() -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return minidl.reduce_mean(minidl.abs(y_true - y_pred)) * float(minidl.reduce_max(y_pred))

    model = network(minidl)
    model.compile(loss=loss)
    before = model.get_weights()
    with pytest.raises(TypeError, match=r"run_eagerly=True"):
        model.fit(X, Y, verbose=0)
    for weight, old in zip(model.get_weights(), before, strict=True):
        numpy.testing.assert_array_equal(weight, old)
    model.compile(loss=loss, run_eagerly=True)
    model.fit(X, Y, verbose=0)


def test_a_metric_that_keeps_tensors_in_attributes_says_so() -> None:
    class Careless(minidl.keras.metrics.Metric):
        largest: Any = 0.0

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.largest = minidl.maximum(minidl.reduce_max(y_pred), self.largest)

        def result(self) -> Any:
            return self.largest

    model = network(minidl)
    model.compile(loss="mse", metrics=[Careless()])
    with pytest.raises(TypeError, match="assign it to a tf.Variable"):
        model.fit(X, Y, verbose=0)
    model.compile(loss="mse", metrics=[Careless()], run_eagerly=True)
    assert model.fit(X, Y, verbose=0).history["careless"]


# -- more data than fits -----------------------------------------------------------------------------------------


def test_a_file_is_walked_through_without_reading_it_whole(tmp_path: Path, device: str) -> None:
    rows = 200_000
    x = numpy.memmap(tmp_path / "x", "float32", "w+", shape=(rows, 32))  # 25.6 MB
    y = numpy.memmap(tmp_path / "y", "float32", "w+", shape=(rows, 1))
    x[:] = 1.0
    model = minidl.keras.Sequential([minidl.keras.Input((32,)), minidl.keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(1e-3))
    model.fit(x[:1000], y[:1000], batch_size=500, verbose=0)
    uses: list[Callable[[], Any]] = [
        lambda: model.fit(x, y, batch_size=500, verbose=0),
        lambda: model.fit(x, y, batch_size=500, verbose=0, validation_split=0.5, shuffle=False),
        lambda: model.evaluate(x, y, batch_size=500, verbose=0),
    ]
    if "cpu" in device:  # a GPU takes many rows at once, into its own memory, which the double has in this one
        uses.append(lambda: model.predict(x, verbose=0))
    for use in uses:
        tracemalloc.start()
        use()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5e6  # a prediction, 0.8 MB, and the order of a shuffled walk, 1.6 MB, among it
