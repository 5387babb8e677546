"""What `minidl explain --op` shows of each operation: a program that calls it, and inputs to call it with.

An operation of one or two tensors needs no entry here: it is called with the numbers of `NUMBERS`, of `POSITIVE` or
of `BOOLS`, the first on which it gives finite results. The others have a program of their own, which takes the
module, as all programs do, and arrays by the names that it gives them.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy

import minidl
from minidl.pictures.formula import formula

NAMESPACES = (
    "", "nn", "math", "random", "keras.activations", "keras.initializers", "keras.layers", "keras.losses",
    "keras.metrics", "keras.optimizers",
)  # fmt: skip

# Inputs of operations on one tensor or two: some at which much happens, and some far out.
NUMBERS = ([-4.0, -0.5, 1.0, 6.0], [2.0, 3.0, 1.0, 0.5])
POSITIVE = ([0.25, 0.5, 1.0, 4.0], [2.0, 3.0, 1.0, 0.5])
BOOLS = ([True, True, False, False], [True, False, True, False])

MATRIX = [[1.0, 2.0, 3.0], [4.0, 0.0, -1.0]]
LABELS = {"y_true": [[0.0, 1.0], [1.0, 0.0]], "y_pred": [[0.25, 0.75], [0.5, 0.5]]}
X: dict[str, Any] = {"x": MATRIX}


def _matmul(tf: Any, a: Any, b: Any) -> Any:
    """tf.matmul(a, b)"""
    return tf.matmul(a, b)


def _sgd(tf: Any, w: Any, gradient: Any) -> Any:
    """tf.keras.optimizers.SGD(0.1).apply_gradients([(gradient, w)])"""
    variable = tf.Variable(w, name="w")
    tf.keras.optimizers.SGD(0.1).apply_gradients([(gradient, variable)])
    return variable


PROGRAMS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "add_n": (lambda tf, x, y: tf.add_n([x, y]), {"x": [1.0, 2.0], "y": [3.0, 4.0]}),
    "argmax": (lambda tf, x: tf.argmax(x, axis=1), X),
    "argmin": (lambda tf, x: tf.argmin(x, axis=1), X),
    "boolean_mask": (lambda tf, x: tf.boolean_mask(x, [True, False]), X),
    "broadcast_to": (lambda tf, x: tf.broadcast_to(x, [2, 3]), {"x": [1.0, 2.0, 3.0]}),
    "cast": (lambda tf, x: tf.cast(x, tf.float64), {"x": [1.5, -2.0]}),
    "clip_by_global_norm": (
        lambda tf, x, y: tf.clip_by_global_norm([x, y], 1.0)[0], {"x": [3.0], "y": [4.0, 0.0]}
    ),
    "clip_by_norm": (lambda tf, x: tf.clip_by_norm(x, 1.0), {"x": [3.0, 4.0]}),
    "clip_by_value": (lambda tf, x: tf.clip_by_value(x, 0.0, 1.0), {"x": [-1.0, 0.25, 0.5, 3.0]}),
    "concat": (lambda tf, x, y: tf.concat([x, y], 0), {"x": [1.0, 2.0], "y": [3.0]}),
    "constant": (lambda tf: tf.constant([[1.0, 2.0], [3.0, 4.0]]), {}),
    "einsum": (
        lambda tf, x, y: tf.einsum("ij,jk->ik", x, y), {"x": [[1.0, 2.0], [3.0, 4.0]], "y": [[5.0], [6.0]]}
    ),
    "expand_dims": (lambda tf, x: tf.expand_dims(x, 0), {"x": [1.0, 2.0]}),
    "eye": (lambda tf: tf.eye(2), {}),
    "fill": (lambda tf, x: tf.fill([2, 2], x), {"x": 5.0}),
    "gather": (lambda tf, x: tf.gather(x, [0, 0, 2]), {"x": [1.0, 2.0, 3.0]}),
    "linspace": (lambda tf: tf.linspace(0.0, 1.0, 5), {}),
    "math.reduce_std": (lambda tf, x: tf.math.reduce_std(x, axis=1), X),
    "math.reduce_variance": (lambda tf, x: tf.math.reduce_variance(x, axis=1), X),
    "matmul": (_matmul, {"a": [[1.0, 2.0], [3.0, 4.0]], "b": [[5.0, 6.0], [7.0, 8.0]]}),
    "nn.bias_add": (lambda tf, value, bias: tf.nn.bias_add(value, bias), {"value": MATRIX, "bias": [1.0, 2.0, 3.0]}),
    "nn.log_softmax": (lambda tf, x: tf.nn.log_softmax(x)[0], {"x": [1.0, 2.0, 4.0]}),
    "nn.softmax": (lambda tf, x: tf.nn.softmax(x)[0], {"x": [1.0, 2.0, 4.0]}),
    "norm": (lambda tf, x: tf.norm(x), {"x": [3.0, 4.0]}),
    "one_hot": (lambda tf: tf.one_hot([0, 2], 3), {}),
    "ones": (lambda tf: tf.ones([2, 3]), {}),
    "range": (lambda tf: tf.range(0, 10, 3), {}),
    "reduce_all": (lambda tf, x: tf.reduce_all(x, axis=1), {"x": [[True, True], [True, False]]}),
    "reduce_any": (lambda tf, x: tf.reduce_any(x, axis=1), {"x": [[False, False], [True, False]]}),
    "reduce_max": (lambda tf, x: tf.reduce_max(x, axis=1), {"x": [[1.0, 3.0, 3.0], [4.0, 0.0, -1.0]]}),
    "reduce_mean": (lambda tf, x: tf.reduce_mean(x), X),
    "reduce_min": (lambda tf, x: tf.reduce_min(x, axis=1), {"x": [[1.0, 1.0, 3.0], [4.0, 0.0, -1.0]]}),
    "reduce_prod": (lambda tf, x: tf.reduce_prod(x, axis=1), X),
    "reduce_sum": (lambda tf, x: tf.reduce_sum(x, axis=0), X),
    "reshape": (lambda tf, x: tf.reshape(x, [3, 2]), X),
    "slice": (lambda tf, x: tf.slice(x, [0, 1], [2, 2]), X),
    "split": (lambda tf, x: tf.split(x, [1, 2])[1], {"x": [1.0, 2.0, 3.0]}),
    "squeeze": (lambda tf, x: tf.squeeze(x), {"x": [[1.0, 2.0]]}),
    "stack": (lambda tf, x, y: tf.stack([x, y]), {"x": [1.0, 2.0], "y": [3.0, 4.0]}),
    "tensordot": (lambda tf, x, y: tf.tensordot(x, y, 1), {"x": [1.0, 2.0], "y": [3.0, 4.0]}),
    "tile": (lambda tf, x: tf.tile(x, [2]), {"x": [1.0, 2.0]}),
    "transpose": (lambda tf, x: tf.transpose(x), X),
    "where": (lambda tf, x: tf.where(x > 0.0, x, 0.1 * x), {"x": [-2.0, -0.5, 0.5, 2.0]}),
    "zeros": (lambda tf: tf.zeros([2, 3]), {}),
    "random.normal": (lambda tf: tf.random.normal([4]), {}),
    "random.shuffle": (lambda tf: tf.random.shuffle([1, 2, 3, 4]), {}),
    "random.stateless_normal": (lambda tf: tf.random.stateless_normal([4], seed=[1, 2]), {}),
    "random.stateless_uniform": (lambda tf: tf.random.stateless_uniform([4], seed=[1, 2]), {}),
    "random.truncated_normal": (lambda tf: tf.random.truncated_normal([4]), {}),
    "random.uniform": (lambda tf: tf.random.uniform([4]), {}),
    "keras.layers.Dense": (
        lambda tf, x: tf.keras.layers.Dense(2, activation="tanh")(x), {"x": [[1.0, 2.0, -1.0], [0.5, -0.5, 3.0]]}
    ),
    "keras.losses.MeanSquaredError": (
        lambda tf, y_true, y_pred: tf.keras.losses.MeanSquaredError()(y_true, y_pred), LABELS
    ),
    "keras.metrics.SparseCategoricalAccuracy": (
        lambda tf, y_true, y_pred: tf.keras.metrics.SparseCategoricalAccuracy()(y_true, y_pred),
        {"y_true": [[1], [1]], "y_pred": LABELS["y_pred"]},
    ),
    "keras.optimizers.SGD": (_sgd, {"w": [1.0, 2.0], "gradient": [10.0, -10.0]}),
}  # fmt: skip


class Example(NamedTuple):
    """A program with its inputs, arrays by their names, and its text."""

    program: Callable[..., Any]
    inputs: dict[str, Any]
    text: str
    has_gradients: bool = True

    def run(self, tf: Any) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
        """On an engine: the inputs as tensors, what the program gives for them, and the gradients of its sum."""
        tf.keras.utils.set_random_seed(1)
        inputs = {name: tf.constant(value) for name, value in self.inputs.items()}
        with tf.GradientTape() as tape:
            tape.watch([tensor for tensor in inputs.values() if _is_float(tensor)])
            given = self.program(tf, *inputs.values())
            results = [tf.convert_to_tensor(each) for each in (given if isinstance(given, list) else [given])]
        variables = {variable.name.split("/")[-1].split(":")[0]: variable for variable in tape.watched_variables()}
        sources = {name: source for name, source in (inputs | variables).items() if _is_float(source)}
        targets = [result for result in results if _is_float(result)]
        if not (self.has_gradients and sources and targets):
            return inputs, results, {}
        found = zip(sources, tape.gradient(targets, list(sources.values())), strict=True)
        return inputs, results, {name: tf.convert_to_tensor(each) for name, each in found if each is not None}


def _is_float(tensor: Any) -> bool:
    return "float" in str(tensor.dtype)


def operations() -> dict[str, Any]:
    """What can be explained, by its name behind `tf.`: public functions with an example, and Keras's classes."""
    found: dict[int, tuple[str, Any]] = {}
    for namespace in NAMESPACES:
        module = operator.attrgetter(namespace)(minidl) if namespace else minidl
        for name in getattr(module, "__all__", dir(module)):
            value = getattr(module, name)
            is_public = inspect.isfunction(value) and value.__module__.startswith("minidl") and not name.startswith("_")
            is_keras = namespace.startswith("keras") and getattr(value, "__module__", "").startswith(module.__name__)
            if (is_public or is_keras) and ">>>" in (inspect.getdoc(value) or ""):
                found.setdefault(id(value), (f"{namespace}.{name}".lstrip("."), value))
    return dict(found.values())


