"""Pictures: what a picture notes, and how it is drawn."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg

import minidl as tf
from minidl.context import thread
from minidl.okja import pictures
from minidl.okja.explanation import pictured_step
from minidl.pictures import drawing
from minidl.pictures.diagram import COLORS, Diagram, Layout
from minidl.pictures.drawing import FONT_SIZE, Drawing, Label, Outline, width_of

SVG = "{http://www.w3.org/2000/svg}"


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


def given(picture: tf.Picture) -> list[str]:
    return [step.name for step in picture.steps() if step.kind in ("variable", "data")]


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


def boxes_and_arrows(drawing: Drawing) -> tuple[numpy.ndarray, list[Outline]]:
    """The boxes as rows of left, top, right and bottom; and what leads from one to another."""
    boxes = [(*each.points[0], *each.points[2]) for each in drawing.outlines if len(each.points) == 4]
    return numpy.array(boxes).reshape(-1, 4), [each for each in drawing.outlines if each.fill == "none"]


def extents(labels: Sequence[Label]) -> numpy.ndarray:
    """What texts cover, in the layout's own reckoning."""
    half = numpy.array([width_of(label.text) / 2 for label in labels])
    x, y = numpy.array([(label.x, label.y) for label in labels]).reshape(-1, 2).T
    return numpy.stack([x - half, y - FONT_SIZE * 0.8, x + half, y + FONT_SIZE * 0.25], axis=1)


def overlaps(some: numpy.ndarray, others: numpy.ndarray) -> Any:
    """Which of some areas, a row each, overlap which of others, a column each."""
    some, others = some[:, None], others[None]
    return (some[..., :2] < others[..., 2:]).all(-1) & (others[..., :2] < some[..., 2:]).all(-1)


@EACH
def test_nothing_overlaps(make: Callable[[], Diagram]) -> None:
    diagram = make()
    drawing = diagram.drawing()
    boxes, _ = boxes_and_arrows(drawing)
    texts, titles = extents(drawing.labels), sum(map(bool, diagram.titles))
    assert len(boxes) == len(diagram.boxes) + len(diagram.mirrored)
    assert len(texts) == sum(len(box.lines) for box in [*diagram.boxes, *diagram.mirrored.values()]) + titles
    assert overlaps(boxes, boxes).sum() == len(boxes)  # each with itself
    assert overlaps(texts, texts).sum() == len(texts)
    inside = overlaps(texts, boxes)
    assert list(inside.sum(1)) == [0] * titles + [1] * (len(texts) - titles)  # titles stand in no box
    text, box = inside.nonzero()
    assert (boxes[box, :2] < texts[text, :2]).all()
    assert (texts[text, 2:] < boxes[box, 2:]).all()


@EACH
@pytest.mark.filterwarnings("error:Glyph")
def test_letters_are_no_larger_than_the_layout_takes_them_for(make: Callable[[], Diagram]) -> None:
    """What matplotlib draws stays within what is reserved for it."""
    drawing = make().drawing()
    figure = drawing.figure(120)
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    for label, text in zip(drawing.labels, axes.texts, strict=True):
        drawn = text.get_window_extent(renderer).transformed(axes.transData.inverted())
        assert drawn.width <= width_of(label.text) + 1
        assert figure.bbox.containsx(text.get_window_extent(renderer).x0)
        assert figure.bbox.containsx(text.get_window_extent(renderer).x1)
        assert figure.bbox.containsy(text.get_window_extent(renderer).y0)
        assert figure.bbox.containsy(text.get_window_extent(renderer).y1)


@EACH
def test_arrows_pass_between_the_boxes(make: Callable[[], Diagram]) -> None:
    diagram = make()
    boxes, arrows = boxes_and_arrows(diagram.drawing())
    assert len(arrows) == len({*diagram.arrows}) + len({*diagram.returns}) + len({*diagram.across})
    for arrow in arrows:
        points = numpy.array(arrow.points)
        areas = numpy.concatenate([points, points], axis=1)
        assert not overlaps(areas, boxes + [0.1, 0.1, -0.1, -0.1]).any()
        on_the_border = overlaps(areas, boxes + [-0.1, -0.1, 0.1, 0.1])
        assert on_the_border[0].any()
        assert on_the_border[-1].any()


