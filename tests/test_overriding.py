"""What a user defines anew and Keras would call is called, or refused by name: of each class, each public method."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl

X = numpy.arange(8, dtype="float32").reshape(4, 2)
Y = X[:, :1]


def _train(tf: Any, folder: Path, model: Any, optimizer: Any = None, loss: Any = "mse", **others: Any) -> Any:
    """All that a model can be asked for."""
    callbacks = others.pop("callbacks", [])
    model.compile(optimizer=optimizer or tf.keras.optimizers.SGD(0.01), loss=loss, **others)
    model.fit(X, Y, epochs=2, batch_size=2, verbose=0, callbacks=callbacks, validation_data=(X, Y))
    model.evaluate(X, Y, verbose=0, callbacks=callbacks)
    model.predict(X, verbose=0, callbacks=callbacks)
    model.train_on_batch(X, Y)
    model.test_on_batch(X, Y)
    model.set_weights(model.get_weights())
    file = str(folder / f"{id(model)}.weights.h5")
    model.save_weights(file)
    model.load_weights(file)


def _functional(tf: Any, layer: Any, kind: Any = None) -> Any:
    place = tf.keras.Input((2,))
    return (kind or tf.keras.Model)(place, layer(place))


def _dense(tf: Any, **options: Any) -> Any:
    return tf.keras.layers.Dense(1, **options)


class Derived:
    """A class of Keras's of which methods are defined anew, each of which notes that it was called.

    Arguments:
        path: of the class.
        use: takes the module, a folder, and the class.
        bodies: by name, of methods that have to be defined.
    """

    def __init__(self, path: str, use: Callable[[Any, Path, Any], Any], **bodies: Callable[..., Any]) -> None:
        self.path, self.use, self.bodies = path, use, bodies

    def base(self, tf: Any) -> Any:
        return functools.reduce(getattr, self.path.split("."), tf.keras)

    def methods(self, tf: Any) -> list[str]:
        """All public methods, and the call."""
        base = self.base(tf)
        names = [name for name in dir(base) if not name.startswith("_")] + ["__call__"] * callable(base)
        return [name for name in names if inspect.isfunction(inspect.getattr_static(base, name, None))]

    def made(self, tf: Any, names: Iterable[str]) -> tuple[Any, Counter[str]]:
        """The class with methods defined anew, and how often each is called."""
        base, calls = self.base(tf), Counter[str]()

        def noting(name: str) -> Callable[..., Any]:
            def method(self: Any, *arguments: Any, **options: Any) -> Any:
                calls[name] += 1
                return (
                    bodies[name](self, *arguments, **options) if name in bodies else after(self)(*arguments, **options)
                )

            def after(self: Any) -> Any:
                return getattr(super(kind, self), name)

            bodies = self.bodies
            shown: Any = bodies.get(name) or getattr(base, name, method)
            vars(method)["__signature__"] = inspect.signature(shown)  # which engines look at
            if name == "build" and "optimizers" not in self.path:  # and here at the names in the code as well
                return lambda self, input_shape=None: method(self, input_shape)
            return method

        kind = type("Own", (base,), {**self.bodies, **{name: noting(name) for name in names}})
        return kind, calls


def _added(layer: Any, shape: Any) -> None:
    layer.factor = layer.add_weight(shape=(shape[-1],), initializer="ones", name="factor")


def _layer(tf: Any, folder: Path, kind: Any) -> None:
    _train(tf, folder, tf.keras.Sequential([tf.keras.Input((2,)), kind(), _dense(tf)]))


def _sequential(tf: Any, folder: Path, kind: Any) -> None:
    _train(tf, folder, kind([tf.keras.Input((2,)), _dense(tf)]))
    _train(tf, folder, kind([_dense(tf)]))


DERIVED = {
    "Layer": Derived("layers.Layer", _layer, build=_added, call=lambda self, x: x * self.factor),
    "Dense": Derived("layers.Dense", lambda tf, folder, kind: _train(tf, folder, _functional(tf, kind(1)))),
    "functional": Derived("Model", lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf), kind))),
    "Sequential": Derived("Sequential", _sequential),
    "SGD": Derived(
        "optimizers.SGD",
        lambda tf, folder, kind: [
            _train(tf, folder, _functional(tf, _dense(tf)), kind(0.01, momentum=momentum)) for momentum in (0.0, 0.5)
        ],
    ),
    "Optimizer": Derived(
        "optimizers.Optimizer",
        lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf)), kind(0.01)),
        update_step=lambda self, gradient, variable, rate: self.assign_sub(variable, gradient * rate),
    ),
    "Loss": Derived(
        "losses.MeanSquaredError", lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf)), loss=kind())
    ),
    "Metric": Derived(
        "metrics.MeanAbsoluteError",
        lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf)), metrics=[kind()]),
    ),
    "Mean": Derived("metrics.Mean", lambda tf, folder, kind: kind()([1.0, 2.0])),
    "Callback": Derived(
        "callbacks.Callback",
        lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf)), callbacks=[kind()]),
    ),
    "History": Derived(
        "callbacks.History",
        lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf)), callbacks=[kind()]),
    ),
    "Initializer": Derived(
        "initializers.Zeros",
        lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf, kernel_initializer=kind()))),
    ),
    "Regularizer": Derived(
        "regularizers.L2",
        lambda tf, folder, kind: _train(tf, folder, _functional(tf, _dense(tf, kernel_regularizer=kind()))),
    ),
    "Schedule": Derived(
        "optimizers.schedules.ExponentialDecay",
        lambda tf, folder, kind: _train(
            tf, folder, _functional(tf, _dense(tf)), tf.keras.optimizers.SGD(kind(0.1, 9, 0.9))
        ),
    ),
}


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DERIVED)
def test_what_keras_calls_is_called_or_refused_by_name(name: str, tensorflow: Any, tmp_path: Path) -> None:
    derived = DERIVED[name]
    methods = [each for each in derived.methods(tensorflow) if each != "compute_output_shape"]  # by default tried out
    kind, calls = derived.made(tensorflow, methods)
    derived.use(tensorflow, tmp_path, kind)
    wanted = set(calls)
    assert wanted
    refused = {each for each in wanted if not hasattr(derived.base(minidl), each)}
    for each in sorted(refused):
        with pytest.raises(NotImplementedError, match=rf"\b{each}\b"):
            derived.use(minidl, tmp_path, derived.made(minidl, [each])[0])
    kind, calls = derived.made(minidl, wanted - refused)
    derived.use(minidl, tmp_path, kind)
    assert set(calls) == wanted - refused


def _with_a_property(tf: Any, answer: bool) -> Any:
    """What is trained of a layer that says by a property of its own whether it is, by itself and within a model."""

    class Own(tf.keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=(1,), initializer="ones", name="factor")
            self.fixed = self.add_weight(shape=(1,), initializer="ones", name="fixed", trainable=False)

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor + self.fixed

        @property
        def trainable(self) -> bool:
            return answer

        @trainable.setter
        def trainable(self, value: bool) -> None:
            pass

    layer, dense = Own(), _dense(tf, kernel_initializer="ones", name="dense")
    model = tf.keras.Sequential([tf.keras.Input((2,)), layer, dense])
    found: list[Any] = []
    for each in (layer, model):
        found.append([weight.name for weight in each.trainable_weights])
        found.append([weight.name for weight in each.non_trainable_weights])
        found.append([weight.name for weight in each.trainable_variables])
    model.compile(tf.keras.optimizers.SGD(0.01), "mse")
    before = [weight.numpy() for weight in model.weights]
    model.train_on_batch(X, Y)
    found.append([bool((old != new.numpy()).any()) for old, new in zip(before, model.weights, strict=True)])
    model.trainable = False
    return found, layer.trainable, dense.trainable, len(model.trainable_weights)


@pytest.mark.tf
@pytest.mark.parametrize("answer", [True, False])
def test_a_layers_own_property_says_whether_it_is_trained(answer: bool, tensorflow: Any) -> None:
    assert _with_a_property(minidl, answer) == _with_a_property(tensorflow, answer)
