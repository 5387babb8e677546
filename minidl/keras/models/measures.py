"""The loss and the metrics of a compiled model, over all its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidl.keras import losses, metrics
from minidl.nest import flatten
from minidl.tensor import Tensor, Variable


class CompiledMetrics(metrics.Metric):
    """The metrics that `compile` was given, for all outputs, as one; its result is a dictionary of theirs.

    Arguments:
        names: of the outputs.
        groups: the metrics of each output.
    """

    def __init__(self, names: Sequence[str], groups: Sequence[Sequence[metrics.Metric]]) -> None:
        super().__init__(name="compile_metrics")
        self._groups = groups
        self._named: dict[str, metrics.Metric] = {}
        for name, group in zip(names, groups, strict=True):
            for metric in group:
                self._named[f"{name}_{metric.name}" if len(names) > 1 else metric.name] = metric

    @property
    def names(self) -> list[str]:
        """What the metrics are called, which for a single output is what the results are called."""
        return [metric.name for metric in self._named.values()]

    @property
    def variables(self) -> list[Variable]:
        """Those of the metrics."""
        return [variable for metric in self._named.values() for variable in metric.variables]

    @variables.setter
    def variables(self, variables: list[Variable]) -> None:
        """A metric begins with none of its own."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch. Sample weights weigh the loss and not the metrics, as in Keras."""
        for target, output, group in zip(flatten(y_true), flatten(y_pred), self._groups, strict=True):
            for metric in group:
                metric.update_state(target, output)

    def result(self) -> dict[str, Any]:
        """The numbers of the metrics, by name."""
        return {name: metric.result() for name, metric in self._named.items()}

    def reset_state(self) -> None:
        """Forget all samples."""
        for metric in self._named.values():
            metric.reset_state()


class Measures:
    """What to make small, and what to watch.

    Arguments:
        form: a nest of the names of the outputs; None where they aren't known yet.
        names: of the outputs, as those of their metrics begin.
        loss, loss_weights, asked_metrics: as given to `compile`.

    Attributes:
        mean: of the loss, over the samples.
        own: the means of the outputs' own losses, where there are several.
        compiled: the metrics that were asked for; None for none.
    """

    def __init__(self, form: Any, names: Sequence[str], loss: Any, loss_weights: Any, asked_metrics: Any) -> None:
        self.has_loss = loss is not None
        self.mean = metrics.Mean("loss")
        self.compiled: CompiledMetrics | None = None
        self.own: list[metrics.Mean] = []
        self._listed: list[metrics.Mean] = []
        self._asked = loss, loss_weights, asked_metrics
        self._losses: list[losses.Loss | None] = []
        is_for_several = [isinstance(each, dict) for each in self._asked] + [
            isinstance(each, list) and any(isinstance(part, list) for part in each) for each in self._asked
        ]
        if form is not None or not any(is_for_several):
            self._set_up(form or "output", names or ["output"])

    def _set_up(self, form: Any, names: Sequence[str]) -> None:
        """Assign what was asked for to the outputs."""
        loss, loss_weights, asked_metrics = self._asked
        self._losses = [_loss(each) for each in _for_each("loss", loss, form, shared=True)]
        weights = _for_each("loss_weights", loss_weights, form, shared=False)
        self._weights = [1.0 if weight is None else float(weight) for weight in weights]
        listed = asked_metrics
        if len(names) == 1 and isinstance(listed, (list, tuple)) and not (listed and isinstance(listed[0], list)):
            listed = [listed]
        groups = _for_each("metrics", listed, form, shared=False)
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
        parts = [
            None if loss is None else loss(target, output, weight)
            for target, output, loss in zip(targets, outputs, self._losses, strict=True)
        ]
        total = None
        for part, factor in zip(parts, self._weights, strict=True):
            if part is not None:
                term = part if factor == 1.0 else part * factor
                total = term if total is None else total + term
        if total is None:
            raise ValueError("There is no loss to make small: give `compile` one, or define `compute_loss`")
        for mean, part in zip(self.own, parts, strict=False):
            if part is not None:
                mean.update_state(part, float(outputs[0].array.shape[0]))
        return total

    def meet(self, predictions: Any) -> None:
        """Learn of the outputs from predictions, where they weren't known before."""
        outputs = flatten(predictions)
        if len(outputs) != len(self._losses):  # a model that has just been built
            names = [f"output_{index}" for index in range(len(outputs))]
            if isinstance(predictions, dict) and len(predictions) == len(outputs):
                self._set_up({name: name for name in predictions}, sorted(predictions))
            else:
                self._set_up(names, names)


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
        places = form if isinstance(form, dict) else {name: name for name in names}
        if unknown := set(given) - set(places):
            raise ValueError(f"{what} names {', '.join(sorted(unknown))}; the outputs are {', '.join(places)}")
        order = sorted(places) if isinstance(form, dict) else names
        parts = [(given.get(name), places[name]) for name in order]
        found = [[part] if isinstance(place, str) else _for_each(what, part, place, shared) for part, place in parts]
        return [each for part in found for each in part]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries for {len(names)} outputs ({', '.join(names)})")
        return list(given)
    return [given if shared or len(names) == 1 else None] * len(names)


def _loss(identifier: Any) -> losses.Loss | None:
    if identifier is None:
        return None
    found = losses.get(identifier)
    return found if isinstance(found, losses.Loss) else losses.LossFunctionWrapper(found)
