"""Pictures: what a picture notes, and how it is drawn."""

from __future__ import annotations

import itertools
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest
from matplotlib import image
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox

import minidl as tf
from minidl.context import thread
from minidl.okja.explanation import pictured_step
from minidl.pictures import fonts
from minidl.pictures.diagram import Diagram
from minidl.pictures.drawing import draw
from minidl.pictures.layout import arranged


def lesson() -> tf.Picture:
    return pictured_step()[1]


def three_layers() -> tf.Picture:
    layers = [tf.keras.layers.Dense(4, "relu"), tf.keras.layers.Dense(4, "tanh"), tf.keras.layers.Dense(1)]
    model = tf.keras.Sequential([tf.keras.Input((3,)), *layers])
    x, y = tf.constant(numpy.ones((5, 3), "float32")), tf.constant(numpy.ones((5, 1), "float32"))
    with tf.Picture() as picture, tf.GradientTape() as tape:
        loss = tf.keras.losses.MeanSquaredError()(y, model(x))
        tape.gradient(loss, model.trainable_variables)
    return picture


def sixty_ops() -> tf.Picture:
    """A graph with branches that meet again, and arrows over many rows."""
    start = [tf.Variable(0.5, name="a"), tf.Variable(-1.5, name="b"), tf.Variable(2.5, name="c")]
    with tf.Picture() as picture, tf.GradientTape() as tape:
        values: list[Any] = list(start)
        for index in range(19):
            one, other = values[-1 - index % 3], values[-1 - index * 7 % len(values)]
            values += [one * other, tf.sin(values[-2]) + one, tf.tanh(other)][: 3 if index % 2 else 2]
        tape.gradient(tf.reduce_sum(tf.stack(values)), start)
    assert len(picture.forward()) >= 60
    return picture


