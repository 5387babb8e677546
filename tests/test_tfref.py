"""The recording of TensorFlow, the report of agreement, and a comparison of one's own program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl
import tfref
from tests import mutations
from tfref import command
from tfref.recording import Recording, RecordingError
from tfref.references import RECORDING, Recorded
from tfref.training import DIGITS

# -- recordings --------------------------------------------------------------------------------------------------


def test_the_recording_says_what_it_was_made_with(recorded: Recorded) -> None:
    assert set(recorded.stamp["versions"]) == {"tensorflow", "keras", "numpy", "python"}
    assert recorded.stamp["processor"]
    assert recorded.stamp["features"]


def test_a_recording_goes_to_a_file_and_back(tmp_path: Path) -> None:
    figures = {"a/b": numpy.arange(6.0).reshape(2, 3), "a/c": numpy.array(True), "d": numpy.zeros((0, 2), "float16")}
    Recording(figures, {"made": "here"}).save(tmp_path / "r.npz")
    again = Recording.load(tmp_path / "r.npz")
    assert again.stamp == {"made": "here"}
    assert list(again.figures) == list(figures)
    for name, array in figures.items():
        assert again.figures[name].dtype == array.dtype
        numpy.testing.assert_array_equal(again.figures[name], array)
    assert list(again.under("a")) == ["b", "c"]


def test_a_damaged_recording_is_refused(tmp_path: Path) -> None:
    content = RECORDING.read_bytes()
    pieces = {
        "empty": b"", "text": b"no recording", "cut": content[:1000],
        "flipped": content[:2000] + bytes([content[2000] ^ 255]) + content[2001:],
    }  # fmt: skip
    for name, piece in pieces.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(piece)
        with pytest.raises(RecordingError, match=f"{name}.npz is damaged"):
            Recorded(path)
    with pytest.raises(RecordingError, match="There is no recording"):
        Recorded(tmp_path / "nowhere.npz")
    numpy.savez(tmp_path / "other.npz", head=numpy.frombuffer(json.dumps({"format": 99}).encode(), numpy.uint8))
    with pytest.raises(RecordingError, match="format 99"):
        Recorded(tmp_path / "other.npz")
    Recording({}, {"versions": {}}).save(tmp_path / "bare.npz")
    with pytest.raises(RecordingError, match="lacks .* of training digits"):
        Recorded(tmp_path / "bare.npz").training(DIGITS)


# -- the report --------------------------------------------------------------------------------------------------


def test_the_report_says_that_all_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    assert command.main(["--only", "matmul", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "minidl agrees with TensorFlow" in printed
    assert "matmul" in printed
    report = json.loads(file.read_text())
    assert report["ops"][0]["op"] == "matmul"
    assert report["ops"][0]["faults"] == []


@pytest.mark.usefixtures("double")
def test_the_report_runs_on_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "lesson", "--device", "gpu"]) == 0
    assert "minidl on /gpu:0" in capsys.readouterr().out


def test_the_report_shows_what_disagrees(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sine = minidl.sin.primitive  # type: ignore[attr-defined]
    wrong = next(mutant for mutant in mutations.mutants(sine) if "sign" in mutant.change)
    monkeypatch.setattr(sine, "differentiable", wrong.rules)
    assert command.main(["--only", "sin/"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "sin/float32, gradient 0" in printed
    assert "minidl gives" in printed
    assert "the truth is" in printed
    assert "minidl disagrees with TensorFlow" in printed


def test_the_report_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "tangerine"]) == 2
    assert "tangerine" in capsys.readouterr().err


def test_the_report_runs_without_tensorflow() -> None:
    script = (
        "import sys; sys.modules['tensorflow'] = None; "
        "from tfref.command import main; sys.exit(main(['--only', 'exp']))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    script = script.replace("'--only', 'exp'", "'--live'")
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "pip install tensorflow" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.tf
def test_the_report_runs_tensorflow_itself(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    assert command.main(["--only", "softplus/float", "--live"]) == 0
    assert "run now" in capsys.readouterr().out


# -- one's own program -------------------------------------------------------------------------------------------


@pytest.mark.tf
def test_a_program_of_ones_own_is_compared(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    inputs = 3.0, [[1.0, 2.0]], numpy.ones((2, 1), "float64")
    assert tfref.compare(lambda tf, x, y, z: [tf.math.log(2.0 * x + 3.0) * y, tf.exp(z)], *inputs, order=2)
    assert "minidl agrees with TensorFlow in 1 case of 1 operation." in capsys.readouterr().out


@pytest.mark.tf
def test_a_program_that_disagrees_is_shown(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    def program(tf: Any, x: Any) -> Any:
        return x * (2.0 if tf is minidl else 3.0)

    assert not tfref.compare(program, [0.5, 1.25])
    printed = " ".join(capsys.readouterr().out.split())
    assert "program/own inputs, result 0: 5.24e+06 units in the last place from the truth, 8 are allowed" in printed
    assert "at [1] minidl gives 2.5, TensorFlow 3.75, the truth is 3.75" in printed
    assert "the inputs are array([0.5 , 1.25], dtype=float32)" in printed
    assert "minidl disagrees with TensorFlow in 2 figures of 1 case of 1 operation." in printed


@pytest.mark.tf
def test_a_program_for_eager_only_is_compared(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    assert tfref.compare(lambda tf, x: x * x.numpy(), 3.0)
    assert "TensorFlow runs this program eagerly only" in capsys.readouterr().out


@pytest.mark.tf
def test_what_a_program_raises_comes_through(tensorflow: Any) -> None:
    with pytest.raises(ValueError, match="order=3"):
        tfref.compare(lambda tf, x: x, 3.0, order=3)
    with pytest.raises(ZeroDivisionError):
        tfref.compare(lambda tf, x: x / (1 // 0), 3.0)


def test_a_comparison_needs_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="pip install tensorflow"):
        tfref.compare(lambda tf, x: x, 3.0)


@pytest.mark.tf
def test_a_shape_that_disagrees_is_shown(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    assert not tfref.compare(lambda tf, x: tf.reshape(x, (1,) if tf is minidl else (1, 1)), 3.0)
    assert "the shape is (1,), in TensorFlow (1, 1)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.tf
def test_what_can_not_be_compared_is_refused(tensorflow: Any) -> None:
    with pytest.raises(TypeError, match=r"a tensor or a list of tensors; it gave 3"):
        tfref.compare(lambda tf, x: x // 2, 7)
    with pytest.raises(ValueError, match="other numbers at each run on tensorflow"):
        tfref.compare(lambda tf, x: x + numpy.random.rand(), 3.0)


def test_the_report_goes_without_digits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.main(["--only", "digits"]) == 2
    assert "pip install 'minidl[test]'" in capsys.readouterr().out


def test_a_report_to_nowhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(["--json", str(tmp_path / "nowhere" / "report.json")])
    assert exit_.value.code == 2
    assert "there is no folder" in capsys.readouterr().err
