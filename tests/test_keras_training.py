"""Training with Keras's slice, against Keras: data that runs out, steps that are defined anew, callbacks, Ctrl-C."""

from __future__ import annotations

import gc
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest

import minidl
from minidl.nest import flatten, pack
from tests.agree import assert_agree
from tests.test_keras import WEIGHTS, X, Y, fill, fitted, network


class Notes:
    """What a callback of either engine hears: a list of what a function makes of each event's arguments."""

    def __init__(self, tf: Any, note: Callable[..., Any], *events: str) -> None:
        self.heard: list[Any] = []

        def on(event: str) -> Callable[..., None]:
            def hear(callback: Any, *arguments: Any, **options: Any) -> None:
                self.heard.append(note(callback.model, event, *arguments, **options))

            return hear

        kind = type("Noting", (tf.keras.callbacks.Callback,), {event: on(event) for event in events})
        self.callback = kind()


def warned(run: Callable[[], Any]) -> Any:
    """What a run gives, and how often it said that the data ran out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = run()
    return found, sum("ran out" in str(each.message) for each in caught)


# -- data that runs out ------------------------------------------------------------------------------------------


def steps_beyond_the_data(tf: Any) -> Any:
    def steps_by_epoch(rows: int, steps: int, epochs: int) -> Any:
        notes = Notes(tf, lambda model, event, epoch, logs: int(model.optimizer.iterations), "on_epoch_end")
        model = network(tf)
        options = {"batch_size": 1, "steps_per_epoch": steps, "epochs": epochs, "callbacks": [notes.callback]}
        return warned(lambda: fitted(model, X[:rows], Y[:rows], **options)), notes.heard

    return [
        warned(lambda: network(tf).predict(X, batch_size=3, steps=6, verbose=0)),
        warned(lambda: network(tf).predict(X, batch_size=3, steps=4, verbose=0)),
        warned(lambda: network(tf).evaluate(X, Y, batch_size=3, steps=6, verbose=0)),
        warned(lambda: network(tf).evaluate(X, Y, batch_size=3, steps=2, verbose=0)),
        steps_by_epoch(7, 3, 6),
        steps_by_epoch(5, 7, 3),
        steps_by_epoch(6, 3, 4),
        warned(lambda: fitted(network(tf), X, Y, epochs=2, validation_data=(X, Y), validation_steps=9)),
        warned(lambda: fitted(network(tf), X, Y, epochs=2, validation_data=[X[:4], Y[:4]], validation_batch_size=2)),
    ]


def streams_that_end(tf: Any) -> Any:
    def parts(count: int) -> Iterator[Any]:
        for index in range(count):
            yield X[index : index + 2], Y[index : index + 2]

    return [
        warned(lambda: fitted(network(tf), parts(5), steps_per_epoch=7)[0]),
        warned(lambda: network(tf).evaluate(parts(4), steps=6, verbose=0)),
        warned(lambda: network(tf).predict(parts(4), steps=6, verbose=0)),
        fitted(network(tf), X, Y, validation_data=parts(4), validation_steps=2),
    ]


def test_a_generator_that_ends_early_ends_the_training() -> None:
    parts = ((X[index : index + 2], Y[index : index + 2]) for index in range(5))
    model = network(minidl)
    history, times = warned(lambda: model.fit(parts, steps_per_epoch=3, epochs=4, verbose=0))
    assert history.epoch == [0, 1]
    assert len(history.history["loss"]) == 2
    assert int(model.optimizer.iterations) == 5
    assert times == 1
    with pytest.warns(UserWarning, match="before epoch 2"):
        once = network(minidl).fit(((X, Y) for _ in range(3)), epochs=2, verbose=0)
    assert once.epoch == [0]
    with pytest.warns(UserWarning, match="before epoch 7"):
        later = network(minidl).fit(((X, Y) for _ in range(3)), epochs=8, initial_epoch=5, verbose=0)
    assert later.epoch == [5]


def test_an_iterable_begins_anew_with_each_epoch() -> None:
    class Parts:
        def __iter__(self) -> Iterator[Any]:
            return iter([(X[:3], Y[:3]), (X[3:], Y[3:])])

    model = network(minidl)
    assert model.fit(Parts(), epochs=3, verbose=0).epoch == [0, 1, 2]
    assert int(model.optimizer.iterations) == 6


def test_validation_data_that_ends_is_warnedof() -> None:
    parts = ((X[:2], Y[:2]) for _ in range(3))
    with pytest.warns(UserWarning, match="ran out"):
        history = network(minidl).fit(X, Y, epochs=4, validation_data=parts, validation_steps=2, verbose=0).history
    assert (len(history["loss"]), len(history["val_loss"])) == (4, 2)


def splits(tf: Any) -> Any:
    def counts(fraction: float) -> Any:
        notes = Notes(tf, lambda model, event, batch, logs: event, "on_train_batch_end", "on_test_batch_end")
        options = {"batch_size": 1, "validation_split": fraction, "callbacks": [notes.callback]}
        return fitted(network(tf), X, Y, **options), notes.heard

    return [counts(fraction) for fraction in (0.35, 0.33, 0.05)]


def counts_of_numpy(tf: Any) -> Any:
    model = network(tf)
    fitted(model, X, Y, batch_size=numpy.int64(3), epochs=numpy.int64(2))
    return int(model.optimizer.iterations)


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}])
def test_batches_have_memory_of_their_own(options: dict[str, Any]) -> None:
    kept: list[Any] = []

    class Keeping(minidl.keras.Model):
        def train_step(self, data: Any) -> Any:
            kept.extend(data)
            return {"loss": 0.0}

    place = minidl.keras.Input((4,))
    model = Keeping(place, minidl.keras.layers.Dense(3)(place))
    model.compile(run_eagerly=True)
    x, y = X.copy(), Y.copy()
    model.fit(x, y, shuffle=False, verbose=0, **options)
    model.train_on_batch(x, y)
    x[:], y[:] = 99.0, 99.0
    assert all(float(minidl.reduce_max(each)) < 90.0 for each in kept if each is not None)


# -- steps that are defined anew ---------------------------------------------------------------------------------


def of(tf: Any, kind: Any, **compile_options: Any) -> Any:
    """A compiled model of one layer, of a class derived from Model."""
    place = tf.keras.Input((4,), name="x")
    model = fill(kind(place, tf.keras.layers.Dense(3, name="output")(place)))
    model.compile(**{"loss": "mse", "optimizer": tf.keras.optimizers.SGD(0.1, momentum=0.5), **compile_options})
    return model


def made(tf: Any, methods: dict[str, Any], **compile_options: Any) -> Any:
    """A compiled model of one layer, of a class with these methods."""
    return of(tf, type("Own", (tf.keras.Model,), methods), **compile_options)


def used(model: Any) -> Any:
    """What fit, evaluate and train_on_batch give."""
    return [
        fitted(model, X, Y, epochs=2, batch_size=4, validation_data=(X[:3], Y[:3])),
        model.evaluate(X, Y, verbose=0),
        model.evaluate(X, Y, verbose=0, return_dict=True),
        model.train_on_batch(X, Y),
        model.train_on_batch(X, Y, return_dict=True),
        fitted(model, X, Y, sample_weight=WEIGHTS),
    ]


def own_train_step(tf: Any) -> Any:
    def train_step(self: Any, data: Any) -> Any:
        x, y, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            predictions = self(x, training=True)
            loss = self.compute_loss(x, y, predictions, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip([2.0 * each for each in gradients], self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, predictions)
        return {metric.name: metric.result() for metric in self.metrics}

    return [used(made(tf, {"train_step": train_step}, metrics=["mae"], run_eagerly=eager)) for eager in (False, True)]


def own_logs(tf: Any) -> Any:
    def train_step(self: Any, data: Any) -> Any:
        return {"sum": tf.reduce_sum(data[1]), "three": 3.0, "several": tf.reduce_sum(data[1], 0)}

    def test_step(self: Any, data: Any) -> Any:
        return {"sum": tf.reduce_sum(data[1])}

    def predict_step(self: Any, data: Any) -> Any:
        return tf.reduce_sum(data, -1)

    model = made(tf, {"train_step": train_step, "test_step": test_step, "predict_step": predict_step})
    return [used(model), model.predict(X, verbose=0, batch_size=4)]


def same_names_as_the_metrics(tf: Any) -> Any:
    def train_step(self: Any, data: Any) -> Any:
        return {"loss": tf.reduce_sum(data[1])}

    return fitted(made(tf, {"train_step": train_step}), X, Y)


def own_apply_gradients(tf: Any) -> Any:
    class Doubling(tf.keras.optimizers.SGD):  # type: ignore[misc]
        def apply_gradients(self, grads_and_vars: Any, **options: Any) -> Any:
            return super().apply_gradients([(2.0 * each, variable) for each, variable in grads_and_vars], **options)

    model = made(tf, {})
    model.compile(Doubling(0.01), "mse")
    return fitted(model, X, Y, epochs=2, batch_size=4)


def more_logs(tf: Any) -> Any:
    class Own(tf.keras.Model):  # type: ignore[misc]
        def train_step(self, data: Any) -> Any:
            logs = super().train_step(data)
            return {**logs, "twice": 2.0 * logs["loss"]}

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**logs, "largest": tf.reduce_max(y_pred)}

    return used(of(tf, Own, metrics=["mae"]))


def own_losses(tf: Any) -> Any:
    def compute_loss(
        self: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return tf.reduce_mean(tf.abs(y - y_pred)) * (3.0 if training else 1.0)

    class Older(tf.keras.Model):  # type: ignore[misc]
        def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    return [used(made(tf, {"compute_loss": compute_loss}, loss=None)), used(of(tf, Older, metrics=["mae"]))]


def own_metrics(tf: Any) -> Any:
    class Own(tf.keras.Model):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.mean = tf.keras.metrics.Mean(name="mine")

        @property
        def metrics(self) -> Any:
            return [self.mean]

        def train_step(self, data: Any) -> Any:
            self.mean.update_state(tf.reduce_mean(data[1]))
            return {"mine": self.mean.result()}

    class Unused(Own):
        train_step = tf.keras.Model.train_step

    return [
        fitted(of(tf, Own), X, Y, epochs=2, batch_size=4),
        fitted(of(tf, Unused), X, Y, epochs=2),
        of(tf, Own).metrics_names,
    ]


def kept_metrics(tf: Any) -> Any:
    class Watching(tf.keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.means = [tf.keras.metrics.Mean(name="in_layer")]

        def call(self, inputs: Any) -> Any:
            self.means[0].update_state(inputs)
            return inputs

    class Own(tf.keras.Model):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.mean = tf.keras.metrics.Mean(name="mine")

        def call(self, inputs: Any, training: Any = None) -> Any:
            found = super().call(inputs, training=training)
            self.mean.update_state(tf.reduce_max(found))
            return found

    place = tf.keras.Input((4,), name="x")
    inner = network(tf, metrics=["mse"])
    model = fill(Own(place, inner(Watching()(place))))
    model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.1), metrics=["mae"])
    return [
        fitted(model, X, Y, epochs=2, batch_size=4),
        model.evaluate(X, Y, verbose=0, return_dict=True),
        model.evaluate(X, Y, verbose=0),
        model.metrics_names,
        [metric.name for metric in model.layers[1].metrics],
        [len(model.weights), len(model.variables), len(model.non_trainable_weights)],
    ]


def other_methods_are_called(tf: Any) -> Any:
    called: list[str] = []

    class Own(tf.keras.Model):  # type: ignore[misc]
        def reset_metrics(self) -> None:
            called.append("reset")
            super().reset_metrics()

        def evaluate(self, *arguments: Any, **options: Any) -> Any:
            called.append("evaluate")
            return super().evaluate(*arguments, **options)

        def compile(self, scale: float) -> None:
            super().compile(loss="mse", optimizer=tf.keras.optimizers.SGD(scale))

    place = tf.keras.Input((4,), name="x")
    model = fill(Own(place, tf.keras.layers.Dense(3, name="output")(place)))
    model.compile(0.1)
    found = fitted(model, X, Y, epochs=2, validation_data=(X, Y))
    model.train_on_batch(X, Y)
    return found, called


def forms_of_data(tf: Any) -> Any:
    heard: list[Any] = []

    def step(self: Any, data: Any) -> Any:
        parts = data if isinstance(data, tuple) else (data,)
        heard.append([type(data) is tuple, len(parts), [each is None for each in parts]])
        return {"loss": 1.0}

    def predict_step(self: Any, data: Any) -> Any:
        step(self, data)
        return tf.zeros([2, 1])

    model = made(tf, {"train_step": step, "test_step": step, "predict_step": predict_step}, run_eagerly=True)
    model.fit(X, Y, shuffle=False, verbose=0)
    model.fit(X, Y, sample_weight=WEIGHTS, shuffle=False, verbose=0)
    model.fit(X, shuffle=False, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.evaluate(X, verbose=0)
    model.predict(X, verbose=0)
    model.train_on_batch(X, Y)
    model.fit(((X, Y) for _ in range(2)), steps_per_epoch=2, verbose=0)
    model.fit(((X,) for _ in range(2)), steps_per_epoch=2, verbose=0)
    model.predict(((X, Y) for _ in range(2)), steps=2, verbose=0)
    return heard


# -- callbacks ---------------------------------------------------------------------------------------------------


def all_events(tf: Any) -> Any:
    kinds = ("train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch")
    events = [f"on_{kind}_{when}" for kind in kinds for when in ("begin", "end")]

    def note(model: Any, event: str, *arguments: Any, logs: Any = None) -> Any:
        given = arguments if logs is None else (*arguments, logs)
        return [event, [sorted(each) if isinstance(each, dict) else each for each in given]]

    notes = Notes(tf, note, *events)
    model = network(tf)
    model.fit(
        X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[notes.callback]
    )
    model.evaluate(X, Y, verbose=0, callbacks=[notes.callback])
    model.predict(X, verbose=0, callbacks=[notes.callback])
    return [str(each) for each in notes.heard]


def events_of_batches(tf: Any) -> Any:
    def note(model: Any, event: str, batch: int, logs: Any = None) -> Any:
        return [event, batch, sorted(logs)]

    both = Notes(tf, note, "on_batch_begin", "on_batch_end")
    instead = Notes(tf, note, "on_batch_begin", "on_batch_end", "on_train_batch_end")
    told: list[int] = []
    plain = tf.keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: told.append(batch))
    model = network(tf)
    callbacks = [both.callback, instead.callback, plain]
    model.fit(X, Y, batch_size=5, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=callbacks)
    model.evaluate(X, Y, verbose=0, callbacks=callbacks)
    model.predict(X, verbose=0, callbacks=callbacks)
    return [str(each) for each in [*both.heard, *instead.heard]], told


def stops(tf: Any) -> Any:
    def stop(model: Any, event: str, batch: int, logs: Any = None) -> Any:
        what = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}
        setattr(model, what[event.split("_")[1]], batch == 1)
        return [event, batch]

    notes = Notes(tf, stop, "on_train_batch_end", "on_test_batch_end", "on_predict_batch_end")
    model = network(tf)
    model.stop_evaluating = model.stop_predicting = True
    options: dict[str, Any] = {"batch_size": 2, "verbose": 0, "callbacks": [notes.callback]}
    found = [model.evaluate(X, Y, **options), model.predict(X, **options)]
    validated = {"validation_data": (X, Y), "validation_batch_size": 2}
    history = model.fit(X, Y, epochs=3, shuffle=False, **options, **validated)
    return [found, history.epoch, [str(each) for each in notes.heard]]


def a_stop_of_training_ends_no_evaluation(tf: Any) -> Any:
    def stop(model: Any, event: str, batch: int, logs: Any = None) -> Any:
        model.stop_training = True
        return batch

    notes = Notes(tf, stop, "on_test_batch_begin", "on_test_batch_end")
    found = fitted(network(tf), X, Y, epochs=3, validation_data=(X, Y), validation_batch_size=3,
                   callbacks=[notes.callback])  # fmt: skip
    return [found, notes.heard]


def a_history_that_was_given(tf: Any) -> Any:
    given = tf.keras.callbacks.History()
    model = network(tf)
    found = model.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=[given])
    return [found is given, model.history is given, given.epoch]


def what_is_trained_was_settled_by_compile(tf: Any) -> Any:
    def freeze(model: Any, event: str, epoch: int, logs: Any = None) -> Any:
        model.get_layer("output").trainable = False

    notes = Notes(tf, freeze, "on_epoch_begin")
    return fitted(network(tf), X, Y, epochs=3, callbacks=[notes.callback])


@pytest.mark.parametrize("event", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"])
def test_what_a_callback_compiles_is_what_trains_from_then_on(event: str) -> None:
    def compile_anew(model: Any, event: str, *_: Any) -> None:
        if not seen:
            model.compile(loss="mse", optimizer=minidl.keras.optimizers.SGD(0.0))
            seen.append(model.get_weights())

    seen: list[Any] = []
    model = network(minidl)
    model.fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks=[Notes(minidl, compile_anew, event).callback])
    for weight, then in zip(model.get_weights(), seen[0], strict=True):
        numpy.testing.assert_array_equal(weight, then)


PROGRAMS = [
    steps_beyond_the_data, streams_that_end, splits, counts_of_numpy, own_train_step, own_apply_gradients, own_logs,
    same_names_as_the_metrics, more_logs, own_losses, own_metrics, kept_metrics, other_methods_are_called,
    forms_of_data, all_events, events_of_batches, stops,
    a_stop_of_training_ends_no_evaluation, a_history_that_was_given,
    what_is_trained_was_settled_by_compile,
]  # fmt: skip


@pytest.mark.tf
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_gives_what_it_gives_on_keras(program: Callable[[Any], Any], tensorflow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_agree(program, tensorflow, units=16.0)  # each may be 8 units from the truth


# -- refusals ----------------------------------------------------------------------------------------------------


def four(tf: Any) -> Any:
    return ((X, Y, WEIGHTS, X) for _ in range(2))


def _gives_no_logs(tf: Any) -> Any:
    made(tf, {"train_step": lambda self, data: None}).fit(X, Y, shuffle=False, verbose=0)


REFUSED: list[tuple[str, Callable[[Any], Any], list[str]]] = [
    ("a stream of 4-tuples", lambda tf: network(tf).fit(four(tf), verbose=0), ["4"]),
    ("a stream of 4-tuples to evaluate", lambda tf: network(tf).evaluate(four(tf), verbose=0), ["4"]),
    ("a stream of 4-tuples to predict", lambda tf: network(tf).predict(four(tf), verbose=0), ["4"]),
    ("4 validation data", lambda tf: network(tf).fit(X, Y, validation_data=(X, Y, WEIGHTS, X), verbose=0), []),
    ("an empty stream", lambda tf: network(tf).fit(iter(()), verbose=0), []),
    ("an empty generator", lambda tf: network(tf).evaluate((X for _ in range(0)), verbose=0), ["batches"]),
    ("targets beside a stream", lambda tf: network(tf).fit(((X, Y) for _ in range(2)), Y, verbose=0), ["targets"]),
    ("a step without logs", _gives_no_logs, ["None"]),
    ("a step before compile", lambda tf: tf.keras.Sequential([tf.keras.layers.Dense(1)]).fit(X, Y), ["compile"]),
    ("no loss", lambda tf: network(tf, loss=None).fit(X, Y, shuffle=False, verbose=0), ["loss"]),
]


@pytest.mark.tf
@pytest.mark.parametrize(("name", "program", "words"), REFUSED, ids=[each[0] for each in REFUSED])
def test_it_is_refused_as_by_keras(name: str, program: Callable[[Any], Any], words: list[str], tensorflow: Any) -> None:
    with pytest.raises(ValueError) as caught:
        program(minidl)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    with pytest.raises(ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensorflow.random.set_seed(1)
        program(tensorflow)


def test_what_would_not_be_called_is_refused_by_name() -> None:
    class Own(minidl.keras.Model):
        def make_train_function(self, force: bool = False) -> Any:
            """Keras would call it."""

    place = minidl.keras.Input((4,))
    with pytest.raises(NotImplementedError, match="make_train_function"):
        Own(place, place)


@pytest.mark.parametrize("name", ["compute_mask", "compute_output_spec", "save_own_variables", "load_own_variables"])
def test_methods_of_layers_that_keras_would_call_are_refused(name: str) -> None:
    derived = type("Own", (minidl.keras.layers.Dense,), {name: lambda self, *given: None})
    with pytest.raises(NotImplementedError, match=f"minidl never calls {name} of Own"):
        derived(1)


def test_what_a_model_says_of_its_losses_is_added() -> None:
    place = minidl.keras.Input((4,))
    own = type("Own", (minidl.keras.Model,), {"losses": property(lambda self: [minidl.constant(1.0)])})(place, place)
    own.compile(loss="mse")
    assert own.evaluate(minidl.ones([2, 4]), minidl.ones([2, 4]), verbose=0) == 1.0


def test_what_keras_would_ask_optimizers_for_is_refused() -> None:
    derived = type("Own", (minidl.keras.optimizers.SGD,), {"finalize_variable_values": lambda self, variables: None})
    with pytest.raises(NotImplementedError, match="minidl never calls finalize_variable_values of Own"):
        derived(0.1)


def test_what_is_given_behind_the_inputs_reaches_the_layers_call() -> None:
    class Scaled(minidl.keras.layers.Layer):
        def call(self, inputs: Any, scale: float = 1.0) -> Any:
            return inputs * scale

    scaled: Any = Scaled()
    for given, options in (((3.0,), {}), ((), {"scale": 3.0})):  # neither becomes `training`, or is ignored
        assert float(scaled(minidl.ones([1]), *given, **options)[0]) == 3.0
    with pytest.raises(TypeError, match="factor"):
        scaled(minidl.ones([1]), factor=3.0)
    with pytest.raises(TypeError, match="2 positional"):
        scaled(minidl.ones([1]), 3.0, 4.0)


def test_after_a_failed_compile_its_cause_is_named() -> None:
    model = minidl.keras.Sequential([minidl.keras.Input((4,)), minidl.keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="nil"):
        model.compile(loss="nil")
    with pytest.raises(ValueError, match="nil"):
        model.fit(X, Y, verbose=0)
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="nought"):
        model.compile(optimizer="nought")
    assert len(model.fit(X, Y, verbose=0).epoch) == 1  # as it was compiled before


# -- Ctrl-C ------------------------------------------------------------------------------------------------------


def _state(model: Any) -> list[Any]:
    variables = [model.optimizer.iterations, *model.optimizer.momentums]
    variables += [variable for metric in model.metrics for variable in metric.variables]
    return [*model.get_weights(), *(variable.numpy() for variable in variables)]


def _small(call: Callable[[Any], Any] | None = None, **options: Any) -> Any:
    class Own(minidl.keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs if call is None else call(inputs)

    optimizer = minidl.keras.optimizers.SGD(0.1, momentum=0.5)
    return of(minidl, lambda x, y: minidl.keras.Model(x, Own()(y)), optimizer=optimizer, **options)


@pytest.mark.parametrize("action", ["fit", "train_on_batch", "evaluate"])
def test_ctrl_c_in_the_midst_of_a_step_is_heard_at_its_end(action: str) -> None:
    calls: list[int] = []

    def interrupt(inputs: Any) -> Any:
        calls.append(1)
        if len(calls) == (1 if action == "train_on_batch" else 2):
            signal.raise_signal(signal.SIGINT)
        return inputs

    def run(model: Any) -> None:
        options = {} if action == "train_on_batch" else {"batch_size": 5, "verbose": 0}
        getattr(model, action)(X, Y, **options, **({"shuffle": False} if action == "fit" else {}))

    whole, model = _small(run_eagerly=True), _small(run_eagerly=True)
    run(whole)
    model.layers[-1].call, calls[:] = interrupt, []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(model)
    assert signal.getsignal(signal.SIGINT) is before
    for found, wanted in zip(_state(model), _state(whole), strict=True):
        numpy.testing.assert_array_equal(found, wanted)


def test_ctrl_c_at_any_moment_leaves_whole_steps() -> None:
    reference = _small()
    after: dict[int, list[Any]] = {}
    kept = Notes(minidl, lambda model, *_: after.setdefault(int(model.optimizer.iterations), model.get_weights()),
                 "on_train_begin", "on_train_batch_end")  # fmt: skip
    options: dict[str, Any] = {"batch_size": 2, "shuffle": False, "verbose": 0}
    reference.fit(X, Y, epochs=400, callbacks=[kept.callback], **options)
    interrupted = 0
    gc.collect()  # lest what other tests left is collected meanwhile, in whose `__del__` an interrupt would be lost
    for delay in numpy.linspace(0.001, 0.08, 12):
        model = _small()
        timer = threading.Timer(delay, os.kill, [os.getpid(), signal.SIGINT])
        try:
            timer.start()
            model.fit(X, Y, epochs=400, **options)
            timer.join()
        except KeyboardInterrupt:
            interrupted += 1
        for found, wanted in zip(model.get_weights(), after[int(model.optimizer.iterations)], strict=True):
            numpy.testing.assert_array_equal(found, wanted)
    assert interrupted


def test_an_error_in_a_step_lets_ctrl_c_through_and_puts_the_handler_back() -> None:
    def interrupt(inputs: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError("broken")

    model = _small(run_eagerly=True)
    model.layers[-1].call = interrupt
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        model.fit(X, Y, verbose=0)
    assert str(caught.value.__context__) == "broken"
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_that_is_ignored_stays_so_and_a_handler_of_ones_own_is_called() -> None:
    def interrupt(inputs: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return inputs

    heard: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    try:
        for handler in (signal.SIG_IGN, lambda number, frame: heard.append(number)):
            signal.signal(signal.SIGINT, handler)
            model = _small(interrupt, run_eagerly=True)
            heard.clear()
            assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT] * 2


def test_models_train_in_other_threads() -> None:
    histories: list[Any] = []
    before = signal.getsignal(signal.SIGINT)
    threads = [threading.Thread(target=lambda: histories.append(_small().fit(X, Y, verbose=0))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(histories) == 2
    assert signal.getsignal(signal.SIGINT) is before


# -- callbacks, each line of theirs --------------------------------------------------------------------------------


STOPS: list[tuple[dict[str, Any], list[float]]] = [
    ({"monitor": "accuracy"}, [0.5, 0.7, 0.6, 0.8]),
    ({"monitor": "loss"}, [0.5, 0.4, 0.6, 0.3]),
    ({"monitor": "loss", "mode": "max"}, [0.5, 0.6, 0.4, 0.7]),
    ({"monitor": "accuracy", "mode": "min"}, [0.5, 0.4, 0.6, 0.3]),
    ({"monitor": "loss", "patience": 2}, [0.5, 0.6, 0.4, 0.5, 0.5, 0.5, 0.1]),
    ({"monitor": "loss", "min_delta": 0.1}, [0.5, 0.45, 0.3]),
    ({"monitor": "loss", "min_delta": -0.1}, [0.5, 0.45, 0.3]),
    ({"monitor": "loss", "baseline": 0.4}, [0.5, 0.3, 0.2]),
    ({"monitor": "loss", "baseline": 0.4, "patience": 3}, [0.5, 0.45, 0.44, 0.43, 0.42]),
    ({"monitor": "loss", "start_from_epoch": 2}, [0.1, 0.2, 0.5, 0.4, 0.45]),
    ({"monitor": "loss", "restore_best_weights": True, "patience": 2}, [0.5, 0.4, 0.6, 0.7, 0.1]),
    ({"monitor": "loss", "restore_best_weights": True, "start_from_epoch": 1}, [0.1, 0.4, 0.3, 0.7]),
    ({"monitor": "loss", "restore_best_weights": True}, [float("nan"), 0.4, 0.3]),
    ({"monitor": "loss"}, [0.5, 0.5, 0.4]),
]


def stopped(tf: Any) -> list[Any]:
    """For each way to stop, how far a training with these logs gets, and with what it ends."""
    found = []
    for options, numbers in STOPS:
        stop, model = tf.keras.callbacks.EarlyStopping(**options), made(tf, {}, metrics=["accuracy"])
        model.evaluate(X, Y, verbose=0)
        stop.set_model(model)
        stop.on_train_begin()
        model.stop_training = False
        epochs = 0
        for epoch, number in enumerate(numbers):
            model.set_weights([numpy.full(each.shape, epoch, "float32") for each in model.get_weights()])
            stop.on_epoch_end(epoch, {options["monitor"]: number})
            epochs += 1
            if model.stop_training:
                break
        stop.on_train_end()
        found.append([epochs, stop.best_epoch, stop.wait, stop.stopped_epoch, int(model.get_weights()[0].flat[0])])
    return found


# What Keras says: how many epochs, the best, how many since, which was the last, and the weights that are left.
STOPPED = [
    [3, 1, 1, 2, 2],
    [3, 1, 1, 2, 2],
    [3, 1, 1, 2, 2],
    [3, 1, 1, 2, 2],
    [5, 2, 2, 4, 4],
    [2, 0, 1, 1, 1],
    [2, 0, 1, 1, 1],
    [3, 2, 0, 0, 2],
    [5, 4, 5, 0, 4],
    [5, 3, 1, 4, 4],
    [4, 1, 2, 3, 1],
    [4, 2, 1, 3, 2],
    [2, 0, 1, 1, 0],
    [2, 0, 1, 1, 1],
]


def test_early_stopping_stops_when_keras_did() -> None:
    assert stopped(minidl) == STOPPED


@pytest.mark.tf
def test_keras_still_stops_then(tensorflow: Any) -> None:
    assert stopped(tensorflow) == STOPPED


def stopped_within_one_epoch(tf: Any) -> Any:
    """Whether what gets worse within an epoch, as in a loop of one's own, stops a training: from the second on."""
    found = []
    for epoch in (0, 1):
        stop, model = tf.keras.callbacks.EarlyStopping("loss"), tf.keras.Sequential()
        stop.set_model(model)
        model.stop_training = False
        stop.on_train_begin()
        for loss in (1.0, 2.0):
            stop.on_epoch_end(epoch, {"loss": loss})
        found.append(model.stop_training)
    return found


