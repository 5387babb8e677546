"""The lesson: its own notebook on minidl, and its program on minidl and on TensorFlow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot
import numpy
import pytest

import minidl
from minidl.okja.films import FILMS, OKJA
from minidl.okja.lesson import derivative_of_logarithm, descent, lesson

CELLS: list[str] = json.loads((Path(__file__).parent / "lesson_cells.json").read_text())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the notebook displays."""
    matplotlib.use("agg")
    monkeypatch.setattr(matplotlib.pyplot, "show", lambda: None)
    displayed: list[Any] = []
    yield displayed
    matplotlib.pyplot.close("all")


def on_minidl(cell: str) -> str:
    """A cell with `tensorflow` replaced by `minidl` in its imports.

    Two cells index a pandas Series by position, which pandas 3 refuses; there `.iloc` is put in.
    """
    lines = [
        line.replace("tensorflow", "minidl") if line.lstrip().startswith(("import", "from")) else line
        for line in cell.splitlines()
    ]
    return re.sub(r"value\[(\d)\]", r"value.iloc[\1]", "\n".join(lines))


@pytest.mark.filterwarnings("ignore:.*[Ff]ont|Glyph")
def test_the_notebook_runs_to_its_last_cell(shown: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"display": shown.append}
    for number, cell in enumerate(CELLS):
        exec(compile(on_minidl(cell), f"<cell {number}>", "exec"), names)
    printed = capsys.readouterr().out
    assert "미분 값 : 0.222" in printed
    assert "Dense()" in printed
    assert "layers" in printed.split()
    assert repr(shown[0]) == "<minidl.Tensor: shape=(3,), dtype=int32, numpy=array([1, 2, 3], dtype=int32)>"
    untrained = re.search(r"학습되지 않은 모델이 예측한 옥자의 예상 관객수 : \[\[(.*)\]\]", printed)
    assert untrained is not None
    assert float(untrained[1]) == pytest.approx(-0.83484906 * 12008)
    assert float(names["pred"][0, 0]) == pytest.approx(740.2602, abs=1e-3)
    assert len(names["history"].history["loss"]) == 100
    assert names["movie_df"]["prediction"].shape == (4,)


@pytest.mark.usefixtures("device")
def test_the_lesson_predicts_what_it_promises() -> None:
    seeded = lesson(minidl)
    assert seeded.before.weight == float(numpy.float32(-0.83484906))
    assert f"{seeded.after.okja:.4f}" == "740.2602"
    given = lesson(minidl, first_weight=1.1125909)
    assert f"{given.after.okja:.4f}" == "790.8296"
    assert given.losses == sorted(given.losses, reverse=True)
    assert len(given.losses) == 100
    assert given.after.predictions == pytest.approx(
        [given.after.weight * film.wishes + given.after.bias for film in FILMS]
    )
    assert given.after.okja == pytest.approx(given.after.weight * OKJA.wishes + given.after.bias)
    assert derivative_of_logarithm(minidl) == pytest.approx(2 / 9, rel=1e-6)
    path = descent(minidl)
    assert path[-1] == pytest.approx(50 - 45 * 0.8**30, rel=1e-5)


@pytest.mark.tf
@pytest.mark.parametrize("first_weight", [1.1125909, None])
def test_the_lesson_is_the_same_on_tensorflow(first_weight: float | None, tensorflow: Any) -> None:
    ours, theirs = (lesson(tf, first_weight=first_weight) for tf in (minidl, tensorflow))
    losses = numpy.array([ours.losses, theirs.losses], "float32")
    assert (numpy.abs(losses[0] - losses[1]) / numpy.spacing(losses[1])).max() <= 11
    for name in ("weight", "bias"):
        pair = numpy.array([getattr(ours.after, name), getattr(theirs.after, name)], "float32")
        assert abs(pair[0] - pair[1]) <= 2 * numpy.spacing(abs(pair[1]))
    assert ours.before.weight == theirs.before.weight
    assert f"{ours.after.okja:.4f}" == f"{theirs.after.okja:.4f}"
    assert derivative_of_logarithm(minidl) == derivative_of_logarithm(tensorflow)
    numpy.testing.assert_allclose(descent(minidl), descent(tensorflow), rtol=1e-6)
