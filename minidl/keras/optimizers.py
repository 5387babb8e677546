"""SGD: stochastic gradient descent, with momentum, weight decay and clipping."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minidl.devices import device_of
from minidl.keras.names import find, new_name, refuse
from minidl.ops.creation import cast, zeros_like
from minidl.ops.elementwise import clip_by_value, maximum, minimum, sqrt, square
from minidl.ops.inputs import convert, number
from minidl.ops.joining import stack
from minidl.ops.reductions import reduce_sum
from minidl.tensor import Tensor, Variable
from minidl.values import float32, int64


class SGD:
    """Moves variables against their gradients.

    With gradient g, learning rate r and momentum m, a variable w and its velocity v (0 at first) become

        without momentum:  w ← w - r g
        with momentum:     v ← m v - r g    w ← w + v
        with Nesterov's:   v ← m v - r g    w ← w + m v - r g

    after Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013. Before that the gradients are clipped, and weight decay d makes w ← w - r d w.

    Arguments:
        learning_rate: a float, or a function without arguments that gives one.
        momentum: a float from 0 to 1.
        nesterov: whether the momentum is Nesterov's.
        weight_decay: a float, or None for none.
        clipnorm: the largest norm that a gradient may have; longer ones are scaled down to it.
        clipvalue: the largest absolute value that an entry of a gradient may have; larger ones are cut off.
        global_clipnorm: the largest norm that all gradients may have together.
        name: what it is called.

    Raises ValueError for values of another kind or out of range, for two clippings at once, and for an argument
    of Keras's that minidl doesn't have.

    >>> w = tf.Variable([1.0, 2.0])
    >>> optimizer = tf.keras.optimizers.SGD(0.1)
    >>> steps = optimizer.apply_gradients([(tf.constant([1.0, -1.0]), w)])
    >>> w.numpy()
    array([0.9, 2.1], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | Callable[[], float] = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        refuse("SGD", options)
        if not isinstance(learning_rate, float) and not callable(learning_rate):
            raise ValueError(f"The learning rate is a float or a function that gives one; {learning_rate!r} was given")
        if not isinstance(momentum, float) or not 0.0 <= momentum <= 1.0:
            raise ValueError(f"The momentum is a float from 0 to 1; {momentum!r} was given")
        clippings = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in clippings.values()) > 1:
            raise ValueError(f"Gradients are clipped in one way at most; {clippings} was given")
        for what, value in {**clippings, "weight_decay": weight_decay}.items():
            if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0):
                raise ValueError(f"{what} is a number from 0 on, or None; {value!r} was given")
        self.name = name or new_name(self)
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self._schedule = learning_rate if callable(learning_rate) else None
        first = 0.0 if callable(learning_rate) else learning_rate
        self._learning_rate = Variable(first, trainable=False, name="learning_rate", dtype=float32)
        self.iterations = Variable(0, trainable=False, name="iterations", dtype=int64)
        self._velocities: dict[int, tuple[Variable, Variable]] = {}  # by id, beside the variables that they move

    # -- state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)  # a copy's variables have other ids
        self._velocities = {id(pair[0]): pair for pair in self._velocities.values()}

    @property
    def has_schedule(self) -> bool:
        """Whether a function gives the learning rate, which is called at each step."""
        return self._schedule is not None

    @property
    def learning_rate(self) -> Variable:
        """The learning rate; it can be set to another float."""
        if self._schedule is not None:
            self._learning_rate.assign(self._schedule())
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if callable(learning_rate):
            self._schedule = learning_rate
        else:
            self._learning_rate.assign(learning_rate)
            self._schedule = None

    @property
    def velocities(self) -> list[Variable]:
        """The velocities of the variables moved so far; none without momentum."""
        return [velocity for _, velocity in self._velocities.values()]

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the velocities of variables, and keep what they share where they are."""
        if variables:
            device = device_of(variables[0].array)
            self.iterations.relocate(device)
            self._learning_rate.relocate(device)
        for variable in variables if self.momentum else ():
            if id(variable) not in self._velocities:
                velocity = Variable(zeros_like(variable), trainable=False, name=f"{variable.name}_momentum")
                self._velocities[id(variable)] = variable, velocity

    def restore(self, state: Sequence[Any], variables: Sequence[Variable]) -> None:
        """Take up a state that was saved: the count of steps, the learning rate, and the velocities of variables.

        Raises ValueError, before anything is changed, where a velocity has another shape than its variable.
        """
        self.build(variables)
        velocities = self.velocities if len(state) == 2 + len(self.velocities) else []
        for velocity, value in zip(velocities, state[2:], strict=False):
            if value.shape != velocity.shape:
                raise ValueError(f"{velocity.name!r} has shape {velocity.shape}; {value.shape} was saved for it")
        self.iterations.assign(int(state[0]))
        self._learning_rate.assign(state[1])
        for velocity, value in zip(velocities, state[2:], strict=False):
            velocity.assign(value)

    # -- steps

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Take a step.

        Arguments:
            grads_and_vars: pairs of a gradient and its variable; a gradient that is None leaves its variable.

        Returns how many steps were taken. Raises ValueError where all gradients are None, or one has another shape
        than its variable.
        """
        gradients, variables = _checked(grads_and_vars)
        self.build(variables)
        rate = self.learning_rate.read()
        for gradient, variable in zip(self._clipped(gradients), variables, strict=True):
            self._move(variable, gradient, rate)
        self.iterations.assign_add(number(1, self.iterations.tensor))
        return self.iterations

    def apply(self, gradients: Sequence[Any], variables: Sequence[Variable]) -> None:
        """Take a step; see `apply_gradients`."""
        self.apply_gradients(zip(gradients, variables, strict=True))

    def _move(self, variable: Variable, gradient: Tensor, rate: Tensor) -> None:
        if gradient.array.dtype is not rate.array.dtype:
            rate = cast(rate, gradient.dtype)
        if self.weight_decay is not None:
            variable.assign(variable - variable * self.weight_decay * rate)
        step = gradient * rate
        if not self.momentum:
            variable.assign_sub(step)
            return
        _, velocity = self._velocities[id(variable)]
        velocity.assign(velocity * self.momentum - step)
        variable.assign_add(velocity * self.momentum - step if self.nesterov else velocity)

    def _clipped(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        if self.clipnorm:
            limit = self.clipnorm
            norms = [sqrt(reduce_sum(square(gradient), keepdims=True)) for gradient in gradients]
            return [gradient * limit / maximum(norm, limit) for gradient, norm in zip(gradients, norms, strict=True)]
        if self.global_clipnorm:
            limit = self.global_clipnorm
            norm = sqrt(reduce_sum(stack([reduce_sum(square(gradient)) for gradient in gradients])))
            # A norm that is no number makes all gradients none, as in Keras: norm - norm is then NaN, and else 0.
            scale = limit * minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
            return [gradient * scale for gradient in gradients]
        if self.clipvalue:
            return [clip_by_value(gradient, -self.clipvalue, self.clipvalue) for gradient in gradients]
        return gradients


def _checked(pairs: Iterable[tuple[Any, Variable]]) -> tuple[list[Tensor], list[Variable]]:
    """Gradients, in the shapes and dtypes of their variables, and the variables: without those that have none."""
    gradients, variables, left_out = [], [], []
    for gradient, variable in pairs:
        if gradient is None:
            left_out.append(variable.name)
            continue
        array = variable.array
        if type(gradient) is not Tensor or gradient.array.dtype is not array.dtype:
            gradient = cast(convert(gradient, device=device_of(variable.array)), array.dtype)
        if gradient.array.shape != array.shape:
            raise ValueError(
                f"Variable {variable.name!r} has shape {variable.shape}; a gradient of shape {gradient.shape} was "
                "given for it"
            )
        gradients.append(gradient)
        variables.append(variable)
    if left_out:
        if not variables:
            raise ValueError(f"None of the variables {left_out} has a gradient: the loss doesn't depend on them")
        warnings.warn(
            f"The variables {left_out} have no gradient, and stay: the loss doesn't depend on them", stacklevel=3
        )
    return gradients, variables


def get(identifier: Any) -> SGD:
    """The optimizer of a name, 'sgd'; an optimizer stays itself.

    Raises ValueError for anything else.

    >>> tf.keras.optimizers.get('sgd').momentum
    0.0
    """
    if isinstance(identifier, SGD):
        return identifier
    made = find("optimizer", identifier, {"sgd": SGD, "SGD": SGD})
    if not isinstance(made, SGD):
        raise ValueError(f"The optimizer is SGD or one derived from it; {identifier!r} was given")
    return made