LOSSES: list[Any] = [
    {"loss": float("nan")}, {"loss": float("inf")}, {"loss": 1.0}, {"mae": float("nan")}, {}, None,
]  # fmt: skip


def ended(tf: Any) -> Any:
    """Whether each of these logs of a batch ends a training."""
    found = []
    for logs in LOSSES:
        callback, model = tf.keras.callbacks.TerminateOnNaN(), tf.keras.Sequential()
        callback.set_model(model)
        model.stop_training = False
        callback.on_train_batch_end(7, logs)
        found.append(model.stop_training)
    return found


def test_a_training_ends_at_a_loss_that_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped_within_one_epoch(minidl) == [False, True]
    assert ended(minidl) == [True, True, False, False, False, False]
    assert capsys.readouterr().out == "Batch 7: Invalid loss, terminating training\n" * 2


@pytest.mark.tf
def test_keras_ends_it_then_too(tensorflow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped_within_one_epoch(tensorflow) == [False, True]
    assert ended(tensorflow) == [True, True, False, False, False, False]
    assert capsys.readouterr().out.count("Batch 7: Invalid loss, terminating training\n") == 2


def test_early_stopping_says_what_it_lacks_and_that_it_stops(capsys: pytest.CaptureFixture[str]) -> None:
    model = made(minidl, {})
    stop = minidl.keras.callbacks.EarlyStopping("val_loss", verbose=1)
    assert (stop.best, stop.best_weights, stop.wait) == (None, None, 0)
    with pytest.warns(UserWarning, match="watches 'val_loss', not among loss"):
        fitted(model, X, Y, callbacks=[stop])
    stop = minidl.keras.callbacks.EarlyStopping("loss", verbose=1, mode="max")
    model.compile(minidl.keras.optimizers.SGD(0.01), "mse")
    fitted(model, X, Y, epochs=5, callbacks=[stop])
    assert capsys.readouterr().out == "Epoch 2: early stopping\n"


def test_a_history_shows_its_first_epochs_and_the_last() -> None:
    history = minidl.keras.callbacks.History()
    assert (history.history, history.epoch) == ({}, [])
    for epoch in range(10):
        history.on_epoch_end(epoch, {"loss": epoch / 8})
    shown = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", history._repr_html_())
    expected = [("1", "0"), ("2", "0.125"), ("3", "0.25"), ("8", "0.875"), ("9", "1"), ("10", "1.125")]
    assert shown == [("epoch", "loss"), *expected]


def test_a_callback_made_of_functions_is_called_at_its_events() -> None:
    heard: list[Any] = []
    callback = minidl.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: heard.append(("epoch", epoch)),
        on_train_batch_end=lambda batch, logs: heard.append(("batch", batch)),
    )
    fitted(made(minidl, {}), X, Y, epochs=2, batch_size=len(X), callbacks=[callback])
    assert heard == [("batch", 0), ("epoch", 0), ("batch", 0), ("epoch", 1)]


