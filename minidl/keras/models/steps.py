"""What a step of training is: the loss, the metrics and the optimizer of a model, and what may be defined anew."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy

import minidl as tf
from minidl.context import thread
from minidl.devices import CPU, Device
from minidl.keras import optimizers
from minidl.keras.callbacks import History
from minidl.keras.metrics import Metric
from minidl.keras.models.data import Batch, unpack_x_y_sample_weight
from minidl.keras.models.measures import CompiledMetrics, Measures
from minidl.keras.models.network import Network
from minidl.keras.names import brief
from minidl.nest import flatten
from minidl.tensor import TensorLike


class Learner(Network):
    """A network that can take steps of training.

    Attributes:
        optimizer: the optimizer, once compiled.
        run_eagerly: whether each step runs operation by operation, instead of as a compiled program.
        stop_training, stop_evaluating, stop_predicting: set by a callback, end what is done after the batch; the
            training, after the epoch's end is told.
        history: what `fit` gave last.
        train_function: what took the last step of training, None before; `train_function.source()` is its program.
    """

    optimizer: optimizers.Optimizer | None = None
    run_eagerly = False
    stop_training = stop_evaluating = stop_predicting = False
    history: History | None = None
    train_function: Any = None
    _measures: Measures | None = None
    _steps: dict[tuple[Any, ...], Callable[..., Any]]  # by what they do, and the weights they train
    _refusal = ""

    def __getstate__(self) -> dict[str, Any]:
        """All but the compiled steps, which are made anew, and the history, which knows callbacks."""
        return {**super().__getstate__(), "_steps": {}, "history": None, "train_function": None}

    # -- compiling

    def compile(
        self, optimizer: Any = "sgd", loss: Any = None, loss_weights: Any = None, metrics: Any = None,
        run_eagerly: bool = False, jit_compile: Any = "auto",
    ) -> None:  # fmt: skip
        """Say how to train.

        Arguments:
            optimizer: an Optimizer, or 'sgd'.
            loss: a loss, its name, or a function of targets and predictions; for several outputs a list or
                dictionary of them, or one for all.
            loss_weights: numbers to multiply the losses of several outputs by, in a list or dictionary.
            metrics: a list of metrics, names or functions; for several outputs a list of lists, or a dictionary.
            run_eagerly: whether to run each step operation by operation, so that Python can look into it. Else a
                step is compiled as by `tf.function`, which gives the same numbers sooner.
            jit_compile: Keras's word; every step is compiled, whatever it says, unless the model runs eagerly.

        Raises ValueError for names that are unknown, and for lists of another length than the outputs.

        >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        >>> model.compile(loss='mse', optimizer=tf.keras.optimizers.SGD(0.1), metrics=['mae'])
        >>> model.evaluate([[1.0]], [[1.0]], verbose=0, return_dict=True).keys()
        dict_keys(['loss', 'mae'])
        """
        try:
            made, measures = optimizers.get(optimizer), Measures(self._forms()[1], loss, loss_weights, metrics)
        except Exception as error:
            self._refusal = f". The last compile() failed: {error}"
            raise
        self.optimizer, self._measures, self._refusal = made, measures, ""
        self.run_eagerly, self._steps = bool(run_eagerly), {}

    @property
    def metrics(self) -> list[Metric]:
        """The metrics: the loss's, those given to `compile` as one, and those that the model and its layers keep."""
        return [*([] if self._measures is None else self._measures.all), *super().metrics]

    def _inner_metrics(self) -> list[Metric]:
        return [metric for layer in self.layers for metric in layer._inner_metrics()]

    metrics_names = property(lambda self: [metric.name for metric in self.metrics], doc="The names of the metrics.")

    def reset_metrics(self) -> None:
        """Let the loss and all metrics begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _compiled(self, action: str) -> Measures:
        if self._measures is None:
            raise ValueError(f"Call compile() on model {self.name!r} first, which {action} needs{self._refusal}")
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
        with tf.GradientTape() as tape:
            predictions = self(x, training=True)
            loss = self._loss_of(x, y, predictions, sample_weight, training=True)
        variables = self.trainable_weights
        if not variables:
            warnings.warn(f"Model {self.name!r} has no weights to train", stacklevel=2)
        elif self.optimizer is None:
            raise ValueError(f"Model {self.name!r} was compiled without an optimizer, which training takes")
        else:
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
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
        """The loss of a batch, as `compile` was told, with what layers add; a class derived from Model can change it.

        Arguments:
            x, y, sample_weight: the batch.
            y_pred: the outputs for x.
            training: whether the step is one of training.

        Raises ValueError without targets, and for a model compiled without a loss.
        """
        measures, added = self._compiled("compute_loss"), [tf.reduce_sum(each) for each in self.losses]
        if y is None and measures.has_loss:
            raise ValueError("To train or evaluate a model takes targets; y was None")
        if not measures.has_loss and added:
            return sum(added[1:], added[0])
        return sum(added, measures.loss(y, y_pred, sample_weight))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics that `compile` was given, and give the logs; see `compute_loss`."""
        measures = self._compiled("compute_metrics")
        if measures.compiled is not None:
            measures.compiled.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The present numbers of all metrics, by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            found |= result if isinstance(result, dict) else {metric.name: result}
        return found

    def _loss_of(self, x: Any, y: Any, predictions: Any, sample_weight: Any, training: bool) -> Any:
        """The loss of a batch, which its mean takes in."""
        measures = self._compiled("a step")
        measures.meet(predictions)
        # A user's own `compute_loss` may be older than the last argument.
        told = {"training": training} if "training" in inspect.signature(self.compute_loss).parameters else {}
        loss = self.compute_loss(x, y, predictions, sample_weight, **told)
        measures.mean.update_state(loss, float(flatten(x)[0].shape[0]))
        return loss

    # -- steps

    def _place(self) -> Device:
        """The device of the model's weights, to which data and metrics are brought."""
        return self.weights[0].home if self.weights else thread.state.device or CPU

    def _step(self, kind: str) -> Callable[[Batch], Any]:
        """What takes a step of 'train', 'test' or 'predict' on a batch: compiled, unless the model runs eagerly.

        It gives None for the logs where they are those of the metrics, which are read only when somebody looks.
        """
        key: tuple[Any, ...] = (kind,)
        if kind == "train" and self.optimizer is not None:
            trained = self.trainable_weights
            if self.built and not self.optimizer.built:
                self.optimizer.build(trained)
            places = [(id(weight), weight.device) for weight in trained]
            key = (kind, self.optimizer.calls_python, id(self.optimizer.schedule), *places)
        if key not in self._steps:
            for variable in [each for metric in self.metrics for each in metric.variables]:
                variable.relocate(self._place())
            is_compiled = not self.run_eagerly and True not in key  # a schedule is Python, and called at each step
            self._steps[key] = _step_of(self, kind, is_compiled)
        return self._steps[key]

    def _metric_logs(self) -> dict[str, Any]:
        """What the metrics say."""
        if type(self).get_metrics_result is not Learner.get_metrics_result or self.run_eagerly:
            return self.get_metrics_result()
        key = ("logs", *map(id, self.metrics))
        if key not in self._steps:
            self._steps[key] = tf.function(self.get_metrics_result)
        return dict(self._steps[key]())

    def _logs(self, given: Any, at_end: bool = False) -> dict[str, Any]:
        """The logs that a step gave or, where it gave none, those of the metrics, and at the end of a walk the latter
        where the names are the same."""
        said = self._metric_logs() if given is None or at_end else given
        return as_numbers(said if given is None or set(given) == set(said) else given)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """The numbers in logs in the order of the metrics, and then of their names; one alone as itself."""
        groups = [metric.names if isinstance(metric, CompiledMetrics) else [metric.name] for metric in self.metrics]
        names = [name for group in groups for name in group]
        found = [logs[name] for name in names if name in logs]
        found += [value for name, value in sorted(logs.items()) if name not in names]
        return found[0] if len(found) == 1 else found


