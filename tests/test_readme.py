"""The README: what it shows and names is so."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from pathlib import Path
from typing import Any

import pytest

import minidl
import tfref
from benchmarks import own
from benchmarks.printing import markdown
from benchmarks.recording import read
from tests import test_an_op
from tfref.cases import CASES
from tfref.training import TRAININGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_readme_shows_the_program_that_trains() -> None:
    tf = minidl
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(loss=tf.keras.losses.MeanSquaredError(), optimizer=tf.keras.optimizers.SGD(2e-10))
    model.fit([[8759.0], [10132.0], [12078.0], [16430.0]], [[487.0], [612.0], [866.0], [1030.0]], verbose=0)
    (shown,) = [block for block in BLOCKS if block.startswith("def step(")]
    assert shown in model.train_function.source()


def test_the_readmes_exercises_give_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"tf": minidl}
    exercises = [textwrap.dedent(block) for block in re.findall(r"   ```python\n(.*?)   ```", README, re.DOTALL)]
    assert len(exercises) == 2
    for exercise in exercises:
        exec(exercise, names)
    assert capsys.readouterr().out == "2.0\nNone\n"


def test_the_readmes_minutes_are_lines_of_code_over_eight() -> None:
    """Within a few minutes; for folders, of all files in them."""
    for files, minutes in re.findall(r"^\d\. (.*?\((\d+)\))", README, re.MULTILINE | re.DOTALL):
        names = re.findall(r"`(minidl/[\w/.]+)`", files)
        paths = [path for name in names for path in (sorted((ROOT / name).glob("*.py")) or [ROOT / name])]
        if len(paths) > 1 and "the rest" not in files:
            assert abs(sum(map(lines_of_code, paths)) / 8 - int(minutes)) <= 5, files


def test_the_korean_minutes_are_the_same() -> None:
    stops = re.findall(r"^\d\. .*?\((\d+)(?: minutes)?\)", README, re.MULTILINE | re.DOTALL)
    assert re.findall(r"\((\d+)분\)", README) == stops
    assert len(stops) == 9


def lines_of_code(path: Path) -> int:
    """The lines of a file that hold code, without comments and docstrings."""
    source = path.read_text(encoding="utf-8")
    kinds = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type not in kinds]
    lines = {line for each in tokens for line in range(each.start[0], each.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def test_the_readme_shows_an_operation_as_a_test_adds_it() -> None:
    assert test_an_op.OPERATION.lstrip("\n") in BLOCKS
    assert test_an_op.CASES in BLOCKS


def test_the_readmes_first_example_gives_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    exec(BLOCKS[0], {})
    assert capsys.readouterr().out == "5.010\n"


def test_the_readme_counts_cases_as_they_are() -> None:
    operations = {case.op for case in CASES}
    said = f"{len(CASES)} cases of {len(operations)} operations and {len(TRAININGS)} trainings."
    assert said in README


def test_the_files_that_the_readme_names_are_there() -> None:
    named = re.findall(r"`((?:minidl|tfref|benchmarks|tests)/[\w/.-]*)`|\]\(([\w/.-]+\.png)\)", README)
    missing = [name for pair in named for name in pair if name and not (ROOT / name).exists()]
    assert named
    assert not missing


def test_the_readmes_own_workload_and_engine_are_timed(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if "WORKLOADS" in block]
    (tmp_path / "mine.py").write_text(block)
    (workload,), (engine,) = own.read(tmp_path / "mine.py")
    assert (workload.name, engine.name) == ("softplus", "plain NumPy")
    assert len([line for line in block.splitlines() if line]) <= 12
    side = engine.prepare(workload, "cpu")
    assert side.arrays(side.call())[0].shape == (9,)


@pytest.mark.tf
def test_the_readmes_own_test_passes(tensorflow: Any) -> None:
    names: dict[str, Any] = {}
    (block,) = [block for block in BLOCKS if "assert_agrees" in block]
    exec(block, names)
    names["test_logarithm"](tfref.assert_agrees)


def test_the_readmes_times_are_those_that_are_recorded() -> None:
    """Each cell of its table, in the table of the recorded run."""
    recorded = _table(markdown(read(ROOT / "benchmarks" / "results" / "cpu.json"), "training step"))
    shown = _table(README[README.index("| network, batch |") :].partition("\n\n")[0])
    assert len(shown) == 5
    for name, *cells in shown[1:]:
        (line,) = [each for each in recorded if each[0] == name.removesuffix(" (the lesson)").replace(", ", " b")]
        assert cells == [line[recorded[0].index(side)] for side in shown[0][1:]], name


def _table(text: str) -> list[list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [lines[0], *lines[2:]]
