"""Losses, metrics, regularizers, and all that is asked for by name, against Keras."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given, settings, strategies as st

import minidl
from minidl.keras.names import snake_case
from tests.agree import assert_agree
from tfref.cases.making import numbers

ROWS, OTHER_ROWS = [[1, 2], [3, 4]], [[0, 2], [3, 4]]
TARGETS, PREDICTIONS = numpy.eye(3, dtype="float32")[[0, 2, 1, 0]], numbers([4, 3], 0.0, 1.0)

# -- weights -----------------------------------------------------------------------------------------------------


def weights_that_broadcast(tf: Any) -> Any:
    metrics = tf.keras.metrics
    cube = numpy.arange(8.0, dtype="float32").reshape(2, 2, 2)
    found = [
        metrics.Accuracy()(ROWS, OTHER_ROWS, sample_weight=[[0.5], [0.3]]),
        metrics.Mean()([[1.0, 2.0], [3.0, 4.0]], sample_weight=[[0.5], [0.3]]),
        metrics.Mean()([[1.0, 2.0], [3.0, 4.0]], sample_weight=0.5),
        metrics.Mean()([3.0], sample_weight=0.5),
        metrics.Mean()(cube, sample_weight=[[[1.0], [2.0]], [[3.0], [4.0]]]),
        metrics.Mean()(cube, sample_weight=[[1.0], [2.0]]),
        metrics.Mean()(cube, sample_weight=[[1.0, 0.5], [2.0, 0.25]]),
        metrics.Mean()(cube, sample_weight=cube + 1.0),
        metrics.Mean()(cube, sample_weight=[0.0, 0.0]),
        metrics.Mean()([1.0, 2.0], sample_weight=[1.0, -1.0]),
        metrics.Mean()(numpy.zeros((0, 3), "float32")),
    ]
    for name in ("BinaryAccuracy", "MeanAbsoluteError", "MeanSquaredError", "CategoricalAccuracy", "Accuracy"):
        for weight in (2.0, [1.0, 2.0, 0.5, 0.0], [[1.0], [2.0], [0.5], [0.0]]):
            found.append(getattr(metrics, name)()(TARGETS, PREDICTIONS, sample_weight=weight))
    for shape in ([4, 3], [1, 3]):
        for name in ("BinaryAccuracy", "Accuracy"):  # whose values are of each entry
            found.append(getattr(metrics, name)()(TARGETS, PREDICTIONS, sample_weight=numbers(shape, 0.0, 2.0)))
    return found


def samples_of_several_batches(tf: Any) -> Any:
    mean = tf.keras.metrics.Mean()
    found = []
    for update in (
        ([[1.0, 2.0], [3.0, 4.0]],), ([5.0], [2.0]), (7.0, 3), ([[1.0, 2.0, 3.0]],), (2.0,), ([[1.0, 2.0]], [[3.0]]),
    ):  # fmt: skip
        mean.update_state(*update)
        found += [mean.result(), tf.identity(mean.total), tf.identity(mean.count)]
    mean.reset_state()
    return found, mean.result()


def functions(tf: Any) -> Any:
    found = []
    metrics = tf.keras.metrics
    for function in (metrics.mse, metrics.MAE, metrics.binary_accuracy, metrics.categorical_accuracy):
        found += [
            function(TARGETS, PREDICTIONS),
            function(TARGETS.astype("float64"), PREDICTIONS.astype("float64")),
            function(TARGETS.astype("int64"), PREDICTIONS),
            function(TARGETS.astype("bool"), PREDICTIONS),
            function(TARGETS.tolist(), PREDICTIONS.tolist()),
            function(TARGETS[:, None], PREDICTIONS[:, None]),
        ]
    found += [
        metrics.binary_accuracy([[1, 0], [0, 1]], [[0.9, 0.4], [0.7, 0.2]]),
        metrics.binary_accuracy([1, 0, 1], [[0.9], [0.4], [0.3]]),
        metrics.binary_accuracy([[1.0, 0.0]], [[0.9, 0.8]], threshold=0.85),
        metrics.binary_accuracy([[1, 0]], [[1, 1]]),
        metrics.sparse_categorical_accuracy([0, 2, 1, 0], PREDICTIONS),
        metrics.sparse_categorical_accuracy([[0], [2], [1], [0]], PREDICTIONS),
        metrics.BinaryAccuracy(threshold=0.7)([[1, 0, 1]], [[0.8, 0.71, 0.6]]),
        metrics.Accuracy()([16777217], [16777216]),
    ]
    return found


def losses(tf: Any) -> Any:
    found = []
    for loss in (tf.keras.losses.MeanSquaredError, tf.keras.losses.MeanAbsoluteError):
        for reduction in ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None):
            for weight in (None, 2.0, [1.0, 2.0, 0.5, 0.25], [[1.0], [2.0], [0.5], [0.25]], [0.0] * 4):
                found.append(loss(reduction=reduction)(TARGETS, PREDICTIONS, sample_weight=weight))
        found += [loss(dtype="float64")(TARGETS, PREDICTIONS), loss("sum")(TARGETS, PREDICTIONS), loss().name]

    class Whole(tf.keras.losses.Loss):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return tf.reduce_max(tf.abs(y_true - y_pred))

    class Largest(tf.keras.losses.MeanSquaredError):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return tf.reduce_max(tf.abs(y_true - y_pred), -1)

    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none"):
        for weight in (None, 2.0, [1.0, 2.0]):
            found.append(Whole(reduction=reduction)(TARGETS, PREDICTIONS, sample_weight=weight))
    return found, Largest()(TARGETS, PREDICTIONS), Whole("mine").name, Whole().dtype


def gradients(tf: Any) -> Any:
    found = []
    for loss in (tf.keras.losses.mse, tf.keras.losses.mae, tf.keras.losses.MeanAbsoluteError()):
        w = tf.Variable(PREDICTIONS)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(loss(TARGETS, w))
        found.append(tape.gradient(value, w))
    w = tf.Variable(PREDICTIONS)
    with tf.GradientTape() as tape:
        value = tf.keras.losses.MeanSquaredError("mean_with_sample_weight")(TARGETS, w, sample_weight=[0.0] * 4)
    return found, tape.gradient(value, w)


def names_in_training(tf: Any) -> Any:
    metric, loss = tf.keras.metrics, tf.keras.losses
    asked = [
        "mse", "MAE", "mean_squared_error", "MeanAbsoluteError", "acc", "binary_accuracy", "BinaryAccuracy",
        metric.mae, metric.BinaryAccuracy, metric.Accuracy(name="mine"), loss.MeanSquaredError(),
    ]  # fmt: skip
    found = []
    for each in asked:
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(3, kernel_initializer="ones")])
        model.compile(loss="mae", optimizer="sgd", metrics=[each])
        found.append(model.evaluate(PREDICTIONS, TARGETS, verbose=0, return_dict=True))
    for each in ("mse", "MAE", loss.mse, loss.MeanAbsoluteError, loss.MeanSquaredError("sum"), "MeanSquaredError"):
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(3, kernel_initializer="ones")])
        model.compile(loss=each, optimizer="sgd")
        found.append(model.evaluate(PREDICTIONS, TARGETS, verbose=0))
    return found


def regularizers(tf: Any) -> Any:
    keras = tf.keras.regularizers
    made = [
        keras.L1(), keras.L2(), keras.L1L2(), keras.L1L2(0.1, 0.2), keras.L1(0.3), keras.L2(0.3), keras.l1(1),
        keras.L1L2(l2=0.5), keras.get("l1"), keras.get("L2"), keras.get("l1l2"), keras.get("L1L2"),
    ]  # fmt: skip
    w = tf.Variable([[1.0, -2.0], [3.0, 0.0]])
    with tf.GradientTape() as tape:
        total = tf.add_n([each(w) for each in made]) if hasattr(tf, "add_n") else sum(each(w) for each in made)
    return [each(tf.identity(w)) for each in made], tape.gradient(total, w)


def initial_values(tf: Any) -> Any:
    keras = tf.keras.initializers
    return [
        keras.zeros()([2]), keras.ones()([2, 1]), keras.constant(1.5)([2]), keras.get("zero")([1]),
        keras.get(numpy.eye(2, dtype="float32"))([2, 2], dtype="float32"), keras.Constant([1.0, 2.0])([3, 2]),
        keras.get("uniform").__class__.__name__, keras.get("normal").__class__.__name__,
    ]  # fmt: skip


def kept_by_a_metric(tf: Any) -> Any:
    class Two(tf.keras.metrics.Metric):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="two")
            self.parts = [tf.keras.metrics.Mean(), tf.keras.metrics.Mean()]
            self.calls = self.add_weight(name="calls", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.parts[0].update_state(y_true)
            self.parts[1].update_state(y_pred)
            self.calls.assign_add(1.0)

        def result(self) -> Any:
            return self.parts[0].result() - self.parts[1].result() + self.calls

    metric = Two()
    found = [metric([1.0, 2.0], [3.0, 5.0]), metric([2.0], [3.0])]
    metric.reset_state()
    return found, metric([1.0], [4.0]), len(metric.variables), metric.name, metric.dtype


def variables_of_a_metrics_own(tf: Any) -> Any:
    """A metric says itself how it makes a variable, by whichever name it is asked for one."""
    asked = []

    class Own(tf.keras.metrics.Metric):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own")
            self.first = self.add_weight((2,), "ones", name="first")
            self.second = self.add_variable((), "ones", name="second")

        def add_variable(self, shape: Any, initializer: Any, dtype: Any = None, name: Any = None, **others: Any) -> Any:
            asked.append((name, initializer))
            return super().add_variable(shape, "zeros", dtype, name=name, **others)

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.first.assign_add(y_true)
            self.second.assign_add(1.0)

        def result(self) -> Any:
            return tf.reduce_sum(self.first) + self.second

    metric = Own()
    names = [variable.name for variable in metric.variables]
    return asked, names, metric([2.0, 3.0], 0.0), metric([2.0, 3.0], 0.0)


@pytest.mark.tf
@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    "program",
    [
        variables_of_a_metrics_own,
        weights_that_broadcast, samples_of_several_batches, functions, losses, gradients, names_in_training,
        regularizers, initial_values, kept_by_a_metric,
    ],
    ids=lambda program: program.__name__,
)  # fmt: skip
def test_a_program_gives_what_it_gives_on_keras(program: Callable[[Any], Any], tensorflow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_agree(program, tensorflow, units=16.0)


# -- names -------------------------------------------------------------------------------------------------------

KINDS = ["activations", "initializers", "losses", "metrics", "optimizers", "regularizers"]
IDENTIFIERS: list[Any] = [
    None, "mse", "MSE", "mae", "MAE", "mean_squared_error", "MeanSquaredError", "mean_absolute_error",
    "MeanAbsoluteError", "accuracy", "acc", "Accuracy", "mean", "Mean", "metric", "binary_accuracy", "BinaryAccuracy",
    "categorical_accuracy", "sparse_categorical_accuracy", "relu", "ReLU", "linear", "sigmoid", "tanh", "softplus",
    "softmax", "zeros", "Zeros", "zero", "ones", "one", "glorot_uniform", "GlorotUniform", "glorotuniform",
    "uniform", "normal", "random_uniform", "RandomNormal", "sgd", "SGD", "sGD", "l1", "L1", "l2", "L1L2", "l1l2",
    "l1_l2", "he_uniform", "nil", "", 5, [1], (),
]  # fmt: skip


def _kind(get: Callable[[Any], Any], identifier: Any) -> Any:
    """What a lookup gives: the name of a function, of the class of an object, or of the error."""
    try:
        found = get(identifier)
    except Exception as error:
        return "error", type(error)
    return ("function", found.__name__) if hasattr(found, "__name__") else ("object", type(found).__name__)


@pytest.mark.tf
@pytest.mark.parametrize("kind", KINDS)
def test_get_gives_what_keras_gives(kind: str, tensorflow: Any) -> None:
    ours, theirs = getattr(minidl.keras, kind), getattr(tensorflow.keras, kind)
    for identifier in IDENTIFIERS:
        assert (identifier, _kind(ours.get, identifier)) == (identifier, _kind(theirs.get, identifier))
    own: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda keras: keras.optimizers.SGD(0.5), "learning_rate"),
        (lambda keras: keras.losses.MeanSquaredError, "name"),
        (lambda keras: {"class_name": "SGD", "config": {"learning_rate": 0.5}}, "learning_rate"),
        (lambda keras: {"class_name": "L1", "config": {"l1": 0.5}}, "l1"),
        (lambda keras: {"class_name": "MeanSquaredError", "config": {"reduction": "sum"}}, "reduction"),
        (lambda keras: {"class_name": "mse", "config": {"name": "q"}}, "name"),
        (lambda keras: {"class_name": "accuracy", "config": {"name": "q"}}, "name"),
        (lambda keras: numpy.eye(2), "shape"),
        (lambda keras: abs, "__name__"),
    ]
    for make, attribute in own:
        if kind in ("losses", "metrics", "regularizers", "optimizers"):
            mine, other = _kind(ours.get, make(minidl.keras)), _kind(theirs.get, make(tensorflow.keras))
            assert mine == other
            if mine[0] == "object" and attribute in ("learning_rate", "l1"):
                value = getattr(ours.get(make(minidl.keras)), attribute)
                assert float(value) == float(getattr(theirs.get(make(tensorflow.keras)), attribute))


def test_an_unknown_name_is_told_what_there_is() -> None:
    for kind, word in zip(KINDS, ("relu", "zeros", "mse", "mae", "sgd", "l2"), strict=True):
        with pytest.raises(ValueError, match=f"'nil'.*{word}"):
            getattr(minidl.keras, kind).get("nil")


def test_the_short_names_are_the_functions() -> None:
    keras = minidl.keras
    for module in (keras.losses, keras.metrics):
        assert module.mse is module.MSE is keras.losses.mean_squared_error is module.mean_squared_error
        assert module.mae is module.MAE is keras.losses.mean_absolute_error is module.mean_absolute_error
    assert keras.losses.get("mse")([[2.5], [12.5]], [[0.0], [0.0]]).numpy().tolist() == [6.25, 156.25]


def test_a_name_and_its_function_train_to_the_same_bits() -> None:
    found = []
    for loss in ("mse", minidl.keras.losses.mse, minidl.keras.losses.MeanSquaredError(), "MeanSquaredError"):
        model = minidl.keras.Sequential(
            [minidl.keras.Input((3,)), minidl.keras.layers.Dense(3, kernel_initializer="ones")]
        )
        model.compile(loss=loss, optimizer="sgd")
        model.fit(PREDICTIONS, TARGETS, shuffle=False, verbose=0, epochs=2)
        found.append(model.get_weights())
    assert all((weight == first).all() for each in found for weight, first in zip(each, found[0], strict=True))


@pytest.mark.tf
@settings(max_examples=300, deadline=None)
@given(st.from_regex(re.compile(r"[A-Za-z][A-Za-z0-9]{0,12}"), fullmatch=True))
def test_names_in_snake_case_are_kerass(name: str) -> None:
    from keras.src.utils.naming import to_snake_case  # type: ignore[import-untyped]

    assert snake_case(name) == to_snake_case(name)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf"), "a"])
def test_a_regularizer_refuses(factor: Any) -> None:
    for name, options in (("L1", {"l1": factor}), ("L2", {"l2": factor}), ("L1L2", {"l1": factor})):
        with pytest.raises(ValueError, match=re.escape(repr(factor))):
            getattr(minidl.keras.regularizers, name)(**options)


def test_a_metric_refuses_an_argument_and_weights_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match="colour"):
        minidl.keras.metrics.BinaryAccuracy(colour=1)
    mean = minidl.keras.metrics.Mean()
    for weights in ([1.0, 2.0, 3.0], [[1.0, 2.0], [3.0, 4.0]]):
        with pytest.raises(minidl.errors.InvalidArgumentError):
            mean.update_state([1.0, 2.0], sample_weight=weights)
    assert mean.count.numpy() == 0.0


def of_its_own_name(tf: Any) -> list[str]:
    """What metrics are called in the logs."""
    metrics = tf.keras.metrics
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    given = ["mae", metrics.MeanSquaredError(name="mine")]
    model.compile(tf.keras.optimizers.SGD(0.0), "mse", metrics=given)
    return sorted(model.fit(numpy.ones((2, 1)), numpy.ones((2, 1)), verbose=0).history)


def accuracy_of_each_form(tf: Any) -> list[float]:
    """What "accuracy" means for indices, columns of indices, one-hot rows, and yes or no."""
    x, column = numpy.array([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1], [0.2, 0.1, 0.7]], "float32"), [[0.6], [0.2], [0.7]]
    hot = numpy.eye(3, dtype="float32")[[1, 0, 1]]
    found = []
    for inputs, target in ((x, [1, 0, 1]), (x, [[1], [0], [1]]), (x, hot), (column, [[1], [1], [1]])):
        place = tf.keras.Input((numpy.shape(inputs)[-1],))
        same = type("Same", (tf.keras.layers.Layer,), {"call": lambda self, x: x})
        model = tf.keras.Model(place, same()(place))
        model.compile(loss=lambda y, prediction: tf.reduce_sum(prediction, -1), metrics=["accuracy"])
        found.append(model.evaluate(numpy.array(inputs, "float32"), numpy.array(target), verbose=0)[1])
    return found


@pytest.mark.tf
def test_metrics_in_a_model_are_named_and_chosen_as_keras_does(tensorflow: Any) -> None:
    assert of_its_own_name(minidl) == of_its_own_name(tensorflow)
    assert accuracy_of_each_form(minidl) == accuracy_of_each_form(tensorflow)


def test_a_metrics_variable_has_the_name_that_it_is_given() -> None:
    metric = minidl.keras.metrics.Metric()
    assert [metric.add_variable(name="own").name, metric.add_variable().name] == ["own", "variable"]


def test_a_mean_goes_where_its_values_are(double: Any) -> None:
    mean, inside = minidl.keras.metrics.Mean(), minidl.keras.metrics.Mean()
    with minidl.device("/gpu:0"):
        values = minidl.constant([1.0, 2.0])
        inside.update_state([1.0, 2.0])
    mean.update_state(values)
    for each in (mean, inside):
        assert each.total.device.endswith("GPU:0")
        assert each.count.device.endswith("GPU:0")
        assert float(each.result()) == 1.5
