"""The two languages: what a student reads on the terminal is in both, in lines that fit."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path
from typing import Any

import pytest

import minidl
from minidl.okja import korean
from minidl.okja.command import main
from minidl.okja.examples import operations
from minidl.okja.explanation import about_rules
from minidl.okja.language import translated, usual_language
from minidl.okja.lesson import descent, lesson
from minidl.okja.pictures import COMMAND, draw
from minidl.pictures import drawing
from tests.mutations import primitives_called

OKJA = Path(minidl.__file__).parent / "okja"
METHODS = {"title", "say", "heading", "words", "translated", "table", "file"}
SENTENCE = re.compile(r"\b[a-z]{2,} (?:[a-z]{1,} ){1,}[a-z]{2,}\b")  # three English words, one after the other


def said(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


# -- Korean


def literals() -> set[str]:
    """The texts that the source hands to what translates."""
    found: set[str] = set()
    for file in OKJA.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in METHODS and node.args:
                    texts = ast.walk(node.args[0])
                    found |= {str(each.value) for each in texts if isinstance(each, ast.Constant)} - {""}
    return found


def test_every_text_has_a_translation() -> None:
    missing = {text for text in literals() if text not in korean.KOREAN and re.search("[a-z]", text)}
    assert missing <= {"minidl", "TensorFlow", "tf."}, missing
    assert len(literals()) > 50


def test_translations_keep_what_is_put_in() -> None:
    for text, translation in korean.KOREAN.items():
        one, other = (
            {name for _, name, _, _ in string.Formatter().parse(each) if name is not None}
            for each in (text, translation)
        )
        assert other <= one, text
        assert one - other <= {"people"}, text
        assert re.search("[가-힣]", translation), text


@pytest.mark.parametrize(
    "arguments", [["okja", "--epochs", "2"], ["okja", "--learning-rate", "1"], ["explain"], ["devices"]]
)
def test_a_command_speaks_korean(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(*arguments, "--language", "ko", capsys=capsys)
    assert len(re.findall("[가-힣]", printed)) > 10
    assert not SENTENCE.search(printed), SENTENCE.search(printed)
    english = said(*arguments, "--language", "en", capsys=capsys)
    assert not re.search("[가-힣]{2} [가-힣]", english)  # but for the films' names


@pytest.mark.parametrize("name", operations())
def test_an_operation_is_explained_in_korean(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = said("explain", "--op", name, "--language", "ko", capsys=capsys)
    code = re.sub(r"^ *(>>>|\.\.\.).*\n( .*\n)*", "", printed, flags=re.MULTILINE)
    assert not SENTENCE.search(code), SENTENCE.search(code)
    assert re.search("[가-힣]", printed)


@pytest.mark.tf
def test_a_comparison_speaks_korean(capsys: pytest.CaptureFixture[str], tensorflow: Any) -> None:
    for arguments in (["okja", "--epochs", "2"], ["explain"], ["explain", "--op", "sin"]):
        printed = said(*arguments, "--compare", "--language", "ko", capsys=capsys)
        assert "텐서플로우" in printed or "TensorFlow" in printed
        assert not SENTENCE.search(printed)


def test_notes_about_rules_are_korean() -> None:
    for primitive in primitives_called():
        note = about_rules(primitive, "ko")
        assert not SENTENCE.search(note)
        assert note or not any(primitive.rules) or about_rules(primitive) in ("", note), primitive


def test_an_operation_that_nothing_is_known_of_shows_its_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(korean.OPERATIONS, "sin")
    sine = next(each for each in primitives_called() if each.name == "sin")
    assert about_rules(sine, "ko") == "도함수: d(sin x)/dx = cos x"


def test_the_language_is_the_locales(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert usual_language() == "ko"
    assert "언제나 있음" in said("devices", capsys=capsys)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert usual_language() == "en"
    with pytest.raises(SystemExit):
        main(["okja", "--language", "fr"])
    assert "invalid choice: 'fr'" in capsys.readouterr().err


def test_pictures_speak_korean_where_a_font_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drawing, "KOREAN", "")
    arguments = ["okja", "--epochs", "1", "--language", "ko", "--pictures", str(tmp_path)]
    printed = " ".join(said(*arguments, capsys=capsys).split())
    assert translated("drawn: {file}", "ko", file=tmp_path / "data.png") in printed
    assert f"글꼴 설치 명령: {COMMAND}" in printed
    draw(tmp_path, lesson(minidl, epochs=1), descent(minidl), "ko")  # without a warning of missing letters


# -- in narrow terminals


def numbers(text: str) -> set[str]:
    return set(re.findall(r"-?\d[\d,]*\.?\d*(?:e[+-]\d+)?", text))


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("columns", [40, 59])
@pytest.mark.parametrize(
    "arguments", [["okja", "--epochs", "2"], ["explain"], ["explain", "--op", "keras.layers.Dense"]]
)
def test_no_number_is_cut(
    arguments: list[str], columns: int, language: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    printed = {}
    for width in (columns, 59):  # where numbers have as many digits
        monkeypatch.setenv("COLUMNS", str(width))
        printed[width] = said(*arguments, "--language", language, capsys=capsys)
    assert numbers(printed[columns]) - {"0", "00"} <= numbers(printed[59])
    wide = [
        line for line in printed[columns].splitlines() if sum(2 if "가" <= x <= "힣" else 1 for x in line) > columns
    ]
    assert not wide


def test_a_terminal_without_columns_is_printed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert "740.2602" in said("okja", capsys=capsys)
    assert "wishesᵀ · dz1" in said("explain", capsys=capsys)


def test_long_names_are_shrunk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert re.search(r"^learni… = 0\.1", said("explain", "--op", "SGD", capsys=capsys), re.MULTILINE)
