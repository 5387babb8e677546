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
from minidl.okja.explanation import about_rules, entries, pictured_step
from minidl.okja.operations import full_name, operations
from minidl.pictures.formula import formula
from tests.mutations import primitives_called
from tfref.recording import RecordingError


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
    assert set(picture.given()) == {"wishes", "kernel", "bias", "audience"}


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
        "z1 = sigmoid(x1)",
        "dx1 = dz1 * (z1 * (1.0 - z1))",
        "sigmoid/float32",
        "12 cases, 3 of them about edges, agree.",
    ):
        assert words in printed
    with minidl.GradientTape() as tape:
        x = minidl.constant(numpy.array([[0.5901699, -1.3196602], [1.7705098, -0.1393202]], "float32"))
        tape.watch(x)
        y = minidl.sigmoid(x)
    assert entries(y[0, 0].numpy(), 6) in printed
    assert entries(tape.gradient(y, x)[0, 0].numpy() * 0.5, 6)[:7] in printed  # the sweep begins with 0.5 there


@pytest.mark.parametrize("name", operations())
def test_every_operation_has_an_explanation(name: str, capsys: pytest.CaptureFixture[str], recorded: Any) -> None:
    printed = explained(capsys, "--op", name)
    cases = operations()[name]
    assert f"{len(cases)} cases" in printed or len(cases) == 1
    assert "disagree" not in printed


@pytest.mark.parametrize(
    ("given", "found"),
    [("sigmoid", "sigmoid"), ("tf.sigmoid", "sigmoid"), ("log", "math.log"), ("tf.math.log", "math.log"),
     ("math.add", "add"), ("nn.tanh", "tanh"), ("Dense", "keras.layers.Dense")],
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


def test_op_and_compare_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "--op", "sin", "--compare"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_pictures_of_an_operation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained(capsys, "--op", "math.log", "--pictures", str(tmp_path))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log-graph.png", "log.png"]
    explained(capsys, "--op", "matmul", "--pictures", str(tmp_path / "two"))
    assert [file.name for file in (tmp_path / "two").iterdir()] == ["matmul-graph.png"]


def test_without_matplotlib_or_a_recording_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        assert main(["explain", "--op", "sin", "--pictures", str(tmp_path)]) == 1
        assert "pip install 'minidl[lesson]'" in capsys.readouterr().err

    def missing(*_: object) -> None:
        raise RecordingError("There is no recording")

    monkeypatch.setattr("tfref.references.Recording.load", missing)
    assert main(["explain", "--op", "sin"]) == 1
    assert "minidl: There is no recording" in capsys.readouterr().err


# -- formulas and words


def primitive_of(name: str) -> Any:
    return next(each for each in primitives_called() if each.name == name)


def test_every_rule_has_a_formula() -> None:
    for primitive in primitives_called():
        for rule in primitive.rules:
            if rule is not None:
                text = formula(rule.function, {})
                compile(text, primitive.name, "eval")
                assert "upstream" in text, primitive.name


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
    assert about_rules(primitive_of("square")) == "square: The square x²; d(x²)/dx = 2 x."
    assert about_rules(primitive_of("reduce_mean")).startswith(
        "reduce_mean: The gradient of each of n entries is 1 / n"
    )


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
