"""`minidl explain`: what it says is what the program computes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from matplotlib import image

import minidl
from minidl.okja import lesson as program
from minidl.okja.command import main
from minidl.okja.curves import Curve
from minidl.okja.examples import example_of, operations
from minidl.okja.explanation import about_rules, entries, pictured_step
from minidl.okja.operations import full_name
from minidl.pictures.formula import formula
from tests.mutations import primitives_called
from tfref.cases import CASES


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    printed = capsys.readouterr().out
    assert max(len(line) for line in printed.splitlines() if "drawn:" not in line) <= 80
    return printed


# -- a step


def test_a_step_is_walked_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    printed = explained(capsys)
    step = program.first_step(minidl)
    for name, before, gradient, after in zip(("kernel", "bias"), step.before, step.gradients, step.after, strict=True):
        assert re.search(rf"d{name} = .*\n +\d?= {re.escape(entries(gradient, 7))} *\n", printed), name
        assert f"{entries(before)} - 2e-10 · {entries(gradient)}" in printed
        assert f"= {entries(after)}" in printed
    assert f"loss = reduce_mean(z4)\n             = {entries(step.loss, 7)}" in re.sub(" +\n", "\n", printed)
    assert "d(x²)/dx = 2 x" in printed


def test_the_step_is_that_of_fit() -> None:
    """The update is SGD's, and the gradients are a tape's around the lesson's own training."""
    step = program.first_step(minidl)
    trained = program.lesson(minidl, epochs=1)
    assert [float(each.reshape(())) for each in step.after] == [trained.after.weight, trained.after.bias]
    assert float(step.loss) == trained.losses[0]
    for before, gradient, after in zip(step.before, step.gradients, step.after, strict=True):
        numpy.testing.assert_array_equal(before - gradient.numpy() * numpy.float32(program.LEARNING_RATE), after)


def test_each_number_of_the_picture_is_the_steps() -> None:
    step, picture = pictured_step()
    forward = {each.name: each.note.values for each in picture.forward()}
    predictions = step.wishes.numpy() @ step.before[0] + step.before[1]
    assert forward["z2"] == pytest.approx(predictions, rel=1e-6)
    numpy.testing.assert_array_equal(forward["loss"], step.loss.numpy())
    backward = {each.name: each.note.values for each in picture.backward()}
    numpy.testing.assert_array_equal(backward["dkernel"], step.gradients[0].numpy())
    numpy.testing.assert_array_equal(backward["dbias"], step.gradients[1].numpy())
    given = {each.name for each in picture.steps() if each.kind in ("variable", "data")}
    assert given == {"wishes", "kernel", "bias", "audience"}


def test_differences_give_the_same_gradient() -> None:
    step = program.first_step(minidl)
    by_rules = [float(gradient.numpy().reshape(())) for gradient in step.gradients]
    assert program.gradient_by_differences(minidl, step) == pytest.approx(by_rules, rel=1e-6)
    other = program.first_step(minidl, seed=7)
    assert program.gradient_by_differences(minidl, other) != pytest.approx(by_rules, rel=1e-3)


@pytest.mark.tf
def test_a_step_is_compared_with_tensorflows(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    printed = explained(capsys, "--compare")
    theirs = program.first_step(tensorflow)
    ours = program.first_step(minidl)
    for row, mine, other in zip(("dkernel", "dbias"), ours.gradients, theirs.gradients, strict=True):
        numpy.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-6)
        assert re.search(rf"{row} .*{re.escape(entries(mine))} .* {re.escape(entries(other))} │", printed)


def test_pictures_of_a_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = explained(capsys, "--pictures", str(tmp_path / "new"))
    assert f"drawn: {tmp_path / 'new' / 'graph.png'}" in printed.replace("\n", "")
    assert image.imread(tmp_path / "new" / "graph.png").shape[0] > 300


# -- an operation


def test_an_operation_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    printed = explained(capsys, "--op", "sigmoid")
    for words in (
        "ds/dx = s (1 - s)",
        "z1 = sigmoid(x)",
        "dx = dz1 * (z1 * (1.0 - z1))",
        "minidl explain --op sigmoid",
    ):
        assert words in printed
    with minidl.GradientTape() as tape:
        x = minidl.constant([-4.0, -0.5, 1.0, 6.0])
        tape.watch(x)
        y = minidl.sigmoid(x)
    assert f"x = {entries(x)}" in printed
    assert entries(y, 7) in printed
    assert entries(tape.gradient(y, x), 7) in printed


def test_a_matrix_product_shows_both_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    printed = " ".join(explained(capsys, "--op", "matmul").split())
    for words in ("= 19 22 43 50", "da = dz1 · bᵀ = 11 15 11 15 keeps b", "db = aᵀ · dz1 = 4 4 6 6 keeps a"):
        assert words in printed
    assert "= 19 22\n               43 50\n" in re.sub(" +\n", "\n", explained(capsys, "--op", "matmul"))  # a grid


def test_what_has_no_gradient_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("equal", "argmax", "stop_gradient"):
        assert "It has no gradient" in explained(capsys, "--op", name)
    for name in ("sin", "keras.metrics.Accuracy", "range"):
        assert "It has no gradient" not in explained(capsys, "--op", name)


