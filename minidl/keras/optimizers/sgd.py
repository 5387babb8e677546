"""SGD: stochastic gradient descent, with momentum, weight decay and clipping."""

from collections.abc import Sequence
from typing import Any

import minidl as tf
from minidl.keras.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Moves variables against their gradients.

    With gradient g, learning rate r and momentum m, a variable w and its velocity v (0 at first) become

        without momentum:  w ← w - r g
        with momentum:     v ← m v - r g    w ← w + v
        with Nesterov's:   v ← m v - r g    w ← w + m v - r g

    after Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013. Before that the gradients are clipped, and weight decay d makes w ← w - r d w.

    Arguments:
        learning_rate: a float, a LearningRateSchedule, or a function without arguments that gives a float.
        momentum: a float from 0 to 1.
        nesterov: whether the momentum is Nesterov's.
        weight_decay, clipnorm, clipvalue, global_clipnorm, name: as of `Optimizer`, as the errors are.

    >>> w = tf.Variable([1.0, 2.0])
    >>> optimizer = tf.keras.optimizers.SGD(0.1)
    >>> steps = optimizer.apply_gradients([(tf.constant([1.0, -1.0]), w)])
    >>> w.numpy()
    array([0.9, 2.1], dtype=float32)
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False,
        weight_decay: float | None = None, clipnorm: float | None = None, clipvalue: float | None = None,
        global_clipnorm: float | None = None, name: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, **options)
        if not isinstance(momentum, float) or not 0.0 <= momentum <= 1.0:
            raise ValueError(f"The momentum is a float from 0 to 1; {momentum!r} was given")
        self.momentum, self.nesterov = momentum, nesterov
        self.momentums: list[tf.Variable] = []  # the velocities, by Keras's name for them

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Make the velocities of variables, once."""
        if not self.built:
            super().build(variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum else []

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Move a variable against its gradient."""
        if gradient.array.dtype is not learning_rate.array.dtype:
            learning_rate = tf.cast(learning_rate, gradient.dtype)
        shift = gradient * learning_rate
        if not self.momentum:
            self.assign_sub(variable, shift)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        self.assign(velocity, velocity * self.momentum - shift)
        self.assign_add(variable, velocity * self.momentum - shift if self.nesterov else velocity)