def branches() -> Diagram:
    """A model with two inputs, two outputs, a shared layer and a way around another."""

    class Add(tf.keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs[0] + inputs[1]

    left, right = tf.keras.Input((3,), name="left"), tf.keras.Input((3,), name="right")
    shared = tf.keras.layers.Dense(4, "relu", name="shared")
    one, other = shared(left), shared(right)
    hidden = tf.keras.layers.Dense(4, name="hidden")(Add(name="sum")([one, other]))
    around = Add(name="around")([hidden, one])
    outputs = [tf.keras.layers.Dense(1, name="price")(around), tf.keras.layers.Dense(2, "softmax", name="kind")(around)]
    model = tf.keras.Model([left, right], outputs)
    return tf.keras.utils.plot_model(
        model, None, show_shapes=True, show_dtype=True, show_layer_names=True, show_layer_activations=True,
        show_trainable=True,
    )  # fmt: skip


def korean() -> tf.Picture:
    weight = tf.Variable([1.0, 2.0], name="가중치")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        tape.gradient(weight * weight, weight)
    return picture


DIAGRAMS: list[Callable[[], Diagram]] = [
    lambda: lesson().diagram(), lambda: three_layers().diagram(), lambda: sixty_ops().diagram(), branches,
    lambda: korean().diagram(), lambda: tf.Picture().diagram(),
]  # fmt: skip
EACH = pytest.mark.parametrize(
    "make", DIAGRAMS, ids=["lesson", "three layers", "sixty ops", "branches", "korean", "nothing"]
)

# -- drawings


def overlap(one: Bbox, other: Bbox) -> bool:
    return bool(one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1)


@EACH
@pytest.mark.filterwarnings("error:Glyph")
def test_nothing_overlaps_or_runs_off_the_edge(make: Callable[[], Diagram]) -> None:
    diagram = make()
    figure = draw(diagram)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    axes = figure.axes[0]
    texts = [text.get_window_extent(renderer) for text in axes.texts]
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == len(diagram.boxes) + len(diagram.mirrored)
    assert len(texts) == sum(len(box.lines) for box in [*diagram.boxes, *diagram.mirrored.values()]) + sum(
        map(bool, diagram.titles)
    )
    for one, other in itertools.combinations(boxes, 2):
        assert not overlap(one, other)
    for index, text in enumerate(texts):
        assert figure.bbox.x0 <= text.x0 < text.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= text.y0 < text.y1 <= figure.bbox.y1
        inside = [box for box in boxes if overlap(text, box)]
        assert len(inside) == (index < len(texts) - sum(map(bool, diagram.titles)))  # titles stand in no box
        assert all(box.x0 < text.x0 and text.x1 < box.x1 and box.y0 < text.y0 and text.y1 < box.y1 for box in inside)
    lines = sorted((text.x0, text.y0, text.x1, text.y1) for text in texts)
    assert not any(
        overlap(Bbox([one[:2], one[2:]]), Bbox([two[:2], two[2:]])) for one, two in itertools.pairwise(lines)
    )


@EACH
def test_arrows_pass_between_the_boxes(make: Callable[[], Diagram]) -> None:
    diagram = make()
    figure = draw(diagram)
    axes = figure.axes[0]
    boxes = [patch.get_bbox() for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == len(diagram.arrows) + len(diagram.returns)
    for arrow in arrows:
        (path,) = arrow._path_original.to_polygons(closed_only=False)  # type: ignore[attr-defined]
        for x, y in path:
            assert not any(box.x0 + 1 < x < box.x1 - 1 and box.y0 + 1 < y < box.y1 - 1 for box in boxes)


@EACH
def test_a_png_is_as_large_as_the_figure(make: Callable[[], Diagram], tmp_path: Path) -> None:
    diagram = make()
    diagram.save(tmp_path / "picture.png")
    width, height = draw(diagram).get_size_inches()
    rows, columns = image.imread(tmp_path / "picture.png").shape[:2]
    assert (columns, rows) == pytest.approx((width * 120, height * 120), abs=2)


def test_files_are_of_their_kinds(tmp_path: Path) -> None:
    for name, start in (("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a.dot", b"digraph"), ("a", b"\x89PNG")):
        lesson().save(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(ValueError, match="'word' is not supported"):
        lesson().save(tmp_path / "picture.word")


def test_a_picture_without_a_call_is_not_drawn(tmp_path: Path) -> None:
    with tf.Picture() as picture:
        pass
    with pytest.raises(ValueError, match="No operation was called"):
        picture.save(tmp_path / "nothing.png")
    assert not list(tmp_path.iterdir())


def test_a_huge_graph_is_drawn_smaller() -> None:
    x = tf.Variable(1.0)
    with tf.Picture() as picture:
        value: Any = x
        for _ in range(900):
            value = value + 1.0
    figure = draw(picture.diagram())
    width, height = figure.get_size_inches() * figure.dpi
    assert max(width, height) < 2**16
    assert width * height <= 2**26


def test_layouts_keep_a_chain_straight_and_rows_apart() -> None:
    sizes = [(50.0, 20.0), (80.0, 40.0), (30.0, 20.0), (60.0, 20.0)]
    layout = arranged(sizes, [(0, 1), (1, 3), (0, 3), (2, 3)])
    (first, second, leaf, last) = layout.centers
    assert first[1] < second[1] == leaf[1] < last[1]
    assert layout.routes[0, 1][0] == (first[0], 20.0)
    assert len(layout.routes[0, 3]) == 6  # it bends once
    assert (layout.width, layout.height) == (layout.width, last[1] + 10.0)


def test_without_a_korean_font_letters_are_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "KOREAN", ())
    figure = draw(korean().diagram())
    assert figure.axes[0].texts[0].get_text() == "???"


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = lesson()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'minidl\[lesson\]'"):
        picture.save(tmp_path / "graph.png")
    picture.save(tmp_path / "graph.dot")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert picture._repr_png_() is None


# -- DOT


@EACH
def test_dot_names_each_box_and_arrow_once(make: Callable[[], Diagram]) -> None:
    diagram = make()
    text = diagram.dot()
    named = re.findall(r"^ *(box\d+(?:_back)?) \[label=", text, re.MULTILINE)
    assert sorted(named) == sorted(
        [*(f"box{place}" for place in range(len(diagram.boxes))), *(f"box{place}_back" for place in diagram.mirrored)]
    )
    assert re.findall(r"box(\d+) -> box(\d+);", text) == [(str(start), str(end)) for start, end in diagram.arrows]
    assert re.findall(r"box(\d+)_back -> box(\d+)_back \[dir=back", text) == [
        (str(upper), str(lower)) for lower, upper in diagram.returns
    ]


def test_dot_names_each_call_once() -> None:
    text = sixty_ops().dot()
    for step in sixty_ops().forward():
        assert text.count(f'label="{step.name} = ') == 1


def test_dot_quotes_names() -> None:
    x = tf.Variable(1.0, name='a "quoted" \\ name')
    with tf.Picture() as picture:
        x + 1.0
    assert 'label="a \\"quoted\\" \\\\ name\\n() float32' in picture.dot()


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@EACH
def test_graphviz_draws_it(make: Callable[[], Diagram]) -> None:
    diagram = make()
    drawn = diagram._repr_svg_()
    assert drawn is not None
    words = {text.text for text in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    for box in diagram.boxes:
        assert box.lines[0] in words
    assert diagram._repr_png_() is None


def test_without_graphviz_a_notebook_shows_a_png(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    picture = lesson()
    assert picture._repr_svg_() is None
    drawn = picture._repr_png_()
    assert drawn is not None
    assert drawn.startswith(b"\x89PNG")


# -- what is noted


def test_the_gradients_are_the_tapes() -> None:
    x, y = tf.Variable([1.0, -2.0], name="x"), tf.Variable(3.0, name="y")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        z = tf.reduce_sum(tf.sin(x * y) * x)
        gradients = tape.gradient(z, [x, y])
    found = {step.name: step.note.values for step in picture.backward()}  # the last part of each is the whole
    numpy.testing.assert_array_equal(found["dx"], gradients[0].numpy())
    numpy.testing.assert_array_equal(found["dy"], gradients[1].numpy())
    assert [step.name for step in picture.backward()].count("dx") == 2
    assert "+= dz1 * y" in picture.dot()


def test_a_rule_is_shown_with_the_names_of_its_call() -> None:
    x = tf.Variable(2.0, name="x")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        tape.gradient(3.0 - x / (x * x), x)
    assert [str(step) for step in picture.forward()] == [
        "z1 = multiply(x, x)",
        "z2 = divide(x, z1)",
        "z3 = subtract(3, z2)",
    ]
    assert [str(step) for step in picture.backward()] == [
        "dz3 = beginning of the sweep",
        "dz2 = -dz3",
        "dz1 = dz2 * (-x / z1 / z1)",
        "dx = dz2 / z1",
        "dx += dz1 * x",
        "dx += dz1 * x",
    ]


def test_only_what_the_target_is_computed_from_is_drawn() -> None:
    x = tf.Variable(2.0, name="x")
    with tf.Picture() as picture:
        with tf.GradientTape() as tape:
            y, other = x * x, tf.exp(x)
        x.assign_sub(0.1 * tape.gradient(y, x))
    assert [step.text for step in picture.forward()] == ["multiply(x, x)"]
    assert other.numpy() == numpy.exp(numpy.float32(2.0))
    with tf.Picture() as picture:
        tf.exp(x * x)
    assert [step.text for step in picture.forward()] == ["multiply(x, x)", "exp(z1)"]
    assert not picture.backward()


def test_a_second_derivative_shows_the_first_sweep_as_calls() -> None:
    x = tf.Variable(2.0, name="x")
    with tf.Picture() as picture, tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.sin(x)
        first = inner.gradient(y, x)
        second = outer.gradient(first, x)
    assert [step.text for step in picture.forward()] == ["cos(x)", "multiply(1, z1)"]
    assert picture.backward()[-1].note.values == second.numpy()


def test_a_compiled_function_shows_its_inside() -> None:
    x = tf.Variable(2.0, name="x")
    function = tf.function(lambda: tf.sin(x) * x)
    function()
    with tf.Picture() as picture, tf.GradientTape() as tape:
        y = function()
        gradient = tape.gradient(y, x)
    assert [step.text for step in picture.forward()] == ["sin(x)", "multiply(z1, x)"]
    assert picture.backward()[-1].text == "dz1 * cos(x)"
    assert picture.backward()[-1].note.values == gradient.numpy()


def test_names_are_told_apart() -> None:
    names = [tf.Variable(1.0, name="kernel") for _ in range(3)]
    x, y = tf.constant([1.0, 2.0]), tf.constant([3.0])
    with tf.Picture() as picture:
        total = names[0] * x + names[1] * y + names[2]
    picture.name(data=x, total=total)
    assert list(picture.given()) == ["kernel", "data", "kernel2", "x1", "kernel3"]
    assert picture.forward()[-1].name == "total"
    with pytest.raises(ValueError, match="z=1.0 was given"):
        picture.name(z=1.0)


def test_no_name_is_given_twice() -> None:
    variables = [tf.Variable(1.0, name=name) for name in ("w", "w", "w2", "z1", "x1")]
    with tf.Picture() as picture:
        total = tf.constant([1.0])
        for variable in variables:
            total = total * variable
    names = [*picture.given(), *(step.name for step in picture.forward())]
    assert len(picture.given()) == 6
    assert len(set(names)) == len(names) == 11


def test_a_custom_gradient_is_shown_with_its_inside() -> None:
    @tf.custom_gradient
    def twice(x: Any) -> Any:
        return x + x, lambda upstream: upstream * 2.0

    x = tf.Variable(3.0, name="x")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        tape.gradient(twice(x * x), x)
    assert "add(z1, z1)" in [step.text for step in picture.forward()]
    reversed_gradient = tf.custom_gradient(lambda x: (x, lambda upstream: -upstream))
    with tf.Picture() as other, tf.GradientTape() as tape:
        tape.gradient(reversed_gradient(x) * 2.0, x)
    assert [str(step) for step in other.backward()][-1] == "dx = by a rule of its own"
    assert [str(step) for step in picture.backward()][1] == "dz1 = by a rule of its own"
    assert not draw(picture.diagram()).axes[0].get_legend()


def test_a_picture_keeps_no_large_values_and_leaves_the_stack() -> None:
    x = tf.constant(numpy.zeros((100, 100)))
    before = thread.state.listeners
    picture = tf.Picture()
    with pytest.raises(RuntimeError), picture:
        x + 1.0
        raise RuntimeError
    assert thread.state.listeners == before
    (step,) = picture.forward()
    assert step.note.values is None
    assert (step.note.kind(), str(picture)) == ("(100, 100) float64", "z1 = add(x1, 1): (100, 100) float64")
    with picture, pytest.raises(ValueError, match="is being taken already"), picture:
        pass
    assert thread.state.listeners == before


@pytest.mark.usefixtures("double")
def test_a_picture_of_a_gpu_program() -> None:
    with tf.device("/gpu:0"):
        x = tf.Variable([1.0, 2.0], name="x")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        gradient = tape.gradient(x * x, x)
    assert [step.note.text() for step in picture.backward()] == ["1 1", "1 2", "2 4"]
    assert gradient.device == x.device


# -- models


def test_a_model_is_drawn_by_layers() -> None:
    diagram = branches()
    titles = [box.lines[0] for box in diagram.boxes]
    assert titles.count("shared (Dense)") == 2
    assert sorted(titles) == sorted(
        ["left (InputLayer)", "right (InputLayer)", "shared (Dense)", "shared (Dense)", "sum (Add)", "hidden (Dense)",
         "around (Add)", "price (Dense)", "kind (Dense)"]
    )  # fmt: skip
    arrows = {(titles[start], titles[end]) for start, end in diagram.arrows}
    assert ("shared (Dense)", "around (Add)") in arrows
    assert len(diagram.arrows) == 9
    assert list(diagram.boxes[titles.index("kind (Dense)")].lines[1:]) == [
        "activation: softmax", "trained", "input: (None, 4)", "output: (None, 2)", "dtype: float32"
    ]  # fmt: skip


def test_a_model_between_inner_tensors_is_drawn() -> None:
    x = tf.keras.Input((3,), name="x")
    hidden = tf.keras.layers.Dense(2, name="hidden")(x)
    model = tf.keras.Model(hidden, tf.keras.layers.Dense(1)(hidden))
    diagram = tf.keras.utils.plot_model(model, None)
    assert [box.lines for box in diagram.boxes] == [["InputLayer"], ["Dense"]]


def test_a_model_without_a_graph_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no graph of layers"):
        tf.keras.utils.plot_model(tf.keras.Sequential([tf.keras.layers.Dense(1)]), tmp_path / "model.png")
    assert not list(tmp_path.iterdir())


def test_arguments_that_plot_model_lacks_are_refused() -> None:
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="plot_model has no argument rankdir in minidl"):
        tf.keras.utils.plot_model(model, None, rankdir="LR")
