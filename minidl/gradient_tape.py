"""GradientTape: the tape with TensorFlow's manners, such as nests of targets and sources, options, and Jacobians."""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, Protocol, Self, overload

import numpy

from minidl.context import thread
from minidl.devices import device
from minidl.errors import InvalidArgumentError, brief
from minidl.nest import flatten, pack
from minidl.ops.creation import identity, ones_like, zeros_like
from minidl.ops.inputs import convert, number
from minidl.ops.parts import put
from minidl.ops.shaping import broadcast_to, reshape, stack, transpose
from minidl.tape import Fields, Tape
from minidl.tensor import Tensor, TensorLike, Variable
from minidl.values import float32

__all__ = ["GradientTape", "UnconnectedGradients"]

P = ParamSpec("P")


class Derivative(Protocol[P]):
    """What gives a nest of tensors like that of its sources, for type checkers."""

    @overload
    def __call__(self, target: Any, sources: TensorLike, *more: P.args, **named: P.kwargs) -> Tensor: ...
    @overload
    def __call__(self, target: Any, sources: Sequence[Any], *more: P.args, **named: P.kwargs) -> list[Tensor]: ...
    @overload
    def __call__(self, target: Any, sources: dict[Any, Any], *more: P.args, **named: P.kwargs) -> dict[Any, Tensor]: ...


def _by_sources(method: Callable[Concatenate[Any, Any, Any, P], Any]) -> Derivative[P]:
    return method  # type: ignore[return-value]  # as it is, only typed otherwise


class UnconnectedGradients(enum.Enum):
    """What `GradientTape.gradient` gives for a source that the target doesn't depend on.

    >>> tf.UnconnectedGradients('zero')
    <UnconnectedGradients.ZERO: 'zero'>
    """

    NONE = "none"
    ZERO = "zero"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"unconnected_gradients is 'none' or 'zero'; {brief(value)} was given")


