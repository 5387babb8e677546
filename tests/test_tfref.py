"""The recording of TensorFlow, and the report of agreement."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import minidl
from tests import mutations
from tfref import command
from tfref.cases import CASES
from tfref.recording import Recording, RecordingError, stamp
from tfref.references import RECORDING, Recorded, record
from tfref.report import FORMAT
from tfref.training import DIGITS, TRAININGS

# -- recordings --------------------------------------------------------------------------------------------------


def test_each_figure_says_what_it_was_made_with(recorded: Recorded) -> None:
    for made in (recorded.case(CASES[0]).stamp, recorded.training(DIGITS).stamp):
        assert set(made["versions"]) == {"tensorflow", "keras", "numpy", "python"}
        assert made["processor"]
        assert made["features"]


def test_a_recording_goes_to_a_file_and_back(tmp_path: Path) -> None:
    figures = {"a/b": numpy.arange(6.0).reshape(2, 3), "a/c": numpy.array(True), "d/e": numpy.zeros((0, 2), "float16")}
    Recording(figures, {"a": {"made": "here"}, "d": {"made": "there"}}).save(tmp_path / "r.npz")
    again = Recording.load(tmp_path / "r.npz")
    assert again.stamps == {"a": {"made": "here"}, "d": {"made": "there"}}
    assert list(again.figures) == list(figures)
    for name, array in figures.items():
        assert again.figures[name].dtype == array.dtype
        numpy.testing.assert_array_equal(again.figures[name], array)
    assert list(again.under("a")) == ["b", "c"]
    assert [each.name for each in tmp_path.iterdir()] == ["r.npz"]


@pytest.mark.tf
def test_what_is_recorded_anew_alone_has_a_new_stamp(tmp_path: Path, tensorflow: Any) -> None:
    old = Recording.load(RECORDING)
    path, elsewhere = tmp_path / "recording.npz", {"versions": {"tensorflow": "1"}, "processor": "another"}
    Recording(old.figures, dict.fromkeys(old.stamps, elsewhere)).save(path)
    case = next(case for case in CASES if case.name == "add/float32")
    record(path, [case], [])
    new = Recorded(path)
    assert new.case(case).stamp == stamp()
    assert {new.case(each).stamp["processor"] for each in CASES if each is not case} == {"another"}
    assert new.training(DIGITS).stamp == elsewhere
    assert Recording.load(path).figures.keys() == old.figures.keys()


def test_nothing_is_recorded_of_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    before = RECORDING.read_bytes()
    assert command.main(["record", "--only", "tangerine"]) == 2
    assert command.main(["--live", "record"]) == 2
    assert RECORDING.read_bytes() == before
    said = capsys.readouterr().err
    assert "tangerine" in said
    assert "--live" in said


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
    Recording({}, {}).save(tmp_path / "bare.npz")
    with pytest.raises(RecordingError, match="lacks .* of training digits"):
        Recorded(tmp_path / "bare.npz").training(DIGITS)


# -- the report --------------------------------------------------------------------------------------------------


def test_the_report_says_that_all_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    assert command.main(["--only", "matmul", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "minidl agrees with TensorFlow" in printed
    assert "matmul" in printed
    assert f"Written to {file}, as JSON: 1 operation, 0 trainings\n" in printed
    report = json.loads(file.read_text())
    assert report["format"] == FORMAT
    assert report["agrees"] is True
    assert report["ops"][0]["op"] == "matmul"
    assert report["ops"][0]["faults"] == []
    assert [report["stamps"][place]["processor"] for place in report["ops"][0]["stamps"]]


@pytest.mark.parametrize("columns", [60, 80])
def test_the_report_breaks_no_name(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert command.main(["--only", "keras."]) == 0
    assert command.main(["--only", "lesson from"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    words = {word for line in lines for word in line.split()}
    assert {case.op for case in CASES if "keras." in case.name} <= words
    assert any(line.startswith("lesson from -0.83484906") for line in lines)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command_line = [sys.executable, "-m", "tfref", *arguments]
    found = {**os.environ, **environment}
    return subprocess.run(command_line, capture_output=True, text=True, check=False, env=found)


def test_the_report_prints_in_ascii() -> None:
    found = _run("--only", "sin/", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert found.returncode == 0
    assert found.stdout.isascii()
    assert " ok\n" in found.stdout
    assert not found.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_to_be_one() -> None:
    found = _run("--only", "sin/", "--json", "/dev/full")
    assert found.returncode == 2
    assert found.stderr == "tfref: the report was not written to /dev/full: No space left on device\n"
    command_line = [sys.executable, "-m", "tfref", "--only", "sin/"]
    with open("/dev/full", "w") as full:
        found = subprocess.run(command_line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr == "tfref: [Errno 28] No space left on device\n"


def test_an_interrupt_ends_the_command_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    seen: list[str] = []

    def swallowed(tf: Any, case: Any, *_: Any) -> Any:  # TensorFlow swallows some
        seen.append(case.name)
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    monkeypatch.setattr("tfref.report.figures", swallowed)
    assert command.main(["--only", "sin/"]) == 130
    assert len(seen) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_each_action_has_a_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for action, own in (("report", "--live"), ("record", "keep its figures")):
        with pytest.raises(SystemExit):
            command.main([action, "--help"])
        printed = capsys.readouterr().out
        assert f"python -m tfref {action}" in printed
        assert own in printed
    assert "--live" not in printed


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


def test_the_report_says_what_it_does_not_run(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.main(["--only", "digits"]) == 2
    assert "not run: digits, needs scikit-learn: pip install" in capsys.readouterr().err
    monkeypatch.setattr(command, "chosen", lambda only: ([], [TRAININGS[0], DIGITS]))
    assert command.main(["--json", str(tmp_path / "r.json")]) == 0
    printed = capsys.readouterr().out
    assert "minidl agrees with TensorFlow in 1 of 2 trainings." in printed
    assert "Not run: digits, needs scikit-learn" in printed
    assert list(json.loads((tmp_path / "r.json").read_text())["not_run"]) == ["digits"]


def test_a_report_to_nowhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--json", str(tmp_path / "nowhere" / "report.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert command.main(["--json", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
