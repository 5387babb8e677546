"""What is timed: programs that take the module, so that one text runs on minidl and on TensorFlow.

Beside each program stands the same computation by hand, which sets the limit and, in float64, gives the truth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy

import minidl

from . import byhand

Step = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Network:
    """Dense layers with relu between them, trained by mean squared error and gradient descent.

    Attributes:
        widths: of the inputs and of each layer.
        batch: how many samples make a step.
        rate: the learning rate: small enough that all the steps of a run don't reach the end of the training, where
            gradients are noise, and large enough that one step moves the weights by more than their rounding.
    """

    widths: tuple[int, ...]
    batch: int
    rate: float

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.widths))} b{self.batch}"

    @property
    def products(self) -> int:
        """Multiplications and additions of the forward pass."""
        return sum(
            2 * self.batch * inputs * units for inputs, units in zip(self.widths[:-1], self.widths[1:], strict=True)
        )

    @property
    def numbers(self) -> int:
        """How many numbers the inputs, the targets and the weights are."""
        pairs = zip(self.widths[:-1], self.widths[1:], strict=True)
        samples = self.batch * (self.widths[0] + self.widths[-1])
        return samples + sum(inputs * units + units for inputs, units in pairs)

    def samples(self, rows: int | None = None) -> list[numpy.ndarray]:
        draw = numpy.random.default_rng(0).standard_normal
        rows = rows or self.batch
        return [draw((rows, width), numpy.float32) for width in (self.widths[0], self.widths[-1])]

    def weights(self) -> list[numpy.ndarray]:
        draw = numpy.random.default_rng(1).standard_normal
        found = []
        for inputs, units in zip(self.widths[:-1], self.widths[1:], strict=True):
            found += [
                draw((inputs, units), numpy.float32) * numpy.float32((2 / inputs) ** 0.5),
                numpy.zeros(units, "float32"),
            ]
        return found


@dataclasses.dataclass(frozen=True)
class Workload:
    """Something to time on each engine.

    Attributes:
        name, group: what it is called, and under which heading it is reported.
        program: `program(tf, weights)` gives a step, which takes the inputs as tensors, and its variables.
        by_hand: `by_hand(xp, inputs, weights, reuse)` gives the same step on arrays; `reuse` says whether its
            buffers are made beforehand. Where it is None, minidl in float64 gives the truth.
        inputs, weights: make the arrays, all of float32.
        flops: floating-point operations of a step, where they can be counted.
        bytes: what a step has to read and write at least: inputs, weights and results.
        samples: how many of them a step goes through.
        network, kind: the network and which of its steps this is, for engines that have programs of their own.
        ops: how many operations follow one another, in a chain.
        compiled: whether it makes sense inside `tf.function`.
        updates: how often a step changes the weights.
        quick: whether it belongs to a quick run.
        remembered: whether it takes so much memory that its peak says something.
        long: whether it takes so long that it is timed only where it is asked for by name.
        fills_gpu: whether it is so large that only a GPU does it in reasonable time.
        size: where it stands on the axis of its group, for scaling.
        recorded: the training of tfref whose losses a first call gives, which TensorFlow's are recorded of.
        refuses: beginnings of engines' names, or devices, that would take minutes for it, each with the reason.
    """

    name: str
    group: str
    program: Callable[[Any, list[numpy.ndarray]], tuple[Step, Sequence[Any]]]
    by_hand: Callable[[Any, Sequence[Any], Sequence[Any], bool], Step] | None
    inputs: Callable[[], list[numpy.ndarray]]
    weights: Callable[[], list[numpy.ndarray]] = list
    flops: float | None = None
    bytes: float | None = None
    samples: int | None = None
    network: Network | None = None
    kind: str = ""
    ops: int = 0
    compiled: bool = True
    updates: int = 1
    quick: bool = False
    remembered: bool = False
    long: bool = False
    fills_gpu: bool = False
    size: float | None = None
    recorded: str | None = None
    refuses: dict[str, str] = dataclasses.field(default_factory=dict)

    def truth(self, inputs: Sequence[numpy.ndarray], weights: Sequence[numpy.ndarray]) -> tuple[Any, list[Any]]:
        """What a step gives in float64, and the weights after it."""
        wide, moved = ([_widened(array) for array in arrays] for arrays in (inputs, weights))
        if self.by_hand is not None:
            return self.by_hand(numpy, wide, moved, False)(*wide), moved
        step, variables = self.program(minidl, moved)
        results = step(*(minidl.constant(array) for array in wide))
        return _arrays(results), [variable.numpy() for variable in variables]

    @property
    def about(self) -> dict[str, Any]:
        """What a report says of it."""
        names = ("group", "flops", "bytes", "samples", "size", "remembered")
        return {name: getattr(self, name) for name in names} | {"network": self.network is not None}


def _arrays(results: Any) -> Any:
    """The arrays in a nest of tensors."""
    return [_arrays(each) for each in results] if isinstance(results, (list, tuple)) else numpy.asarray(results)


def _widened(array: numpy.ndarray) -> numpy.ndarray:
    return array.astype(numpy.float64) if array.dtype.kind == "f" else array.copy()


# -- operations --------------------------------------------------------------------------------------------------


def _drawn(*shapes: tuple[int, ...]) -> Callable[[], list[numpy.ndarray]]:
    """Makes arrays of numbers from 0 to 1."""
    return lambda: [numpy.random.default_rng(n).random(shape, numpy.float32) for n, shape in enumerate(shapes)]


def matmul(size: int, quick: bool = False) -> Workload:
    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        buffer = xp.empty(inputs[0].shape, inputs[0].dtype) if reuse else None
        return lambda x, y: xp.matmul(x, y, out=buffer)

    return Workload(
        f"matmul {size}x{size}", "operations", lambda tf, _: (tf.matmul, ()), by_hand,
        _drawn((size, size), (size, size)), flops=2 * size**3, bytes=12 * size**2, quick=quick,
    )  # fmt: skip


def one_op() -> Workload:
    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        buffer = xp.empty(inputs[0].shape, inputs[0].dtype) if reuse else None
        return lambda x, y: xp.add(x, y, out=buffer)

    return Workload("one op: add 1 number", "operations", lambda tf, _: (tf.add, ()), by_hand, _drawn((1,), (1,)),
                    flops=1, bytes=12, quick=True)  # fmt: skip


def elementwise(size: int, quick: bool = False) -> Workload:
    """sqrt(x² · 0.5 + 1) + x: five operations."""

    def program(tf: Any, weights: Any) -> tuple[Step, Sequence[Any]]:
        return lambda x: tf.sqrt(tf.square(x) * 0.5 + 1.0) + x, ()

    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        buffer = xp.empty(inputs[0].shape, inputs[0].dtype)

        def step(x: Any) -> Any:
            xp.multiply(x, x, out=buffer)
            xp.multiply(buffer, 0.5, out=buffer)
            xp.add(buffer, 1.0, out=buffer)
            xp.sqrt(buffer, out=buffer)
            return xp.add(buffer, x, out=buffer)

        return step if reuse else lambda x: xp.sqrt(x * x * 0.5 + 1.0) + x

    return Workload(f"elementwise {size:,}", "operations", program, by_hand, _drawn((size,)), flops=5 * size,
                    bytes=8 * size, quick=quick)  # fmt: skip


def reduction(size: int, quick: bool = False) -> Workload:
    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        buffer = xp.empty((), inputs[0].dtype) if reuse else None
        return (lambda x: xp.add.reduce(x, axis=None, out=buffer)) if reuse else lambda x: x.sum()

    return Workload(f"sum of {size:,}", "operations", lambda tf, _: (tf.reduce_sum, ()), by_hand, _drawn((size,)),
                    flops=size, bytes=4 * size, quick=quick)  # fmt: skip


def deep_chain(length: int, quick: bool = False, **options: Any) -> Workload:
    """Square roots and squares of 4 in turn, and the derivative: all of its numbers are exact in float32."""

    def program(tf: Any, weights: Any) -> tuple[Step, Sequence[Any]]:
        def step(x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                z = x
                for _ in range(length // 2):
                    z = tf.square(tf.sqrt(z))
            return z, tape.gradient(z, x)

        return step, ()

    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        def step(x: Any) -> Any:
            roots, z = [], x
            for _ in range(length // 2):
                roots.append(xp.sqrt(z))
                z = xp.square(roots[-1])
            gradient: Any = 1.0
            while roots:
                root = roots.pop()
                gradient = gradient * (2.0 * root) * (0.5 / root)
            return z, gradient

        return step

    return Workload(
        f"chain of {length:,} scalar ops", "chains of scalar ops", program, by_hand,
        lambda: [numpy.array(4.0, numpy.float32)], compiled=False, quick=quick, ops=length,
        **options,
    )  # fmt: skip


def slowed(chain: Workload) -> Workload:
    """A chain with a tenth more operations that give the same, which by hand aren't done."""
    return dataclasses.replace(chain, program=deep_chain(chain.ops * 11 // 10).program)


# -- networks ----------------------------------------------------------------------------------------------------


def _with_a_tape(network: Network, kind: str) -> Callable[..., tuple[Step, Sequence[Any]]]:
    """Variables, products and sums, a tape, and weights moved by hand."""

    def program(tf: Any, weights: list[numpy.ndarray]) -> tuple[Step, Sequence[Any]]:
        variables = [tf.Variable(weight) for weight in weights]
        *hidden, (last_kernel, last_bias) = zip(variables[::2], variables[1::2], strict=True)

        def forward(x: Any) -> Any:
            for kernel, bias in hidden:
                x = tf.nn.relu(x @ kernel + bias)
            return x @ last_kernel + last_bias

        def gradient(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(forward(x) - y))
            return loss, tape.gradient(loss, variables)

        def train(x: Any, y: Any) -> Any:
            loss, gradients = gradient(x, y)
            for variable, slope in zip(variables, gradients, strict=True):
                variable.assign_sub(network.rate * slope)
            return loss

        return getattr(byhand.Steps(forward, gradient, train), kind), variables

    return program


def model(tf: Any, network: Network, weights: list[numpy.ndarray]) -> Any:
    """The network as a Keras model."""
    *hidden, last = network.widths[1:]
    layers = [tf.keras.layers.Dense(units, activation="relu") for units in hidden]
    found = tf.keras.Sequential([tf.keras.Input((network.widths[0],)), *layers, tf.keras.layers.Dense(last)])
    found.set_weights(weights)
    return found


def _through_layers(network: Network) -> Callable[..., tuple[Step, Sequence[Any]]]:
    """Dense, MeanSquaredError and SGD."""

    def program(tf: Any, weights: list[numpy.ndarray]) -> tuple[Step, Sequence[Any]]:
        layers = model(tf, network, weights)
        variables = layers.trainable_variables
        measure, optimizer = tf.keras.losses.MeanSquaredError(), tf.keras.optimizers.SGD(network.rate)
        optimizer.build(variables)

        def train(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = measure(y, layers(x))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss

        return train, variables

    return program


def network_by_hand(network: Network, kind: str) -> Callable[..., Step]:
    """A step of the network on arrays, for a workload's `by_hand`."""

    def by_hand(xp: Any, inputs: Sequence[Any], weights: Sequence[Any], reuse: bool) -> Step:
        if reuse:
            steps = byhand.preallocated(xp, weights, network.rate, network.batch)
        else:
            steps = byhand.allocating(xp, weights, network.rate)
        step: Step = getattr(steps, kind)
        return step

    return by_hand


# How many products of matrices each step takes for each in the forward pass, nearly.
_WORK = {"forward": "forward", "gradient": "forward and gradient", "train": "training step"}


def network_step(network: Network, kind: str, layers: bool = False, **options: Any) -> Workload:
    """The forward pass, the gradient or the training step of a network, with a tape or through layers."""
    first = 2 * network.batch * network.widths[0] * network.widths[1]
    through = ", through layers" if layers else ""
    values: dict[str, Any] = {"name": f"{network.name}: {kind}{through}", "group": _WORK[kind] + through} | options
    return Workload(
        program=_through_layers(network) if layers else _with_a_tape(network, kind),
        by_hand=network_by_hand(network, kind),
        inputs=lambda: network.samples()[: 1 if kind == "forward" else 2],
        weights=network.weights,
        flops=network.products if kind == "forward" else 3 * network.products - first,
        bytes=4 * network.numbers,
        samples=network.batch,
        network=network,
        kind=kind if not layers else f"{kind} through layers",
        **values,
    )


# -- all ---------------------------------------------------------------------------------------------------------

LESSON, SMALL = Network((1, 1), 4, 5e-6), Network((64, 64, 10), 32, 1e-4)
NETWORKS = (LESSON, SMALL, Network((784, 256, 10), 128, 1e-4), Network((1024, 1024, 1024, 1024), 512, 0.1))
LARGE_NETWORKS = (Network((2048, 2048, 2048, 2048), 2048, 0.1), Network((4096, 4096, 4096, 4096), 4096, 0.1))
_MINUTES = "so many operations would take it minutes"

WORKLOADS: tuple[Workload, ...] = (
    one_op(),
    *(matmul(size, quick=size == 512) for size in (64, 512, 2048)),
    *(elementwise(size, quick=size == 100_000) for size in (1_000, 100_000, 10_000_000)),
    *(reduction(size, quick=size == 100_000) for size in (1_000, 100_000, 10_000_000)),
    *(network_step(network, "forward") for network in NETWORKS),
    *(network_step(network, "gradient") for network in NETWORKS),
    *(network_step(network, "train", quick=True, remembered=network.batch > 500) for network in NETWORKS),
    *(network_step(network, "train", layers=True, quick=network is LESSON) for network in NETWORKS),
    *(network_step(network, "train", fills_gpu=True, remembered=True) for network in LARGE_NETWORKS),
    deep_chain(1_000, quick=True),
    deep_chain(100_000, remembered=True, refuses={"TensorFlow": _MINUTES, "gpu": _MINUTES}),
    deep_chain(1_000_000, long=True, remembered=True, refuses={"TensorFlow": _MINUTES, "gpu": _MINUTES}),
)
