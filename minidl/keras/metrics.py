"""What to watch while a model trains: means over all samples seen since the last reset."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minidl.context import thread
from minidl.devices import CPU, Device, device_of
from minidl.devices import device as device_scope
from minidl.keras import initializers
from minidl.keras.losses import beside, like_predictions, mean_squared_error, same_axes
from minidl.keras.names import find, snake_case
from minidl.ops.creation import cast, zeros
from minidl.ops.elementwise import abs, equal, greater, where
from minidl.ops.reductions import argmax, reduce_mean, reduce_sum
from minidl.ops.shaping import squeeze
from minidl.tensor import Tensor, Variable
from minidl.values import as_dtype, float32


class Metric:
    """A number kept up to date batch by batch; to derive from.

    Arguments:
        name: what it is called; by default after its class.
        dtype: to compute in, float32 by default.

    A class derived from it defines `update_state(y_true, y_pred, sample_weight=None)` and `result()`. What it keeps
    from batch to batch it keeps in variables, since a model's steps are compiled.

    >>> class Largest(tf.keras.metrics.Metric):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.largest = self.add_variable((), 'zeros', name='largest')
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(tf.maximum(tf.reduce_max(y_pred), self.largest))
    ...     def result(self):
    ...         return self.largest
    >>> Largest()([1.0, 2.0], [3.0, 4.0]).numpy()
    np.float32(4.0)
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self._dtype = as_dtype(dtype or float32)
        self.variables: list[Variable] = []

    def add_variable(self, shape: Any, initializer: Any, dtype: Any = None, name: str | None = None) -> Variable:
        """Make a variable to keep something in; `reset_state` sets it to zeros.

        Arguments:
            shape, initializer, dtype, name: as of `Layer.add_weight`.
        """
        first = initializers.get(initializer)(tuple(shape), dtype=as_dtype(dtype or self._dtype))
        variable = Variable(first, trainable=False, name=name or "variable")
        self.variables.append(variable)
        return variable

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state(self, y_true, y_pred, ...)")

    def result(self) -> Any:
        """The number for all samples since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must define result(self)")

    def reset_state(self) -> None:
        """Forget all samples: by default, set the variables to zeros."""
        for variable in self.variables:
            variable.assign(_zeros(variable.shape, variable.dtype, device_of(variable.array)))

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Take in a batch, and give the number for all samples since the last reset."""
        self.update_state(*arguments, **options)
        return self.result()


@functools.cache
def _zeros(shape: tuple[int, ...], dtype: Any, device: Device) -> Tensor:
    with device_scope(str(device)):
        return zeros(shape, dtype)


class Mean(Metric):
    """The mean of values, weighted if asked; 0 of none.

    Arguments:
        name, dtype: as of `Metric`.

    >>> mean = tf.keras.metrics.Mean()
    >>> mean([1.0, 2.0]).numpy(), mean(6.0, sample_weight=2.0).numpy()
    (np.float32(1.5), np.float32(3.75))
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    # Keras's signature: a mean takes values, where other metrics take targets and predictions.
    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values, each weighted by its sample's weight."""
        values = beside(values, self._dtype, thread.state.device or CPU)
        count: Any = float(values.array.size)
        if isinstance(sample_weight, (int, float)):
            values, count = values * float(sample_weight), count * sample_weight
        elif sample_weight is not None:
            weight = beside(sample_weight, self._dtype, device_of(values.array))
            if weight.ndim and values.ndim > weight.ndim:
                values = reduce_mean(values, list(range(weight.ndim, values.ndim)))
            values, weight = same_axes(values, weight)
            values = values * weight
            count = reduce_sum(weight)
        for variable in self.variables:
            variable.relocate(device_of(values.array))
        self.total.assign_add(reduce_sum(values) if values.array.ndim else values)
        self.count.assign_add(count)

    def result(self) -> Tensor:
        """The mean of all values since the last reset."""
        return where(equal(self.count, 0.0), 0.0, self.total / self.count)


