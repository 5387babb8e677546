"""Model: a network that can be trained, by walks through data: fit, evaluate and predict."""

import html
import warnings
from collections.abc import Iterable
from typing import Any, Literal, overload

import numpy

from minidl.keras import activations
from minidl.keras.callbacks import Callback, CallbackList, History, listed
from minidl.keras.layers import Dense, Flatten, InputLayer, Layer
from minidl.keras.models.data import Batch, Data, NoBatchesError, Samples, Stream, arranged, is_stream, steps_in, walks
from minidl.keras.models.interrupts import whole_steps
from minidl.keras.models.saving import load_weights, save_weights
from minidl.keras.models.steps import Learner
from minidl.keras.models.summary import summary
from minidl.keras.names import brief, new_name, refuse_methods
from minidl.keras.progress import Progress
from minidl.nest import flatten, pack

BATCH_SIZE = 32  # where none is given, as in Keras
# For a prediction whose rows don't depend on each other: few calls, in what a cache holds, and few reads of a GPU.
ROWS_AT_ONCE = {"cpu": 2048, "gpu": 65536}
# What Keras calls of a model, and minidl doesn't.
_NEVER_CALLED = ("make_train_function", "make_test_function", "make_predict_function")
Arrays = numpy.ndarray | Any  # an array, or a nest of them
Count = int | None  # a whole number above 0, where one is given
Callbacks = Callback | Iterable[Callback] | None
_STOP = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


