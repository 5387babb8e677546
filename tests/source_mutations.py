"""Lines of the source changed one by one: comparisons, branches, calls that are left out. Some test must notice.

Nothing is written, and nothing that others run is changed: a process collects the tests and forks for each mutant. The
child gives the functions in question their changed code, and runs those tests that reach the changed line, the quickest
first, until one fails.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import gc
import importlib
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
from types import CodeType, FrameType, FunctionType
from typing import IO, Any

import pytest

ROOT = Path(__file__).parents[1]
MODELS = "minidl/keras/models"
PASSES = [f"minidl/tracing/passes/{name}.py" for name in ("unused", "repeats", "constants", "inplace", "buffers")]
TAPES = ["tests/test_tape.py", "tests/test_pictures.py", "tests/test_docs.py"]
TRACING = [
    f"tests/test_{name}.py" for name in ("passes", "signatures", "function", "same_bits", "random_programs", "docs")
]
LEARNING = [f"tests/test_{name}.py" for name in ("steps", "keras_training", "keras", "keras_models", "deriving")]
# The files that are changed, and the tests that are about each.
TESTS = {
    "minidl/tape.py": TAPES,
    "minidl/gradient_tape.py": TAPES,
    "minidl/custom.py": TAPES,
    "minidl/functions.py": TRACING,
    "minidl/tracing/running.py": TRACING,
    "minidl/tracing/program.py": TRACING,
    **dict.fromkeys(PASSES, TRACING),
    "minidl/tracing/passes/packing.py": TRACING,
    f"{MODELS}/data.py": LEARNING[:2],
    f"{MODELS}/saving.py": ["tests/test_saving.py"],
    **{f"{MODELS}/{name}.py": LEARNING for name in ("steps", "measures", "interrupts")},
    "minidl/keras/metrics.py": ["tests/test_metrics.py"],
    "minidl/keras/callbacks.py": LEARNING[:2],
}
LEFT_OUT = "test_a_case_gives_the_same_bits"  # thousands of tests, which are of the operations
SECONDS = 15.0  # that the tests of one mutant may take, as they took before: the slowest are left out beyond that
HEAVY = ["numpy", "hypothesis", "pandas", "h5py", "matplotlib.pyplot", "cupy", "tensorflow", "keras"]
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
        code: that of the file with the change.
    """

    file: str
    name: str
    lines: tuple[int, int]
    code: CodeType


def mutants(file: str) -> Iterator[Mutant]:
    """The ways to change a file."""
    tree = ast.parse((ROOT / file).read_text())
    names: Counter[str] = Counter()
    for scope, node in _places(tree, []):
        for change in _changes(node):
            before, parts = ast.unparse(node), dict(vars(node))
            change()
            after, code = ast.unparse(node), compile(ast.fix_missing_locations(tree), str(ROOT / file), "exec")
            vars(node).clear()
            vars(node).update(parts)
            name = f"{scope}: {_brief(before)} -> {_brief(after)}"
            names[name] += 1
            more = f" ({names[name]})" if names[name] > 1 else ""
            yield Mutant(file, f"{file} {name}{more}", (node.lineno, node.end_lineno or node.lineno), code)


def _brief(code: str) -> str:
    return " ".join(code.split())[:90]


def _places(node: ast.AST, scope: list[str]) -> Iterator[tuple[str, Any]]:
    """What may be changed inside functions, but for errors' words."""
    for child in ast.iter_child_nodes(node):
        is_scope = isinstance(child, (ast.FunctionDef, ast.ClassDef))
        inner = [*scope, child.name] if isinstance(child, (ast.FunctionDef, ast.ClassDef)) else scope
        if isinstance(child, (ast.Raise, ast.JoinedStr)) or (isinstance(child, ast.If) and _is_for_types(child.test)):
            continue
        if scope and not is_scope:
            yield ".".join(scope), child
        yield from _places(child, inner)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


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


def reasons() -> dict[str, str]:
    """Of mutants that no test notices, why that is right: a line with the name of each, and one with the reason."""
    lines = (ROOT / "tests/survivors.txt").read_text().splitlines()
    return {name: reason.strip() for name, reason in zip(lines[::2], lines[1::2], strict=True)}


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