# -- forms of data, by what a step is given ------------------------------------------------------------------------


FREE: list[tuple[Any, Any]] = [
    (numpy.ones((2, 3)), ((2, 3), "float32")),
    ([[1, 2], [3, 4]], ((2, 2), "int64")),
    ([1.5, 2.5], ((2,), "float32")),
    ([numpy.float32(1.5), numpy.float32(2.5)], ((2,), "float32")),
    (numpy.ones((2, 1), "uint8"), ((2, 1), "float32")),
    (numpy.ones((2, 1), "int32"), ((2, 1), "int32")),
    (numpy.ones((2, 1), "float16"), ((2, 1), "float16")),
    ([numpy.ones((2, 1)), numpy.ones((2, 4))], [((2, 1), "float32"), ((2, 4), "float32")]),
    ({"a": numpy.ones((2, 1)), "b": numpy.ones((2, 4))}, {"a": ((2, 1), "float32"), "b": ((2, 4), "float32")}),
    ({"a": numpy.ones((2, 1))}, {"a": ((2, 1), "float32")}),
]


@pytest.mark.parametrize(("x", "expected"), FREE, ids=range(len(FREE)))
def test_a_model_without_a_form_is_given_the_datas(x: Any, expected: Any) -> None:
    class Seeing(minidl.keras.Model):
        def predict_step(self, data: Any) -> Any:
            inputs = minidl.keras.utils.unpack_x_y_sample_weight(data)[0]
            self.seen = pack(inputs, [(tuple(each.shape), str(each.dtype)) for each in flatten(inputs)])
            return minidl.zeros([len(flatten(inputs)[0])])

    model = Seeing()
    model.compile(run_eagerly=True)
    model.predict(x, verbose=0)
    assert model.seen == expected


