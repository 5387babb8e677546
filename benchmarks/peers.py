"""The networks in PyTorch and JAX, as their users write them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy

from .byhand import Steps
from .engines import Engine, flat
from .libraries import MissingError, load
from .machine import threads
from .timing import Side, at_once
from .workloads import Network, Workload


class Torch(Engine):
    """PyTorch, eager: tensors that require gradients, or `torch.nn` and `torch.optim` where the step has layers."""

    name = "PyTorch"
    starts_at_once = False

    def takes(self, workload: Workload) -> bool:
        return workload.network is not None or workload.ops > 0

    def prepare(self, workload: Workload, device: str) -> Side:
        torch = load("torch")
        if device == "gpu" and not torch.cuda.is_available():
            raise MissingError("PyTorch finds no GPU; see pytorch.org for a build with CUDA")
        torch.set_num_threads(threads())
        torch.backends.cuda.matmul.allow_tf32 = False
        place = "cuda" if device == "gpu" else "cpu"
        inputs = [torch.from_numpy(array).to(place) for array in workload.inputs()]
        weights = [torch.from_numpy(array).to(place).requires_grad_() for array in workload.weights()]
        if workload.network is None:
            step = functools.partial(_torch_chain, torch, workload.ops)
        elif workload.kind == "train through layers":
            step, weights = _torch_layers(torch, workload.network, weights)
        else:
            step = getattr(_torch_steps(torch, workload.network, weights), workload.kind)
        transposed = workload.kind == "train through layers"

        def arrays(nest: Any) -> list[numpy.ndarray]:
            return [numpy.array(tensor.detach().cpu().numpy()) for tensor in flat(nest)]

        def current() -> list[numpy.ndarray]:
            return [array.T if transposed else array for array in arrays(weights)]

        finish = (lambda _: torch.cuda.synchronize()) if device == "gpu" else at_once
        return Side(functools.partial(step, *inputs), finish, nullcontext, current, arrays)

    def device_peak(self) -> int:
        return int(load("torch").cuda.max_memory_allocated())


class Captured(Torch):
    """PyTorch whose step is captured once as a CUDA graph, and then replayed."""

    name = "PyTorch captured"
    devices = ("gpu",)

    def takes(self, workload: Workload) -> bool:
        return workload.network is not None

    def prepare(self, workload: Workload, device: str) -> Side:
        torch = load("torch")
        side = super().prepare(workload, device)
        beside, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):  # what is made at a first call can't be made while it is captured
            for _ in range(3):
                side.call()
        torch.cuda.current_stream().wait_stream(beside)
        with torch.cuda.graph(graph):
            result = side.call()

        def call() -> Any:
            graph.replay()
            return result

        return dataclasses.replace(side, call=call)


def _torch_steps(torch: Any, network: Network, weights: list[Any]) -> Steps:
    layers = list(zip(weights[::2], weights[1::2], strict=True))

    def predictions(x: Any) -> Any:
        for index, (kernel, bias) in enumerate(layers):
            x = torch.addmm(bias, torch.relu(x) if index else x, kernel)
        return x

    def forward(x: Any) -> Any:
        with torch.no_grad():
            return predictions(x)

    def gradient(x: Any, y: Any) -> Any:
        loss = torch.mean(torch.square(predictions(x) - y))
        return loss.detach(), torch.autograd.grad(loss, weights)

    def train(x: Any, y: Any) -> Any:
        loss, gradients = gradient(x, y)
        with torch.no_grad():
            for weight, slope in zip(weights, gradients, strict=True):
                weight.sub_(slope, alpha=network.rate)
        return loss

    return Steps(forward, gradient, train)


def _torch_layers(torch: Any, network: Network, weights: list[Any]) -> tuple[Any, list[Any]]:
    modules: list[Any] = []
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        linear = torch.nn.Linear(*kernel.shape, device=kernel.device)
        with torch.no_grad():
            linear.weight.copy_(kernel.T)
            linear.bias.copy_(bias)
        modules += [torch.nn.ReLU(), linear] if modules else [linear]
    model = torch.nn.Sequential(*modules)
    measure, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=network.rate)

    def train(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = measure(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return train, list(model.parameters())


def _torch_chain(torch: Any, length: int, x: Any) -> Any:
    x = x.detach().requires_grad_()
    z = x
    for _ in range(length // 2):
        z = torch.square(torch.sqrt(z))
    z.backward()
    return z.detach(), x.grad


class Jax(Engine):
    """JAX: functions of all weights, behind `jit`."""

    name = "JAX"
    starts_at_once = False

    def takes(self, workload: Workload) -> bool:
        return workload.network is not None

    def prepare(self, workload: Workload, device: str) -> Side:
        jax = load("jax")
        try:
            place = jax.devices(device)[0]
        except RuntimeError as error:
            raise MissingError("JAX finds no GPU; install it with: pip install 'jax[cuda13]'") from error
        jax.config.update("jax_default_matmul_precision", "highest")
        assert workload.network is not None
        inputs, weights = jax.device_put((workload.inputs(), workload.weights()), place)
        state = {"weights": weights}
        forward, gradient, update = _jax_steps(jax, workload.network.rate)

        def train(*inputs: Any) -> Any:
            loss, state["weights"] = update(state["weights"], *inputs)
            return loss

        call = {
            "forward": lambda *inputs: forward(state["weights"], *inputs),
            "gradient": lambda *inputs: gradient(state["weights"], *inputs),
        }.get(workload.kind, train)

        def arrays(nest: Any) -> list[numpy.ndarray]:
            return [numpy.array(each) for each in flat(nest)]

        timed = functools.partial(call, *inputs)
        return Side(timed, jax.block_until_ready, nullcontext, lambda: arrays(state["weights"]), arrays)

    def device_peak(self) -> int:
        return int(load("jax").devices("gpu")[0].memory_stats()["peak_bytes_in_use"])


def _jax_steps(jax: Any, rate: float) -> Steps:
    numbers = jax.numpy

    def predictions(weights: Sequence[Any], x: Any) -> Any:
        for index in range(0, len(weights), 2):
            x = (jax.nn.relu(x) if index else x) @ weights[index] + weights[index + 1]
        return x

    def loss(weights: Sequence[Any], x: Any, y: Any) -> Any:
        return numbers.mean(numbers.square(predictions(weights, x) - y))

    gradient = jax.value_and_grad(loss)

    def update(weights: Sequence[Any], x: Any, y: Any) -> Any:
        value, gradients = gradient(weights, x, y)
        return value, [weight - rate * slope for weight, slope in zip(weights, gradients, strict=True)]

    return Steps(jax.jit(predictions), jax.jit(gradient), jax.jit(update, donate_argnums=0))