@pytest.mark.parametrize("name", operations())
def test_every_operation_has_an_explanation(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = explained(capsys, "--op", name)
    assert printed.startswith(f"tf.{name}\n")
    assert "1. The example" in printed or ">>>" in printed


def test_every_operation_of_the_case_table_has_an_example() -> None:
    names = {case.op for case in CASES} & operations().keys()
    assert len(names) > 70
    assert {name for name in names if example_of(name) is None} == set()


OTHERWISE = {f"random.{name}" for name in ("normal", "shuffle", "truncated_normal", "uniform")} | {
    "keras.losses.mean_squared_error"
}


@pytest.mark.tf
@pytest.mark.parametrize("name", operations())
def test_examples_are_the_same_on_tensorflow(name: str, tensorflow: Any) -> None:
    example = example_of(name)
    if example is None or name in OTHERWISE:
        pytest.skip("has no example, draws other numbers, or is nothing that TensorFlow has")
    (_, ours, our_gradients), (_, theirs, their_gradients) = example.run(minidl), example.run(tensorflow)
    for one, other in zip(ours, theirs, strict=True):
        numpy.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)
    assert our_gradients.keys() == their_gradients.keys()
    for name in our_gradients:
        numpy.testing.assert_allclose(our_gradients[name].numpy(), their_gradients[name].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.tf
def test_an_operation_is_compared_with_tensorflows(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    printed = explained(capsys, "--op", "square", "--compare")
    assert f"The same program on TensorFlow {tensorflow.__version__}" in printed
    assert re.search(r"│ dx +│ +-8 │ +-8 │", printed)


@pytest.mark.parametrize(
    ("given", "found"),
    [("sigmoid", "sigmoid"), ("tf.sigmoid", "sigmoid"), ("log", "math.log"), ("tf.math.log", "math.log"),
     ("math.add", "add"), ("nn.tanh", "tanh"), ("Dense", "keras.layers.Dense"),
     ("math.softmax", "nn.softmax"), ("relu", "nn.relu")],
)  # fmt: skip
def test_names_may_lack_their_modules(given: str, found: str) -> None:
    assert full_name(given) == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sigmod", "there is no operation 'sigmod'; near it are sigmoid"),
        ("xyzzy", "there is no operation 'xyzzy'; name one of minidl's, such as sigmoid"),
        ("MeanSquaredError", "'MeanSquaredError' can be keras.losses.MeanSquaredError or keras.metrics"),
        ("", "there is no operation ''"),
    ],
)
def test_unknown_operations_are_errors(name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explain", "--op", name])
    assert caught.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_pictures_of_an_operation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained(capsys, "--op", "math.log", "--pictures", str(tmp_path))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log-graph.png", "log.png"]
    explained(capsys, "--op", "matmul", "--pictures", str(tmp_path / "two"))
    assert [file.name for file in (tmp_path / "two").iterdir()] == ["matmul-graph.png"]


def test_without_matplotlib_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["explain", "--op", "sin", "--pictures", str(tmp_path)]) == 1
    assert "pip install 'minidl[lesson]'" in capsys.readouterr().err


# -- formulas and words


def primitive_of(name: str) -> Any:
    return next(each for each in primitives_called() if each.name == name)


def test_every_rule_has_a_formula() -> None:
    """Of public operations and of signs, without the helpers that the source is written with."""
    public = {*operations(), *(name.split(".")[-1] for name in operations()), "sum", "count"}
    for primitive in primitives_called():
        for rule in primitive.rules:
            if rule is not None:
                text = formula(rule.function, {})
                assert "upstream" in text, primitive.name
                assert {*re.findall(r"(\w+)\(", text)} <= public | {"float"}, text
                assert "axis" not in text, text


def test_a_formula_is_that_of_the_rule() -> None:
    """Rules that share a line are told apart, and names are put in whole."""
    x, y = (rule.function for rule in primitive_of("subtract").rules)
    assert (formula(x, {}), formula(y, {})) == ("upstream", "-upstream")
    exponential = primitive_of("pow").rules[0].function
    assert formula(exponential, {"x": "y", "y": "x", "upstream": "dz"}) == "dz * x * pow(y, x - 1.0)"
    assert formula(eval("lambda upstream: upstream"), {}) == ""


def test_formulas_compute_what_the_rules_do() -> None:
    """The formula of each elementwise rule of one input, evaluated, gives the tape's gradient."""
    names = {name: getattr(minidl.math, name) for name in minidl.math.__all__} | {"zeros_like": minidl.zeros_like}
    from minidl.ops.elementwise import where_positive

    x = minidl.constant([0.3, 1.7, 2.2])
    upstream = minidl.constant([1.0, -2.0, 0.5])
    for name in ("sin", "cos", "log", "sqrt", "square", "tanh", "abs"):
        with minidl.GradientTape() as tape:
            tape.watch(x)
            result = names[name](x)
        text = formula(primitive_of(name).rules[0].function, {})
        by_formula = eval(
            text, names | {"where_positive": where_positive, "x": x, "upstream": upstream, "result": result}
        )
        numpy.testing.assert_array_equal(by_formula.numpy(), tape.gradient(result, x, upstream).numpy())


def test_words_about_rules_are_the_docstrings() -> None:
    assert about_rules(primitive_of("square")) == "The square x²; d(x²)/dx = 2 x."
    assert about_rules(primitive_of("reduce_mean")).startswith("The gradient of each of n entries is 1 / n")
    assert about_rules(primitive_of("square"), "ko") == "제곱 x²; d(x²)/dx = 2 x."


def test_a_curve_in_letters() -> None:
    curve = Curve.of(minidl.square, -1.0, 1.0)
    numpy.testing.assert_allclose(curve.derivatives, 2.0 * curve.x)
    lines = list(curve.in_letters())
    assert lines[0].startswith("       2 |")
    assert lines[0].endswith("+")  # at 1 the derivative is the highest
    assert lines[-3].split("|")[1].startswith("+")  # and at -1 the lowest
    rows = [line.split("|")[1] for line in lines[:-2]]
    assert {min(row.find("o") for row in rows if "o" in row)} == {0}
    assert max(map(len, lines)) <= 77
    assert max(map(len, curve.in_letters(26))) <= 36
