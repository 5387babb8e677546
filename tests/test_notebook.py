"""Notebooks: what a model prints in one, and the lesson as one, run on minidl and on TensorFlow."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl
from minidl.keras import progress
from minidl.okja.command import main
from minidl.okja.notebook import cells

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
nbconvert = pytest.importorskip("nbconvert")

ROOT = Path(minidl.__file__).parent.parent
LESSON: list[str] = json.loads((Path(__file__).parent / "lesson_cells.json").read_text(encoding="utf-8"))
LINE = "import minidl as tf  # import tensorflow as tf"

pytestmark = pytest.mark.filterwarnings("ignore")  # of the machinery that runs notebooks


def run(notebook: Any, folder: Path) -> Any:
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    return client.execute(env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"})


def notebook_of(*sources: str) -> Any:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def printed(notebook: Any) -> str:
    return "".join(
        output.text for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "stream"
    )


# -- what is shown


MODEL = """
import time
import numpy
import minidl as tf
x = numpy.linspace(0, 1, 32, dtype="float32")[:, None]
model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
wait = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.06))
history = model.fit(x, x, epochs=2, batch_size=8, callbacks=[wait])
loss = model.evaluate(x, x)
predicted = model.predict(x)
"""
PICTURE = """
with tf.Picture() as picture:
    tf.sin(x)