def test_a_model_with_a_form_is_given_its_own() -> None:
    a, b = minidl.keras.Input((1,), name="a"), minidl.keras.Input((1,), name="b")
    joined = type("Joined", (minidl.keras.layers.Layer,), {"call": lambda self, inputs: inputs[0] - inputs[1]})
    both = minidl.keras.Model([a, b], joined()([a, b]))
    named = minidl.keras.Model({"a": a, "b": b}, joined()([a, b]))
    x = numpy.array([[3.0], [5.0]]), numpy.array([[1.0], [1.5]])
    assert both.predict(list(x), verbose=0).tolist() == [[2.0], [3.5]]
    assert named.predict({"b": x[1], "a": x[0]}, verbose=0).tolist() == [[2.0], [3.5]]
    with pytest.raises(ValueError, match="x for 'b' must be numbers"):
        named.predict({"b": numpy.array(["one", "two"]), "a": x[0]}, verbose=0)
    alone = minidl.keras.Model({"a": a}, type("Of", (minidl.keras.layers.Layer,), {"call": lambda self, x: x})()(a))
    seen: list[Any] = []
    alone.predict_step = lambda data: seen.append(data) or minidl.zeros([2])  # type: ignore[method-assign,func-returns-value]
    alone.compile(run_eagerly=True)
    alone.predict({"a": x[0]}, verbose=0)
    assert list(minidl.keras.utils.unpack_x_y_sample_weight(seen[0])[0]) == ["a"]


