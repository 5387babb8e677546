"""An operation added in eight lines and two files: a copy of the project takes it up by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

OPERATION = '''
@operation(FLOATS, x=lambda upstream, x: upstream * (exp(x) - exp(-x)) * 0.5)
def cosh(xp, x):
    """The hyperbolic cosine (eˣ + e⁻ˣ) / 2; d(cosh x)/dx = (eˣ - e⁻ˣ) / 2.

    >>> tf.cosh([0.0, 1.0]).numpy().round(4)
    array([1.    , 1.5431], dtype=float32)
    """
    return (xp.exp(x) + xp.exp(-x)) / 2
'''
CASES = """    yield from unary("cosh", edges=(0.0, *NOT_FINITE))
"""


def add(folder: Path, operation: str = OPERATION) -> None:
    """Copy the project, and add the operation to it as a person would."""
    for name in ("minidl", "tfref", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    table = folder / "minidl" / "ops" / "elementwise.py"
    text = table.read_text(encoding="utf-8") + operation
    table.write_text(text.replace('"clip_by_value", "cos",', '"clip_by_value", "cos", "cosh",', 1), encoding="utf-8")
    cases = folder / "tfref" / "cases" / "elementwise.py"
    before, after = cases.read_text(encoding="utf-8").split('    yield from unary("tanh"')
    cases.write_text(f'{before}{CASES}    yield from unary("tanh"{after}', encoding="utf-8")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the copy."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


def run_tests(folder: Path, chosen: str, *files: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *files)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    add(folder)
    return folder


def test_it_takes_eight_lines() -> None:
    lines = [line for line in (OPERATION + CASES).splitlines() if line.strip()]
    assert len(lines) == 8
    assert max(map(len, lines)) <= 120


def test_the_suite_takes_it_up(copy: Path) -> None:
    found = run_tests(copy, "cosh or every_p", "tests/test_cases.py::test_gradients_are_those_of_differences",
                  "tests/test_cases.py::test_every_primitive_has_cases",
                  "tests/test_cases.py::test_every_public_operation_has_cases", "tests/test_docs.py")  # fmt: skip
    assert found.returncode == 0, found.stdout
    collected = run_tests(copy, "cosh", "tests", "--collect-only").stdout
    assert "test_minidl_gives_what_tensorflow_gave[double-cosh/edges float32]" in collected
    assert "test_tensorflow_still_gives_what_is_recorded[cosh/float16]" in collected
    assert "test_an_example_does_what_it_says[cosh]" in collected


def test_the_suite_notices_a_wrong_rule(tmp_path: Path) -> None:
    add(tmp_path, OPERATION.replace("exp(x) - exp(-x)", "exp(-x) - exp(x)", 1))
    found = run_tests(tmp_path, "cosh", "tests/test_cases.py::test_gradients_are_those_of_differences")
    assert found.returncode == 1
    assert "test_gradients_are_those_of_differences[cosh/float32]" in found.stdout


@pytest.mark.tf
def test_tensorflow_agrees(copy: Path) -> None:
    recorded = run(copy, "tfref", "record", "--only", "cosh")
    assert recorded.returncode == 0, recorded.stderr
    report = run(copy, "tfref", "--only", "cosh")
    assert report.returncode == 0, report.stdout
    assert "minidl agrees with TensorFlow in 12 cases of 1 operation." in report.stdout
    on_devices = run_tests(copy, "cosh", "tests/test_cases.py::test_minidl_gives_what_tensorflow_gave")
    assert on_devices.returncode == 0, on_devices.stdout
    explained = run(copy, "minidl", "explain", "--op", "cosh")
    assert "dx = dz1 * (exp(x) - exp(-x)) * 0.5" in explained.stdout