class GradientTape(Tape):
    """Records operations so that their derivatives can be taken.

    Arguments:
        persistent: whether `gradient` can be called more than once.
        watch_accessed_variables: whether every trainable variable that is read is watched.

    Operations are recorded inside `with GradientTape() as tape:` where an input is watched: a variable, a tensor
    given to `watch`, or what was computed from one. Tapes nest, and the operations of a sweep can be recorded in
    turn, which gives second derivatives.

    >>> x = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     z = tf.math.log(2.0 * x + 3.0)
    >>> print(f"{tape.gradient(z, x):.3f}")
    0.222
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent, self._watches_accessed = persistent, watch_accessed_variables
        self._recording = False
        self._forget()

    def _forget(self) -> None:
        Tape.__init__(self)
        self._used = False
        self._variables: dict[int, dict[int, Variable]] = {}  # by serial, each by those of the values read

    # -- recording

    def __enter__(self) -> Self:
        if self._recording:
            raise ValueError("The tape is recording already; leave its `with` block before entering it again")
        if self._used:
            self._forget()
        self._resume()
        return self

    def _resume(self) -> None:
        thread.state.enter(self)
        self._recording = True

    def _pause(self, *_: object) -> None:
        thread.state.leave(self)
        self._recording = False

    __exit__ = _pause

    def hear_read(self, variable: Variable, value: Tensor) -> None:
        is_wanted = (self._watches_accessed and variable.trainable) or variable.serial in self._variables
        if is_wanted and value.serial not in self.watched:
            self._watch_variable(variable, value)

    def _watch_variable(self, variable: Variable, value: Tensor) -> None:
        Tape.watch(self, value)
        self._variables.setdefault(variable.serial, {})[value.serial] = variable

    def watch(self, tensor: Any) -> None:
        """Record what is computed from a tensor or variable, or a nest of them.

        Raises ValueError for anything else, such as an ndarray, which no operation can be traced back to.
        Integers and bools are watched in vain: they have no gradient.

        >>> x = tf.constant(3.0)
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x).numpy()
        np.float32(6.0)
        """
        for each in _tensors("What a tape watches", tensor):
            if isinstance(each, Variable):
                self._watch_variable(each, each.tensor)
            else:
                super().watch(each)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that the tape watches, in the order in which they were made.

        >>> x = tf.Variable(3.0, name='x')
        >>> with tf.GradientTape() as tape:
        ...     y = x * x
        >>> [variable.name for variable in tape.watched_variables()]
        ['x']
        """
        return tuple(next(iter(self._variables[serial].values())) for serial in sorted(self._variables))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """A scope in which nothing is recorded. Raises RuntimeError where the tape isn't recording.

        >>> x = tf.Variable(3.0)
        >>> with tf.GradientTape() as tape:
        ...     with tape.stop_recording():
        ...         y = x * x
        >>> print(tape.gradient(y, x))
        None
        """
        if not self._recording:
            raise RuntimeError("The tape isn't recording, so it can't stop; use stop_recording inside its `with` block")
        self._pause()
        try:
            yield
        finally:
            self._resume()

    def reset(self) -> None:
        """Forget everything recorded and watched. Raises ValueError where the tape isn't recording.

        >>> x = tf.Variable(3.0)
        >>> with tf.GradientTape() as tape:
        ...     y = x * x
        ...     tape.reset()
        >>> print(tape.gradient(y, x))
        None
        """
        if not self._recording:
            raise ValueError("The tape isn't recording; reset is for the inside of its `with` block")
        self._forget()

    # -- differentiating

    @_by_sources
    def gradient(self, target: Any, sources: Any, output_gradients: Any = None,
                 unconnected_gradients: Any = "none") -> Any:  # fmt: skip
        """The derivative of the target, or of the sum of its entries, with respect to each source.

        Arguments:
            target: a tensor, or a nest of them: the sum of all is differentiated.
            sources: a tensor or variable, or a nest of them.
            output_gradients: the upstream gradient of each target, in the nest of the targets; ones by default.
            unconnected_gradients: 'none' or 'zero', for a source that no target depends on.

        Returns a nest like the sources', of tensors in their shapes and dtypes. Raises RuntimeError the second time
        on a tape that isn't persistent, ValueError for sources or targets that are no tensors,
        InvalidArgumentError for an output gradient of another shape.

        >>> x = tf.Variable([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     y = x * x
        >>> tape.gradient(y, x).numpy()
        array([2., 4.], dtype=float32)
        """
        is_zero = _is_zero(unconnected_gradients)
        targets, listed = _tensors("A target", target), _tensors("A source", sources)
        state = thread.state
        scope, state.device = state.device, None  # each rule runs where its call ran
        try:
            gradients = _upstream(targets, output_gradients)
            return pack(sources, self._swept(self._take_edges(), gradients, listed, is_zero))
        finally:
            state.device = scope

    @_by_sources
    def jacobian(self, target: Any, sources: Any, unconnected_gradients: Any = "none",
                 parallel_iterations: Any = None, experimental_use_pfor: bool = True) -> Any:  # fmt: skip
        """The derivative of each entry of the target with respect to each entry of each source.

        Arguments:
            target: one tensor.
            sources: a tensor or variable, or a nest of them.
            unconnected_gradients: 'none' or 'zero', for a source that the target doesn't depend on.
            parallel_iterations, experimental_use_pfor: TensorFlow's words for how; the result is the same.

        Returns a nest like the sources', of tensors of the target's shape followed by the source's. It takes a
        sweep for each entry of the target. Errors as of `gradient`.

        >>> x = tf.Variable([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     y = x * x
        >>> tape.jacobian(y, x).numpy()
        array([[2., 0.],
               [0., 4.]], dtype=float32)
        """
        if not isinstance(target, TensorLike):
            raise ValueError(f"A Jacobian is of one tensor or variable; {brief(target)} was given")
        found = self._rows(target, _tensors("A source", sources), target.shape, _is_zero(unconnected_gradients))
        return pack(sources, found)

    def batch_jacobian(self, target: Any, source: Any, unconnected_gradients: Any = "none",
                       parallel_iterations: Any = None, experimental_use_pfor: bool = True) -> Any:  # fmt: skip
        """The derivative of each sample's entries of the target with respect to the same sample's of the source.

        Arguments:
            target, source: tensors with an axis of samples in front, ValueError for two lengths of it. No sample of
                the target may depend on another of the source.
            unconnected_gradients, parallel_iterations, experimental_use_pfor: as of `jacobian`.

        Returns a tensor of the target's shape followed by the source's without its first axis. It takes a sweep for
        each entry of one sample.

        >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.batch_jacobian(y, x).numpy()[1]
        array([[6., 0.],
               [0., 8.]], dtype=float32)
        """
        if not target.shape or target.shape[:1] != source.shape[:1]:
            raise ValueError(f"batch_jacobian takes as many samples in both, not shapes {target.shape}, {source.shape}")
        _is_zero(unconnected_gradients)  # raises for another; where nothing is connected TensorFlow gives zeros anyhow
        (found,) = self._rows(target, _tensors("A source", source), target.shape[1:], is_zero=True)
        last = target.ndim - 1
        return transpose(found, [last, *range(last), *range(last + 1, found.ndim)])

    def _rows(self, target: Any, sources: list[Any], shape: tuple[int, ...], is_zero: bool) -> list[Any]:
        """For each source its gradient by each entry of a shape that broadcasts to the target's, in one tensor."""
        edges = self._take_edges()
        with device(None):
            one, serial = convert(1, target.dtype, target.home), target.tensor.serial
            entries = (broadcast_to(put(one, index=n, shape=shape), target.shape) for n in numpy.ndindex(*shape))
            rows = [self._swept(edges.copy(), {serial: entry}, sources, is_zero) for entry in entries]
            edges.clear()
            return [_stacked([row[k] for row in rows], shape, x) for k, x in enumerate(sources)]

    def _take_edges(self) -> list[Fields]:
        """The edges, for a sweep to take them off: a tape that isn't persistent gives its own away, once."""
        if self._persistent:
            return self.edges.copy()
        if self._used:
            raise RuntimeError("A tape gives gradients once, and this one has; more with GradientTape(persistent=True)")
        if self in thread.state.listeners:  # not inside another function, where its block can't end
            self._pause()
        self._used = True
        return self.edges

    def _swept(self, edges: list[Fields], gradients: dict[int, Tensor], sources: list[Any], is_zero: bool) -> list[Any]:
        """Sweep edges, given the targets' gradients; the gradient of each source, zeros or None where there is none."""
        serials = [self._serials(source) for source in sources]
        self.sweep(edges, gradients, set().union(*serials))
        found = [[gradients[serial] for serial in each if serial in gradients] for each in serials]
        pairs = zip(found, sources, strict=True)
        return [sum(each[1:], each[0]) if each else zeros_like(x) if is_zero else None for each, x in pairs]

    def _serials(self, source: Any) -> Iterable[int]:
        """Of the tensors that the tape knows a source by: a variable was each value that was read of it."""
        serial = source.tensor.serial
        known = self._variables.get(source.serial, ())
        return known if serial in known else [*known, serial]


