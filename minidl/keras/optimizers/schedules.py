"""Learning rates that follow from the number of steps taken: computed in each step, compiled or not."""

from typing import Any

import minidl as tf

__all__ = ["ExponentialDecay", "LearningRateSchedule"]


class LearningRateSchedule:
    """The learning rate for each step; to derive from, with `__call__(step)`.

    The step is a tensor of a whole number, 0 at first. What is computed with it must be computed by operations, since
    a model's steps are compiled.

    >>> class Halving(tf.keras.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** tf.cast(step + 1, tf.float32)
    >>> optimizer = tf.keras.optimizers.SGD(Halving())
    >>> optimizer.learning_rate.numpy()
    np.float32(0.5)
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate · decay_rate ^ (step / decay_steps).

    Arguments:
        initial_learning_rate: the rate of the first step.
        decay_steps: after how many steps the rate is multiplied by `decay_rate`; ValueError unless above 0.
        decay_rate: what to multiply it by.
        staircase: whether it falls at once every `decay_steps` steps, instead of a little with each.
        name: what it is called.

    >>> schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=2, decay_rate=0.25)
    >>> [schedule(step).numpy() for step in (0, 1, 2)]
    [np.float32(0.5), np.float32(0.25), np.float32(0.125)]
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:  # fmt: skip
        if decay_steps <= 0:
            raise ValueError(f"decay_steps is a number above 0; {decay_steps!r} was given")
        self.name, self.initial_learning_rate, self.staircase = name, initial_learning_rate, staircase
        self.decay_steps, self.decay_rate = decay_steps, decay_rate

    def __call__(self, step: Any) -> tf.Tensor:
        steps = tf.cast(step, tf.convert_to_tensor(self.initial_learning_rate).dtype)
        steps = (tf.math.floordiv if self.staircase else tf.divide)(steps, self.decay_steps)
        return tf.pow(self.decay_rate, steps) * self.initial_learning_rate
