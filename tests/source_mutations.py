"""Lines of the source changed one by one: comparisons, branches, calls that are left out. Some test must notice.

Nothing is written: a process that has imported what is heavy forks for each mutant, and the child imports minidl with
one function changed, then runs those tests that reach the changed line, the quickest first, until one fails.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import importlib.abc
import importlib.util
import io
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MODELS = "minidl/keras/models"
PASSES = [f"minidl/tracing/passes/{name}.py" for name in ("unused", "repeats", "constants", "inplace", "buffers")]
TAPES = ["tests/test_tape.py", "tests/test_pictures.py", "tests/test_docs.py"]
TRACING = ["tests/test_function.py", "tests/test_same_bits.py", "tests/test_random_programs.py", "tests/test_docs.py"]
TRAINING = [f"tests/test_{name}.py" for name in ("keras", "keras_training", "keras_models", "metrics")]
# The files that are changed, and the tests that are about each.
TESTS = {
    "minidl/tape.py": TAPES,
    "minidl/gradient_tape.py": TAPES,
    "minidl/functions.py": TRACING,
    "minidl/tracing/running.py": TRACING,
    "minidl/tracing/program.py": TRACING,
    **dict.fromkeys(PASSES, TRACING),
    "minidl/tracing/passes/packing.py": TRACING,
    f"{MODELS}/data.py": TRAINING,
    f"{MODELS}/interrupts.py": TRAINING,
    f"{MODELS}/measures.py": TRAINING,
    f"{MODELS}/steps.py": TRAINING,
    f"{MODELS}/saving.py": ["tests/test_saving.py"],
    "minidl/keras/metrics.py": TRAINING,
    "minidl/keras/callbacks.py": TRAINING,
}
LEFT_OUT = "test_a_case_gives_the_same_bits"  # thousands of tests, which are of the operations
SECONDS = 15.0  # that the tests of one mutant may take, as they took before: the slowest are left out beyond that
OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A file with one place changed.

    Attributes:
        file: which.
        name: the function, and what is changed in it to what, in words that stay when lines move.
        lines: where it is, the first and the last line.
        source: the file's text with the change.
    """

    file: str
    name: str
    lines: tuple[int, int]
    source: str

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").replace("/", ".")


def mutants(file: str) -> Iterator[Mutant]:
    """The ways to change a file."""
    tree = ast.parse((ROOT / file).read_text())
    names: Counter[str] = Counter()
    for scope, node in _places(tree, []):
        for change in _changes(node):
            before, parts = ast.unparse(node), dict(vars(node))
            change()
            after, source = ast.unparse(node), ast.unparse(tree)
            vars(node).clear()
            vars(node).update(parts)
            name = f"{scope}: {_brief(before)} -> {_brief(after)}"
            names[name] += 1
            more = f" ({names[name]})" if names[name] > 1 else ""
            yield Mutant(file, f"{file} {name}{more}", (node.lineno, node.end_lineno or node.lineno), source)


def _brief(code: str) -> str:
    return " ".join(code.split())[:90]


def _places(node: ast.AST, scope: list[str]) -> Iterator[tuple[str, Any]]:
    """What may be changed inside functions, but for errors' words."""
    for child in ast.iter_child_nodes(node):
        is_scope = isinstance(child, (ast.FunctionDef, ast.ClassDef))
        inner = [*scope, child.name] if isinstance(child, (ast.FunctionDef, ast.ClassDef)) else scope
        if isinstance(child, (ast.Raise, ast.JoinedStr)):
            continue
        if scope and not is_scope:
            yield ".".join(scope), child
        yield from _places(child, inner)


def _changes(node: Any) -> Iterator[Callable[[], None]]:
    """What changes a node in each way that there is for it."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            ops = [*node.ops[:place], OTHER[type(operator)](), *node.ops[place + 1 :]]
            yield functools.partial(setattr, node, "ops", ops)
    elif isinstance(node, ast.BoolOp):
        yield lambda: setattr(node, "op", OTHER[type(node.op)]())
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OTHER:
        strings = (ast.JoinedStr, ast.List, ast.Tuple, ast.BinOp)
        parts = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
        if not any(isinstance(part, strings) or isinstance(getattr(part, "value", 0), str) for part in parts):
            yield lambda: setattr(node, "op", OTHER[type(node.op)]())
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        negated = ast.UnaryOp(ast.Not(), copy.deepcopy(node.test))
        simple = isinstance(node.test, ast.Compare) and not isinstance(node.test.ops[0], (ast.Lt, ast.LtE, ast.Gt))
        if not simple:  # that one is changed itself
            yield lambda: setattr(node, "test", negated)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield lambda: setattr(node, "value", ast.Constant(None))


# -- children that run tests ---------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], int], seconds: float) -> int | None:
    """What some work in a forked child gives, from 0 to 255; None if it takes too long or dies."""
    child = os.fork()
    if not child:
        code = 255
        try:
            os.setpgid(0, 0)
            code = work()
        finally:
            os._exit(code)
    ends = time.monotonic() + seconds
    found, status = 0, 0
    while not found and time.monotonic() < ends:
        found, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    if not found:
        os.waitpid(child, 0)
        return None
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another text than its file's."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self._mutant.module:
            return None
        return importlib.util.spec_from_file_location(name, ROOT / self._mutant.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source, str(ROOT / self._mutant.file), "exec"), vars(module))


class Chosen:
    """Has pytest run some tests, by their names, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._order = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((each for each in items if each.nodeid in self._order), key=self._place)

    def _place(self, item: pytest.Item) -> int:
        return self._order[item.nodeid]


