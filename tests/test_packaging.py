"""What is installed: every package, the benchmarks as a part of minidl, and what the extras promise."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_listed() -> None:
    found = {
        ".".join(file.relative_to(ROOT).parent.parts)
        for name in ("minidl", "tfref")
        for file in (ROOT / name).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found | {"minidl.benchmarks"}


def test_nobody_gets_pytest_who_does_not_test() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert "pytest" in " ".join(extras["test"])
    for name in set(extras) - {"test", "dev"}:
        assert "pytest" not in " ".join(extras[name]), name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    for name, version in (("build", "1.2"), ("setuptools", "77"), ("setuptools_scm", None)):
        pytest.importorskip(name, version, reason=f"there is no {name} {version or ''} to build with")
    folder, copy = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("copy") / "minidl"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__", ".*_cache", ".venv*", "build", "dist"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_wheel_has_the_benchmarks_in_minidl(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"minidl", "tfref"}
    assert {"minidl/py.typed", "minidl/benchmarks/command.py", "tfref/recording.npz"} <= set(names)
    assert not [name for name in names if "pytest" in name or "test_" in name or "results" in name]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for folder, left_out in (("minidl/", "minidl/pictures/paths.svg minidl/okja/line.png"), ("tfref/", "")):
        files = {name for name in tracked if name.startswith(folder)} - set(left_out.split())  # those of the README
        assert files <= set(names), folder


def test_a_source_distribution_has_its_tests(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert {"tests/conftest.py", "benchmarks/pytest/conftest.py", "README.md"} <= names
    assert not [name for name in tracked if name not in names]
