"""What a step of training does with what `compile` was given, and with what a user defines."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest

import minidl as tf
from minidl.keras.models.interrupts import whole_steps
from minidl.keras.models.steps import as_numbers

K = tf.keras
ONE, TWO = [[1.0]], [[2.0]]


def line(**options: Any) -> Any:
    """A model that gives its input."""
    model = K.Sequential([K.Input((1,)), K.layers.Dense(1, kernel_initializer="ones", name="line")])
    model.compile(**{"loss": "mse", "optimizer": "sgd", **options})
    return model


class Pair(K.Model):
    """Its input, and twice that, in a form that is known only when it is called."""

    def __init__(self, form: Any) -> None:
        super().__init__()
        self.form = form
        self.own = K.layers.Dense(1, kernel_initializer="ones")

    def call(self, inputs: Any) -> Any:  # type: ignore[override]  # fewer arguments do
        first = self.own(inputs)
        return self.form(first, first * 2.0)


def two_outputs(**options: Any) -> Any:
    place = K.Input((1,))
    outputs = [K.layers.Dense(1, kernel_initializer="ones", name=name)(place) for name in ("a", "b")]
    model = K.Model(place, outputs)
    model.compile(**options)
    return model


def test_an_evaluation_begins_anew() -> None:
    model = line()
    assert model.evaluate(ONE, [[3.0]], verbose=0) == 4.0
    assert model.evaluate(ONE, TWO, verbose=0) == 1.0
    model.reset_metrics()
    assert float(model.metrics[0].result()) == 0.0


def test_a_model_without_weights_to_train_says_so() -> None:
    model = line()
    model.trainable = False
    with pytest.warns(UserWarning, match="no weights to train"):
        assert model.train_on_batch(ONE, TWO) == 1.0


def test_an_optimizer_is_built_before_the_first_step_and_not_by_an_evaluation() -> None:
    traced = []

    def loss(y: Any, predictions: Any) -> Any:
        traced.append(y)
        return tf.square(y - predictions)

    model = line(loss=loss, optimizer=K.optimizers.SGD(0.1, momentum=0.5))
    model.evaluate(ONE, TWO, verbose=0)
    assert not model.optimizer.built
    del traced[:]
    model.fit(ONE, TWO, verbose=0)
    assert len(traced) == 1, "variables that are made within a step have it traced twice"
    assert len(model.optimizer.variables) == 4


def test_metrics_go_where_the_weights_are(device: str) -> None:
    model = line()
    with tf.device("/cpu:0"):
        model.compile(loss="mse", metrics=["mae"])
    assert model.evaluate(ONE, TWO, verbose=0, return_dict=True) == {"loss": 1.0, "mae": 1.0}
    kept = [variable for metric in model.metrics for variable in metric.variables]
    assert {str(variable.device) for variable in kept} == {str(model.weights[0].device)}


@pytest.mark.parametrize("takes_training", [True, False])
def test_compute_loss_is_told_whether_it_trains_if_it_asks(takes_training: bool) -> None:
    told = []

    class Old(K.Sequential):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:  # type: ignore[override]  # fewer arguments do
            return tf.reduce_mean(y - y_pred)

    class New(K.Sequential):
        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
        ) -> Any:
            told.append(training)
            return tf.reduce_mean(y - y_pred)

    model = (New if takes_training else Old)([K.Input((1,)), K.layers.Dense(1, kernel_initializer="ones")])
    model.compile(loss="mse")
    assert model.test_on_batch(ONE, [[3.0]]) == 2.0
    assert model.train_on_batch(ONE, [[3.0]]) == 2.0
    assert told == ([False, True] if takes_training else [])


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_metrics_results_of_ones_own_are_asked_for_each_time(run_eagerly: bool) -> None:
    asked: list[Any] = []

    class Own(K.Sequential):
        def get_metrics_result(self) -> Any:
            asked.append(self)
            return {"loss": 7.0 + len(asked)}

    class Counting(K.metrics.Mean):
        def result(self) -> Any:
            asked.append(self)
            return super().result()

    model: Any = Own([K.layers.Dense(1)]) if not run_eagerly else K.Sequential([K.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=run_eagerly, metrics=[] if not run_eagerly else [Counting("count")])
    counts = []
    for _ in range(3):
        model._metric_logs()
        counts.append(len(asked))
    assert counts == [1, 2, 3]


def test_logs_of_a_step_of_ones_own_are_those_of_the_history() -> None:
    class Own(K.Sequential):
        def train_step(self, data: Any) -> Any:
            return {"mine": tf.constant(3.0)}

    model = Own([K.layers.Dense(1)])
    model.compile(loss="mse")
    assert model.fit(ONE, TWO, verbose=0).history == {"mine": [3.0]}


def test_the_train_function_is_that_of_training() -> None:
    model: Any = line()
    model.evaluate(ONE, TWO, verbose=0)
    model.predict(ONE, verbose=0)
    assert model.train_function is None
    model.train_on_batch(ONE, TWO)
    trained: Any = model.train_function
    assert "learning_rate" in trained.source()
    assert trained.source().rstrip().endswith("return None")  # the logs are computed where somebody looks
    model.evaluate(ONE, TWO, verbose=0)
    assert model.train_function is trained


def test_logs_become_numbers_of_python() -> None:
    logs = {"b": tf.constant(1.5), "a": tf.constant(2), "none": np.array("word"), "many": tf.constant([1.0, 2.0])}
    found = as_numbers({**logs, "inner": {"c": np.float32(0.5), "d": True}})
    assert list(found) == ["a", "b", "c", "d", "many", "none"]
    assert [(type(found[name]), found[name]) for name in "abcd"] == [
        (float, 2.0), (float, 1.5), (float, 0.5), (float, 1.0)
    ]  # fmt: skip
    assert found["many"].tolist() == [1.0, 2.0]
    assert isinstance(found["none"], np.ndarray)
    assert as_numbers({"one": tf.constant(1.0), "other": tf.constant(2.0)}) == {"one": 1.0, "other": 2.0}


# -- what is measured


def test_outputs_that_are_met_late_have_their_own_losses_and_metrics() -> None:
    model = Pair(lambda a, b: [a, b])
    model.compile(loss=["mse", "mae"], metrics=[["mae"], ["mse"]])
    logs = model.test_on_batch(ONE, [np.array([[3.0]]), np.array([[3.0]])], return_dict=True)
    assert logs["loss"] == 5.0
    assert sorted(value for name, value in logs.items() if name.endswith(("_mae", "_mse"))) == [1.0, 2.0]

    named = Pair(lambda a, b: {"a": a, "b": b})
    named.compile(loss={"a": "mse", "b": "mae"})
    logs = named.test_on_batch(ONE, {"a": np.array([[3.0]]), "b": np.array([[3.0]])}, return_dict=True)
    assert logs == {"a_loss": 4.0, "b_loss": 1.0, "loss": 5.0}


def test_outputs_are_met_by_steps_and_losses_of_ones_own() -> None:
    class Step(Pair):
        def test_step(self, data: Any) -> Any:
            x, y, _ = data
            return {"own": self.compute_loss(x, y, self(x))}

    class Loss(Pair):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:  # type: ignore[override]  # fewer arguments do
            return tf.reduce_sum(y_pred[0])

    targets = [np.array([[3.0]]), np.array([[3.0]])]
    model: Any = Step(lambda a, b: [a, b])
    model.compile(loss=["mse", "mae"])
    assert model.test_on_batch(ONE, targets, return_dict=True) == {"own": 5.0}
    model = Loss(lambda a, b: [a, b])
    model.compile(loss=["mse", "mae"], metrics=[["mae"], ["mse"]])
    logs = model.test_on_batch(ONE, targets, return_dict=True)
    assert logs["loss"] == 1.0
    assert sorted(value for name, value in logs.items() if name.endswith(("_mae", "_mse"))) == [1.0, 2.0]


def test_what_compile_is_given_is_checked_when_it_is() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Pair(lambda a, b: [a, b]).compile(loss="nonsense")


def test_losses_and_metrics_go_to_the_outputs_they_are_for() -> None:
    targets = [np.array([[3.0]]), np.array([[3.0]])]
    model = two_outputs(loss={"a": "mse", "b": "mae"}, loss_weights=[3.0, 1.0], metrics=["mae", "mse"])
    logs = model.test_on_batch(ONE, targets, return_dict=True)
    assert logs == {"a_loss": 4.0, "b_loss": 2.0, "loss": 14.0, "a_mae": 2.0, "b_mse": 4.0}
    assert two_outputs(loss="mse").test_on_batch(ONE, targets, return_dict=True)["loss"] == 8.0
    assert two_outputs(loss=["mse", None]).test_on_batch(ONE, targets, return_dict=True)["loss"] == 4.0
    assert line(metrics=["mae", "mse"]).test_on_batch(ONE, [[3.0]]) == [4.0, 2.0, 4.0]
    assert line(loss_weights=2.0).test_on_batch(ONE, [[3.0]]) == 8.0


def test_a_loss_that_is_an_object_reduces_by_itself() -> None:
    model = line(loss=K.losses.MeanSquaredError(reduction="sum"))
    assert model.test_on_batch([[1.0], [1.0]], [[3.0], [2.0]], sample_weight=[1.0, 10.0]) == 14.0


# -- data


def test_data_without_samples_and_splits_that_leave_none_are_refused() -> None:
    model = K.Sequential([K.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="no samples"):
        model.fit([], [], verbose=0)
    for fraction in (1e-20, 0.9999):
        with pytest.raises(ValueError, match="none on one side"):
            line().fit([[1.0]] * 4, [[2.0]] * 4, validation_split=fraction, verbose=0)


def test_a_step_is_given_one_input_by_itself() -> None:
    seen = []

    class Own(K.Model):
        def test_step(self, data: Any) -> Any:
            seen.append(data[0])
            return {"own": tf.reduce_sum(self(data[0]))}

    place = K.Input((1,))
    model = Own([place], K.layers.Dense(1, kernel_initializer="ones")(place))
    model.compile(loss="mse")
    assert model.evaluate(np.array(ONE), np.array(TWO), verbose=0) == 1.0
    assert [type(each) for each in seen] == [tf.Tensor]


def test_steps_go_on_where_the_epoch_before_ended() -> None:
    data = np.arange(5.0)[:, None]

    def losses_of(**options: Any) -> list[float]:
        model = line(loss=lambda y, predictions: predictions[:, 0], optimizer=K.optimizers.SGD(0.0))
        history: list[float] = model.fit(data, data, batch_size=1, shuffle=False, verbose=0, **options).history["loss"]
        return history

    assert losses_of(epochs=2, steps_per_epoch=2) == [0.5, 2.5]
    assert losses_of(epochs=2) == [2.0, 2.0]
    with pytest.warns(UserWarning, match="ran out after 1 of 2 steps"):
        assert losses_of(epochs=4, steps_per_epoch=2) == [0.5, 2.5, 4.0, 0.5]


# -- Ctrl-C


def test_what_interrupts_between_steps_is_heard_at_once_and_within_one_at_its_end() -> None:
    done = []

    def step() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("step")

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), whole_steps() as whole:
        whole(step)
        done.append("after the step")
    with pytest.raises(KeyboardInterrupt), whole_steps():
        signal.raise_signal(signal.SIGINT)
        done.append("after the signal")
    assert done == ["step"]
    assert signal.getsignal(signal.SIGINT) is handler