class MeanMetricWrapper(Mean):
    """The mean of what a function of targets and predictions gives for each sample.

    Arguments:
        fn: takes targets and predictions, as tensors of one dtype.
        name, dtype: as of `Metric`.
        options: what else to give the function.

    >>> largest = tf.keras.metrics.MeanMetricWrapper(lambda y_true, y_pred: tf.reduce_max(y_pred, -1), name='largest')
    >>> largest([[0.0, 0.0]], [[3.0, 4.0]]).numpy()
    np.float32(4.0)
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(name or snake_case(getattr(fn, "__name__", "metric")), dtype)
        self._function = fn
        self._options = options

    # Keras's signature: it is a mean, but of what a function makes of targets and predictions.
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        predicted = beside(y_pred, self._dtype, thread.state.device or CPU)
        true = beside(y_true, self._dtype, device_of(predicted.array))
        super().update_state(self._function(true, predicted, **self._options), sample_weight)


# -- functions of targets and predictions ------------------------------------------------------------------------


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |target - prediction| over the last axis.

    >>> tf.keras.metrics.mean_absolute_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([1.5], dtype=float32)
    """
    target, prediction = like_predictions(y_true, y_pred)
    return reduce_mean(abs(target - prediction), -1)


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 for each prediction that equals its target, 0 for the others.

    >>> tf.keras.metrics.accuracy([1.0, 2.0], [1.0, 3.0]).numpy()
    array([1., 0.], dtype=float32)
    """
    target, prediction = like_predictions(y_true, y_pred)
    return cast(equal(target, prediction), float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where a prediction is on the target's side of the threshold, 0 elsewhere; the mean over the last axis.

    >>> tf.keras.metrics.binary_accuracy([[1.0], [0.0]], [[0.7], [0.6]]).numpy()
    array([1., 0.], dtype=float32)
    """
    target, prediction = like_predictions(y_true, y_pred)
    return reduce_mean(cast(equal(target, cast(greater(prediction, threshold), float32)), float32), -1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction is that of the largest target, 0 elsewhere.

    >>> tf.keras.metrics.categorical_accuracy([[0.0, 1.0]], [[0.4, 0.6]]).numpy()
    array([1.], dtype=float32)
    """
    return cast(equal(argmax(y_true, -1), argmax(y_pred, -1)), float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest prediction stands at the index that is the target, 0 elsewhere.

    >>> tf.keras.metrics.sparse_categorical_accuracy([1], [[0.4, 0.6]]).numpy()
    array([1.], dtype=float32)
    """
    prediction = beside(y_pred, float32, thread.state.device or CPU)
    target = beside(y_true, float32, device_of(prediction.array))
    if target.ndim == prediction.ndim:
        target = squeeze(target, -1)
    return cast(equal(target, cast(argmax(prediction, -1), float32)), float32)


def _accuracy_by_shape(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The accuracy that fits: of yes or no, of indices, or of one-hot rows."""
    if y_pred.shape[-1] == 1:
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


# -- classes -----------------------------------------------------------------------------------------------------


class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets; see `accuracy`.

    >>> tf.keras.metrics.Accuracy()([1.0, 2.0], [1.0, 3.0]).numpy()
    np.float32(0.5)
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions are on the targets' side of a threshold; see `binary_accuracy`.

    >>> tf.keras.metrics.BinaryAccuracy()([[1.0], [0.0]], [[0.7], [0.6]]).numpy()
    np.float32(0.5)
    """

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the right one; see `categorical_accuracy`.

    >>> tf.keras.metrics.CategoricalAccuracy()([[0.0, 1.0]], [[0.4, 0.6]]).numpy()
    np.float32(1.0)
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction stands at the target's index; see `sparse_categorical_accuracy`.

    >>> tf.keras.metrics.SparseCategoricalAccuracy()([1], [[0.4, 0.6]]).numpy()
    np.float32(1.0)
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of |target - prediction|.

    >>> tf.keras.metrics.MeanAbsoluteError()([[1.0], [2.0]], [[2.0], [4.0]]).numpy()
    np.float32(1.5)
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


class MeanSquaredError(MeanMetricWrapper):
    """The mean of (target - prediction)².

    >>> tf.keras.metrics.MeanSquaredError()([[1.0], [2.0]], [[2.0], [4.0]]).numpy()
    np.float32(2.5)
    """

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


_TABLE: dict[str, Any] = {
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean": Mean,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "Accuracy": Accuracy,
    "BinaryAccuracy": BinaryAccuracy,
    "CategoricalAccuracy": CategoricalAccuracy,
    "SparseCategoricalAccuracy": SparseCategoricalAccuracy,
    "MeanAbsoluteError": MeanAbsoluteError,
    "MeanSquaredError": MeanSquaredError,
}


def get(identifier: Any) -> Any:
    """The metric of a name such as 'mae'; a metric or a function stays itself.

    Raises ValueError for an unknown name.

    >>> tf.keras.metrics.get('mae')
    <MeanAbsoluteError name=mean_absolute_error>
    """
    return find("metric", identifier, _TABLE)


def for_training(identifier: Any) -> Metric:
    """The metric of a name or function given to `Model.compile`, under the name that it was asked for by.

    'accuracy' or 'acc' is the accuracy that fits the shapes of targets and predictions.
    """
    if identifier in ("accuracy", "acc"):
        return MeanMetricWrapper(_accuracy_by_shape, identifier)
    found = get(identifier)
    metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric
