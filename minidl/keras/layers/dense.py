"""Dense: every output is a weighted sum of all inputs."""

from typing import Any

from minidl import Tensor, cast, matmul
from minidl.keras import activations, initializers, regularizers
from minidl.keras.layers.layer import Layer
from minidl.keras.layers.symbolic import is_shape
from minidl.keras.names import brief


class Dense(Layer):
    """activation(inputs · kernel + bias), over the last axis of the inputs.

    Arguments:
        units: how many outputs.
        activation: what follows the sum: a function or one of 'linear', 'relu', 'sigmoid', 'tanh', 'softplus',
            'softmax', 'elu', 'leaky_relu', 'log_softmax'; by default nothing.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: the first values; see `keras.initializers`.
        kernel_regularizer, bias_regularizer: what the weights add to the loss; see `keras.regularizers`.
        options: name, trainable, dtype and activity_regularizer, as of `Layer`.

    Inputs of shape [..., n] give outputs of shape [..., units]. The kernel has shape [n, units], the bias [units].
    Raises ValueError for units that are no whole number above 0, for unknown names, and, when called, for inputs
    of another width than the first.

    >>> layer = tf.keras.layers.Dense(2, kernel_initializer='ones', activation='relu')
    >>> layer([[1.0, 2.0], [-3.0, 1.0]]).numpy()
    array([[3., 3.],
           [0., 0.]], dtype=float32)
    """

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        if not isinstance(units, int) or isinstance(units, bool) or units < 1:
            raise ValueError(f"The units of a Dense layer are a whole number above 0; {brief(units)} was given")
        super().__init__(**options)
        self.units, self.use_bias = units, use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias for inputs of this shape."""
        if self.built:
            raise ValueError(f"Dense layer {self.name!r} is built already, for inputs of width {self.kernel.shape[0]}")
        if not is_shape(input_shape) or not input_shape or input_shape[-1] is None:
            raise ValueError(f"Dense layer {self.name!r} needs a last axis of known length; {input_shape} was given")
        shape, regularizer = (input_shape[-1], self.units), self.kernel_regularizer
        self.kernel = self.add_weight(shape, self.kernel_initializer, name="kernel", regularizer=regularizer)
        if self.use_bias:
            regularizer = self.bias_regularizer
            self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias", regularizer=regularizer)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """The activation of the weighted sums."""
        if not isinstance(inputs, Tensor):
            raise ValueError(f"Dense layer {self.name!r} takes one tensor; a {type(inputs).__name__} was given")
        self._check(inputs.array.shape)
        outputs = matmul(inputs if inputs.array.dtype is self._dtype else cast(inputs, self._dtype), self.kernel)
        outputs = outputs + self.bias if self.use_bias else outputs
        activation = self.activation
        return outputs if activation is None or activation is activations.linear else activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the inputs with `units` for its last length."""
        if self.built:
            self._check(input_shape)
        return (*input_shape[:-1], self.units)

    def _check(self, shape: tuple[int | None, ...]) -> None:
        if len(shape) < 2 or shape[-1] != self.kernel.array.shape[0]:
            wanted = f"(n, ..., {self.kernel.shape[0]})"
            raise ValueError(f"Dense layer {self.name!r} takes inputs of shape {wanted}; theirs was {tuple(shape)}")
