"""A program of one's own, held against TensorFlow: by `compare`, by `assert_agrees`, and by pytest's fixture."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl
import tfref

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.tf

X = numpy.linspace(-1.0, 1.0, 8, dtype="float32").reshape(2, 4)


def _logarithm(tf: Any, x: Any) -> Any:
    return tf.math.log(2.0 * x + 3.0)


def _layer(tf: Any, x: Any) -> Any:
    return tf.keras.layers.Dense(3, "tanh", kernel_initializer="random_normal")(x)


def _model(tf: Any, x: Any) -> Any:
    model = tf.keras.Sequential([tf.keras.layers.Dense(3, "tanh"), tf.keras.layers.Dense(1)])
    return {"loss": tf.reduce_mean(tf.square(model(x) - 0.5)), "predictions": [model(x), model(2.0 * x)]}


def _own_layer(tf: Any, x: Any) -> Any:
    class Scale(tf.keras.layers.Layer):  # type: ignore[misc]  # either engine's
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="random_normal", name="scale")
            self.shift = self.add_weight(shape=(), initializer="zeros", trainable=False, name="shift")

        def call(self, x: Any) -> Any:
            return x * self.scale + self.shift

    return Scale()(x)


def _inner_function(tf: Any, x: Any) -> Any:
    weights = tf.Variable([1.0, 2.0, 3.0, 4.0])

    @tf.function
    def loss(x: Any) -> Any:
        return tf.reduce_sum(tf.square(weights * x))

    return loss(x)


def _fit(tf: Any, x: Any) -> Any:
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    history = model.fit(X, X[:, :1], epochs=3, verbose=0)
    return {"history": history.history, "weights": model.get_weights(), "result": model(x)}


def test_a_program_of_ones_own_is_compared(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    inputs = 3.0, [[1.0, 2.0]], numpy.ones((2, 1), "float64")
    result = tfref.compare(lambda tf, x, y, z: [tf.math.log(2.0 * x + 3.0) * y, tf.exp(z)], *inputs, order=2)
    assert result
    printed = capsys.readouterr().out
    assert "minidl agrees with TensorFlow in 1 case of 1 operation." in printed
    assert str(result) == printed.strip("\n")
    assert list(result.figures)[:3] == ["result 0", "result 1", "gradient 0"]
    gradient = result.figures["gradient 1"]
    assert gradient.ours is not None
    assert gradient.truth is not None
    numpy.testing.assert_allclose(gradient.ours, gradient.truth, rtol=1e-6)
    assert 0.0 <= gradient.units <= gradient.allowed == 8.0
    assert gradient.worst in [(0, 0), (0, 1)]


def test_a_program_that_disagrees_is_shown(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    def program(tf: Any, x: Any) -> Any:
        return x * (2.0 if tf is minidl else 3.0)

    result = tfref.compare(program, [0.5, 1.25])
    assert not result
    printed = " ".join(capsys.readouterr().out.split())
    assert "program/own inputs, result 0: 5.24e+06 units in the last place from the truth, 8 are allowed" in printed
    assert "at [1] minidl gives 2.5, TensorFlow 3.75, the truth is 3.75" in printed
    assert "the inputs are array([0.5 , 1.25], dtype=float32)" in printed
    assert "minidl disagrees with TensorFlow in 2 figures of 1 case of 1 operation." in printed
    assert result.figures["result 0"].worst == (1,)
    with pytest.raises(AssertionError) as raised:
        tfref.assert_agrees(program, [0.5, 1.25])
    assert str(result) in str(raised.value)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize(
    ("program", "variables"), [(_layer, 2), (_model, 4), (_own_layer, 1), (_inner_function, 1), (_logarithm, 0)]
)
def test_programs_that_make_variables_are_compared(
    program: Any, variables: int, function: bool, tensorflow: Any
) -> None:
    result = tfref.assert_agrees(program, X, order=2 if program is not _inner_function else 1, function=function)
    gradients = [name for name in result.figures if name.startswith("gradient of variable")]
    assert gradients == [f"gradient of variable {index}" for index in range(variables)]
    assert all(figure.truth is not None for figure in result.figures.values())
    assert set(result.row.units) == {"minidl", "eager", "graph", "XLA"}
    assert not result.notes


def test_variables_begin_with_the_same_bits(tensorflow: Any) -> None:
    def first(tf: Any, x: Any) -> Any:
        layer = tf.keras.layers.Dense(50, kernel_initializer="random_normal")  # within 4 units by itself
        layer(x)
        return layer.kernel

    figure = tfref.compare(first, X, verbose=False).figures["result 0"]
    numpy.testing.assert_array_equal(figure.ours, figure.reference)


@pytest.mark.parametrize("function", [False, True])
def test_an_optimizers_steps_are_compared(function: bool, tensorflow: Any) -> None:
    optimizers = []

    def optimizer(tf: Any) -> Any:
        optimizers.append(tf.__name__)
        return tf.keras.optimizers.SGD(0.1, momentum=0.9)

    result = tfref.assert_agrees(_model, X, steps=3, optimizer=optimizer, function=function)
    losses = [result.figures[f"step {step}: result loss"].reference for step in (1, 2, 3)]
    assert losses[0] != losses[1] != losses[2]
    assert result.figures["step 3: variable 0"].ours is not None
    assert {"minidl", "tensorflow"} <= {name.split(".")[0] for name in optimizers}


def test_an_optimizer_of_ones_own_is_compared(tensorflow: Any) -> None:
    class Halves:
        """Differs on minidl in its last step only."""

        def __init__(self, tf: Any) -> None:
            self.is_wrong, self.steps = tf is minidl, 0

        def apply_gradients(self, pairs: Any) -> None:
            self.steps += 1
            for gradient, variable in pairs:
                variable.assign_sub(gradient * (0.25 if self.is_wrong and self.steps == 3 else 0.5))

    assert tfref.compare(_model, X, steps=2, optimizer=Halves, verbose=False)
    result = tfref.compare(_model, X, steps=3, optimizer=Halves, verbose=False)
    wrong = [name for name, figure in result.figures.items() if figure.fault]
    assert wrong == [f"step 3: variable {index}" for index in range(4)]


def test_what_is_derived_from_kerass_classes_is_compared(tensorflow: Any) -> None:
    def program(tf: Any, x: Any) -> Any:
        class Cubic(tf.keras.losses.Loss):  # type: ignore[misc]  # either engine's
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return tf.reduce_mean(tf.abs(y_true - y_pred) ** 3, axis=-1)

        class Twice(tf.keras.Model):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.inner, self.outer = tf.keras.layers.Dense(3, "tanh"), tf.keras.layers.Dense(2)

            def call(self, x: Any) -> Any:
                return self.outer(self.inner(x))

        return Cubic()(tf.ones((2, 2)), Twice()(x))

    def optimizer(tf: Any) -> Any:
        class Sign(tf.keras.optimizers.Optimizer):  # type: ignore[misc]
            def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
                self.assign_sub(variable, tf.sign(gradient) * tf.cast(learning_rate, variable.dtype))

        return Sign(learning_rate=0.05)

    result = tfref.assert_agrees(program, X, steps=3, optimizer=optimizer, function=True)
    moved = result.figures["step 3: variable 0"]
    assert moved.ours is not None
    assert moved.truth is not None
    assert not result.notes


def test_a_training_inside_is_compared(tensorflow: Any) -> None:
    result = tfref.assert_agrees(_fit, X, order=0)
    loss = result.figures["result history.loss"]
    assert loss.reference is not None
    assert loss.reference.shape == (3,)
    assert loss.truth is not None
    assert any("eagerly only" in note for note in result.notes)


def test_a_variable_without_its_gradient_is_noticed(tensorflow: Any) -> None:
    def program(tf: Any, x: Any) -> Any:
        scale = tf.Variable(2.0)
        return x * (tf.stop_gradient(scale) if tf is minidl else scale)

    result = tfref.compare(program, X, verbose=False)
    assert result.figures["gradient of variable 0"].fault == "only TensorFlow gives one"


def test_tolerances_can_be_given(tensorflow: Any) -> None:
    assert not tfref.compare(_logarithm, X, units=0, times=0, verbose=False)
    assert tfref.compare(lambda tf, x: x * (1.0 if tf is minidl else 1.001), X, units=1e5, verbose=False)
    wide = tfref.compare(_logarithm, X.astype("float64"), units=2, verbose=False)
    assert wide.figures["result 0"].allowed == 16.0


def test_floats_inside_a_program_are_widened_for_the_truth(tensorflow: Any) -> None:
    def program(tf: Any, x: Any) -> Any:
        numbers = tf.constant([0.1, 0.2, 0.3, 0.4]) + tf.zeros([4]) + tf.keras.activations.tanh(tf.ones([4]))
        return tf.cast(x, tf.float32) * numbers

    figure = tfref.assert_agrees(program, X).figures["result 0"]
    assert figure.truth is not None
    assert figure.truth.dtype == numpy.float64
    assert figure.reference_units < 4.0


def test_without_a_truth_tensorflow_stands_for_it(tensorflow: Any) -> None:
    def draws(tf: Any, x: Any) -> Any:  # in float64 another number
        return x * tf.keras.initializers.GlorotUniform(seed=1)([2, 4])

    def fixed(tf: Any, x: Any) -> Any:  # in float64 an error
        return x * tf.Variable(numpy.ones(4, "float32"), dtype="float32", trainable=False) * numpy.float32(2.0)

    result = tfref.assert_agrees(draws, X)
    assert result.figures["result 0"].truth is None
    assert result.figures["result 0"].allowed == 64.0
    assert "float64 doesn't tell the truth of any figure" in result.notes[0]
    assert not tfref.compare(lambda tf, x: draws(tf, x) * (1.0 if tf is minidl else 1.001), X, verbose=False)
    assert tfref.compare(fixed, X, verbose=False)


def test_nothing_is_left_changed(tensorflow: Any) -> None:
    config, begin = tensorflow.keras.config, minidl.Variable.__init__
    before = config.floatx(), config.dtype_policy().name, random.getstate(), tensorflow.get_logger().level
    numbers = numpy.random.get_state(legacy=False)["state"]["key"].copy()
    tfref.compare(_layer, X, verbose=False)
    assert (config.floatx(), config.dtype_policy().name, random.getstate(), tensorflow.get_logger().level) == before
    numpy.testing.assert_array_equal(numpy.random.get_state(legacy=False)["state"]["key"], numbers)
    assert minidl.Variable.__init__ is begin


def test_a_program_for_eager_only_is_compared(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    assert tfref.compare(lambda tf, x: x * x.numpy(), 3.0)
    assert "TensorFlow runs this program eagerly only" in capsys.readouterr().out
    with pytest.raises(ValueError, match="TensorFlow itself can't run lambda as a function"):
        tfref.compare(lambda tf, x: x * x.numpy(), 3.0, function=True)


def test_what_a_program_raises_comes_through(tensorflow: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        tfref.compare(lambda tf, x: x / (1 // 0), 3.0)
    with pytest.raises(ZeroDivisionError) as raised:
        tfref.compare(lambda tf, x: x / (1 // 0) if tf is minidl else x, 3.0)
    assert "minidl raised this" in raised.value.__notes__[0]


def test_what_can_not_be_compared_is_refused(tensorflow: Any) -> None:
    with pytest.raises(TypeError, match=r"a tensor or a list of tensors.*it gave 3"):
        tfref.compare(lambda tf, x: x // 2, 7)
    counter = itertools.count()
    with pytest.raises(ValueError, match="other numbers at each run on tensorflow"):
        tfref.compare(lambda tf, x: x + float(next(counter)), 3.0)
    with pytest.raises(ValueError, match="makes 0 trainable variables"):
        tfref.compare(_logarithm, 3.0, steps=1)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"order": 3}, ValueError, "order=3"),
        ({"order": 2.5}, ValueError, "order=2.5"),
        ({"steps": -1}, ValueError, "steps=-1"),
        ({"steps": 1.5}, ValueError, "steps=1.5"),
        ({"units": -1.0}, ValueError, "units=-1.0"),
        ({"units": float("nan")}, ValueError, "units=nan"),
        ({"times": "2"}, ValueError, "times='2'"),
        ({"optimizer": lambda tf: None}, ValueError, "no steps"),
        ({"steps": 1, "optimizer": "sgd"}, TypeError, "optimizer='sgd'"),
        ({"device": "/tpu:0"}, ValueError, "/tpu:0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        tfref.compare(_logarithm, 3.0, **arguments)


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(TypeError, match="3.0 was given"):
        tfref.compare(3.0)  # type: ignore[arg-type]  # on purpose


def test_a_program_that_gives_nothing_is_refused(tensorflow: Any) -> None:
    with pytest.raises(TypeError, match="nothing gives none"):

        def nothing(tf: Any, x: Any) -> list[Any]:
            return []

        tfref.compare(nothing, 3.0)


def test_a_comparison_needs_tensorflow() -> None:
    script = "import sys; sys.modules['tensorflow'] = None; import tfref; tfref.compare(lambda tf, x: x, 3.0)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.stderr.strip().endswith(
        "ImportError: TensorFlow is not installed. Install it with: pip install tensorflow"
    )


def test_a_shape_that_disagrees_is_shown(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    assert not tfref.compare(lambda tf, x: tf.reshape(x, (1,) if tf is minidl else (1, 1)), 3.0)
    assert "the shape is (1,), in TensorFlow (1, 1)" in " ".join(capsys.readouterr().out.split())


def test_tensors_are_taken_for_inputs(tensorflow: Any) -> None:
    inputs = tensorflow.constant(X), minidl.constant(2.0), numpy.float32(3.0)
    result = tfref.assert_agrees(lambda tf, x, y, z: x * y + z, *inputs)
    assert {"gradient 0", "gradient 1", "gradient 2"} <= set(result.figures)


# -- in pytest ---------------------------------------------------------------------------------------------------

FILE = """
    import numpy

    def test_layer(assert_agrees):
        x = numpy.ones((2, 4), "float32")
        assert_agrees(lambda tf, x: tf.keras.layers.Dense(3, "tanh")(x), x)
