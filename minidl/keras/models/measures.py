"""The loss and the metrics of a compiled model, over all its outputs."""

from collections.abc import Callable, Sequence
from typing import Any

from minidl.keras import losses, metrics
from minidl.keras.models.network import by_name
from minidl.nest import flatten
from minidl.tensor import Tensor


class CompiledMetrics(metrics.Metric):
    """The metrics that `compile` was given, for all outputs, as one; its result is a dictionary of theirs.

    Arguments:
        names: of the outputs.
        groups: the metrics of each output.
    """

    def __init__(self, names: Sequence[str], groups: Sequence[Sequence[metrics.Metric]]) -> None:
        super().__init__(name="compile_metrics")
        self._placed: dict[str, tuple[int, metrics.Metric]] = {}
        for place, (name, group) in enumerate(zip(names, groups, strict=True)):
            for metric in group:
                self._placed[f"{name}_{metric.name}" if len(names) > 1 else metric.name] = place, metric

    names = property(lambda self: [each.name for _, each in self._placed.values()], doc="What the metrics are called.")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch. Sample weights weigh the loss and not the metrics, as in Keras."""
        pairs = list(zip(flatten(y_true), flatten(y_pred), strict=True))
        for place, metric in self._placed.values():
            metric.update_state(*pairs[place])

    def result(self) -> dict[str, Any]:
        """The numbers of the metrics, by name."""
        return {name: metric.result() for name, (_, metric) in self._placed.items()}

    def reset_state(self) -> None:
        """Forget all samples."""
        for _, metric in self._placed.values():
            metric.reset_state()


class Measures:
    """What to make small, and what to watch.

    Arguments:
        form: a nest of the names of the outputs; None where they aren't known yet.
        loss, loss_weights, asked_metrics: as given to `compile`.

    Attributes:
        mean: of the loss, over the samples.
        own: the means of the outputs' own losses, where there are several.
        compiled: the metrics that were asked for; None for none.
    """

    def __init__(self, form: Any, loss: Any, loss_weights: Any, asked_metrics: Any) -> None:
        self.has_loss = loss is not None
        self.mean = metrics.Mean("loss")
        self.compiled: CompiledMetrics | None = None
        self.own: list[metrics.Mean] = []
        self._listed: list[metrics.Mean] = []
        self._asked = loss, loss_weights, asked_metrics
        self._losses: list[losses.Loss | None] = []
        is_for_several = any(isinstance(each, (dict, list, tuple)) for each in (loss, loss_weights))
        is_for_several = is_for_several or isinstance(asked_metrics, dict) or _holds_lists(asked_metrics)
        if form is not None or not is_for_several:
            self._set_up(form or "output")

    def _set_up(self, form: Any) -> None:
        """Assign what was asked for to the outputs."""
        names = flatten(form)
        loss, loss_weights, asked_metrics = self._asked
        functions = [losses.get(each) for each in _for_each("loss", loss, form, shared=True)]
        is_done = (losses.Loss, type(None))
        self._losses = [each if isinstance(each, is_done) else losses.LossFunctionWrapper(each) for each in functions]
        weights = _for_each("loss_weights", loss_weights, form, shared=False)
        self._weights = [1.0 if weight is None else float(weight) for weight in weights]
        if len(names) == 1 and isinstance(asked_metrics, (list, tuple)) and not _holds_lists(asked_metrics):
            asked_metrics = [asked_metrics]
        groups = _for_each("metrics", asked_metrics, form, shared=False)
        made = [[metrics.for_training(each) for each in flatten(group or [])] for group in groups]
        self.compiled = CompiledMetrics(names, made) if any(made) else None
        means = {path: metrics.Mean(f"{path}_loss") for path in _paths(form, sorted)} if len(names) > 1 else {}
        self.own = list(means.values())
        self._listed = [means[path] for path in _paths(form, list)] if means else []

    @property
    def all(self) -> list[metrics.Metric]:
        """All metrics, in Keras's order."""
        return [self.mean, *([self.compiled] if self.compiled else []), *self._listed]

    def loss(self, y: Any, predictions: Any, weight: Any) -> Tensor:
        """The loss of a batch: the sum of the losses of the outputs, each times its weight."""
        targets, outputs = flatten(y), flatten(predictions)
        self.meet(predictions)
        if len(targets) != len(outputs):
            raise ValueError(f"The model has {len(outputs)} outputs; targets for {len(targets)} were given")
        each = zip(self._losses, targets, outputs, strict=True)
        parts = [None if loss is None else loss(target, output, weight) for loss, target, output in each]
        factors = zip(parts, self._weights, strict=True)
        terms = [part if factor == 1.0 else part * factor for part, factor in factors if part is not None]
        if not terms:
            raise ValueError("There is no loss to make small: give `compile` one, or define `compute_loss`")
        for mean, part in zip(self.own, parts, strict=False):
            if part is not None:
                mean.update_state(part, float(outputs[0].array.shape[0]))
        return sum(terms[1:], terms[0])

    def meet(self, predictions: Any) -> None:
        """Learn of the outputs from predictions, where they weren't known before."""
        outputs = flatten(predictions)
        if len(outputs) != len(self._losses):  # a model that has just been built
            is_named = isinstance(predictions, dict) and len(predictions) == len(outputs)
            names = predictions if is_named else [f"output_{index}" for index in range(len(outputs))]
            self._set_up({name: name for name in names} if is_named else names)


def _paths(form: Any, order: Callable[[Any], list[Any]], before: tuple[str, ...] = ()) -> list[str]:
    """For each name in a nest, the keys of the dictionaries that lead to it, in their order; or the name itself."""
    if isinstance(form, dict):
        keyed = [(str(key), form[key]) for key in order(form)]
    elif isinstance(form, (list, tuple)):
        keyed = [(each if isinstance(each, str) else str(index), each) for index, each in enumerate(form)]
    else:
        return ["/".join(before) or form]
    return [path for key, each in keyed for path in _paths(each, order, (*before, key))]


def _for_each(what: str, given: Any, form: Any, shared: bool) -> list[Any]:
    """What was given for each output: by name, in order, or (if it can be shared) once for all."""
    names = flatten(form)
    if isinstance(given, dict):
        parts = by_name(what, given, form, may_lack=True)
        found = [[part] if isinstance(place, str) else _for_each(at, part, place, shared) for at, part, place in parts]
        return [each for part in found for each in part]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries for {len(names)} outputs ({', '.join(names)})")
        return list(given)
    return [given if shared or len(names) == 1 else None] * len(names)


def _holds_lists(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and any(isinstance(part, list) for part in given)