@pytest.mark.parametrize("fraction", [0.95, 1.0])
def test_a_split_that_leaves_nothing_on_one_side_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="leaves none on one side"):
        fitted(made(minidl, {}), X[:4], Y[:4], validation_split=fraction)


def test_a_callback_is_told_how_many_steps_there_are() -> None:
    told: list[Any] = []

    class Asking(minidl.keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            told.append(self.params["steps"])

    model = made(minidl, {})
    for options in ({"batch_size": 4}, {"batch_size": 4, "steps_per_epoch": 2}):
        fitted(model, X, Y, callbacks=[Asking()], **options)
    model.fit(iter([(X, Y)]), verbose=0, callbacks=[Asking()])
    assert told == [-(-len(X) // 4), 2, None]


def test_a_step_is_given_as_many_parts_as_there_are() -> None:
    seen: list[Any] = []

    class Seeing(minidl.keras.Model):
        def test_step(self, data: Any) -> Any:
            seen.append(len(data) if isinstance(data, tuple) else None)
            return {"one": 1.0}

    model = Seeing()
    model.compile(run_eagerly=True)
    weights = numpy.ones(len(X))
    for y, sample_weight in ((None, None), (Y, None), (Y, weights)):
        model.evaluate(X, y, sample_weight=sample_weight, verbose=0)
    for batch in (X, (X,), (X, Y), (X, Y, weights), (X, None)):
        model.evaluate(iter([batch]), verbose=0)
    assert seen == [None, 2, 3, None, 1, 2, 3, 2]