@EACH
def test_svg_has_each_text_and_box(make: Callable[[], Diagram]) -> None:
    diagram = make()
    drawing, root = diagram.drawing(), ElementTree.fromstring(diagram._repr_svg_())
    texts = root.findall(f"{SVG}text")
    assert [text.text for text in texts] == [label.text for label in drawing.labels]
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    for text, label in zip(texts, drawing.labels, strict=True):
        x, half = float(text.attrib["x"]), float(text.attrib["textLength"]) / 2
        assert x == pytest.approx(label.x, abs=0.1)
        assert left < x - half < x + half < left + width
        assert top < float(text.attrib["y"]) < top + height
    for line, outline in zip(root.findall("*[@points]"), drawing.outlines, strict=True):
        points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        numpy.testing.assert_allclose(points, outline.points, atol=0.06)


@EACH
def test_a_png_is_as_large_as_the_figure(make: Callable[[], Diagram], tmp_path: Path) -> None:
    diagram = make()
    diagram.save(tmp_path / "picture.png")
    *_, width, height = diagram.drawing().bounds()
    rows, columns = image.imread(tmp_path / "picture.png").shape[:2]
    assert (columns, rows) == pytest.approx((width * 120 / 72, height * 120 / 72), abs=2)


def test_files_are_of_their_kinds(tmp_path: Path) -> None:
    for name, start in (("a.svg", b"<svg"), ("a.pdf", b"%PDF"), ("a.dot", b"digraph"), ("a", b"\x89PNG")):
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
    figure = picture.diagram().drawing().figure(120)
    width, height = figure.get_size_inches() * figure.dpi
    assert max(width, height) < 2**16
    assert width * height <= 2**26


def test_rows_and_columns_keep_apart() -> None:
    layout = Layout([((50.0, 20.0), (14.0, 14.0)), ((80.0, 40.0), (30.0, 20.0)), ((30.0, 20.0), (60.0, 50.0))])
    assert layout.x[1] - layout.x[0] > (80.0 + 60.0) / 2
    assert layout.corners(1, 0)[2][1] < layout.corners(2, 0)[0][1]
    assert layout.corners(2, 1)[2][1] - layout.corners(2, 1)[0][1] == 50.0  # a row is as high as its highest box
    straight, arc = layout.route(0, 1, (0, 0)), layout.route(0, 2, (0, 0))
    assert {x for x, _ in straight} == {layout.x[0]}
    assert min(x for x, _ in arc) < layout.corners(1, 0)[0][0]
    assert min(x for x, _ in layout.route(0, 2, (0, 1))) == layout.corners(0, 0)[1][0]


def test_without_a_korean_font_letters_are_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "KOREAN", "")
    drawn = korean().diagram().drawing()
    shown = [text.get_text() for text in drawn.figure(120).axes[0].texts]
    assert [label.text for label in drawn.labels][2] == "가중치"
    assert shown[2] == "???"


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = lesson()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'minidl\[lesson\]'"):
        picture.save(tmp_path / "graph.png")
    picture.save(tmp_path / "graph.dot")
    picture.save(tmp_path / "graph.svg")
    assert picture._repr_html_().startswith("<svg")


def two_paths() -> tf.Picture:
    """As in the README."""
    x = tf.Variable(3.0, name="x")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        y = x * x + tf.sin(x)
        tape.gradient(y, x)
    picture.name(y=y)
    return picture


def test_the_picture_of_two_paths_is_as_it_is_drawn() -> None:
    kept = Path(tf.__file__).parent / "pictures" / "paths.svg"
    assert kept.read_text(encoding="utf-8") == two_paths()._repr_svg_()
    assert two_paths().diagram().returns.count((1, 0)) == 2  # z1 = x * x gives x two parts
    assert (2, 0) in two_paths().diagram().returns  # and z2 = sin(x) another