picture
"""


def test_models_and_histories_show_themselves(tmp_path: Path) -> None:
    shown = ["model", "history", "model.summary()", "tf.keras.utils.plot_model(model, None)"]
    done = run(notebook_of(MODEL, *shown), tmp_path)
    model, history, summary, plot = (cell.outputs for cell in done.cells[1:])
    assert "Total params: 4" in model[0].data["text/html"]  # two of them the optimizer's
    assert re.match(r"<table><tr><td>epoch</td><td>loss</td></tr><tr><td>1</td>", history[0].data["text/html"])
    assert [output.output_type for output in summary] == ["stream"]
    assert "Optimizer params: 2" in re.sub("\x1b.*?m", "", summary[0].text)
    assert plot[0].data["image/svg+xml"].startswith("<svg")


def test_a_long_history_shows_its_ends() -> None:
    history = minidl.keras.callbacks.History()
    assert history._repr_html_() == "<table><tr><td>epoch</td></tr></table>"
    for epoch in range(10):
        history.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_<loss>": float("nan")})
    rows = re.findall(r"<tr>(.*?)</tr>", history._repr_html_())
    assert rows[0] == "<td>epoch</td><td>loss</td><td>val_&lt;loss&gt;</td>"
    assert [row.split("</td>")[0] for row in rows[1:]] == [f"<td>{epoch}" for epoch in (1, 2, 3, 8, 9, 10)]


def test_a_notebook_shows_what_keras_prints(tmp_path: Path) -> None:
    done = run(notebook_of(MODEL, PICTURE), tmp_path)
    streams = {output.name for cell in done.cells for output in cell.outputs if output.output_type == "stream"}
    assert streams == {"stdout"}  # and no word of ipywidgets
    text = printed(done)
    assert "Epoch 1/2\n" in text
    assert re.search(r"\r4/4 ━{20} \ds \d+ms/step - loss: \d\.\d{4} *\n", text)
    assert re.search(r"\n1/4 ━{5}─{15} |\n2/4 ━{10}─{10} ", text)  # the bar moved
    assert len(re.findall(r"1/1 ━{20} 0s", text)) == 2
    (output,) = done.cells[1].outputs
    assert output.data["text/html"].startswith("<svg")
    page, _ = nbconvert.HTMLExporter().from_notebook_node(done)
    assert "z1 = sin(x1)" in page
    assert re.search(r"4/4 ━{20} \ds \d+ms/step - loss: ", page)


class Terminal(io.StringIO):
    """Pretends to be one."""

    def isatty(self) -> bool:
        return True


def progressed(stream: Any, monkeypatch: pytest.MonkeyPatch, verbose: Any = 1, steps: int | None = 4) -> str:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_UPDATES", 0.0)
    with redirect_stdout(stream), progress.Progress(verbose, steps, "Epoch 1/1") as shown:
        for _ in range(4):
            shown.advance(lambda: {"loss": 0.5})
        shown.finish({"loss": 0.25})
    stream.flush()
    return str(stream.getvalue())


def test_a_pipe_gets_the_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    for verbose, line in ((1, f"4/4 {'━' * 20} 0s"), ("auto", f"4/4 {'━' * 20} 0s"), (2, "4/4 - 0s")):
        epoch, last = progressed(io.StringIO(), monkeypatch, verbose).splitlines()
        assert epoch == "Epoch 1/1"
        assert last.startswith(line)
        assert last.endswith("/step - loss: 0.2500")
    assert progressed(io.StringIO(), monkeypatch, 0) == ""


def test_a_terminals_line_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    text = progressed(Terminal(), monkeypatch)
    states = text.split("\n")[1].split("\r")
    assert [state.split()[0] for state in states] == ["1/4", "2/4", "3/4", "4/4", "4/4"]
    assert max(map(len, states[:-1])) <= 49
    assert states[-1].rstrip().endswith("loss: 0.2500")
    unknown = progressed(Terminal(), monkeypatch, steps=None)
    assert "1/Unknown ────" in unknown
    assert f"4/4 {'━' * 20}" in unknown


def test_an_interrupted_walk_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_UPDATES", 0.0)
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), redirect_stdout(stream), progress.Progress(1, 4) as shown:
        shown.advance(dict)
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("\n")


def test_letters_that_a_stream_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", write_through=True)
    with redirect_stdout(stream), progress.Progress(1, 2) as shown:
        shown.advance(dict)
        shown.finish({})
    assert raw.getvalue().startswith(b"1/1 ==================== 0s")


# -- the lesson


def without_comments(cell: str) -> str:
    return "\n".join(line for line in cell.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def mended(cell: str) -> str:
    """A cell of the lesson as the notebook has it."""
    cell = re.sub(r"from tensorflow\.keras\.(\w+) import (\w+)", r"\2 = tf.keras.\1.\2", cell)
    cell = re.sub(r"from tensorflow import keras|import tensorflow\.keras", "keras = tf.keras", cell)
    cell = cell.replace("Input(1,", "Input((1,),").replace("predict([1,2,3])", "predict(np.array([1,2,3]))")
    return re.sub(r"value\[(\d)\]", r"value.iloc[\1]", cell.replace("import tensorflow as tf", ""))


def test_the_notebook_holds_the_lessons_cells_in_order() -> None:
    code = [text for kind, text in cells("ko") if kind == "code"]
    assert len(code) == len(LESSON) + 1  # and a picture
    assert code[0] == f"import numpy as np\n\n{LINE}"
    for ours, theirs in zip(code[1:-1], LESSON[1:], strict=True):
        kept = [line for line in without_comments(mended(theirs)).splitlines() if "rc('font'" not in line]
        lines = without_comments(ours).splitlines()
        assert [line for line in lines if line in kept] == kept, ours
        assert len(lines) <= len(kept) + 9  # the seed, and fonts
    english = [text for kind, text in cells("en") if kind == "code"]
    assert len(english) == len(code)
    assert not re.search("[가-힣]", "".join(text for _, text in cells("en")))
    assert [kind for kind, _ in cells("en")] == [kind for kind, _ in cells("ko")]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("line", [LINE, pytest.param("import tensorflow as tf", marks=pytest.mark.tf)])
def test_the_notebook_runs(line: str, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "okja.ipynb"
    assert main(["okja", "--notebook", str(file), "--language", language]) == 0
    assert str(file.name) in capsys.readouterr().out
    notebook = nbformat.read(file, 4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert sum(LINE in cell.source for cell in notebook.cells) == 1
    for cell in notebook.cells:
        cell.source = cell.source.replace(LINE, line)
    done = run(notebook, tmp_path)
    text = printed(done)
    assert "0.222" in text
    assert float(re.findall(r"\[\[(.*)\]\]", text)[-1]) == pytest.approx(740.2602, abs=1e-3)
    assert float(re.findall(r"\[\[(.*)\]\]", text)[0]) == pytest.approx(float(numpy.float32(-0.83484906)) * 12008)
    assert sum("image/png" in output.get("data", {}) for cell in done.cells for output in cell.get("outputs", [])) == 5
    assert done.cells[-1].outputs[0].data["text/html"].startswith("<svg")


@pytest.mark.parametrize("name", ["okja.txt", "nowhere/okja.ipynb", ""])
def test_where_no_notebook_can_be_written_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["okja", "--notebook", name])
    assert caught.value.code == 2
    assert f"{name!r} is no file *.ipynb" in capsys.readouterr().err
