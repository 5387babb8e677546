"""What to watch while a model trains: means over all samples seen since the last reset."""

import inspect
from collections.abc import Callable
from typing import Any

import minidl as tf
from minidl.keras.initializers import Stateful
from minidl.keras.losses import in_dtype, mean_absolute_error, mean_of, mean_squared_error, same_axes
from minidl.keras.names import find, snake_case
from minidl.nest import flatten
from minidl.ops.inputs import convert
from minidl.values import FLOATS, as_dtype

__all__ = ["MAE", "MSE", "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "Mean", "MeanAbsoluteError",
           "MeanMetricWrapper", "MeanSquaredError", "Metric", "SparseCategoricalAccuracy", "accuracy",
           "binary_accuracy", "categorical_accuracy", "get", "mae", "mean_absolute_error", "mean_squared_error", "mse",
           "sparse_categorical_accuracy"]  # fmt: skip


class Metric(Stateful):
    """A number kept up to date batch by batch; to derive from.

    Arguments:
        dtype: to compute in, float32 by default.
        name: what it is called; by default after its class.

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

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self._dtype = as_dtype(dtype or tf.float32)
        self.dtype = str(self._dtype)
        self._added: list[tf.Variable] = []

    @property
    def variables(self) -> list[tf.Variable]:
        """What it keeps: its own variables, and those of the metrics that it keeps as attributes."""
        metrics = (each for kept in vars(self).values() for each in flatten(kept) if isinstance(each, Metric))
        return [*self._added, *(variable for metric in metrics for variable in metric.variables)]

    def add_weight(self, *arguments: Any, **options: Any) -> tf.Variable:
        """What `add_variable` makes, by Keras's other name for it."""
        return self.add_variable(*arguments, **options)

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
            variable.assign(tf.zeros_like(variable))

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Take in a batch, and give the number for all samples since the last reset."""
        self.update_state(*arguments, **options)
        return self.result()


class Mean(Metric):
    """The mean of values, weighted if asked; 0 of none.

    Arguments:
        name, dtype: as of `Metric`.

    >>> mean = tf.keras.metrics.Mean()
    >>> mean([1.0, 2.0]).numpy(), mean(6.0, sample_weight=2.0).numpy()
    (np.float32(1.5), np.float32(3.75))
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total, self.count = self.add_variable(name="total"), self.add_variable(name="count")

    # Keras's signature: a mean takes values, where other metrics take targets and predictions.
    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in values, those of each sample as their mean, which is weighted by the sample's weight."""
        values = in_dtype(values, self._dtype)
        count: Any = float(values.array.shape[0]) if values.array.ndim else 1.0
        if isinstance(sample_weight, (int, float)) and not values.array.ndim:
            values, count = values * float(sample_weight), float(sample_weight)
        elif sample_weight is not None:
            values, weight = same_axes(values, in_dtype(sample_weight, self._dtype, values.home))
            weight = tf.broadcast_to(weight, (values := _means(values, weight.ndim)).shape)
            values = values * weight
            count = tf.reduce_sum(_means(weight, 1))
        for variable in self._added:
            variable.relocate(values.home)
        self.total.assign_add(tf.reduce_sum(_means(values, 1)) if values.array.ndim else values)
        self.count.assign_add(count)

    def result(self) -> tf.Tensor:
        """The mean of all values since the last reset."""
        return mean_of(self.total, self.count)


def _means(values: tf.Tensor, ndim: int) -> tf.Tensor:
    """The means over all axes but so many first ones."""
    return tf.reduce_mean(values, list(range(ndim, values.ndim))) if values.ndim > ndim else values


class MeanMetricWrapper(Mean):
    """The mean of what a function of targets and predictions gives for each sample.

    Arguments:
        fn: takes targets and predictions, as tensors.
        name, dtype: as of `Metric`.
        options: what else to give the function.

    >>> largest = tf.keras.metrics.MeanMetricWrapper(lambda y_true, y_pred: tf.reduce_max(y_pred, -1), name='largest')
    >>> largest([[0.0, 0.0]], [[3.0, 4.0]]).numpy()
    np.float32(4.0)
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(name, dtype)
        self._function, self._options = fn, options

    # Keras's signature: it is a mean, but of what a function makes of targets and predictions.
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        target, prediction = _tensors(y_true, y_pred)
        super().update_state(self._function(target, prediction, **self._options), sample_weight)


# -- functions of targets and predictions ------------------------------------------------------------------------


def _tensors(y_true: Any, y_pred: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Targets and predictions as tensors on one device, each in its own dtype."""
    prediction = tf.convert_to_tensor(y_pred)
    return convert(y_true, device=prediction.home), prediction


