"""The training runs, on every device, against Keras, recorded and itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl
from tests import mutations
from tfref import command
from tfref.judging import judge, units_apart
from tfref.recording import Recording, RecordingError
from tfref.references import RECORDING, Recorded
from tfref.report import training_rows
from tfref.running import MODES
from tfref.training import DIGITS, TRAININGS, Training, digit_labels, train


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return Recorded()


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_minidl_trains_as_keras_did(training: Training, device: str, recorded: Recorded) -> None:
    (row,) = training_rows([training], recorded, device, lambda what: None)
    assert not row.faults


@pytest.mark.tf
@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_keras_still_trains_as_recorded(training: Training, tensorflow: Any, recorded: Recorded) -> None:
    reference = recorded.training(training)
    found = train(tensorflow, training, **MODES["graph"][1])
    faults = [
        str(each) for each in judge(found, reference.figures["graph"], reference.truth, reference.own) if each.fault
    ]
    assert not faults


def test_the_digits_that_were_held_out_are_read(device: str, recorded: Recorded) -> None:
    labels = digit_labels()
    keras = recorded.training(DIGITS).figures["eager"]["predictions"]
    found = train(minidl, DIGITS)["predictions"]
    assert len(labels) == 397
    assert (found.argmax(1) == labels).mean() >= 0.92
    assert (found.argmax(1) == keras.argmax(1)).all()


def test_float64_is_the_truth_on_minidl_too(recorded: Recorded) -> None:
    for training in TRAININGS[3:9]:
        truth = recorded.training(training).truth
        found = train(minidl, training, "float64")
        assert all(units_apart(found[name], truth[name]) < 1e4 for name in found)  # 1e-12 of the largest


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


# -- do the tests bite? ------------------------------------------------------------------------------------------


def test_no_wrong_gradient_rule_goes_unnoticed() -> None:
    assert [mutant.name for mutant in mutations.survivors()] == []
