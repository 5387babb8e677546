"""The command `minidl`, as a person types it."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg

from minidl.okja import pictures
from minidl.okja.command import main
from minidl.okja.lesson import descent, lesson
from minidl.okja.reference import start_tensorflow
from minidl.pictures import drawing

import minidl  # isort: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "minidl", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_okja_shows_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["okja"]) == 0
    printed = capsys.readouterr().out
    for word in (
        "마션 The Martian",
        "8,759",
        "-0.8348491",
        "100/100",
        "740.2602",
        "7,403,000",
        "people",
        "0.222",
        "49.94",
    ):
        assert word in printed, word
    assert max(len(line) for line in printed.splitlines()) <= 80


def test_okja_takes_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["okja", "--epochs", "3", "--learning-rate", "1e-10", "--seed", "2", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "3/3" in printed
    assert f"{lesson(minidl, 3, 1e-10, 2).after.okja:,.4f}" in printed


@pytest.mark.usefixtures("double")
def test_okja_runs_on_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["okja", "--device", "gpu"]) == 0
    assert "740.2602" in capsys.readouterr().out


def test_a_training_that_runs_away_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["okja", "--learning-rate", "1"]) == 0
    assert "The training ran away" in " ".join(capsys.readouterr().out.split())


def test_okja_draws_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["okja", "--epochs", "2", "--pictures", str(tmp_path / "new" / "folder")]) == 0
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == ["data.png", "descent.png", "graph.png", "line.png", "loss.png"]
    printed = capsys.readouterr().out
    for file in files:
        shape = image.imread(file).shape[:2]
        assert (shape == (600, 960)) == (file.name != "graph.png")  # which is as large as it needs
        assert str(file) in printed


@pytest.mark.parametrize("korean", [True, False])
@pytest.mark.parametrize(("epochs", "rate"), [(1, 2e-10), (20, 2e-10), (100, 2e-10), (10, 2e-9)])
def test_the_names_of_the_films_keep_apart(
    epochs: int, rate: float, korean: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not korean:
        monkeypatch.setattr(drawing, "KOREAN", "")
    result = lesson(minidl, epochs, rate)
    for has_line in (True, False):
        with pictures.canvas(tmp_path / "line.png") as (figure, axes):
            if has_line:
                pictures._line(axes, str.format, result)
            else:
                pictures._data(axes, str.format)
            renderer = FigureCanvasAgg(figure).get_renderer()
            figure.draw(renderer)
            texts = [text.get_window_extent(renderer) for text in axes.texts]
            for one, other in itertools.combinations([*texts, axes.title.get_window_extent(renderer)], 2):
                assert not one.overlaps(other)
            for text in texts:
                assert figure.bbox.containsx(text.x0)
                assert figure.bbox.containsx(text.x1)


@pytest.mark.filterwarnings("error:Glyph")
def test_without_a_korean_font_names_are_in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "KOREAN", "")
    pictures.draw(tmp_path, lesson(minidl, epochs=1), descent(minidl))
    assert len(list(tmp_path.iterdir())) == 4


def test_without_matplotlib_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["okja", "--epochs", "1", "--pictures", str(tmp_path)]) == 1
    assert "pip install 'minidl[lesson]'" in capsys.readouterr().err


@pytest.mark.tf
def test_okja_compares_with_tensorflow(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    assert main(["okja", "--epochs", "5", "--compare"]) == 0
    printed = capsys.readouterr().out
    assert "TensorFlow" in printed
    assert "first weight" in printed
    assert "Over all 5 epochs" in printed


@pytest.mark.tf
@pytest.mark.parametrize("arguments", [["okja", "--epochs", "2"], ["explain"], ["explain", "--op", "sin"]])
def test_tensorflow_writes_nothing_into_the_tables(arguments: list[str]) -> None:
    found = run(*arguments, "--compare")
    assert found.returncode == 0
    assert found.stderr == ""
    assert "TensorFlow" in found.stdout
    assert not re.search(r"^[IWEF]\d{4} |WARNING", found.stdout, re.MULTILINE)


def test_what_an_error_ends_with_is_not_kept_quiet(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    def fail() -> None:
        os.write(2, b"from below\n")
        raise ValueError("from above")

    monkeypatch.setattr("minidl.okja.command._tensorflow", fail)
    assert main(["explain", "--compare"]) == 1
    assert capfd.readouterr().err == "from below\nminidl: from above\n"


def test_without_tensorflow_compare_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start_tensorflow.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert main(["okja", "--compare"]) == 1
    captured = capsys.readouterr()
    assert "pip install tensorflow" in captured.err
    assert "Traceback" not in captured.err


def test_devices_says_what_there_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["devices"]) == 0
    printed = capsys.readouterr().out
    assert "/cpu:0" in printed
    assert "CuPy is not installed" in printed or "finds no GPU" in printed


@pytest.mark.usefixtures("double")
def test_devices_lists_gpus(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    assert "/gpu:1" in capsys.readouterr().out


def test_a_gpu_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["okja", "--device", "gpu"]) == 1
    assert "CuPy is not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["okja", "--epochs", "0"], "'0' is not a whole number above 0"),
        (["okja", "--epochs", "many"], "'many' is not a whole number above 0"),
        (["okja", "--learning-rate", "-1"], "'-1' is not a number above 0"),
        (["okja", "--learning-rate", "inf"], "'inf' is not a number above 0"),
        (["okja", "--device", "tpu"], "invalid choice: 'tpu'"),
        (["okja", "--colour"], "unrecognized arguments: --colour"),
        (["dance"], "invalid choice: 'dance'"),
        ([], "required: COMMAND"),
    ],
)
def test_unknown_options_are_errors(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_help_names_the_commands() -> None:
    found = run("--help")
    assert found.returncode == 0
    assert "okja" in found.stdout
    assert "devices" in found.stdout
    assert "explain" in found.stdout
    assert "--op NAME" in run("explain", "--help").stdout
    assert "--pictures DIR" in run("okja", "--help").stdout


def test_importing_the_command_imports_nothing_heavy() -> None:
    program = "import sys, minidl.okja.command; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"matplotlib", "rich", "pandas", "tensorflow", "tfref"} & set(found.stdout.split()) == set()


def test_the_module_runs_as_the_command() -> None:
    found = run("okja", "--epochs", "1")
    assert found.returncode == 0, found.stderr
    assert "옥자 Okja" in found.stdout