def accuracy(y_true: Any, y_pred: Any) -> tf.Tensor:
    """1 for each prediction that equals its target, 0 for the others.

    >>> tf.keras.metrics.Accuracy()([1.0, 2.0], [1.0, 3.0]).numpy()
    np.float32(0.5)
    """
    target, prediction = same_axes(*_tensors(y_true, y_pred))
    return tf.cast(tf.equal(tf.cast(target, prediction.dtype), prediction), tf.float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> tf.Tensor:
    """1 for each prediction on the target's side of the threshold, 0 for the others.

    Arguments:
        y_true, y_pred: targets, 0 or 1, and predictions.
        threshold: the number that predictions of 1 are above.

    >>> tf.keras.metrics.binary_accuracy([[1.0, 0.0]], [[0.7, 0.6]]).numpy()
    array([[1., 0.]], dtype=float32)
    """
    target, prediction = same_axes(*_tensors(y_true, y_pred))
    prediction = prediction if prediction.dtype in FLOATS else tf.cast(prediction, tf.float32)
    return tf.cast(tf.equal(target, tf.cast(tf.greater(prediction, threshold), target.dtype)), tf.float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> tf.Tensor:
    """1 where the largest prediction is that of the largest target, 0 elsewhere.

    >>> tf.keras.metrics.categorical_accuracy([[0.0, 1.0]], [[0.4, 0.6]]).numpy()
    array([1.], dtype=float32)
    """
    target, prediction = _tensors(y_true, y_pred)
    return tf.cast(tf.equal(tf.argmax(target, -1), tf.argmax(prediction, -1)), tf.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> tf.Tensor:
    """1 where the largest prediction stands at the index that is the target, 0 elsewhere.

    >>> tf.keras.metrics.sparse_categorical_accuracy([1], [[0.4, 0.6]]).numpy()
    array([1.], dtype=float32)
    """
    target, prediction = _tensors(y_true, y_pred)
    target = tf.squeeze(target, -1) if target.ndim == prediction.ndim else target
    return tf.cast(tf.equal(target, tf.cast(tf.argmax(prediction, -1), target.dtype)), tf.float32)


def _accuracy_by_shape(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """The accuracy that fits: of yes or no, of indices, or of one-hot rows."""
    is_index = y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1
    of_classes = sparse_categorical_accuracy if is_index else categorical_accuracy
    return (binary_accuracy if y_pred.shape[-1] == 1 else of_classes)(y_true, y_pred)


# -- classes -----------------------------------------------------------------------------------------------------


_CLASSES: dict[Callable[..., Any], type[Metric]] = {}  # by the functions whose means they are


def _class_of(function: Callable[..., Any]) -> Any:
    """The metric that is the mean of a function, and has its name."""
    called = "".join(word.capitalize() for word in function.__name__.split("_"))

    def begin(self: Any, name: str = function.__name__, dtype: Any = None, **options: Any) -> None:
        inspect.signature(function).bind_partial(**options)  # TypeError for an argument that it doesn't take
        MeanMetricWrapper.__init__(self, function, name, dtype, **options)

    about = f"The mean of `{function.__name__}` over all samples.\n\n{inspect.getdoc(function)}"
    made = type(called, (MeanMetricWrapper,), {"__init__": begin, "__doc__": about, "__module__": __name__})
    return _CLASSES.setdefault(function, made)


Accuracy = _class_of(accuracy)
BinaryAccuracy = _class_of(binary_accuracy)
CategoricalAccuracy = _class_of(categorical_accuracy)
SparseCategoricalAccuracy = _class_of(sparse_categorical_accuracy)
MeanAbsoluteError = _class_of(mean_absolute_error)
MeanSquaredError = _class_of(mean_squared_error)
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error


def get(identifier: Any) -> Any:
    """The metric of a name such as 'mae'; a metric or a function stays itself, and None too.

    Raises ValueError for an unknown name.

    >>> tf.keras.metrics.get('mae')
    <MeanAbsoluteError name=mean_absolute_error>
    """
    classes: dict[str, Any] = {function.__name__: made for function, made in _CLASSES.items()}
    classes |= {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError}
    return find("metric", identifier, globals(), metric=Metric, Metric=Metric, **classes)


def for_training(identifier: Any) -> Metric:
    """The metric of a name or function given to `Model.compile`, under the name that it was asked for by.

    'accuracy' or 'acc' is the accuracy that fits the shapes of targets and predictions.
    """
    found = _accuracy_by_shape if str(identifier).lower() in ("accuracy", "acc") else get(identifier)
    if found is None:
        raise ValueError("A metric is its name, a Metric or a function; None was given")
    name = getattr(found, "name", None) or snake_case(getattr(found, "__name__", type(found).__name__))
    metric = found if isinstance(found, Metric) else MeanMetricWrapper(found, name)
    metric.name = identifier if isinstance(identifier, str) else name
    return metric
