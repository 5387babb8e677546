"""compile, fit, evaluate and predict: what a model can do with data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import CPU, Device, device_of
from minidl.gradient_tape import GradientTape
from minidl.keras import metrics, optimizers
from minidl.keras.callbacks import Callback, CallbackList, History, listed
from minidl.keras.layers.layer import Layer
from minidl.keras.layers.symbolic import KerasTensor
from minidl.keras.models.data import Batch, Samples, Stream, arranged, is_stream, steps_in, walks
from minidl.keras.models.measures import Measures
from minidl.keras.progress import Progress
from minidl.nest import flatten, pack
from minidl.tensor import Tensor
from minidl.tracing import function

BATCH_SIZE = 32  # where none is given, as in Keras
ROWS_AT_ONCE = 2048  # for a prediction whose rows don't depend on each other: few calls, in what a cache holds


class Trainer(Layer):
    """A layer that can be trained: what a model adds a graph to.

    Attributes:
        optimizer: the optimizer, once compiled.
        run_eagerly: whether each step runs operation by operation, instead of as a compiled program.
        stop_training: set by a callback, ends the training after the epoch.
    """

    optimizer: optimizers.SGD | None = None
    run_eagerly = False
    stop_training = False
    _measures: Measures | None = None

    def __init__(self, name: str | None = None, trainable: bool = True, **options: Any) -> None:
        super().__init__(name=name, trainable=trainable, **options)
        self._steps: dict[tuple[Any, ...], Callable[..., Any]] = {}  # by what they do, and the weights they train

    @property
    def inputs(self) -> list[KerasTensor]:
        """Where data enters; nowhere in particular, for a model that defines `call` itself."""
        return []

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, where they are known."""
        return []

    # -- compiling

    def compile(
        self, optimizer: Any = "sgd", loss: Any = None, loss_weights: Any = None, metrics: Any = None,
        run_eagerly: bool = False,
    ) -> None:  # fmt: skip
        """Say how to train.

        Arguments:
            optimizer: an SGD, or 'sgd'.
            loss: a loss, its name, or a function of targets and predictions; for several outputs a list or
                dictionary of them, or one for all.
            loss_weights: numbers to multiply the losses of several outputs by, in a list or dictionary.
            metrics: a list of metrics, names or functions; for several outputs a list of lists, or a dictionary.
            run_eagerly: whether to run each step operation by operation, so that Python can look into it. Else a
                step is compiled as by `tf.function`, which gives the same numbers sooner.

        Raises ValueError for names that are unknown, and for lists of another length than the outputs.

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        >>> model.compile(loss='mse', optimizer=tf.keras.optimizers.SGD(0.1), metrics=['mae'])
        >>> model.metrics_names
        ['loss', 'mae']
        """
        made = optimizers.get(optimizer)
        self._measures = Measures(self.output_names, loss, loss_weights, metrics)
        self.optimizer = made
        self.run_eagerly = bool(run_eagerly)
        self._steps = {}

    @property
    def metrics_names(self) -> list[str]:
        """What the logs hold: the loss, and the metrics in order."""
        return list(self._compiled("metrics_names").metrics)

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The metrics, that of the loss first."""
        return list(self._compiled("metrics").metrics.values())

    def reset_metrics(self) -> None:
        """Let the loss and all metrics begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _compiled(self, action: str) -> Measures:
        if self._measures is None:
            raise ValueError(f"Call compile() on model {self.name!r} first: it says how to train, which {action} needs")
        return self._measures

    # -- steps

    def _step(self, kind: str) -> Callable[..., Any]:
        """What takes a step of 'train', 'test' and so on: a compiled function, unless the model runs eagerly."""
        key: tuple[Any, ...] = (kind,)
        if kind == "train" and self.optimizer is not None:
            trained = self.trainable_weights
            self.optimizer.build(trained)
            key = (kind, self.optimizer.has_schedule, *((id(weight), weight.device) for weight in trained))
        step = self._steps.get(key)
        if step is None:
            step = getattr(self, f"_{kind}_step")
            if not self.run_eagerly and True not in key:  # a schedule is Python, and called at each step
                step = function(step)
            self._steps[key] = step
        return step

    def _train_step(self, x: Any, y: Any, weight: Any) -> None:
        measures = self._compiled("fit")
        if y is None:
            raise ValueError("To train a model takes targets; y was None")
        with GradientTape() as tape:
            predictions = self(x, training=True)
            loss = measures.loss(y, predictions, weight)
        variables = self.trainable_weights
        gradients = tape.gradient(loss, variables)
        assert self.optimizer is not None
        self.optimizer.apply(gradients, variables)
        measures.update(y, predictions, loss)

    def _test_step(self, x: Any, y: Any, weight: Any) -> None:
        measures = self._compiled("evaluate")
        if y is None:
            raise ValueError("To evaluate a model takes targets; y was None")
        predictions = self(x, training=False)
        measures.update(y, predictions, measures.loss(y, predictions, weight))

    def _predict_step(self, x: Any) -> Any:
        return self(x, training=False)

    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Take one step on one batch.

        Arguments:
            x, y, sample_weight: as of `fit`.
            return_dict: whether to return a dictionary.

        Returns the loss, or a list of the loss and the metrics. Errors as of `fit`.
        """
        self._compiled("train_on_batch")
        self.reset_metrics()
        samples = self._samples(x, y, sample_weight)
        self._step("train")(*samples.batch(slice(None), self._place()))
        return self._result(return_dict)

    def _result(self, return_dict: bool) -> Any:
        logs = self._logs()
        if return_dict:
            return logs
        values = [logs[name] for name in self.metrics_names]
        return values[0] if len(values) == 1 else values

    def _logs(self) -> dict[str, float]:
        names = sorted(self._compiled("reading logs").metrics)
        return dict(zip(names, map(float, self._step("logs")()), strict=True))

    def _logs_step(self) -> list[Tensor]:
        found = self._compiled("reading logs").metrics
        return [found[name].result() for name in sorted(found)]

    # -- loops

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train for so many epochs, each a walk through all samples in batches.

        Arguments:
            x, y: inputs and targets: arrays, tensors, lists of numbers, pandas' series and frames; lists or
                dictionaries of them where the model has several. Or x is an iterable of batches `(x, y)` or
                `(x, y, sample_weight)`.
            batch_size: how many samples to a step, 32 by default; the last batch holds what is left.
            epochs: the number of the last epoch.
            verbose: 1 or 'auto' for a progress bar an epoch, 2 for a line an epoch, 0 for nothing.
            callbacks: what to call at the beginnings and ends.
            validation_split: which part of the samples, from the end, to set aside for validation.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to evaluate after each epoch.
            shuffle: whether the samples are put in another order for each epoch.
            sample_weight: a number for each sample, to multiply its loss by.
            initial_epoch: the number of the first epoch, from 0.
            steps_per_epoch: how many batches make an epoch, where not all do.
            validation_steps, validation_batch_size: the same for the validation.
            validation_freq: after how many epochs to validate.

        Returns a History. Raises ValueError before `compile`, for arrays that differ in length, for no samples, for
        data that are no numbers, and for numbers out of range.

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer='zeros')])
        >>> model.compile(loss='mse', optimizer=tf.keras.optimizers.SGD(0.125))
        >>> history = model.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=2, verbose=0)
        >>> history.history
        {'loss': [10.0, 0.40625]}
        """
        self._compiled("fit")
        _check_counts(batch_size=batch_size, validation_batch_size=validation_batch_size,
                      steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
                      validation_freq=validation_freq)  # fmt: skip
        data = self._data(x, y, sample_weight)
        if validation_data is not None and (
            not isinstance(validation_data, tuple) or len(validation_data) not in (2, 3)
        ):
            raise ValueError("validation_data is a tuple (x, y) or (x, y, sample_weight)")
        validation = None if validation_data is None else self._data(*validation_data)
        if validation_split and validation is None:
            if not isinstance(data, Samples):
                raise ValueError("validation_split needs arrays; give validation_data beside a stream of batches")
            data, validation = data.split(validation_split)
        size = batch_size or BATCH_SIZE
        steps = steps_in(data, size, steps_per_epoch)
        history = History()
        told = CallbackList([*listed(callbacks), history], self, {"epochs": epochs, "steps": steps, "verbose": verbose})
        step = self._step("train")
        following = walks(data, size, self._place(), shuffle, steps_per_epoch)
        self.stop_training = False
        logs: dict[str, float] = {}
        told.tell("on_train_begin", None)
        steps_then = self._steps
        for epoch in range(initial_epoch, epochs):
            told.tell("on_epoch_begin", epoch, None)
            if self._steps is not steps_then:  # somebody compiled the model anew
                step, steps_then = self._step("train"), self._steps
            self.reset_metrics()
            with Progress(verbose, steps, f"Epoch {epoch + 1}/{epochs}" if epochs > 1 else "") as progress:
                self._walk(next(following), step, "train", told, progress)
                logs = self._logs()
                if validation is not None and (epoch + 1) % validation_freq == 0:
                    logs |= {
                        f"val_{name}": value
                        for name, value in self._evaluate(
                            validation, validation_batch_size or size, validation_steps, told, Progress(0, None)
                        ).items()
                    }
                progress.finish(logs)
            told.tell("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        told.tell("on_train_end", logs)
        return history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on samples, without training.

        Arguments as of `fit`; `steps` is how many batches to look at, `return_dict` whether to return a dictionary.
        Returns the loss, or a list of the loss and the metrics. Errors as of `fit`.
        """
        self._compiled("evaluate")
        _check_counts(batch_size=batch_size, steps=steps)
        data, size = self._data(x, y, sample_weight), batch_size or BATCH_SIZE
        count = steps_in(data, size, steps)
        told = CallbackList(callbacks, self, {"steps": count, "verbose": verbose})
        with Progress(verbose, count) as progress:
            progress.finish(self._evaluate(data, size, steps, told, progress))
        return self._result(return_dict)

    def _evaluate(
        self, data: Samples | Stream, size: int, steps: int | None, told: CallbackList, progress: Progress
    ) -> dict[str, float]:
        self.reset_metrics()
        told.tell("on_test_begin", None)
        batches = next(walks(data, size, self._place(), False, steps))
        self._walk(batches, self._step("test"), "test", told, progress)
        logs = self._logs()
        told.tell("on_test_end", logs)
        return logs

    def _walk(
        self, batches: Iterable[Batch], step: Callable[..., Any], kind: str, told: CallbackList, progress: Progress
    ) -> None:
        """Take a step for each batch. The numbers are read only where somebody looks at them."""
        begins, ends = told.listens(f"on_{kind}_batch_begin"), told.listens(f"on_{kind}_batch_end")
        for index, batch in enumerate(batches):
            if begins:
                told.tell(f"on_{kind}_batch_begin", index, None)
            step(*batch)
            if ends:
                told.tell(f"on_{kind}_batch_end", index, self._logs())
            progress.advance(self._logs)
            if self.stop_training and kind == "train":
                break

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> Any:
        """The outputs for samples, as arrays.

        Arguments as of `fit`; x may also be an iterable of batches.

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer='ones')])
        >>> model.predict([1, 2, 3], verbose=0)
        array([[1.],
               [2.],
               [3.]], dtype=float32)
        """
        _check_counts(batch_size=batch_size, steps=steps)
        data, size = self._data(x, None, None, may_be_empty=True), batch_size or BATCH_SIZE
        if self.works_by_rows and steps is None and not callbacks:
            size = max(size, ROWS_AT_ONCE)  # nobody can tell, but by the time that it takes
        count = steps_in(data, size, steps)
        told = CallbackList(callbacks, self, {"steps": count, "verbose": verbose})
        parts: list[list[Any]] = []
        form: Any = None
        step = self._step("predict")
        told.tell("on_predict_begin", None)
        with Progress(verbose, count) as progress:
            for index, (inputs, _, _) in enumerate(next(walks(data, size, self._place(), False, steps))):
                told.tell("on_predict_batch_begin", index, None)
                form = step(inputs)
                parts.append([numpy.asarray(tensor) for tensor in flatten(form)])
                told.tell("on_predict_batch_end", index, {"outputs": parts[-1]})
                progress.advance(dict)
            progress.finish({})
        told.tell("on_predict_end", None)
        return pack(form, [numpy.concatenate(arrays) for arrays in zip(*parts, strict=True)])

    # -- data

    def _data(self, x: Any, y: Any = None, sample_weight: Any = None, may_be_empty: bool = False) -> Samples | Stream:
        if not is_stream(x):
            return self._samples(x, y, sample_weight, may_be_empty)
        if y is not None or sample_weight is not None:
            raise ValueError(
                "A stream of batches gives its targets and sample weights itself, as (x, y, sample_weight)"
            )
        return Stream(x, self._samples)

    def _samples(self, x: Any, y: Any = None, sample_weight: Any = None, may_be_empty: bool = True) -> Samples:
        places = self.inputs
        inputs = arranged("x", x, [place.name for place in places] or None)
        targets = [] if y is None else arranged("y", y, self.output_names or None)
        weights = [] if sample_weight is None else arranged("sample_weight", sample_weight, ["sample_weight"])
        dtypes: list[Any] = [place.numpy_dtype for place in places] or [None] * len(inputs)
        samples = Samples(inputs, targets, weights, dtypes)
        if not may_be_empty and not len(samples):
            raise ValueError(f"x holds no samples: its shape is {inputs[0].shape}")
        return samples

    def _place(self) -> Device:
        """The device of the model's weights, to which data is brought."""
        return device_of(self.weights[0].array) if self.weights else thread.state.device or CPU


def _check_counts(**counts: Any) -> None:
    for name, count in counts.items():
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise ValueError(f"{name} is a whole number above 0, or None; {count!r} was given")
