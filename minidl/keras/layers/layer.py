"""Layer: a function with weights of its own, which it makes when it first sees the shape of its input.

And Input, the place where data enters a graph of layers.
"""

import copy
import inspect
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy

from minidl.keras import initializers, regularizers
from minidl.keras.layers.symbolic import KerasTensor, LayerCall, is_shape, looks, map_shapes, shapes_of
from minidl.keras.metrics import Metric
from minidl.keras.names import Configured, brief, new_name, refuse, refuse_methods
from minidl.module import Module, each_once
from minidl.nest import flatten, pack
from minidl.ops.creation import cast, convert_to_tensor
from minidl.primitive import NO_OPTIONS
from minidl.tensor import Tensor, TensorLike, Variable
from minidl.values import FLOATS, as_dtype

ArrayLike = TensorLike | numpy.ndarray


class _Phase:
    """What a thread is in the midst of: a call of a layer, for training or not."""

    is_inside = False
    training: bool | None = None


class _Thread(threading.local):
    def __init__(self) -> None:
        self.phase = _Phase()


_thread = _Thread()

# The layers that ever added to the loss: where there are none, as usual, no call has to look for what to forget.
_with_losses: set[weakref.ref["Layer"]] = set()

# What Keras calls of a layer, and minidl doesn't.
_NEVER_CALLED = ("compute_mask", "compute_output_spec", "save_own_variables", "load_own_variables", "symbolic_call",
                 "variable_serialization_spec", "input_spec", "dtype_policy", "compute_dtype", "variable_dtype",
                 "input_dtype")  # fmt: skip


class NotBegunError(RuntimeError, AttributeError):
    """A layer is used whose own `__init__` didn't call that of `Layer`. (Keras raises one of the two.)"""


class Unset:
    """Stands for an attribute that `Layer.__init__` sets, until it does. (`__getattr__` would slow look-ups down.)"""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, layer: Any, owner: type) -> Any:
        raise NotBegunError(f"Call super().__init__() first in {owner.__name__}: it has no {self._name!r} yet")