class Reached:
    """Notes which lines of some files each test reaches, and how long it takes."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = {str(ROOT / file): file for file in files}
        self._tested: set[tuple[str, int]] = set()
        self.found: dict[str, Any] = {}  # seconds and places, by the name of the test
        self.failed: set[str] = set()  # some do because they are traced: these are not asked

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._tested, start = set(), time.perf_counter()
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self.found[item.nodeid] = time.perf_counter() - start, sorted(self._tested)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)

    def _enter(self, frame: FrameType, event: str, given: Any) -> Any:
        file = self._files.get(frame.f_code.co_filename)
        if file is None:
            return None

        def line(frame: FrameType, event: str, given: Any) -> Any:
            self._tested.add((file, frame.f_lineno))
            return line

        return line


def _pytest(files: Sequence[str], plugin: Any, most: int = 1) -> int:
    """Run tests in this process, in silence, on modules that are imported anew, until so many fail."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("minidl", "tfref", "tests")]:
        del sys.modules[name]
    sink = io.StringIO()
    given = [
        f"--maxfail={most}",
        "-q",
        "-k",
        f"not {LEFT_OUT}",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--assert=plain",
    ]
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        return int(pytest.main([*given, *files], plugins=[plugin]))


def reached(files: Sequence[str], tests: Sequence[str]) -> dict[str, Any]:
    """The seconds that each test takes, and the lines of files that it reaches."""
    with tempfile.NamedTemporaryFile("w+") as told:

        def work() -> int:
            plugin = Reached(files)
            _pytest(tests, plugin, most=1000)
            passed = {name: what for name, what in plugin.found.items() if name not in plugin.failed}
            Path(told.name).write_text(json.dumps(passed))
            return 0

        assert in_a_child(work, 3600) == 0
        found: dict[str, Any] = json.load(told)
    return {name: (seconds, {(file, line) for file, line in places}) for name, (seconds, places) in found.items()}


def tests_of(mutant: Mutant, known: dict[str, Any]) -> list[str]:
    """The tests that reach a mutant's lines, the quickest first, as many as the time allows."""
    first, last = mutant.lines
    wanted = {(mutant.file, line) for line in range(first, last + 1)}
    chosen, left = [], SECONDS
    for name in sorted(known, key=lambda name: float(known[name][0])):
        seconds, places = known[name]
        if name.split("::")[0] in TESTS[mutant.file] and not wanted.isdisjoint(places):
            left -= seconds
            if left < 0:
                break
            chosen.append(name)
    return chosen


def is_noticed(mutant: Mutant, tests: Sequence[str]) -> bool:
    """Whether a test fails, or runs for too long, with a mutant."""

    def work() -> int:
        sys.meta_path.insert(0, Changed(mutant))
        return _pytest(list(dict.fromkeys(name.split("::")[0] for name in tests)), Chosen(tests))

    return bool(tests) and in_a_child(work, 2 * SECONDS) != 0


# -- all of them ---------------------------------------------------------------------------------------------------


def preload() -> None:
    """Import what takes long and isn't changed, once for all children."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("numpy", "hypothesis", "pandas", "h5py", "matplotlib.pyplot", "cupy", "tensorflow", "keras"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def survivors(files: Sequence[str], every: int = 1) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant of some files, or every so manyth, and whether it survives the tests."""
    preload()
    known: dict[tuple[str, ...], dict[str, Any]] = {}
    for place, mutant in enumerate(mutant for file in files for mutant in mutants(file)):
        if place % every == 0:
            tests = tuple(TESTS[mutant.file])
            if tests not in known:
                known[tests] = reached([file for file in TESTS if tuple(TESTS[file]) == tests], tests)
            yield mutant, not is_noticed(mutant, tests_of(mutant, known[tests]))
