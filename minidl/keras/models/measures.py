"""The loss and the metrics of a compiled model, over all its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.keras import losses, metrics
from minidl.nest import flatten
from minidl.tensor import Tensor


class Measures:
    """What to make small, and what to watch.

    Arguments:
        names: of the outputs; empty where they aren't known yet.
        loss, loss_weights, asked_metrics: as given to `compile`.

    Attributes:
        metrics: what the logs hold, by name: the loss; for several outputs the loss of each; the metrics.
    """

    def __init__(self, names: Sequence[str], loss: Any, loss_weights: Any, asked_metrics: Any) -> None:
        self._asked = {"loss": loss, "loss_weights": loss_weights, "metrics": asked_metrics}
        self._parts: list[Tensor | None] = []
        self._count = 0
        self._set_up(list(names) or ["output"])

    def _set_up(self, names: Sequence[str]) -> None:
        """Assign what was asked for to the outputs."""
        self._count = len(names)
        self._losses = [_loss(each) for each in _for_each("loss", self._asked["loss"], names, shared=True)]
        weights = _for_each("loss_weights", self._asked["loss_weights"], names, shared=False)
        self._weights = [1.0 if weight is None else float(weight) for weight in weights]
        listed = self._asked["metrics"]
        if len(names) == 1 and isinstance(listed, (list, tuple)) and not (listed and isinstance(listed[0], list)):
            listed = [listed]
        self._metrics = [
            [metrics.for_training(each) for each in flatten(group or [])]
            for group in _for_each("metrics", listed, names, shared=False)
        ]
        self._own_losses = [metrics.Mean(f"{name}_loss") for name in names] if len(names) > 1 else []
        self.metrics: dict[str, metrics.Metric] = {"loss": metrics.Mean("loss")}
        self.metrics |= {mean.name: mean for mean in self._own_losses}
        for name, group in zip(names, self._metrics, strict=True):
            for metric in group:
                self.metrics[f"{name}_{metric.name}" if len(names) > 1 else metric.name] = metric

    def loss(self, y: Any, predictions: Any, weight: Any) -> Tensor:
        """The loss of a batch: the sum of the losses of the outputs, each times its weight."""
        pairs = zip(*self._pairs(y, predictions), self._losses, strict=True)
        self._parts = [None if loss is None else loss(target, prediction, weight) for target, prediction, loss in pairs]
        total = None
        for part, factor in zip(self._parts, self._weights, strict=True):
            if part is not None:
                term = part if factor == 1.0 else part * factor
                total = term if total is None else total + term
        if total is None:
            raise ValueError("The model was compiled without a loss, so there is nothing to make small")
        return total

    def update(self, y: Any, predictions: Any, loss: Tensor) -> None:
        """Take the loss and the metrics of a batch into their means."""
        targets, outputs = self._pairs(y, predictions)
        rows = float(outputs[0].array.shape[0])
        self.metrics["loss"].update_state(loss, rows)
        for mean, part in zip(self._own_losses, self._parts, strict=False):
            if part is not None:
                mean.update_state(part, rows)
        for target, output, group in zip(targets, outputs, self._metrics, strict=True):
            for metric in group:
                metric.update_state(target, output)

    def _pairs(self, y: Any, predictions: Any) -> tuple[list[Any], list[Tensor]]:
        targets, outputs = flatten(y), flatten(predictions)
        if len(outputs) != self._count:  # a model that has just been built
            self._set_up([f"output_{index}" for index in range(len(outputs))])
        if len(targets) != len(outputs):
            raise ValueError(f"The model has {len(outputs)} outputs; targets for {len(targets)} were given")
        return targets, outputs


def _for_each(what: str, given: Any, names: Sequence[str], shared: bool) -> list[Any]:
    """What was given for each output: by name, in order, or (if it can be shared) once for all."""
    if isinstance(given, dict):
        if unknown := set(given) - set(names):
            raise ValueError(f"{what} names {', '.join(sorted(unknown))}; the outputs are {', '.join(names)}")
        return [given.get(name) for name in names]
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
