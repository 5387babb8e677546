"""How far predictions are from the targets, as one number to make small."""

from typing import Any

import minidl as tf
from minidl import Tensor
from minidl.devices import Device
from minidl.keras.names import find, snake_case
from minidl.ops.inputs import convert
from minidl.values import FLOATS, as_dtype

__all__ = ["MAE", "MSE", "Loss", "MeanAbsoluteError", "MeanSquaredError", "get", "mae", "mean_absolute_error",
           "mean_squared_error", "mse"]  # fmt: skip

_MEAN = "sum_over_batch_size"
_MEANS = (_MEAN, "mean", "mean_with_sample_weight")
_REDUCTIONS = (*_MEANS, "sum", "none", None)


# -- targets beside predictions ----------------------------------------------------------------------------------


def in_dtype(value: Any, dtype: Any, device: Device | None = None) -> Tensor:
    """A value in a dtype: a tensor is cast, anything else becomes a tensor, on a device where one is given."""
    if type(value) is Tensor and value.array.dtype is dtype:
        return value
    return tf.cast(value, dtype) if isinstance(value, (Tensor, tf.Variable)) else convert(value, dtype, device)


def like_predictions(y_true: Any, y_pred: Any, dtype: Any = None) -> tuple[Tensor, Tensor]:
    """Targets and predictions as tensors of one dtype, by default that of the predictions, and number of axes.

    Where one has an axis more than the other, and that has length 1, the other gets one too.
    """
    if dtype is None:
        y_pred = tf.convert_to_tensor(y_pred)
        dtype = y_pred.dtype if y_pred.dtype in FLOATS else tf.float32
    prediction = in_dtype(y_pred, dtype)
    target = in_dtype(y_true, dtype, prediction.home)
    if target.array.ndim != prediction.array.ndim:
        target, prediction = same_axes(target, prediction)
    return target, prediction


def same_axes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The tensors with as many axes, where they differ by one of length 1 at the end."""
    long, short = (x, y) if x.ndim > y.ndim else (y, x)
    if long.ndim == short.ndim + 1 and long.shape[-1] == 1:
        long, short = (long, tf.expand_dims(short, -1)) if short.ndim == 1 else (tf.squeeze(long, -1), short)
    return (long, short) if x.ndim > y.ndim else (short, long)


def mean_of(total: Any, count: Any) -> Tensor:
    """A total by a count; 0 where nothing was counted, and so are the gradients."""
    nothing = tf.equal(count, 0.0)
    return tf.where(nothing, 0.0, total / tf.where(nothing, 1.0, count))


# -- losses ------------------------------------------------------------------------------------------------------


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (target - prediction)² over the last axis: a loss for each sample.

    Arguments:
        y_true, y_pred: targets and predictions, of shapes that broadcast. Errors as of `subtract`.

    >>> tf.keras.losses.mean_squared_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([2.5], dtype=float32)
    """
    target, prediction = like_predictions(y_true, y_pred)
    return tf.reduce_mean(tf.square(prediction - target), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |target - prediction| over the last axis: a loss for each sample.

    Arguments:
        y_true, y_pred: targets and predictions, of shapes that broadcast. Errors as of `subtract`.

    >>> tf.keras.losses.mean_absolute_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([1.5], dtype=float32)
    """
    target, prediction = like_predictions(y_true, y_pred)
    return tf.reduce_mean(tf.abs(prediction - target), -1)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error


class Loss:
    """A loss for each sample, made one number; to derive from, with `call(y_true, y_pred)`.

    Arguments:
        name: what it is called; by default after its class.
        reduction: 'sum_over_batch_size' or 'mean' for the mean of the losses, 'sum' for their sum,
            'mean_with_sample_weight' for the mean weighted by the sample weights, 'none' or None for the losses
            themselves.
        dtype: to compute in, float32 by default.

    Raises ValueError for another reduction.

    >>> class Largest(tf.keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return tf.reduce_max(tf.abs(y_true - y_pred), -1)
    >>> Largest()([[1.0, 1.0], [2.0, 2.0]], [[2.0, 1.0], [2.0, 4.0]]).numpy()
    np.float32(1.5)
    """

    def __init__(self, name: str | None = None, reduction: Any = _MEAN, dtype: Any = None) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(f"A loss is reduced by one of {_REDUCTIONS}; {reduction!r} was given")
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)
        self._dtype = as_dtype(dtype or tf.float32)
        self.dtype = str(self._dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """A loss for each sample."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The losses of the samples, weighted and reduced.

        Arguments:
            y_true, y_pred: targets and predictions.
            sample_weight: a number for each sample, or one for all, to multiply its loss by.
        """
        prediction = in_dtype(y_pred, self._dtype)
        losses = self.call(in_dtype(y_true, self._dtype, prediction.home), prediction)
        losses = in_dtype(losses, self._dtype, prediction.home)
        if sample_weight is not None:
            losses, sample_weight = same_axes(losses, in_dtype(sample_weight, self._dtype, losses.home))
            losses = losses * sample_weight
        if self.reduction in ("none", None) or not losses.ndim:
            return losses
        if self.reduction == "sum":
            return tf.reduce_sum(losses)
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            return mean_of(tf.reduce_sum(losses), tf.reduce_sum(sample_weight))
        return tf.reduce_mean(losses)


class LossFunctionWrapper(Loss):
    """A function of targets and predictions as a loss.

    Arguments:
        fn: gives a loss for each sample.
        reduction, name, dtype: as of `Loss`.
        options: what else to give the function.
    """

    def __init__(self, fn: Any, reduction: Any = _MEAN, name: Any = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(name, reduction, dtype)
        self._function, self._options = fn, options

    def call(self, y_true: Tensor, y_pred: Tensor) -> Any:
        """What the function gives."""
        return self._function(*same_axes(y_true, y_pred), **self._options)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The losses of the samples, weighted and reduced; see `Loss`."""
        function = self._function if type(self).call is LossFunctionWrapper.call else None
        distance = tf.square if function is mean_squared_error else tf.abs if function is mean_absolute_error else None
        if distance is not None and sample_weight is None and self.reduction in _MEANS:
            # All samples are of one size, so the mean of their means is the mean of all entries.
            target, prediction = like_predictions(y_true, y_pred, self._dtype)
            return tf.reduce_mean(distance(prediction - target))
        return super().__call__(y_true, y_pred, sample_weight)


class MeanSquaredError(LossFunctionWrapper):
    """The mean of (target - prediction)².

    Arguments:
        reduction, name, dtype: as of `Loss`.

    >>> loss = tf.keras.losses.MeanSquaredError()
    >>> loss([[1.0], [2.0]], [[2.0], [4.0]]).numpy()
    np.float32(2.5)
    """

    def __init__(self, reduction: Any = _MEAN, name: Any = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of |target - prediction|.

    Arguments:
        reduction, name, dtype: as of `Loss`.

    >>> loss = tf.keras.losses.MeanAbsoluteError()
    >>> loss([[1.0], [2.0]], [[2.0], [4.0]]).numpy()
    np.float32(1.5)
    """

    def __init__(self, reduction: Any = _MEAN, name: Any = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


def get(identifier: Any) -> Any:
    """The loss of a name: a function such as that of 'mse', or an object of a class such as 'MeanSquaredError'.

    A loss or a function stays itself, and None too. Raises ValueError for an unknown name.

    >>> tf.keras.losses.get('mse').__name__, tf.keras.losses.get('MeanSquaredError').name
    ('mean_squared_error', 'mean_squared_error')
    """
    return find("loss", identifier, globals())