"""


def test_a_file_of_five_lines_checks_a_program_each_way(pytester: pytest.Pytester, tensorflow: Any) -> None:
    pytester.makepyfile(FILE)
    result = pytester.runpytest_inprocess("-p", "tfref.plugin", "--strict-markers", "-v", "-m", "tfref")
    lines = "\n".join(result.outlines)
    for way in ("eager", "function", "double"):
        assert f"test_layer[{way}] PASSED" in lines
    assert "test_layer[gpu] PASSED" in lines or "test_layer[gpu] SKIPPED" in lines


def test_the_marker_chooses_ways_and_options(pytester: pytest.Pytester, tensorflow: Any) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.tfref(("eager", "double"), units=1e6, times=0)
        def test_loose(assert_agrees):
            result = assert_agrees(lambda tf, x: x * (1.0 if tf.__name__ == "minidl" else 1.001), 3.0, order=2)
            assert result.figures["gradient 0"].allowed == 1e6

        @pytest.mark.tfref("eager")
        def test_wrong(assert_agrees):
            assert_agrees(lambda tf, x: x * (1.0 if tf.__name__ == "minidl" else 1.001), 3.0)

        @pytest.mark.tfref("function")
        def test_eager_only(assert_agrees):
            assert_agrees(lambda tf, x: x * x.numpy(), 3.0)

        @pytest.mark.tfref("eager")
        def test_device(assert_agrees):
            with pytest.raises(TypeError, match="choose ways by the marker"):
                assert_agrees(lambda tf, x: x, 3.0, device="/gpu:0")
        """
    )
    result = pytester.runpytest_inprocess("-p", "tfref.plugin", "--strict-markers", "-rs")
    result.assert_outcomes(passed=3, failed=1, skipped=1)
    lines = "\n".join(result.outlines)
    assert "minidl disagrees with TensorFlow in 2 figures" in lines
    assert "TensorFlow itself can't run lambda as a function" in lines


@pytest.mark.parametrize("ways", ["'tpu'", "()", "('eager', 'gpus')", "'eager', 'gpu'"])
def test_the_marker_refuses_unknown_ways(ways: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.tfref({ways})\ndef test(assert_agrees): pass")
    result = pytester.runpytest_inprocess("-p", "tfref.plugin")
    assert result.ret != 0
    assert "the marker tfref takes" in "\n".join([*result.outlines, *result.errlines])


def test_the_plugin_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test():\n"
        "    assert 'tfref.plugin' in sys.modules\n"
        "    assert not {'tensorflow', 'minidl', 'numpy', 'rich'} & sys.modules.keys()\n"
    )
    root = str(Path(tfref.__file__).parents[1])
    script = f"import sys, pytest; sys.path.insert(0, {root!r}); sys.exit(pytest.main(sys.argv[1:]))"
    options = ["-p", "tfref.plugin", "-p", "no:cacheprovider", "-W", "error"]
    found = subprocess.run(
        [sys.executable, "-c", script, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_the_plugin_is_an_entry_point() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {"tfref.plugin": "tfref.plugin"}
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["tfref"]