def example_of(name: str) -> Example | None:
    """An example of an operation of a full name; None where it is another kind of function."""
    has_gradients = not name.startswith(("keras.initializers.", "keras.metrics.", "keras.optimizers."))
    if name in PROGRAMS:
        program, inputs = PROGRAMS[name]
        return Example(program, inputs, program.__doc__ or formula(program, {}), has_gradients)
    for program, inputs, text in _guesses(name):
        example = Example(program, inputs, text, has_gradients)
        try:
            _, results, _ = example.run(minidl)
        except Exception:  # whatever it takes, it isn't this
            continue
        if all(numpy.isfinite(result.numpy()).all() for result in results):
            return example
    return None


def _guesses(name: str) -> Iterator[tuple[Callable[..., Any], dict[str, Any], str]]:
    find = operator.attrgetter(name)
    if name.startswith("keras.initializers."):
        yield lambda tf: find(tf)()([2, 3]), {}, f"tf.{name}()([2, 3])"
    elif name.startswith("keras.metrics."):
        yield lambda tf, y_true, y_pred: find(tf)()(y_true, y_pred), LABELS, f"tf.{name}()(y_true, y_pred)"
    elif inspect.isfunction(find(minidl)):
        given = inspect.signature(find(minidl)).parameters.values()
        count = sum(each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD for each in given)
        names = ("x", "y")[:count]
        for values in (NUMBERS, POSITIVE, BOOLS):
            inputs = dict(zip(names, values, strict=False))
            yield lambda tf, *tensors: find(tf)(*tensors), inputs, f"tf.{name}({', '.join(names)})"