def put_into_effect(mutant: Mutant) -> None:
    """Give each function of this process whose code a mutant changes the changed code."""
    importlib.import_module(
        mutant.file.removesuffix(".py").replace("/", ".")
    )  # some are imported when they're asked for
    file = str(ROOT / mutant.file)
    before = dict(_codes(compile((ROOT / mutant.file).read_text(), file, "exec")))
    changed = {key: code for key, code in _codes(mutant.code) if code != before[key]}
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == file:
            key = each.__code__.co_qualname, each.__code__.co_firstlineno
            each.__code__ = changed.get(key, each.__code__)


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """All code in code, by its name and its line."""
    yield (code.co_qualname, code.co_firstlineno), code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


class Runner:
    """What pytest, once it has collected the tests, does instead of running them: runs some for each mutant.

    Arguments:
        mutants: to try.
        told: the file into which their names are written, with whether they survive.
    """

    def __init__(self, mutants: Sequence[Mutant], told: IO[str]) -> None:
        self._mutants, self._told = mutants, told
        self._files = {str(ROOT / mutant.file): mutant.file for mutant in mutants}
        self._tested: set[tuple[str, int]] = set()
        self._failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = [item for item in session.items if LEFT_OUT not in item.nodeid]
        with tempfile.NamedTemporaryFile("w+") as file:
            assert in_a_child(lambda: self._note(items, file), 3600) == 0
            file.seek(0)  # which the child shares
            known: list[tuple[float, list[tuple[str, int]]] | None] = json.load(file)
        order = sorted((what[0], index) for index, what in enumerate(known) if what)
        reached = {index: set(map(tuple, what[1])) for index, what in enumerate(known) if what}
        for mutant in self._mutants:
            first, last = mutant.lines
            wanted = {(mutant.file, line) for line in range(first, last + 1)}
            quick: list[pytest.Item] = []
            left = SECONDS
            for seconds, index in order:
                if not wanted.isdisjoint(reached[index]):
                    left -= seconds
                    quick += [items[index]] if left > 0 or not quick else []
            fails = in_a_child(functools.partial(self._fails, mutant, quick), 3 * SECONDS)
            print(json.dumps([mutant.name, fails == 0]), file=self._told, flush=True)
        return True

    def _run(self, item: pytest.Item) -> bool:
        """Whether a test fails."""
        self._failed = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return self._failed

    def _fails(self, mutant: Mutant, items: Sequence[pytest.Item]) -> int:
        put_into_effect(mutant)
        return int(any(map(self._run, items)))

    def _note(self, items: Sequence[pytest.Item], file: Any) -> int:
        """Write down the seconds that each test takes, and the lines that it reaches; None for one that fails."""
        known: list[Any] = []
        for item in items:
            self._tested, start = set(), time.perf_counter()
            threading.settrace(self._enter)
            sys.settrace(self._enter)
            fails = self._run(item)
            sys.settrace(None)
            known.append(None if fails else (time.perf_counter() - start, sorted(self._tested)))
        json.dump(known, file)
        file.flush()
        return 0

    def _enter(self, frame: FrameType, event: str, given: Any) -> Any:
        file = self._files.get(frame.f_code.co_filename)
        if file is None:
            return None

        def line(frame: FrameType, event: str, given: Any) -> Any:
            self._tested.add((file, frame.f_lineno))
            return line

        return line


# -- all of them ---------------------------------------------------------------------------------------------------


def survivors(files: Sequence[str], every: int = 1) -> Iterator[tuple[str, bool]]:
    """The name of each mutant of some files, or of every so manyth, and whether it survives the tests."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)  # once for all children
    for tests in dict.fromkeys(tuple(TESTS[file]) for file in files):
        chosen = [mutant for file in files if tuple(TESTS[file]) == tests for mutant in mutants(file)][::every]
        with tempfile.NamedTemporaryFile("w+") as told:
            in_a_child(functools.partial(_pytest, tests, Runner(chosen, told)), 36000)
            told.seek(0)  # which the child shares
            for line in told:
                name, survives = json.loads(line)
                yield name, survives


def _pytest(files: Sequence[str], plugin: Any) -> int:
    """Run pytest in this process, in silence, on modules that are imported anew."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("minidl", "tfref", "tests")]:
        del sys.modules[name]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain"]
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        return int(pytest.main([*options, *files], plugins=[plugin]))