def _is_zero(unconnected_gradients: Any) -> bool:
    """Whether what no target depends on gets zeros."""
    return unconnected_gradients != "none" and UnconnectedGradients(unconnected_gradients).value == "zero"


def _tensors(role: str, nest: Any) -> list[Any]:
    tensors = flatten(nest)
    for each in tensors:
        if not isinstance(each, TensorLike):
            why = "make a tensor of it by tf.constant before (what NumPy or Python computes no tape hears of)"
            raise ValueError(f"{role} is a tensor or variable; {brief(each)} was given: {why}")
    return tensors


def _upstream(targets: Sequence[TensorLike], output_gradients: Any) -> dict[int, Tensor]:
    """The gradients of targets to begin with, by their serial numbers; ones where none are given."""
    given = [None] * len(targets) if output_gradients is None else flatten(output_gradients)
    if len(given) != len(targets):
        raise ValueError(f"{len(targets)} targets were given, with {len(given)} output gradients")
    gradients: dict[int, Tensor] = {}
    for target, each in zip(targets, given, strict=True):
        gradient = _ones(target) if each is None else identity(convert(each, target.dtype, target.home))
        if gradient.array.shape != target.array.shape:
            raise InvalidArgumentError(f"An output gradient has shape {gradient.shape}, its target {target.shape}")
        serial = target.tensor.serial
        gradients[serial] = gradients[serial] + gradient if serial in gradients else gradient
    return gradients


def _ones(target: TensorLike) -> Tensor:
    """The gradient of a target by itself."""
    is_loss = target.array.shape == () and target.array.dtype is float32
    if is_loss and thread.state.trace is None:  # at each step of a training: a number that is there already
        return Tensor(number(1.0, target.tensor).array, target.home)
    return ones_like(target)


def _stacked(rows: Sequence[Any], shape: Sequence[int], source: TensorLike) -> Any:
    """The gradients by the entries of a shape as one Jacobian, None where one of them is."""
    if any(row is None for row in rows):
        return None
    return reshape(stack(rows) if rows else zeros_like(source)[None][:0], [*shape, *source.shape])
