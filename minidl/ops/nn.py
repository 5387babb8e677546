"""What networks are made of, under the names of `tensorflow.nn`."""

from minidl.ops.composed import bias_add, elu, leaky_relu
from minidl.ops.elementwise import relu, sigmoid, softplus, tanh
from minidl.ops.reductions import log_softmax, softmax

__all__ = ["bias_add", "elu", "leaky_relu", "log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh"]