class Layer(Configured, Module):
    """A function with weights of its own; to derive from.

    Arguments:
        name: what it is called; by default after its class.
        trainable: whether its weights are trained.
        dtype: of its weights; inputs of floats are cast to it.
        activity_regularizer: what its results add to the loss, the mean over the samples; see `keras.regularizers`.

    A class derived from it defines `call(inputs)`, and `build(input_shape)` where its weights depend on the shape
    of the input; it makes weights with `add_weight`. Layers and metrics that it keeps as attributes, in lists and
    dictionaries too, count as its own; a `tf.Variable` doesn't, and isn't trained.

    Where `call` takes `training`, it is told whether the model is being trained: what the layer was called with, or
    else what the layer that calls it, or called another before it, was called with.

    >>> class Scale(tf.keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=input_shape[-1:], initializer='ones', name='factor')
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> layer = Scale()
    >>> layer([[1.0, 2.0]]).numpy()
    array([[1., 2.]], dtype=float32)
    >>> [weight.name for weight in layer.weights]
    ['factor']
    """

    _in_order_of_names = False
    _not_kept = frozenset({"added_losses", "built_for", "calls", "_given"})
    if not TYPE_CHECKING:
        name, built, calls, _dtype, _trainable, _made, given_input_shape, added_losses = (Unset() for _ in range(8))

    def __init__(self, name: str | None = None, trainable: bool = True, dtype: Any = None, **options: Any) -> None:
        width = options.pop("input_dim", None)
        self.given_input_shape = options.pop("input_shape", None if width is None else (width,))
        self.activity_regularizer = regularizers.get(options.pop("activity_regularizer", None))
        self.added_losses: list[Any] = []
        refuse(type(self).__name__, options)
        refuse_methods(self, _NEVER_CALLED, "define call, build and compute_output_shape")
        self.name = name or new_name(self)
        self.built = False
        self.built_for: Any = None  # the shapes that its weights were made for
        self.calls: list[LayerCall] = []
        self._dtype = as_dtype(dtype or "float32")
        if not isinstance(trainable, bool):
            raise ValueError(f"trainable is True or False; {brief(trainable)} was given")
        self._trainable = trainable
        self._made: list[Variable] = []
        parameters = inspect.signature(self.call).parameters
        self._other_arguments = list(parameters)[1:]
        self._takes_training = "training" in parameters
        given = getattr(parameters.get("training"), "default", None)
        self._training_by_default = None if given is inspect.Parameter.empty else given

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # -- to be defined by classes derived from it

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; by default none are needed."""

    def call(self, inputs: Any) -> Any:
        """What the layer gives for its inputs."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, inputs)")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the result for inputs of a shape, where None stands for any length.

        By default the layer is tried out on zeros, twice: the lengths that follow the unknown ones are unknown too.
        Raises NotImplementedError where it can't be, since it has no weights yet.
        """
        if not self.built:
            advice = "call it on data, build it, or define compute_output_shape(self, input_shape)"
            raise NotImplementedError(f"{self.name} isn't built, so it can't be tried out: {advice}")
        return shapes_of(self._looks_for(input_shape))

    def _looks_for(self, input_shape: Any) -> Any:
        """What the results look like for inputs of a shape, or of those in a nest."""
        return looks(self._tried, map_shapes(lambda shape: KerasTensor(shape, self.dtype), input_shape))

    def _tried(self, inputs: Any, options: Mapping[str, Any] = NO_OPTIONS) -> Any:
        """What the layer gives for inputs that are nobody's data."""
        training = _thread.phase.training
        try:
            return self._called(self._cast_all(inputs), False, options)
        finally:
            _thread.phase.training = training

    # -- calling

    @overload
    def __call__(
        self, inputs: KerasTensor, *others: Any, training: bool | None = ..., **options: Any
    ) -> KerasTensor: ...

    @overload
    def __call__(self, inputs: ArrayLike, *others: Any, training: bool | None = ..., **options: Any) -> Tensor: ...

    @overload
    def __call__(self, inputs: Any, *others: Any, training: bool | None = ..., **options: Any) -> Any: ...

    def __call__(self, inputs: Any, *others: Any, training: bool | None = None, **options: Any) -> Any:
        """The result for tensors, or its place in a graph for what `Input` gives; the arguments are those of `call`."""
        if others or options:
            if len(others) > len(self._other_arguments):
                what = f"{1 + len(self._other_arguments)} positional arguments"
                raise TypeError(f"{self.name}'s call takes at most {what}; {1 + len(others)} were given")
            options |= zip(self._other_arguments, others, strict=False)
            training = options.pop("training", training)
            for name, value in options.items():
                if any(isinstance(each, (TensorLike, numpy.ndarray)) for each in flatten(value)):
                    options[name] = self._cast_all(value)
        if is_other := type(inputs) is not Tensor or inputs.array.dtype is not self._dtype:
            inputs = self._cast_all(inputs)
        if not self.built:
            self._build_for(inputs)
        if is_other and any(isinstance(value, KerasTensor) for value in flatten(inputs)):
            return self._called_on_symbols(inputs, training, options)
        return self._called(inputs, training, options)

    def _called(self, inputs: Any, training: bool | None, options: Mapping[str, Any] = NO_OPTIONS) -> Any:
        """The result for tensors; what isn't said of training is as in the call around this one."""
        phase = _thread.phase
        is_outermost, phase.is_inside = not phase.is_inside, True
        if training is None:
            training = self._training_by_default if phase.training is None else phase.training
        phase.training = training
        if is_outermost and _with_losses:
            for layer in self._with_inner():
                layer.added_losses.clear()
        if self._takes_training and training is not None:
            options = {**options, "training": training}
        call: Any = self.call  # which takes what its class says
        try:
            result = call(inputs, **options) if options else call(inputs)
            if self.activity_regularizer is not None:
                for each in flatten(result):
                    self.add_loss(self.activity_regularizer(each) / float(max(each.shape[0], 1)))
            return result
        finally:
            if is_outermost:
                phase.is_inside, phase.training = False, None

    def add_loss(self, loss: Any) -> None:
        """Add to what a model around the layer makes small; for `call`, with a number computed there, or several."""
        self.added_losses += flatten(loss)
        _with_losses.add(weakref.ref(self, _with_losses.discard))

    @property
    def losses(self) -> list[Any]:
        """What the last call added to the loss, in layers that this one keeps too, and the weights' regularizers."""
        weights: list[Any] = self.trainable_weights
        added = [loss for layer in self._with_inner() for loss in layer.added_losses]
        return [*added, *(weight.regularizer(weight) for weight in weights if weight.regularizer is not None)]

    def _cast_all(self, inputs: Any) -> Any:
        """The inputs as tensors, those of floats in the layer's dtype; a list of numbers is one tensor.

        What `Input` gives stays as it is.
        """
        values = flatten(inputs)
        is_one = values and isinstance(values[0], (int, float))
        return self._cast(inputs) if is_one else pack(inputs, [self._cast(value) for value in values])

    def _cast(self, value: Any) -> Any:
        if isinstance(value, KerasTensor):
            return value
        tensor = convert_to_tensor(value)
        return cast(tensor, self._dtype) if tensor.dtype in FLOATS else tensor

    def _build_for(self, inputs: Any) -> None:
        self.built_for = shapes_of(inputs)
        self.build(self.built_for)
        self.built = True

    def _called_on_symbols(self, inputs: Any, training: bool | None, options: Mapping[str, Any]) -> Any:
        if options or type(self).compute_output_shape is Layer.compute_output_shape:
            outputs = looks(self._tried, inputs, options)
        else:
            shapes = self.compute_output_shape(shapes_of(inputs))
            outputs = map_shapes(lambda shape: KerasTensor(shape, self.dtype), shapes)
        LayerCall(self, inputs, outputs, training, options)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """The arguments to make another layer with; where a class has a `get_config` of its own, those of any layer.

        >>> config = tf.keras.layers.Dense(2, name='sums').get_config()
        >>> tf.keras.layers.Dense.from_config(config).units
        2
        """
        own = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        return own if type(self).get_config is not Layer.get_config else super().get_config() | own

    # -- weights

    def add_weight(
        self, shape: Sequence[int] | None = None, initializer: Any = None, dtype: Any = None, *,
        trainable: bool = True, name: str | None = None, regularizer: Any = None, constraint: Any = None,
        **options: Any,
    ) -> Variable:  # fmt: skip
        """Make a weight.

        Arguments:
            shape: of the weight; () by default.
            initializer: its first value: a name, an Initializer or a function of a shape and a dtype; by default
                Glorot's uniform numbers for floats, and zeros for others.
            dtype: by default the layer's.
            trainable: whether it is trained.
            name: what it is called.
            regularizer: what it adds to the loss, a name or a function of it; see `keras.regularizers`.
            constraint: what an optimizer puts its value through after each step.

        Raises ValueError for an unknown initializer, and for what is no shape.
        """
        refuse("add_weight", options)
        shape = () if shape is None else shape
        if isinstance(shape, str):
            raise ValueError(f"A weight's name is given by name: add_weight(shape=..., name={shape!r})")
        if not is_shape(shape) or not all(isinstance(length, (int, numpy.integer)) and length >= 0 for length in shape):
            raise ValueError(f"The shape of a weight is a tuple of whole numbers from 0 on; {brief(shape)} was given")
        dtype = as_dtype(dtype or self._dtype)
        by_default = "glorot_uniform" if dtype in FLOATS else "zeros"
        first = initializers.get(by_default if initializer is None else initializer)
        weight = Variable(first(tuple(shape), dtype=dtype), trainable and self.trainable, name or "variable", dtype)
        weight.constraint = constraint
        path, regularizer = f"{self.name}/{weight.name}", regularizers.get(regularizer)
        vars(weight).update(path=path, regularizer=regularizer, is_fixed=not trainable)
        self._made.append(weight)
        return weight

    dtype = property(lambda self: str(self._dtype), doc="The name of the dtype of the weights.")

    @property
    def weights(self) -> list[Variable]:
        """All weights, each once: the layer's own, then those of the layers that it keeps."""
        own, layers = self._own()
        return each_once([*own, *(weight for layer in layers for weight in layer.weights)])

    variables = property(lambda self: self.weights, doc="All weights, by another name.")

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that are trained."""
        return [weight for weight in self.weights if weight.trainable and self.trainable]

    trainable_variables = property(lambda self: self.trainable_weights, doc="The weights that are trained.")

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that aren't trained."""
        return [weight for weight in self.weights if not (weight.trainable and self.trainable)]

    non_trainable_variables = property(lambda self: self.non_trainable_weights, doc="The weights that aren't trained.")

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; to set it sets it for the layers that this one keeps, too.

        A weight that was made not to be trained stays so.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = trainable = bool(trainable)
        own, layers = self._own()
        for weight in own:
            weight.trainable = trainable and not weight.is_fixed
        for layer in layers:
            layer.trainable = trainable

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that the layer keeps, and those of the layers that it keeps."""
        own = [value for value in self._kept() if isinstance(value, Metric)]
        return each_once([*own, *(metric for layer in self._own()[1] for metric in layer._inner_metrics())])

    def _inner_metrics(self) -> list[Metric]:
        """Those that count for a model around the layer: all, but of a model that is trained by itself."""
        return self.metrics

    def _own(self) -> tuple[list[Any], list["Layer"]]:
        """The weights that the layer made or has from other layers, those to be trained first; and the layers it keeps.

        Other variables that it keeps, which `add_weight` didn't make, are its author's own affair.
        """
        kept = self._kept()
        weights = [each for each in kept if isinstance(each, Variable) and hasattr(each, "is_fixed")]
        own = sorted(each_once([*self._made, *weights]), key=lambda weight: weight.is_fixed)
        return own, each_once(each for each in kept if isinstance(each, Layer))

    def _with_inner(self) -> list["Layer"]:
        """The layer, those that it keeps, and those that they keep."""
        return [self, *(each for each in self.submodules if isinstance(each, Layer))]

    def get_weights(self) -> list[numpy.ndarray]:
        """The values of all weights, as arrays.

        >>> layer = tf.keras.layers.Dense(1, kernel_initializer='ones')
        >>> layer([[5.0]]).numpy()
        array([[5.]], dtype=float32)
        >>> layer.get_weights()
        [array([[1.]], dtype=float32), array([0.], dtype=float32)]
        """
        return [numpy.asarray(weight.numpy()) for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give all weights new values, or none: ValueError where their number or a shape is wrong.

        >>> layer = tf.keras.layers.Dense(1)
        >>> layer.build((None, 1))
        >>> layer.set_weights([[[2.0]], [3.0]])
        >>> layer([[5.0]]).numpy()
        array([[13.]], dtype=float32)
        """
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(f"{self.name} has {len(own)} weights; {len(weights)} values were given for them")
        values = []
        for weight, value in zip(own, weights, strict=True):
            array = numpy.asarray(value.numpy() if isinstance(value, TensorLike) else value)
            if array.dtype.kind not in "fiub":
                raise ValueError(f"Weight {weight.name!r} of {self.name} is numbers; {brief(value)} was given for it")
            if array.shape != weight.shape:
                raise ValueError(f"Weight {weight.name!r} of {self.name} has shape {weight.shape}, not {array.shape}")
            values.append(array.astype(weight.dtype))
        for weight, value in zip(own, values, strict=True):
            weight.assign(value)

    def count_params(self) -> int:
        """How many numbers the weights have together. Raises ValueError before the layer is built.

        >>> tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)]).count_params()
        8
        """
        if not self.built:
            raise ValueError(f"{self.name} has no weights yet; call it on data, or build it: {self.name}.build(shape)")
        return sum(weight.array.size for weight in self.weights)

    # -- copies

    def __getstate__(self) -> dict[str, Any]:
        """All but the graphs that the layer stands in."""
        return {**vars(self), "calls": []}

    def __copy__(self) -> Any:
        """A copy shares no weights, as in Keras."""
        return copy.deepcopy(self)

    # -- place in a graph

    input = property(lambda self: self._only_call().inputs, doc="What the layer was called on when a graph was made.")
    output = property(lambda self: self._only_call().outputs, doc="What the layer gives in that graph.")

    def _only_call(self) -> LayerCall:
        if len(self.calls) != 1:
            raise AttributeError(f"{self.name} stands {len(self.calls)} times in a graph, so it has no one input")
        return self.calls[0]