class Model(Learner):
    """A network of layers between inputs and outputs, which can be trained.

    Arguments:
        inputs: what `Input` gave, or a list or dictionary of such.
        outputs: what layers gave when called on them, or a list or dictionary of such.
        name, options: as of `Layer`.

    A class derived from it can instead keep layers as attributes and define `call(inputs)`. Raises ValueError where
    the outputs don't depend on the inputs, or layers share a name.

    >>> inputs = tf.keras.Input((1,), name='x')
    >>> outputs = tf.keras.layers.Dense(1, kernel_initializer='ones', name='output')(inputs)
    >>> model = tf.keras.Model(inputs, outputs, name='model')
    >>> model.predict([[3.0]], verbose=0)
    array([[3.]], dtype=float32)
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **options: Any) -> None:
        refuse_methods(self, _NEVER_CALLED, "define train_step, compute_loss or their like")
        name = name or (new_name("functional") if type(self) is Model else None)
        super().__init__(name, **options)
        self._steps = {}
        if inputs is not None or outputs is not None:
            self._connect(inputs, outputs)
            self.build(None)  # for a class that defines its own

    def train_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Take one step on one batch.

        Arguments:
            x, y, sample_weight: as of `fit`.
            return_dict: whether to return a dictionary.

        Returns the loss, or a list of the loss and the metrics. Errors as of `fit`.
        """
        return self._on_batch("train", x, y, sample_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Look at one batch without training; see `train_on_batch`."""
        return self._on_batch("test", x, y, sample_weight, return_dict)

    def predict_on_batch(self, x: Any) -> Arrays:
        """The outputs for one batch, as arrays."""
        return _arrays(self._step("predict")(self._samples(x).batch(slice(None), self._place())))

    def _on_batch(self, kind: str, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
        self._compiled(f"{kind}_on_batch")
        samples = self._samples(x, y, sample_weight)
        samples.parts = 3
        with whole_steps() as whole:
            whole(self.reset_metrics)
            given = whole(self._step(kind), samples.batch(slice(None), self._place()))
        logs = self._logs(given)
        return logs if return_dict else self._in_order(logs)

    # -- loops

    def fit(
        self, x: Any = None, y: Any = None, batch_size: Count = None, epochs: int = 1, verbose: str | int = "auto",
        callbacks: Callbacks = None, validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True,
        sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: Count = None,
        validation_steps: Count = None, validation_batch_size: Count = None, validation_freq: int = 1,
    ) -> History:  # fmt: skip
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
        {'loss': [10.0, 0.28125]}
        """
        self._compiled("fit")
        _check_counts(batch_size=batch_size, steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        _check_counts(validation_batch_size=validation_batch_size, validation_freq=validation_freq)
        data = self._data(x, y, sample_weight)
        validation = None
        if is_stream(validation_data):
            validation = self._data(validation_data)
        elif validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
                raise ValueError(f"validation_data is (x, y[, weights]) or a stream, not {brief(validation_data)}")
            validation = self._data(*validation_data)
        elif validation_split:
            if not isinstance(data, Samples):
                raise ValueError("validation_split needs arrays; give validation_data beside a stream of batches")
            data, validation = data.split(validation_split)
        size = batch_size or BATCH_SIZE
        steps = steps_per_epoch or steps_in(data, size)
        given = [*listed(callbacks), History()]
        self.history = next(callback for callback in given if isinstance(callback, History))  # the user's own first
        told = CallbackList(given, self, epochs=epochs, steps=steps, verbose=verbose)
        following = walks(data, size, self._place(), shuffle, steps_per_epoch, initial_epoch)
        self.stop_training = False
        logs: dict[str, Any] = {}
        with whole_steps() as whole:
            told.tell("on_train_begin", {})
            for epoch, batches in zip(range(initial_epoch, epochs), following, strict=False):
                whole(self.reset_metrics)
                told.tell("on_epoch_begin", epoch, {})
                with Progress(verbose, steps, f"Epoch {epoch + 1}/{epochs}" if epochs > 1 else "") as progress:
                    logs = self._walk(batches, "train", told, progress, whole)
                    if validation is not None and (epoch + 1) % validation_freq == 0:
                        logs |= self._validated(validation, validation_batch_size or size, validation_steps, told)
                    progress.finish(logs)
                told.tell("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            told.tell("on_train_end", logs)
        return self.history

    def _validated(self, data: Any, size: int, steps: Count, told: Any) -> dict[str, Any]:
        """The logs of an evaluation, by names that begin with `val_`."""
        try:
            logs = self.evaluate(data, batch_size=size, steps=steps, callbacks=told, verbose=0, return_dict=True)
        except NoBatchesError as error:
            warnings.warn(f"The validation data ran out: {error}", stacklevel=3)
            return {}
        return {f"val_{name}": value for name, value in logs.items()}

    @overload
    def evaluate(
        self, x: Any = ..., y: Any = ..., batch_size: Count = ..., verbose: str | int = ..., sample_weight: Any = ...,
        steps: Count = ..., callbacks: Callbacks = ..., *, return_dict: Literal[True],
    ) -> dict[str, Any]: ...  # fmt: skip

    @overload
    def evaluate(
        self, x: Any = ..., y: Any = ..., batch_size: Count = ..., verbose: str | int = ..., sample_weight: Any = ...,
        steps: Count = ..., callbacks: Callbacks = ..., return_dict: bool = ...,
    ) -> Any: ...  # fmt: skip

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: Count = None, verbose: str | int = "auto",
        sample_weight: Any = None, steps: Count = None, callbacks: Callbacks = None, return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """The loss and the metrics on samples, without training.

        Arguments as of `fit`; `steps` is how many batches to look at, `return_dict` whether to return a dictionary.
        Returns the loss, or a list of the loss and the metrics (`compile` decides which, so that a type checker knows
        of dictionaries alone). Errors as of `fit`.
        """
        self._compiled("evaluate")
        _check_counts(batch_size=batch_size, steps=steps)
        data = self._data(x, y, sample_weight)
        logs = self._walk_once("test", data, batch_size or BATCH_SIZE, steps, callbacks, verbose)
        return logs if return_dict else self._in_order(logs)

    def _walk_once(self, kind: str, data: Data, size: int, steps: int | None, callbacks: Any, verbose: Any) -> Any:
        """Walk through data without training; see `_walk` for what that gives."""
        count = steps or steps_in(data, size)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(callbacks, self, epochs=1, steps=count, verbose=verbose)
        batches = next(walks(data, size, self._place(), False, steps))
        setattr(self, _STOP[kind], False)
        with Progress(verbose, count) as progress, whole_steps() as whole:
            callbacks.tell(f"on_{kind}_begin", {})
            if kind == "test":
                whole(self.reset_metrics)
            found = self._walk(batches, kind, callbacks, progress, whole)
            logs = found if kind == "test" else {}
            callbacks.tell(f"on_{kind}_end", logs)
            progress.finish(logs)
        return found

    def _walk(self, batches: Iterable[Batch], kind: str, told: CallbackList, progress: Progress, whole: Any) -> Any:
        """Take a step for each batch. Gives the logs, or all predictions; numbers are read only where one looks."""
        steps, step, ends = self._steps, self._step(kind), told.listens(f"on_{kind}_batch_end")
        given: Any = None
        predictions: list[Any] = []

        def logs() -> dict[str, Any]:
            return {"outputs": given} if kind == "predict" else self._logs(given)

        for index, batch in enumerate(batches):
            told.tell(f"on_{kind}_batch_begin", index, {})
            if self._steps is not steps:  # a callback has called `compile`
                steps, step = self._steps, self._step(kind)
            given = whole(step, batch)
            if kind == "predict":
                given = _arrays(given)
                predictions.append(given)
            if ends:
                told.tell(f"on_{kind}_batch_end", index, logs())
            progress.advance(dict if kind == "predict" else logs)
            if getattr(self, _STOP[kind]):
                break
        return predictions if kind == "predict" else self._logs(given, at_end=True)

    def predict(
        self, x: Any, batch_size: Count = None, verbose: str | int = "auto", steps: Count = None,
        callbacks: Callbacks = None,
    ) -> Arrays:  # fmt: skip
        """The outputs for samples: an array, or a nest of arrays where the model gives a nest.

        Arguments as of `fit`; x may also be an iterable of batches. (To a type checker it is an array, of which it sees
        slips, or else anything.)

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer='ones')])
        >>> model.predict([1, 2, 3], verbose=0)
        array([[1.],
               [2.],
               [3.]], dtype=float32)
        """
        _check_counts(batch_size=batch_size, steps=steps)
        data, size = self._data(x, None, None, may_be_empty=True), batch_size or BATCH_SIZE
        if _works_by_rows(self) and steps is None and not callbacks and type(self).predict_step is Learner.predict_step:
            size = max(size, ROWS_AT_ONCE[self._place().kind])  # nobody can tell, but by the time that it takes
        parts = self._walk_once("predict", data, size, steps, callbacks, verbose)
        return pack(parts[0], map(numpy.concatenate, zip(*map(flatten, parts), strict=True)))

    # -- reading

    summary, save_weights, load_weights = summary, save_weights, load_weights

    def _repr_html_(self) -> str:
        """What a notebook shows: the summary."""
        lines: list[str] = []
        self.summary(80, lines.append)
        return f'<pre style="line-height: normal">{html.escape("".join(lines))}</pre>'

    # -- data

    def _data(self, x: Any, y: Any = None, sample_weight: Any = None, may_be_empty: bool = False) -> Data:
        if isinstance(x, (Samples, Stream)):
            return x
        if not is_stream(x):
            return self._samples(x, y, sample_weight, may_be_empty)
        if y is not None or sample_weight is not None:
            raise ValueError("A stream of batches gives its targets and sample weights itself: (x, y, sample_weight)")
        return Stream(x, self._samples)

    def _samples(self, x: Any, y: Any = None, sample_weight: Any = None, may_be_empty: bool = True) -> Samples:
        x_names, y_names = self._forms()
        inputs = arranged("x", x, x_names)
        targets = None if y is None else arranged("y", y, y_names)
        weights = None if sample_weight is None else arranged("sample_weight", sample_weight, "sample_weight")
        dtypes: list[Any] = [place.numpy_dtype for place in self.inputs] or [None] * len(flatten(inputs))
        samples = Samples((inputs, targets, weights), dtypes)
        if not may_be_empty and not len(samples):
            raise ValueError(f"x holds no samples: its shape is {flatten(inputs)[0].shape}")
        return samples


def _arrays(tensors: Any) -> Any:
    return pack(tensors, map(numpy.asarray, flatten(tensors)))


def _works_by_rows(layer: Layer) -> bool:
    """Whether it is known that each row of the result depends on nothing but the same row of the input."""
    if isinstance(layer, Learner):
        return type(layer).call is Learner.call and all(map(_works_by_rows, layer.layers))
    is_known = type(layer) in (Dense, Flatten, InputLayer)
    return is_known and getattr(layer, "activation", None) in (None, *activations.KNOWN)


def _check_counts(**counts: Any) -> None:
    for name, count in counts.items():
        if count is not None and (isinstance(count, bool) or not isinstance(count, (int, numpy.integer)) or count < 1):
            raise ValueError(f"{name} is a whole number above 0, or None; {brief(count)} was given")
