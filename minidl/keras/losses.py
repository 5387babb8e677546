"""How far predictions are from the targets, as one number to make small."""

from __future__ import annotations

from typing import Any

from minidl.context import thread
from minidl.devices import CPU, Device, device_of
from minidl.keras.names import find, snake_case
from minidl.ops.creation import cast, convert_to_tensor
from minidl.ops.elementwise import square
from minidl.ops.inputs import convert
from minidl.ops.reductions import reduce_mean, reduce_sum
from minidl.ops.shaping import expand_dims, squeeze
from minidl.tensor import Tensor, TensorLike
from minidl.values import FLOATS, as_dtype, float32

_REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


def beside(value: Any, dtype: Any, device: Device) -> Tensor:
    """A value in a dtype: a tensor is cast, anything else becomes a tensor on a device."""
    if type(value) is Tensor and value.array.dtype is dtype:
        return value
    return cast(value, dtype) if isinstance(value, TensorLike) else convert(value, dtype, device)


def like_predictions(y_true: Any, y_pred: Any, dtype: Any = float32) -> tuple[Tensor, Tensor]:
    """Targets and predictions as tensors of one dtype and number of axes.

    Where one has an axis more than the other, and that has length 1, the other gets one too.
    """
    prediction = beside(y_pred, dtype, thread.state.device or CPU)
    target = beside(y_true, dtype, device_of(prediction.array))
    if target.array.ndim != prediction.array.ndim:
        target, prediction = same_axes(target, prediction)
    return target, prediction


def same_axes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The tensors with as many axes, where they differ by one of length 1 at the end."""
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        return (x, expand_dims(y, -1)) if y.ndim == 1 else (squeeze(x, -1), y)
    if y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        return (expand_dims(x, -1), y) if x.ndim == 1 else (x, squeeze(y, -1))
    return x, y


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (target - prediction)² over the last axis: a loss for each sample.

    Arguments:
        y_true, y_pred: targets and predictions, of shapes that broadcast. Errors as of `subtract`.

    >>> tf.keras.losses.mean_squared_error([[1.0, 2.0]], [[2.0, 4.0]]).numpy()
    array([2.5], dtype=float32)
    """
    prediction = convert_to_tensor(y_pred)
    dtype = prediction.dtype if prediction.dtype in FLOATS else float32
    target, prediction = like_predictions(y_true, prediction, dtype)
    return reduce_mean(square(prediction - target), -1)


class Loss:
    """A loss for each sample, made one number; to derive from, with `call(y_true, y_pred)`.

    Arguments:
        reduction: 'sum_over_batch_size' or 'mean' for the mean of the losses, 'sum' for their sum,
            'mean_with_sample_weight' for the mean weighted by the sample weights, 'none' or None for the losses
            themselves.
        name: what it is called; by default after its class.
        dtype: to compute in, float32 by default.

    Raises ValueError for another reduction.

    >>> class Absolute(tf.keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return tf.reduce_mean(tf.abs(y_true - y_pred), -1)
    >>> Absolute()([[1.0], [2.0]], [[2.0], [4.0]]).numpy()
    np.float32(1.5)
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(f"A loss is reduced by one of {_REDUCTIONS}; {reduction!r} was given")
        self.reduction = reduction
        self.name = name or snake_case(type(self).__name__)
        self._dtype = as_dtype(dtype or float32)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """A loss for each sample."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The losses of the samples, weighted and reduced.

        Arguments:
            y_true, y_pred: targets and predictions.
            sample_weight: a number for each sample, or one for all, to multiply its loss by.
        """
        prediction = beside(y_pred, self._dtype, thread.state.device or CPU)
        losses = self.call(beside(y_true, self._dtype, device_of(prediction.array)), prediction)
        if sample_weight is not None:
            losses, sample_weight = same_axes(losses, beside(sample_weight, self._dtype, device_of(losses.array)))
            losses = losses * sample_weight
        if self.reduction in ("none", None):
            return losses
        if self.reduction == "sum":
            return reduce_sum(losses)
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            return reduce_sum(losses) / reduce_sum(sample_weight)
        return reduce_mean(losses)


class MeanSquaredError(Loss):
    """The mean of (target - prediction)².

    Arguments:
        reduction, name, dtype: as of `Loss`.

    >>> loss = tf.keras.losses.MeanSquaredError()
    >>> loss([[1.0], [2.0]], [[2.0], [4.0]]).numpy()
    np.float32(2.5)
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over the last axis."""
        return mean_squared_error(y_true, y_pred)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The losses of the samples, weighted and reduced; see `Loss`."""
        if sample_weight is None and self.reduction in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
            # All samples are of one size, so the mean of their means is the mean of all entries.
            target, prediction = like_predictions(y_true, y_pred, self._dtype)
            return reduce_mean(square(prediction - target))
        return super().__call__(y_true, y_pred, sample_weight)


_MSE = ("mse", "MSE", "mean_squared_error", "MeanSquaredError")


def get(identifier: Any) -> Any:
    """The loss of a name such as 'mse'; a loss or a function stays itself.

    Raises ValueError for an unknown name.

    >>> tf.keras.losses.get('mse').name
    'mean_squared_error'
    """
    return find("loss", identifier, dict.fromkeys(_MSE, MeanSquaredError))
