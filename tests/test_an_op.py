"""Operations added by the README's recipe: a copy of the project takes them up by itself.

One is the recipe's own, of a function that no other operation calls; the other is made of several calls.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest

import minidl

pytestmark = pytest.mark.skipif(
    hasattr(minidl, "atan") or hasattr(minidl, "cosh"), reason="somebody followed the recipe: they are there already"
)
ROOT = Path(__file__).parent.parent
RECIPE = (ROOT / "README.md").read_text(encoding="utf-8").split("## Add an operation")[1].split("\n## ")[0]
OPERATION, CASES = re.findall(r"```python\n(.*?)```", RECIPE, re.DOTALL)
COMMANDS = re.findall(r"^    (python -m .*|python -c .*|minidl .*)$", RECIPE, re.MULTILINE)

ANOTHER_OPERATION = '''
@operation(FLOATS, x=lambda upstream, x: upstream * (exp(x) - exp(-x)) * 0.5)
def cosh(xp, x):
    """The hyperbolic cosine (eˣ + e⁻ˣ) / 2; d(cosh x)/dx = (eˣ - e⁻ˣ) / 2.

    >>> tf.cosh([0.0, 1.0]).numpy().round(4)
    array([1.    , 1.5431], dtype=float32)
    """
    return (xp.exp(x) + xp.exp(-x)) / 2
'''
OTHER_CASES = """    yield from unary("cosh", edges=(0.0, *NOT_FINITE))
"""


def edit(path: Path, pattern: str, replacement: str, count: int = 0) -> None:
    text, found = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=count)
    assert found, f"{pattern} is not in {path.name}"
    path.write_text(text, encoding="utf-8")


def add(folder: Path, operations: Sequence[str] = (OPERATION, ANOTHER_OPERATION)) -> None:
    """Copy the project, and add operations to it as a person would who reads the recipe."""
    for name in ("minidl", "tfref", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    table, mathematics = folder / "minidl/ops/elementwise.py", folder / "minidl/ops/math.py"
    table.write_text(table.read_text(encoding="utf-8") + "\n\n".join(["", *operations]), encoding="utf-8")
    edit(table, r'"cos",', '"atan", "cos", "cosh",', count=1)
    edit(mathematics, r'(?<=[ (])("?)cos"?,', r"\1atan\1, \1cos\1, \1cosh\1,")
    above = '    yield from unary("tanh"'
    edit(folder / "tfref/cases/elementwise.py", re.escape(above), f"{CASES}{OTHER_CASES}{above}")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


def run_tests(folder: Path, chosen: str, *files: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *files)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    add(folder)
    return folder


def test_it_takes_eight_lines() -> None:
    lines = [line for line in (OPERATION + CASES).splitlines() if line.strip()]
    assert len(lines) == 8
    assert max(map(len, lines)) <= 120


def test_a_function_is_called_that_no_other_operation_calls() -> None:
    (function,) = re.findall(r"xp\.(\w+)\(", OPERATION)
    rules = [path.read_text(encoding="utf-8") for path in (ROOT / "minidl").rglob("*.py")]
    assert not any(f"xp.{function}(" in text for text in rules)


def test_the_recipe_names_the_files_and_the_commands() -> None:
    for name in ("minidl/ops/elementwise.py", "minidl/ops/math.py", "tfref/cases/elementwise.py"):
        assert f"`{name}`" in RECIPE
    begun = [" ".join(command.split()[:3]) for command in COMMANDS]
    assert [each for each in begun if each.startswith("python -m")] == [
        "python -m pytest", "python -m tfref", "python -m pytest",
    ]  # fmt: skip
    assert "python -m tests.mutations rules && minidl explain --op atan" in RECIPE


def test_differences_know_whether_the_rule_is_right(copy: Path) -> None:
    """Before TensorFlow is asked: by hand, with the recipe's program, and by the test of each case."""
    (program,) = [re.findall('"(.*)"', command)[0] for command in COMMANDS if command.startswith("python -c")]
    printed = run(copy, "-c", program)
    assert printed.returncode == 0, printed.stderr
    rows = re.findall(r"\[([-0-9., e]+)\]", printed.stdout)
    ours, differences = numpy.array([row.split(",") for row in rows], float).reshape(2, 2, 2)
    numpy.testing.assert_allclose(ours, [[1 / 2, 0.0], [0.0, 1 / 1.25]], rtol=1e-6)
    numpy.testing.assert_allclose(differences, ours, atol=1e-3)
    tested = run_tests(copy, "(atan or cosh) and differences")
    assert tested.returncode == 0, tested.stdout


@pytest.mark.parametrize(
    ("operation", "right", "wrong"),
    [(OPERATION, "(1.0 + x * x)", "(1.0 + x)"), (ANOTHER_OPERATION, "exp(x) - exp(-x)", "exp(-x) - exp(x)")],
    ids=["the recipe's", "the other"],
)
def test_differences_know_whether_the_rule_is_wrong(operation: str, right: str, wrong: str, tmp_path: Path) -> None:
    assert right in operation
    others = {OPERATION, ANOTHER_OPERATION} - {operation}
    add(tmp_path, [*others, operation.replace(right, wrong, 1)])
    found = run_tests(tmp_path, "atan or cosh", "tests/test_cases.py::test_gradients_are_those_of_differences")
    assert found.returncode == 1
    failed = re.findall(r"^FAILED .*\[(\w+)/float32\]", found.stdout, re.MULTILINE)
    assert failed == ["atan" if operation == OPERATION else "cosh"]


@pytest.mark.tf
def test_everything_takes_them_up(copy: Path) -> None:
    for name in ("atan", "cosh"):
        recorded = run(copy, "-m", "tfref", "record", "--only", name)
        assert recorded.returncode == 0, recorded.stderr
        report = run(copy, "-m", "tfref", "--only", name)
        assert report.returncode == 0, report.stdout
        assert "minidl agrees with TensorFlow in 12 cases of 1 operation." in report.stdout

    counted = run(copy, "-c", "from tests.test_readme import *; print(len(CASES), len({case.op for case in CASES}))")
    cases, operations = counted.stdout.split()
    edit(copy / "README.md", r"\d+ cases of \d+ operations", f"{cases} cases of {operations} operations")
    tested = run_tests(copy, "atan or cosh or counts_cases or every_p or math_has", "-rA", "tests")
    assert tested.returncode == 0, tested.stdout
    for name in ("atan", "cosh"):
        for passed in (
            f"test_minidl_gives_what_tensorflow_gave[double-{name}/edges float32]",
            f"test_tensorflow_still_gives_what_is_recorded[{name}/float16]",
            f"test_a_case_gives_the_same_bits_compiled[double-{name}/many entries]",
            f"test_an_example_does_what_it_says[{name}]",
            f"test_math_has_the_same_functions[{name}]",
        ):
            assert re.search(rf"^PASSED .*{re.escape(passed)}", tested.stdout, re.MULTILINE), passed

    mutated = run(copy, "-m", "tests.mutations", "rules")
    assert mutated.returncode == 0, mutated.stdout
    primitives = run(copy, "-c", "from tests.mutations import *; print(*(each.name for each in primitives_called()))")
    assert {"atan", "cosh"} <= set(primitives.stdout.split())

    explained = run(copy, "-m", "minidl", "explain", "--op", "atan")
    assert "dx = dz1 / (1.0 + x * x)" in explained.stdout
    explained = run(copy, "-m", "minidl", "explain", "--op", "cosh")
    assert "dx = dz1 * (exp(x) - exp(-x)) * 0.5" in explained.stdout
