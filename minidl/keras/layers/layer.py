"""Layer: a function with weights of its own, which it makes when it first sees the shape of its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from minidl.keras import initializers
from minidl.keras.layers.symbolic import KerasTensor, LayerCall, holds_symbols
from minidl.keras.names import new_name, refuse
from minidl.nest import flatten, pack
from minidl.ops.creation import cast, convert_to_tensor, zeros
from minidl.tensor import Tensor, TensorLike, Variable
from minidl.values import FLOATS, as_dtype


class Layer:
    """A function with weights of its own; to derive from.

    Arguments:
        name: what it is called; by default after its class.
        trainable: whether its weights are trained.
        dtype: of its weights; inputs of floats are cast to it.

    A class derived from it defines `call(inputs)`, and `build(input_shape)` where its weights depend on the shape
    of the input; it makes weights with `add_weight`. Layers and variables that it keeps as attributes, in lists
    and dictionaries too, count as its own.

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

    def __init__(self, name: str | None = None, trainable: bool = True, dtype: Any = None, **options: Any) -> None:
        refuse(type(self).__name__, options)
        self.name = name or new_name(self)
        self.built = False
        self.calls: list[LayerCall] = []
        self._dtype = as_dtype(dtype or "float32")
        self._trainable = trainable
        self._weights: list[Variable] = []
        code = type(self).call.__code__
        self._takes_training = "training" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

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
        """
        shapes = [[tensor.shape for tensor in flatten(self._tried(input_shape, length))] for length in (2, 3)]
        return [tuple(a if a == b else None for a, b in zip(*pair, strict=True)) for pair in zip(*shapes, strict=True)]

    def _tried(self, input_shape: Any, length: int) -> Any:
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        inputs = [zeros([length if known is None else known for known in shape], self._dtype) for shape in shapes]
        return self.call(inputs if isinstance(input_shape, list) else inputs[0])

    @property
    def works_by_rows(self) -> bool:
        """Whether each row of the result depends on nothing but the same row of the input; False where unknown."""
        return False

    # -- calling

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """The result for tensors, or its place in a graph for what `Input` gives."""
        if type(inputs) is not Tensor or inputs.array.dtype is not self._dtype:
            if holds_symbols(inputs):
                return self._call_on_symbols(inputs)
            inputs = self._cast_all(inputs)
        if not self.built:
            self._build_for(inputs)
        call: Any = self.call  # which takes what its class says
        return call(inputs, training=training) if self._takes_training else call(inputs)

    def _cast_all(self, inputs: Any) -> Any:
        """The inputs as tensors, those of floats in the layer's dtype; a list of numbers is one tensor."""
        values = flatten(inputs)
        if values and isinstance(values[0], (int, float)):
            return self._cast(inputs)
        return pack(inputs, [self._cast(value) for value in values])

    def _cast(self, value: Any) -> Tensor:
        tensor = convert_to_tensor(value)
        return cast(tensor, self._dtype) if tensor.dtype in FLOATS else tensor

    def _build_for(self, inputs: Any) -> None:
        shapes = [tuple(value.shape) for value in flatten(inputs)]
        self.build(shapes if isinstance(inputs, (list, tuple)) else shapes[0])
        self.built = True

    def _call_on_symbols(self, inputs: Any) -> Any:
        for value in flatten(inputs):
            if not isinstance(value, KerasTensor):
                raise ValueError(f"{self.name} was called on a mixture of {inputs!r}; make the tensors inputs too")
        if not self.built:
            self._build_for(inputs)
        shapes = [value.shape for value in flatten(inputs)]
        found = self.compute_output_shape(shapes if isinstance(inputs, (list, tuple)) else shapes[0])
        several = isinstance(found, list)
        outputs = [KerasTensor(shape, str(self._dtype)) for shape in (found if several else [found])]
        result = outputs if several and len(outputs) > 1 else outputs[0]
        LayerCall(self, inputs, result)
        return result

    # -- weights

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **options: Any,
    ) -> Variable:
        """Make a weight.

        Arguments:
            shape: of the weight.
            initializer: its first value: a name, an Initializer or a function of a shape and a dtype; Glorot's
                uniform numbers by default.
            dtype: by default the layer's.
            trainable: whether it is trained.
            name: what it is called.

        Raises ValueError for an unknown initializer.
        """
        refuse("add_weight", options)
        first = initializers.get("glorot_uniform" if initializer is None else initializer)
        dtype = as_dtype(dtype or self._dtype)
        weight = Variable(first(tuple(shape), dtype=dtype), trainable and self._trainable, name or "variable", dtype)
        self._weights.append(weight)
        return weight

    @property
    def dtype(self) -> str:
        """The name of the dtype of the weights."""
        return str(self._dtype)

    @property
    def weights(self) -> list[Variable]:
        """All weights: the layer's own, then those of the layers that it keeps."""
        return [*self._own_weights(), *(weight for layer in self._sublayers() for weight in layer.weights)]

    @property
    def variables(self) -> list[Variable]:
        """All weights, by another name."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that are trained."""
        own = [weight for weight in self._own_weights() if weight.trainable] if self._trainable else []
        return [*own, *(weight for layer in self._sublayers() for weight in layer.trainable_weights)]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The weights that are trained."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that aren't trained."""
        trained = {id(weight) for weight in self.trainable_weights}
        return [weight for weight in self.weights if id(weight) not in trained]

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; to set it sets it for the layers that this one keeps, too."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = trainable
        for weight in self._own_weights():
            weight.trainable = trainable
        for layer in self._sublayers():
            layer.trainable = trainable

    def _kept(self) -> Iterator[Any]:
        """The values of the layer's attributes, those in lists and dictionaries too."""
        for name, value in vars(self).items():
            if name != "calls":
                yield from flatten(value) if isinstance(value, (list, tuple, dict)) else (value,)

    def _own_weights(self) -> list[Variable]:
        return list({id(value): value for value in self._kept() if isinstance(value, Variable)}.values())

    def _sublayers(self) -> list[Layer]:
        return list({id(value): value for value in self._kept() if isinstance(value, Layer)}.values())

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
            if array.shape != weight.shape:
                raise ValueError(
                    f"Weight {weight.name!r} of {self.name} has shape {weight.shape}; "
                    f"a value of shape {array.shape} was given for it"
                )
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

    # -- place in a graph

    @property
    def input(self) -> Any:
        """What the layer was called on when a graph was made of it."""
        return self._only_call().inputs

    @property
    def output(self) -> Any:
        """What the layer gives in the graph that was made of it."""
        return self._only_call().outputs

    def _only_call(self) -> LayerCall:
        if len(self.calls) != 1:
            raise AttributeError(f"{self.name} stands {len(self.calls)} times in a graph, so it has no one input")
        return self.calls[0]