def test_colors_are_told_apart_without_red_or_green() -> None:
    """Each two of the lines, and of the films, as people without cones for red or for green see them."""
    confused = {  # after Viénot, Brettel and Mollon, "Digital video colourmaps", 1999
        "no red": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
        "no green": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    }
    for lines in ([line for _, line in COLORS.values()], [*pictures.COLORS, pictures.ORANGE]):
        seen = numpy.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in lines]) / 255
        for matrix in confused.values():
            looks = (seen**2.2 @ numpy.array(matrix).T).clip(0, 1) ** (1 / 2.2)
            distances = numpy.linalg.norm(looks[:, None] - looks[None], axis=-1)
            assert distances[~numpy.eye(len(lines), dtype=bool)].min() > 0.15


# -- DOT


@EACH
def test_dot_names_each_box_and_arrow_once(make: Callable[[], Diagram]) -> None:
    diagram = make()
    text = diagram.dot()
    named = re.findall(r"^ *((?:box|back)\d+) \[label=", text, re.MULTILINE)
    assert named == [*(f"box{row}" for row in range(len(diagram.boxes))), *(f"back{row}" for row in diagram.mirrored)]
    for start, end, arrows in (
        ("box", "box", diagram.arrows), ("back", "back", diagram.returns), ("box", "back", diagram.across)
    ):  # fmt: skip
        found = re.findall(rf"\b{start}(\d+) -> {end}(\d+) \[", text)
        assert found == [(str(one), str(other)) for one, other in dict.fromkeys(arrows)]


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
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input=diagram.dot(), capture_output=True, check=True, encoding="utf-8"
    ).stdout
    words = {text.text for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")}
    for box in diagram.boxes:
        assert box.lines[0] in words


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


def test_what_a_rule_keeps_is_said_and_drawn() -> None:
    x, y = tf.Variable(2.0, name="x"), tf.Variable(5.0, name="y")
    with tf.Picture() as picture, tf.GradientTape() as tape:
        tape.gradient(tf.exp(x * y) + 3.0, [x, y])
    kept = {(step.name, *step.kept) for step in picture.backward()}
    assert kept == {("dz3",), ("dz2",), ("dz1", "z2"), ("dx", "y"), ("dy", "x")}
    diagram = picture.diagram()
    titles = [box.lines[0] for box in diagram.boxes]
    across = {(titles[start], diagram.mirrored[end].lines[0]) for start, end in diagram.across}
    assert across == {("z2 = exp(z1)", "dz1"), ("y", "dx"), ("x", "dy")}


def test_broadcasting_undone_is_said() -> None:
    x, rows = tf.Variable([1.0, 2.0], name="x"), tf.constant([[1.0, 1.0]] * 3)
    with tf.Picture() as picture, tf.GradientTape() as tape:
        tape.gradient(tf.reduce_sum(rows * x), x)
    _, repeated, summed = picture.backward()
    assert str(repeated).endswith(", repeated to (3, 2)")
    assert str(summed) == "dx = dz1 * x1, summed to (2,)"


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
    assert given(picture) == ["kernel", "data", "kernel2", "x1", "kernel3"]
    assert picture.forward()[-1].name == "total"
    with pytest.raises(ValueError, match="z=1.0 was given"):
        picture.name(z=1.0)


def test_no_name_is_given_twice() -> None:
    variables = [tf.Variable(1.0, name=name) for name in ("w", "w", "w2", "z1", "x1")]
    with tf.Picture() as picture:
        total = tf.constant([1.0])
        for variable in variables:
            total = total * variable
    names = [*given(picture), *(step.name for step in picture.forward())]
    assert len(given(picture)) == 6
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
    with pytest.raises(ValueError, match="has no graph"):
        tf.keras.utils.plot_model(tf.keras.Sequential([tf.keras.layers.Dense(1)]), tmp_path / "model.png")
    assert not list(tmp_path.iterdir())


def test_arguments_that_plot_model_lacks_are_refused() -> None:
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="plot_model has no argument rankdir in minidl"):
        tf.keras.utils.plot_model(model, None, rankdir="LR")
