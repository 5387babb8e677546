"""A network in plain NumPy or CuPy, as a person writes it by hand: what the engines are measured against.

The form with its buffers allocated beforehand is the limit of what Python over NumPy does. The form that allocates as
it goes is the shorter one to read, and in float64 it is the truth that every timed result is checked against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Steps(NamedTuple):
    """What can be done with a network.

    forward:  `forward(x)` gives the predictions.
    gradient: `gradient(x, y)` gives the loss and the gradients of the weights.
    train:    `train(x, y)` moves the weights against the gradients and gives the loss from before.
    """

    forward: Callable[..., Any]
    gradient: Callable[..., Any]
    train: Callable[..., Any]


def allocating(xp: Any, weights: Sequence[Any], rate: float) -> Steps:
    """Steps of a network of Dense layers with relu between them, mean squared error and gradient descent.

    Arguments:
        xp: the array module.
        weights: kernel and bias of each layer in turn, of shapes [inputs, units] and [units]; changed in place.
        rate: the learning rate.
    """
    layers = list(zip(weights[::2], weights[1::2], strict=True))

    def inputs_and_prediction(x: Any) -> tuple[list[Any], Any]:
        inputs: list[Any] = []
        for kernel, bias in layers:
            if inputs:
                x = xp.maximum(x, 0)
            inputs.append(x)
            x = x @ kernel + bias
        return inputs, x

    def forward(x: Any) -> Any:
        return inputs_and_prediction(x)[1]

    def gradient(x: Any, y: Any) -> Any:
        inputs, prediction = inputs_and_prediction(x)
        error = prediction - y
        loss = (error * error).sum() / error.size
        upstream = error * (2 / error.size)
        gradients: list[Any] = []
        for index in reversed(range(len(layers))):
            gradients[:0] = [inputs[index].transpose() @ upstream, upstream.sum(axis=0)]
            if index:
                upstream = upstream @ layers[index][0].transpose() * (inputs[index] > 0)
        return loss, gradients

    def train(x: Any, y: Any) -> Any:
        loss, gradients = gradient(x, y)
        for weight, slope in zip(weights, gradients, strict=True):
            xp.subtract(weight, rate * slope, out=weight)
        return loss

    return Steps(forward, gradient, train)


def preallocated(xp: Any, weights: Sequence[Any], rate: float, batch: int) -> Steps:
    """The same steps, for batches of one size, with every result written into a buffer made beforehand.

    What `forward` and `gradient` give is overwritten by the next call, but for the loss.
    """
    kernels, biases = weights[::2], weights[1::2]
    outputs = [xp.empty((batch, kernel.shape[1]), kernel.dtype) for kernel in kernels]
    upstreams = [xp.empty(output.shape, output.dtype) for output in outputs]
    gradients = [xp.empty(weight.shape, weight.dtype) for weight in weights]
    *hidden, (last_kernel, last_bias, prediction) = zip(kernels, biases, outputs, strict=True)
    first_gradient, first_bias_gradient = gradients[:2]
    backwards = []
    for index in reversed(range(1, len(kernels))):
        activation, positive = outputs[index - 1], xp.empty(outputs[index - 1].shape, bool)
        ours = activation, activation.T, positive, upstreams[index], kernels[index].T, upstreams[index - 1]
        backwards.append((*ours, *gradients[2 * index : 2 * index + 2]))
    error, squares, size, scale = upstreams[-1], prediction, prediction.size, 2 / prediction.size
    moves = list(zip(weights, gradients, strict=True))

    def forward(x: Any) -> Any:
        for kernel, bias, output in hidden:
            xp.matmul(x, kernel, out=output)
            xp.add(output, bias, out=output)
            xp.maximum(output, 0, out=output)
            x = output
        xp.matmul(x, last_kernel, out=prediction)
        xp.add(prediction, last_bias, out=prediction)
        return prediction

    def gradient(x: Any, y: Any) -> Any:
        xp.subtract(forward(x), y, out=error)
        xp.multiply(error, error, out=squares)
        loss = xp.add.reduce(squares, axis=None) / size
        xp.multiply(error, scale, out=error)
        for activation, transposed, positive, upstream, kernel, following, kernel_gradient, bias_gradient in backwards:
            xp.matmul(transposed, upstream, out=kernel_gradient)
            xp.add.reduce(upstream, axis=0, out=bias_gradient)
            xp.matmul(upstream, kernel, out=following)
            xp.greater(activation, 0, out=positive)
            xp.multiply(following, positive, out=following)
        xp.matmul(x.T, upstreams[0], out=first_gradient)
        xp.add.reduce(upstreams[0], axis=0, out=first_bias_gradient)
        return loss, gradients

    def train(x: Any, y: Any) -> Any:
        loss, _ = gradient(x, y)
        for weight, slope in moves:
            xp.multiply(slope, rate, out=slope)
            xp.subtract(weight, slope, out=weight)
        return loss

    return Steps(forward, gradient, train)