def _step_of(model: Learner, kind: str, is_compiled: bool) -> Callable[[Batch], Any]:
    """What takes a step on a batch, by a model's `train_step`, `test_step` or `predict_step`, compiled or not.

    It gives the logs, or None where they are only what the metrics say, so that they are computed when needed.
    """
    own = getattr(model, f"{kind}_step")
    names = (f"{kind}_step", "compute_metrics", "get_metrics_result")
    is_usual = all(getattr(getattr(model, name), "__func__", None) is getattr(Learner, name) for name in names)

    @functools.cache
    def program(parts: int) -> Any:  # of a batch that is a tuple; 0 for one that is x itself
        def step(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
            found = own((x, y, sample_weight)[:parts] if parts else x)
            if kind == "predict":
                return found
            if not isinstance(found, dict):
                raise ValueError(f"A step gives its logs, a dictionary of numbers by name; {brief(found)} was given")
            return None if is_usual else found

        made = tf.function(step) if is_compiled else step
        if kind == "train":
            model.train_function = made
        return made

    def take(batch: Batch) -> Any:
        return program(len(batch))(*batch) if isinstance(batch, tuple) else program(0)(batch)

    return take


def as_numbers(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs in the order of their names, with Python's numbers; what is several numbers stays an array."""
    found: dict[str, Any] = {}
    tensors = {name: value for name, value in logs.items() if isinstance(value, TensorLike) and not value.shape}
    if len(tensors) > 1 and len({(tensor.dtype, tensor.device) for tensor in tensors.values()}) == 1:
        logs = logs | dict(zip(tensors, tf.stack([*tensors.values()]).numpy(), strict=True))  # a GPU is read once
    for name, value in sorted(logs.items()):
        if isinstance(value, dict):
            found |= as_numbers(value)
        else:
            array = numpy.asarray(value)
            found[name] = float(array.item()) if array.size == 1 and array.dtype.kind in "fiub" else array
    return found
