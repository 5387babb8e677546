"""The docstrings: every public name has one, and its example does what it says."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

import minidl

NAMESPACES = [
    "", "math", "nn", "random", "config", "errors", "test", "keras", "keras.activations", "keras.callbacks",
    "keras.initializers", "keras.layers", "keras.losses", "keras.metrics", "keras.models", "keras.optimizers",
    "keras.optimizers.schedules", "keras.regularizers", "keras.utils",
]  # fmt: skip

# Helpers that a namespace's module imports or keeps for its neighbours.
INNER = {"keras.callbacks": {"CallbackList", "listed"}}


def public() -> Iterator[tuple[str, Any]]:
    """What a user can name, by its name behind `tf.`, once."""
    seen: set[int] = set()
    for namespace in NAMESPACES:
        module: Any = minidl
        for part in filter(None, namespace.split(".")):
            module = getattr(module, part)
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_") or not callable(value) or id(value) in seen or name in INNER.get(namespace, ()):
                continue
            if not str(getattr(value, "__module__", "")).startswith("minidl"):
                continue
            if name in getattr(module, "__all__", [name]) and (namespace == "" or _belongs(module, value, namespace)):
                seen.add(id(value))
                yield f"{namespace}.{name}".lstrip("."), value


def _belongs(module: Any, value: Any, namespace: str) -> bool:
    """Whether a name is the module's own, and not one that it only imports to use."""
    return hasattr(module, "__all__") or value.__module__ == module.__name__


PUBLIC = dict(public())


def test_the_names_of_the_design_are_there() -> None:
    wanted = """constant convert_to_tensor Variable Tensor float16 float32 float64 int32 int64 bool cast identity
        stop_gradient custom_gradient zeros ones fill range zeros_like ones_like shape rank size add subtract multiply
        divide negative abs sign square sqrt pow exp sin cos tanh sigmoid maximum minimum where clip_by_value equal
        not_equal less less_equal greater greater_equal logical_and logical_or logical_not matmul reduce_sum
        reduce_mean reduce_max reduce_min argmax reshape transpose squeeze expand_dims broadcast_to concat stack
        gather GradientTape device config.list_physical_devices random.set_seed random.uniform random.normal
        random.stateless_uniform random.stateless_normal errors.InvalidArgumentError test.compute_gradient
        math.is_finite math.log math.log1p math.expm1 math.softplus math.squared_difference math.reciprocal math.add
        math.reduce_sum nn.relu nn.softmax nn.sigmoid nn.tanh nn.bias_add keras.Input keras.Model keras.Sequential
        keras.layers.Dense keras.layers.Layer keras.losses.MeanSquaredError keras.optimizers.SGD
        keras.initializers.GlorotUniform keras.initializers.HeUniform keras.initializers.RandomUniform
        keras.initializers.RandomNormal keras.initializers.Zeros keras.initializers.Ones keras.initializers.Constant
        keras.activations.linear keras.activations.relu keras.activations.sigmoid keras.activations.tanh
        keras.activations.softplus keras.activations.softmax keras.callbacks.Callback keras.callbacks.History
        keras.callbacks.LambdaCallback keras.callbacks.EarlyStopping keras.utils.set_random_seed
        keras.metrics.Accuracy keras.metrics.MeanAbsoluteError keras.metrics.MeanSquaredError newaxis
        UnconnectedGradients.ZERO"""
    missing = []
    for name in wanted.split():
        value: Any = minidl
        for part in name.split("."):
            value = getattr(value, part, ...)
        if value is ...:
            missing.append(name)
    assert not missing


def test_modules_can_be_imported_as_tensorflows() -> None:
    names: dict[str, Any] = {}
    exec(
        "import minidl.keras, minidl.math, minidl.nn, minidl.random\n"
        "from minidl.keras.layers import Dense, Input\n"
        "from minidl.keras.models import Model\n"
        "from minidl.math import log",
        names,
    )
    assert names["log"] is minidl.math.log
    assert names["Dense"] is minidl.keras.layers.Dense
    assert names["Input"] is minidl.keras.Input
    assert names["Model"] is minidl.keras.Model


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_docstring(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    assert text.split("\n")[0].endswith((".", ":"))
    if not inspect.isclass(PUBLIC[name]):
        assert ">>>" in text, f"{name} has no example"


def _examples() -> dict[str, doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=False)
    namespace = {"tf": minidl, "np": numpy, "print": print}
    found = {}
    for name, value in PUBLIC.items():
        parts = [(name, value)]
        if inspect.isclass(value):
            parts += [(f"{name}.{key}", each) for key, each in vars(value).items() if inspect.isfunction(each)]
        for label, part in parts:
            for test in finder.find(part, label, globs=dict(namespace)):
                if test.examples:
                    found[label] = test
    return found


EXAMPLES = _examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_does_what_it_says(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    said: list[str] = []
    runner.run(EXAMPLES[name], out=said.append)
    assert not said, "".join(said)


def test_every_module_says_what_it_is() -> None:
    for module in pkgutil.walk_packages(minidl.__path__, "minidl."):
        if module.name.endswith("__main__"):
            continue
        found = __import__(module.name, fromlist=["_"])
        assert (found.__doc__ or "").strip(), module.name