class InputLayer(Layer):
    """The layer that stands for the data; `Input` makes it, and the arguments are as of that."""

    def __init__(
        self, shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None,
        batch_shape: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        lengths = (shape,) if isinstance(shape, int) else batch_shape[1:] if shape is None and batch_shape else shape
        if lengths is None or not all(each is None or (isinstance(each, int) and each >= 0) for each in lengths):
            raise ValueError(f"The shape of an Input consists of whole numbers and None; {brief(shape)} was given")
        count = batch_shape[0] if batch_shape else batch_size
        self.built = True
        LayerCall(self, [], KerasTensor((count, *lengths), self.dtype, name))

    def call(self, inputs: Any) -> Any:
        """The data itself."""
        return inputs


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None,
    batch_shape: Any = None,
) -> KerasTensor:  # fmt: skip
    """The place of data to come.

    Arguments:
        shape: of one sample; a number is the length of its only axis. None in it stands for any length.
        batch_size: how many samples come together; any number by default.
        dtype: of the data, 'float32' by default.
        name: of the input.
        batch_shape: batch_size and shape in one, instead of both.

    Raises ValueError for lengths that aren't whole numbers from 0 on.

    >>> tf.keras.Input(1, name='x')
    <KerasTensor shape=(None, 1), dtype=float32, name=x>
    """
    place: KerasTensor = InputLayer(shape, batch_size, dtype, name, batch_shape).output
    return place
