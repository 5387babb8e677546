"""What is called while a model trains: at the start and end of the training, of each epoch and of each batch."""

import html
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from minidl.keras.names import brief

Logs = dict[str, Any] | None


class Callback:
    """Something to be called during `fit`, `evaluate` and `predict`; to derive from.

    Attributes:
        model: the model.
        params: `epochs`, `steps` (None where their number isn't known) and `verbose`.

    >>> class Printer(tf.keras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, logs)
    >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer='zeros')])
    >>> model.compile(loss='mse', optimizer='sgd')
    >>> history = model.fit([[1.0]], [[2.0]], verbose=0, callbacks=[Printer()])
    0 {'loss': 4.0}
    """

    model: Any
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        """Told the model before anything else."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Told the parameters before anything else."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Logs = None) -> None:
        """`fit` ends; the logs are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """An epoch begins; the first has number 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """An epoch ends; the logs hold its loss and metrics, those of validation with `val_` before their names."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of training begins."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of training ends; the logs hold the means so far."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Another name of `on_train_batch_begin`, which calls it."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Another name of `on_train_batch_end`, which calls it."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """`evaluate` begins, or the validation in `fit`."""

    def on_test_end(self, logs: Logs = None) -> None:
        """`evaluate` ends, or the validation in `fit`."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of `evaluate` begins."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of `evaluate` ends."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """`predict` begins."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """`predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of `predict` begins."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of `predict` ends."""


EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class History(Callback):
    """Keeps the logs of each epoch; `fit` returns it.

    Attributes:
        history: by name, the losses and metrics of all epochs.
        epoch: the numbers of the epochs.
    """

    def __init__(self) -> None:
        History.on_train_begin(self)  # a derived class's own is for `fit` to call

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget an earlier training."""
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Keep the logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def _repr_html_(self) -> str:
        """What a notebook shows: the first epochs and the last."""
        rows, count = [["epoch", *self.history]], len(self.epoch)
        for index in [*range(min(count, 3)), *range(max(count - 3, 3), count)]:
            rows.append([str(self.epoch[index] + 1), *(f"{values[index]:.6g}" for values in self.history.values())])
        cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


class LambdaCallback(Callback):
    """A callback made of functions.

    Arguments:
        functions: by the name of the event, such as `on_epoch_end=lambda epoch, logs: ...`.

    Raises ValueError for a name that is no event.

    >>> callback = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    >>> callback.on_epoch_end(3, {})
    3
    """

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        if unknown := [name for name in functions if name not in EVENTS]:
            raise ValueError(f"There is no event {', '.join(unknown)}; there are {', '.join(EVENTS)}")
        vars(self).update({name: function for name, function in functions.items() if function is not None})


class EarlyStopping(Callback):
    """Stops the training once a number in the logs no longer gets better.

    Arguments:
        monitor: the number's name.
        min_delta: by how much it must get better to count.
        patience: after how many epochs in a row without that the training stops.
        verbose: 1 to print when it stops.
        mode: 'min' where smaller is better, 'max' where larger is; 'auto' tells by the name ('max' for accuracies).
        baseline: a value that it must be better than.
        restore_best_weights: whether the model gets the weights of its best epoch back.
        start_from_epoch: the first epoch to look at.

    Raises ValueError for another mode.

    >>> stop = tf.keras.callbacks.EarlyStopping(monitor='loss', patience=2)
    >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer='zeros')])
    >>> model.compile(loss='mse', optimizer=tf.keras.optimizers.SGD(1.0))
    >>> history = model.fit([[2.0]], [[2.0]], epochs=10, verbose=0, callbacks=[stop])
    >>> history.epoch
    [0, 1, 2]
    """

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0,
        mode: str = "auto", baseline: float | None = None, restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"The mode is 'auto', 'min' or 'max'; {mode!r} was given")
        self.monitor, self.verbose = monitor, verbose
        self.min_delta, self.baseline = abs(min_delta), baseline
        self.patience, self.start_from_epoch = patience, start_from_epoch
        self.restore_best_weights = restore_best_weights
        self._sign = 1 if mode == "max" or (mode == "auto" and "acc" in monitor) else -1
        self.on_train_begin()

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget an earlier training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare, and stop the training once the patience is over."""
        current = (logs or {}).get(self.monitor)
        if current is None:
            warnings.warn(f"EarlyStopping watches {self.monitor!r}, not among {', '.join(logs or {})}", stacklevel=2)
            return
        if epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _is_better(self, value: float, other: float | None) -> bool:
        return other is None or self._sign * (value - other) - self.min_delta > 0

    def on_train_end(self, logs: Logs = None) -> None:
        """Put the best weights back, if asked."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stops the training at a batch whose loss is no finite number."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Look at the loss."""
        if "loss" in (logs or {}) and not math.isfinite((logs or {})["loss"]):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


def listed(callbacks: Callback | Iterable[Callback] | None) -> list[Callback]:
    """Callbacks as given to a model, one or several or None. Raises ValueError for what is none."""
    found = list(callbacks) if isinstance(callbacks, Iterable) else [] if callbacks is None else [callbacks]
    if others := [each for each in found if not isinstance(each, Callback)]:
        raise ValueError(f"Callbacks are a list of keras.callbacks.Callback; {brief(others[0])} was among them")
    return found


class CallbackList:
    """Several callbacks called as one: each event is a method that tells those that listen to it."""

    def __init__(self, callbacks: Callback | Iterable[Callback] | None, model: Any, **params: Any) -> None:
        told = listed(callbacks)
        self._methods = {event: [getattr(each, event) for each in told if _defines(each, event)] for event in EVENTS}
        for callback in told:
            callback.set_model(model)
            callback.set_params(params)

    def listens(self, event: str) -> bool:
        """Whether a callback defines what to do at an event."""
        return bool(self._methods[event])

    def tell(self, event: str, *arguments: Any) -> None:
        """Call all callbacks for an event."""
        for method in self._methods[event]:
            method(*arguments)


def _defines(callback: Callback, event: str) -> bool:
    """Whether a callback's class, or the callback itself, says what to do at an event, by either of its names."""
    kind, names = type(callback), (event, event.replace("train_batch", "batch"))
    return any(name in vars(callback) or getattr(kind, name) is not getattr(Callback, name) for name in names)
