"""compile, fit, evaluate and predict: what a model can do with data."""

from __future__ import annotations

import inspect
import numbers
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy

from minidl.context import thread
from minidl.devices import CPU, Device, device_of
from minidl.keras import metrics, optimizers
from minidl.keras.callbacks import Callback, CallbackList, History, with_history
from minidl.keras.layers.layer import Layer
from minidl.keras.layers.symbolic import KerasTensor
from minidl.keras.models.data import (
    Batch,
    NoBatchesError,
    Samples,
    Stream,
    as_array,
    holds_arrays,
    is_stream,
    steps_in,
    unpack_x_y_sample_weight,
    walks,
)
from minidl.keras.models.graph import in_order
from minidl.keras.models.interrupts import WholeSteps
from minidl.keras.models.measures import Measures
from minidl.keras.progress import Progress
from minidl.keras.quoting import short
from minidl.nest import flatten, pack
from minidl.gradient_tape import GradientTape
from minidl.nest import flatten, pack
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
    stop_training = stop_evaluating = stop_predicting = False
    history: History | None = None
    _measures: Measures | None = None
    _refusal = ""

    def __init__(self, name: str | None = None, trainable: bool = True, **options: Any) -> None:
        super().__init__(name=name, trainable=trainable, **options)
        self._steps: dict[tuple[Any, ...], Callable[..., Any]] = {}  # by what they do, and the weights they train
        ignored = [name for name in _NEVER_CALLED if hasattr(self, name)]
        if ignored:
            raise NotImplementedError(
                f"{type(self).__name__} defines {', '.join(ignored)}, which minidl doesn't call; "
                "define train_step, test_step or predict_step instead"
            )

    def __getstate__(self) -> dict[str, Any]:
        """All but the compiled steps, which are made anew, and the history, which knows callbacks."""
        return {**super().__getstate__(), "_steps": {}, "history": None}

    @property
    def inputs(self) -> list[KerasTensor]:
        """Where data enters; nowhere in particular, for a model that defines `call` itself."""
        return []

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, where they are known."""
        return []

    def _forms(self) -> tuple[Any, Any]:
        """Nests of the names of the inputs and of the outputs, where they are known."""
        return None, None

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
        >>> model.evaluate([[1.0]], [[1.0]], verbose=0, return_dict=True).keys()
        dict_keys(['loss', 'mae'])
        """
        try:
            made = optimizers.get(optimizer)
            measures = Measures(self._forms()[1], self.output_names, loss, loss_weights, metrics)
        except Exception as error:
            self._refusal = f". The last compile() failed: {error}"
            raise
        self._measures, self._refusal = measures, ""
        self.optimizer = made
        self.run_eagerly = bool(run_eagerly)
        self._steps = {}

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The metrics: the loss's, those given to `compile` as one, and those that the model and its layers keep."""
        compiled = [] if self._measures is None else self._measures.all
        own = [value for value in self._kept() if isinstance(value, metrics.Metric)]
        return [*compiled, *own, *(each for layer in self._sublayers() for each in _kept_metrics(layer))]

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Let the loss and all metrics begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _compiled(self, action: str) -> Measures:
        if self._measures is None:
            says = f"it says how to train, which {action} needs"
            raise ValueError(f"Call compile() on model {self.name!r} first: {says}{self._refusal}")
        return self._measures

    # -- what a step does: to be defined anew where it should do something else

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take a step of training.

        Arguments:
            data: a batch: x, or a tuple of x and y, or of x, y and the sample weights, as tensors and nests of them.

        Returns the logs: numbers by name. A class derived from Model can define it anew; `fit` and `train_on_batch`
        call it.

        >>> class Signs(tf.keras.Model):
        ...     def train_step(self, data):
        ...         x, y = data
        ...         with tf.GradientTape() as tape:
        ...             loss = self.compute_loss(x, y, self(x, training=True))
        ...         for weight, gradient in zip(self.weights, tape.gradient(loss, self.weights)):
        ...             weight.assign_sub(0.5 * tf.sign(gradient))
        ...         return {'loss': loss}
        >>> inputs = tf.keras.Input((1,))
        >>> model = Signs(inputs, tf.keras.layers.Dense(1, kernel_initializer='zeros')(inputs))
        >>> model.compile(loss='mse')
        >>> model.train_on_batch([[1.0], [2.0]], [[2.0], [4.0]])
        10.0
        >>> [weight.tolist() for weight in model.get_weights()]
        [[[0.5]], [0.5]]
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            predictions = self(x, training=True)
            loss = self._loss_of(x, y, predictions, sample_weight, training=True)
        variables = self.trainable_weights
        if variables:
            assert self.optimizer is not None
            self.optimizer.apply(tape.gradient(loss, variables), variables)
        else:
            warnings.warn(f"Model {self.name!r} has no weights to train", stacklevel=2)
        return self.compute_metrics(x, y, predictions, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Look at a batch without training; see `train_step`. `evaluate` calls it."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        predictions = self(x, training=False)
        self._loss_of(x, y, predictions, sample_weight, training=False)
        return self.compute_metrics(x, y, predictions, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch; see `train_step`. `predict` calls it."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch, as `compile` was told; a class derived from Model can define it anew.

        Arguments:
            x, y, sample_weight: the batch.
            y_pred: the outputs for x.
            training: whether the step is one of training.

        Raises ValueError without targets, and for a model compiled without a loss.
        """
        measures = self._compiled("compute_loss")
        if y is None and measures.has_loss:
            raise ValueError("To train or evaluate a model takes targets; y was None")
        return measures.loss(y, y_pred, sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics that `compile` was given, and give the logs; see `compute_loss`."""
        measures = self._compiled("compute_metrics")
        if measures.compiled is not None:
            measures.compiled.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The present numbers of all metrics, by name."""
        return _results(self.metrics)

    def _loss_of(self, x: Any, y: Any, predictions: Any, sample_weight: Any, training: bool) -> Any:
        """The loss of a batch, which its mean takes in."""
        measures = self._compiled("a step")
        measures.meet(predictions)
        is_own = type(self).compute_loss is not Trainer.compute_loss  # and may be older than the argument
        takes_training = not is_own or "training" in inspect.signature(self.compute_loss).parameters
        told = {"training": training} if takes_training else {}
        loss = self.compute_loss(x, y, predictions, sample_weight, **told)
        measures.mean.update_state(loss, float(flatten(x)[0].shape[0]))
        return loss

    # -- steps

    def _step(self, kind: str) -> Callable[[Batch], Any]:
        """What takes a step of 'train', 'test' or 'predict' on a batch: compiled, unless the model runs eagerly.

        It gives None for the logs where they are those of the metrics, which are read only when somebody looks.
        """
        key: tuple[Any, ...] = (kind,)
        if kind == "train" and self.optimizer is not None:
            trained = self.trainable_weights
            self.optimizer.build(trained)
            key = (kind, self.optimizer.has_schedule, *((id(weight), weight.device) for weight in trained))
        if key not in self._steps:
            is_compiled = not self.run_eagerly and True not in key  # a schedule is Python, and called at each step
            self._steps[key] = _Step(self, kind, is_compiled)
        return self._steps[key]

    def _metric_logs(self) -> dict[str, Any]:
        """What the metrics say."""
        if type(self).get_metrics_result is not Trainer.get_metrics_result or self.run_eagerly:
            return as_numbers(self.get_metrics_result())
        asked = self.metrics
        key = ("logs", *map(id, asked))
        if key not in self._steps:
            self._steps[key] = function(lambda: _results(asked))
        return as_numbers(self._steps[key]())

    def _logs(self, given: Any) -> dict[str, Any]:
        """The logs at the end of a walk: those of the metrics, unless a step gave others."""
        found = self._metric_logs()
        return found if given is None or set(given) == set(found) else as_numbers(given)

    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Take one step on one batch.

        Arguments:
            x, y, sample_weight: as of `fit`.
            return_dict: whether to return a dictionary.

        Returns the loss, or a list of the loss and the metrics. Errors as of `fit`.
        """
        self._compiled("train_on_batch")
        samples = self._samples(x, y, sample_weight)
        samples.parts = 3
        with WholeSteps() as whole:
            whole.run(self.reset_metrics)
            given = whole.run(self._step("train"), samples.batch(slice(None), self._place()))
        logs = self._metric_logs() if given is None else as_numbers(given)
        return logs if return_dict else self._in_order(logs)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """The numbers in logs in the order of the metrics, and then of their names; one alone as itself."""
        measures = self._measures
        names = []
        for metric in self.metrics:
            is_several = measures is not None and measures.compiled is metric
            names += measures.compiled.names if is_several else [metric.name]
        found = [logs[name] for name in names if name in logs]
        found += [value for name, value in sorted(logs.items()) if name not in names]
        return found[0] if len(found) == 1 else found

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
        validation = None
        if is_stream(validation_data):
            validation = self._data(validation_data)
        elif validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
                raise ValueError(
                    f"validation_data is (x, y), (x, y, sample_weight) or an iterable of batches; "
                    f"{short(validation_data)} was given"
                )
            validation = self._data(*validation_data)
        elif validation_split:
            if not isinstance(data, Samples):
                raise ValueError("validation_split needs arrays; give validation_data beside a stream of batches")
            data, validation = data.split(validation_split)
        size = batch_size or BATCH_SIZE
        steps = steps_in(data, size, steps_per_epoch)
        callbacks, self.history = with_history(callbacks)
        told = CallbackList(callbacks, self, {"epochs": epochs, "steps": steps, "verbose": verbose})
        following = walks(data, size, self._place(), shuffle, steps_per_epoch)
        step = self._latest_step("train")
        self.stop_training = False
        logs: dict[str, Any] = {}
        with WholeSteps() as whole:
            told.tell("on_train_begin", {})
            for epoch in range(initial_epoch, epochs):
                try:
                    batches = next(following)
                except NoBatchesError:
                    if epoch == initial_epoch:
                        raise
                    warnings.warn(
                        f"The data ran out before epoch {epoch + 1}, and the training ends there", stacklevel=2
                    )
                    break
                whole.run(self.reset_metrics)
                told.tell("on_epoch_begin", epoch, {})
                with Progress(verbose, steps, f"Epoch {epoch + 1}/{epochs}" if epochs > 1 else "") as progress:
                    given = self._walk(batches, "train", step, told, progress, whole)
                    logs = self._logs(given)
                    if validation is not None and (epoch + 1) % validation_freq == 0:
                        logs |= self._validated(
                            x=validation,
                            batch_size=validation_batch_size or size,
                            steps=validation_steps,
                            callbacks=told,
                        )
                    progress.finish(logs)
                told.tell("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            told.tell("on_train_end", logs)
        return self.history

    def _validated(self, **options: Any) -> dict[str, Any]:
        """The logs of an evaluation, by names that begin with `val_`."""
        try:
            logs = self.evaluate(**options, verbose=0, return_dict=True)
        except NoBatchesError as error:
            warnings.warn(f"The validation data ran out: {error}", stacklevel=3)
            return {}
        return {f"val_{name}": value for name, value in logs.items()}

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
        batches = next(walks(data, size, self._place(), False, steps))
        told = callbacks
        if not isinstance(told, CallbackList):
            told = CallbackList(callbacks, self, {"epochs": 1, "steps": count, "verbose": verbose})
        self.stop_evaluating = False
        with Progress(verbose, count) as progress, WholeSteps() as whole:
            told.tell("on_test_begin", {})
            whole.run(self.reset_metrics)
            logs = self._logs(self._walk(batches, "test", self._latest_step("test"), told, progress, whole))
            told.tell("on_test_end", logs)
            progress.finish(logs)
        return logs if return_dict else self._in_order(logs)

    def _latest_step(self, kind: str) -> Callable[[Batch], Any]:
        """What takes a step with the latest compiling: a callback may call `compile` anew, between any two steps."""
        step, steps = self._step(kind), self._steps

        def take(batch: Batch) -> Any:
            nonlocal step, steps
            if self._steps is not steps:
                step, steps = self._step(kind), self._steps
            return step(batch)

        return take

    def _walk(
        self,
        batches: Iterable[Batch],
        kind: str,
        step: Callable[[Batch], Any],
        told: CallbackList,
        progress: Progress,
        whole: WholeSteps,
    ) -> Any:
        """Take a step for each batch, and give the logs of the last. Numbers are read only where somebody looks."""
        begins, ends = told.listens(f"on_{kind}_batch_begin"), told.listens(f"on_{kind}_batch_end")
        given = None

        def logs() -> dict[str, Any]:
            return self._metric_logs() if given is None else as_numbers(given)

        for index, batch in enumerate(batches):
            if begins:
                told.tell(f"on_{kind}_batch_begin", index, {})
            given = whole.run(step, batch)
            if ends:
                told.tell(f"on_{kind}_batch_end", index, logs())
            progress.advance(logs)
            if self.stop_training if kind == "train" else self.stop_evaluating:
                break
        return given

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
        is_own = type(self).predict_step is not Trainer.predict_step
        if self.works_by_rows and steps is None and not callbacks and not is_own:
            size = max(size, ROWS_AT_ONCE)  # nobody can tell, but by the time that it takes
        count = steps_in(data, size, steps)
        batches = next(walks(data, size, self._place(), False, steps))
        told = CallbackList(callbacks, self, {"epochs": 1, "steps": count, "verbose": verbose})
        parts: list[list[Any]] = []
        form: Any = None
        self.stop_predicting = False
        told.tell("on_predict_begin", {})
        step = self._step("predict")
        with Progress(verbose, count) as progress:
            for index, batch in enumerate(batches):
                told.tell("on_predict_batch_begin", index, {})
                form = step(batch)
                parts.append([numpy.asarray(tensor) for tensor in flatten(form)])
                told.tell("on_predict_batch_end", index, {"outputs": pack(form, parts[-1])})
                progress.advance(dict)
                if self.stop_predicting:
                    break
            progress.finish({})
        told.tell("on_predict_end", {})
        return pack(form, [numpy.concatenate(arrays) for arrays in zip(*parts, strict=True)])

    # -- data

    def _data(self, x: Any, y: Any = None, sample_weight: Any = None, may_be_empty: bool = False) -> Samples | Stream:
        if isinstance(x, (Samples, Stream)):
            return x
        if not is_stream(x):
            return self._samples(x, y, sample_weight, may_be_empty)
        if y is not None or sample_weight is not None:
            raise ValueError(
                "A stream of batches gives its targets and sample weights itself, as (x, y, sample_weight)"
            )
        return Stream(x, self._samples)

    def _samples(self, x: Any, y: Any = None, sample_weight: Any = None, may_be_empty: bool = True) -> Samples:
        places = self.inputs
        forms = self._forms()
        inputs, x_form = _arranged("x", x, forms[0])
        targets, y_form = ([], None) if y is None else _arranged("y", y, forms[1])
        weights = [] if sample_weight is None else _arranged("sample_weight", sample_weight, "sample_weight")[0]
        dtypes: list[Any] = [place.numpy_dtype for place in places] or [None] * len(inputs)
        samples = Samples(inputs, targets, weights, dtypes, (x_form, y_form))
        if not may_be_empty and not len(samples):
            raise ValueError(f"x holds no samples: its shape is {inputs[0].shape}")
        return samples

    def _place(self) -> Device:
        """The device of the model's weights, to which data is brought."""
        return device_of(self.weights[0].array) if self.weights else thread.state.device or CPU


# What Keras calls of a model, and minidl doesn't.
_NEVER_CALLED = ("make_train_function", "make_test_function", "make_predict_function")


def _kept_metrics(layer: Layer) -> list[metrics.Metric]:
    """The metrics that a layer and those in it keep; a model's own, of its own training, don't count."""
    own = [] if isinstance(layer, Trainer) else [each for each in layer._kept() if isinstance(each, metrics.Metric)]
    return [*own, *(each for inner in layer._sublayers() for each in _kept_metrics(inner))]


class _Step:
    """What takes a step on a batch, by a model's `train_step`, `test_step` or `predict_step`, compiled or not.

    It gives the logs, or None where they are only what the metrics say, so that they are computed when needed.
    """

    def __init__(self, model: Trainer, kind: str, is_compiled: bool) -> None:
        self._own = getattr(model, f"{kind}_step")
        self._gives_logs = kind != "predict"
        names = [f"{kind}_step", "compute_metrics", "get_metrics_result"]
        is_usual = all(getattr(type(model), name) is getattr(Trainer, name) for name in names)
        self._is_silent = self._gives_logs and is_usual
        self._is_compiled = is_compiled
        self._programs: dict[int | None, Callable[..., Any]] = {}  # by how many parts a batch has as a tuple

    def __call__(self, batch: Batch) -> Any:
        parts, count = (batch, len(batch)) if isinstance(batch, tuple) else ((batch,), None)
        step = self._programs.get(count)
        if step is None:
            step = self._programs[count] = self._written_for(count)
        return step(*parts)

    def _written_for(self, count: int | None) -> Callable[..., Any]:
        def step(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
            found = self._own(x if count is None else (x, y, sample_weight)[:count])
            if self._gives_logs and not isinstance(found, dict):
                raise ValueError(f"A step gives its logs, a dictionary of numbers by name; {short(found)} was given")
            return None if self._is_silent else found

        made: Callable[..., Any] = function(step) if self._is_compiled else step
        return made


def _results(asked: Sequence[metrics.Metric]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metric in asked:
        result = metric.result()
        found |= result if isinstance(result, dict) else {metric.name: result}
    return found


def _arranged(role: str, data: Any, form: Any) -> tuple[list[Any], Any]:
    """The arrays in data, and the nest to hand them on in: the model's own, or the data's where the model has none."""
    if form is None:
        form = data if holds_arrays(data) else None
        return [as_array(role, part) for part in (flatten(data) if holds_arrays(data) else [data])], form
    arrays = [
        as_array(role if isinstance(form, str) else f"{role} for {name!r}", part)
        for name, part in zip(flatten(form), in_order(role, data, form), strict=True)
    ]
    return arrays, form if isinstance(form, dict) or len(arrays) > 1 else None


def as_numbers(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs in the order of their names, with Python's numbers; what is several numbers stays an array."""
    found: dict[str, Any] = {}
    for name, value in sorted(logs.items()):
        if isinstance(value, dict):
            found |= as_numbers(value)
        else:
            array = numpy.asarray(value)
            found[name] = float(array.item()) if array.size == 1 and array.dtype.kind in "fiub" else array
    return found


def _check_counts(**counts: Any) -> None:
    for name, count in counts.items():
        if count is not None and (isinstance(count, bool) or not isinstance(count, numbers.Integral) or count < 1):
            raise ValueError(f"{name} is a whole number above 0, or None; {count!r} was given")
