"""The README: what it shows and names is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import minidl
from tests import test_an_op
from tfref.cases import CASES
from tfref.training import TRAININGS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_readme_shows_the_program_that_is_written() -> None:
    names: dict[str, Any] = {}
    exec(next(block for block in BLOCKS if "@tf.function" in block), names)
    names["step"](minidl.constant([[8759.0]] * 4), minidl.constant([[487.0]] * 4))
    shown = next(block for block in BLOCKS if block.startswith("def step(x, y):\n    dot("))
    assert shown in names["step"].source()


def test_the_readme_shows_an_operation_as_a_test_adds_it() -> None:
    assert test_an_op.OPERATION.lstrip("\n") in BLOCKS
    assert test_an_op.CASES in BLOCKS


def test_the_readmes_first_example_gives_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    exec(BLOCKS[0], {})
    assert capsys.readouterr().out == "0.222\n"


def test_the_readme_counts_cases_as_they_are() -> None:
    operations = {case.op for case in CASES}
    said = f"{len(CASES)} cases of {len(operations)} operations and {len(TRAININGS)} trainings."
    assert said in README


def test_the_files_that_the_readme_names_are_there() -> None:
    root = Path(__file__).parent.parent
    named = re.findall(r"`((?:minidl|tfref|benchmarks|tests)/[\w/.-]*)`|\]\(([\w/.-]+\.png)\)", README)
    missing = [name for pair in named for name in pair if name and not (root / name).exists()]
    assert named
    assert not missing
