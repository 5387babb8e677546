"""What optimizers share: their state, the learning rate, clipping, weight decay; to derive one's own from."""

import operator
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import minidl as tf
from minidl import Tensor, Variable
from minidl.keras.initializers import Stateful
from minidl.keras.names import new_name, refuse, refuse_methods
from minidl.keras.optimizers.schedules import LearningRateSchedule
from minidl.ops.inputs import convert, number

# What Keras calls of an optimizer, and minidl doesn't.
_NEVER_CALLED = ("finalize_variable_values", "scale_loss", "save_own_variables", "load_own_variables")


class Optimizer(Stateful):
    """Moves variables against their gradients; to derive from, with `update_step` and, for a state, `build`.

    Arguments:
        learning_rate: a float, a LearningRateSchedule, or a function without arguments that gives a float.
        weight_decay: a float d, or None for none; before each step makes w ← w - r d w, where r is the learning rate.
        clipnorm: the largest norm that a gradient may have; longer ones are scaled down to it.
        clipvalue: the largest absolute value that an entry of a gradient may have; larger ones are cut off.
        global_clipnorm: the largest norm that all gradients may have together.
        name: what it is called.

    Raises ValueError for values of another kind or out of range, for two clippings at once, and for an argument
    of Keras's that minidl doesn't have.

    >>> class Signs(tf.keras.optimizers.Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         variable.assign_sub(tf.sign(gradient) * learning_rate)
    >>> w = tf.Variable([1.0, 2.0])
    >>> steps = Signs(0.5).apply_gradients([(tf.constant([7.0, -7.0]), w)])
    >>> w.numpy()
    array([0.5, 2.5], dtype=float32)
    """

    def __init__(
        self, learning_rate: Any, weight_decay: float | None = None, clipnorm: float | None = None,
        clipvalue: float | None = None, global_clipnorm: float | None = None, name: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        refuse(type(self).__name__, options)
        refuse_methods(self, _NEVER_CALLED, "define update_step, apply or apply_gradients")
        if not isinstance(learning_rate, float) and not callable(learning_rate):
            raise ValueError(f"The learning rate is a float or what gives one; {learning_rate!r} was given")
        clippings = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in clippings.values()) > 1:
            raise ValueError(f"Gradients are clipped in one way at most; {clippings} was given")
        for what, value in {**clippings, "weight_decay": weight_decay}.items():
            if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0):
                raise ValueError(f"{what} is a number from 0 on, or None; {value!r} was given")
        self.name = name or new_name(self)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.built = False
        self.iterations = Variable(0, trainable=False, name="iteration", dtype=tf.int64)
        # All that ever gave the learning rate, the last is in force: so none has the `id` of one before.
        self._rates = [_rate(learning_rate)]
        self._added: list[Variable] = []
        self._moved: list[Variable] = []

    # -- state

    @property
    def variables(self) -> list[Variable]:
        """The state, in Keras's order: the count of steps, the learning rate if it is a number, what was added."""
        return [self.iterations, *([self._rates[-1]] if self.schedule is None else []), *self._added]

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step; it can be set to another float, schedule or function."""
        rate = self._rates[-1]
        if isinstance(rate, LearningRateSchedule):
            return rate(self.iterations)
        return rate if isinstance(rate, Variable) else rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if not callable(learning_rate) and isinstance(self.schedule, LearningRateSchedule):
            raise TypeError(f"The learning rate follows a schedule, so it can't be set to {learning_rate!r}")
        if callable(learning_rate) or self.schedule is not None:
            self._rates.append(_rate(learning_rate))
        else:
            self._rates[-1].assign(learning_rate)

    @property
    def schedule(self) -> Any:
        """What gives the learning rate, where that is no number: a LearningRateSchedule or a function; else None."""
        return None if isinstance(self._rates[-1], Variable) else self._rates[-1]

    @property
    def calls_python(self) -> bool:
        """Whether a function of Python's gives the learning rate, which a compiled step would call only once."""
        return self.schedule is not None and not isinstance(self.schedule, LearningRateSchedule)

    def build(self, variables: Sequence[Variable]) -> None:
        """Learn which variables there are to move; an optimizer with a state of its own makes it here."""
        for shared in self.variables[:2] if variables else []:  # the count of steps, and the rate
            shared.relocate(variables[0].home)
        self._moved = list(variables)
        self.built = True

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the state, of the shape and dtype of one that is moved, on its device.

        Arguments:
            reference_variable: the variable that is moved.
            name: what stands behind that one's name in the name of the new one.
            initializer: of its first value; zeros by default.
        """
        called = f"{reference_variable.name}_{name or 'var'}"
        with tf.device(reference_variable.device):
            return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, called)

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: str, initializer: Any = "zeros"
    ) -> list[Variable]:
        """Make a variable of the state for each that is moved; see `add_variable_from_reference`."""
        return [self.add_variable_from_reference(variable, name, initializer) for variable in trainable_variables]

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable among those of `build`, by the name that Keras's own optimizers use."""
        return next(place for place, other in enumerate(self._moved) if other is variable)

    # -- steps

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Any) -> None:
        """Move a variable against its gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step(gradient, variable, learning_rate)")

    def assign(self, variable: Variable, value: Any) -> None:
        """Give a variable a value."""
        variable.assign(_fitted(value, variable))

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add a value to a variable's."""
        variable.assign_add(_fitted(value, variable))

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract a value from a variable's."""
        variable.assign_sub(_fitted(value, variable))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Take a step.

        Arguments:
            grads_and_vars: pairs of a gradient and its variable; a gradient that is None leaves its variable.

        Returns how many steps were taken. Raises ValueError where there are no pairs or all gradients are None, where
        one has another shape than its variable, and for a variable that wasn't there when the optimizer was built,
        at the first step.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("apply_gradients takes pairs of a gradient and its variable; there were none")
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Take a step; see `apply_gradients`. The variables may be left out once the optimizer is built."""
        if not grads:
            return
        if trainable_variables is None and not self.built:
            raise ValueError("The optimizer doesn't know the variables yet; give them, or call build(variables) first")
        variables = self._moved if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(f"{len(grads)} gradients were given for {len(variables)} variables")
        known = self._moved if self.built else variables
        if len(variables) != len(known) or not all(map(operator.is_, variables, known)):  # they are, as a rule
            serials = {each.serial for each in known}
            if unknown := [each.name for each in variables if each.serial not in serials]:
                raise ValueError(f"The optimizer was built without the variables {unknown}; make another one for them")
        gradients, moved = _checked(grads, variables)
        if not self.built:
            self.build(variables)
        rate: Any = self.learning_rate
        rate = rate.read() if isinstance(rate, Variable) else convert(rate, device=variables[0].home)
        gradients = self._clipped(gradients)
        if self.weight_decay is not None:
            for variable in moved:
                variable.assign(variable - variable * self.weight_decay * tf.cast(rate, variable.dtype))
        for gradient, variable in zip(gradients, moved, strict=True):
            self.update_step(gradient, variable, rate)
        for variable in moved:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        self.iterations.assign_add(number(1, self.iterations.tensor))  # a tensor that is there already

    def _clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        if self.clipnorm:
            limit = self.clipnorm
            norms = [tf.sqrt(tf.reduce_sum(tf.square(gradient), keepdims=True)) for gradient in gradients]
            return [each * limit / tf.maximum(norm, limit) for each, norm in zip(gradients, norms, strict=True)]
        if self.global_clipnorm:
            limit = self.global_clipnorm
            norm = tf.sqrt(tf.reduce_sum(tf.stack([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])))
            # A norm that is no number makes all gradients none, as in Keras: norm - norm is then NaN, and else 0.
            scale = limit * tf.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
            return [gradient * scale for gradient in gradients]
        if self.clipvalue:
            return [tf.clip_by_value(gradient, -self.clipvalue, self.clipvalue) for gradient in gradients]
        return gradients


def _rate(given: Any) -> Any:
    return given if callable(given) else Variable(given, trainable=False, name="learning_rate", dtype=tf.float32)


def _fitted(value: Any, variable: Variable) -> Any:
    """A value in the dtype of a variable."""
    same = isinstance(value, Tensor) and value.array.dtype is variable.array.dtype
    return value if same else tf.cast(value, variable.dtype)


def _checked(gradients: Sequence[Any], variables: Sequence[Variable]) -> tuple[list[Tensor], list[Variable]]:
    """Gradients, in the shapes and dtypes of their variables, and the variables: without those that have none.

    Raises ValueError where a gradient doesn't fit or all are None.
    """
    found, moved, left_out = [], [], []
    for gradient, variable in zip(gradients, variables, strict=True):
        if gradient is None:
            left_out.append(variable.name)
            continue
        array = variable.array
        if type(gradient) is not Tensor or gradient.array.dtype is not array.dtype:
            gradient = tf.cast(convert(gradient, device=variable.home), array.dtype)
        if gradient.array.shape != array.shape:
            raise ValueError(f"Variable {variable.name!r} has shape {variable.shape}, its gradient {gradient.shape}")
        found.append(gradient)
        moved.append(variable)
    if left_out:
        said = f"The variables {left_out} have no gradient: the loss doesn't depend on them"
        if not moved:
            raise ValueError(said)
        warnings.warn(f"{said}, and they stay", stacklevel=4)
    return found, moved
