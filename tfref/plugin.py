"""For pytest: the fixture `assert_agrees` and the marker `tfref`, by which anybody's tests ask whether minidl agrees.

    def test_logarithm(assert_agrees):
        assert_agrees(lambda tf, x: tf.math.log(2.0 * x + 3.0), 3.0)

runs once each way: eagerly, as a function, on the strict double of CuPy, and on a GPU where there is one. pytest
imports this module at each start, so nothing else is imported before a test asks for it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

WAYS = ("eager", "function", "double", "gpu")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "tfref(ways, **options): what a test that uses `assert_agrees` runs, of 'eager', 'function', 'double' and "
        "'gpu', all by default, and what else `tfref.assert_agrees` is to be given. Each such test has this marker.",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make of a test that uses the fixture one for each way."""
    if "assert_agrees" not in metafunc.fixturenames:
        return
    ways = _marked(metafunc.definition).get("ways", WAYS)
    ways = (ways,) if isinstance(ways, str) else tuple(ways)
    if not ways or (unknown := [way for way in ways if way not in WAYS]):
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: the marker tfref takes ways of {', '.join(WAYS)}; "
            f"{', '.join(map(repr, unknown)) if ways else 'none'} was given"
        )
    parameters = [pytest.param(way, marks=pytest.mark.tfref) for way in ways]
    metafunc.parametrize("assert_agrees", parameters, ids=ways, indirect=True)


def _marked(node: pytest.Item) -> dict[str, Any]:
    """The arguments of a test's markers; those of the nearest count."""
    found: dict[str, Any] = {}
    for marker in node.iter_markers("tfref"):
        given = dict(zip(["ways"], marker.args, strict=False)) | dict(marker.kwargs)
        if len(marker.args) > 1:
            raise pytest.UsageError(f"{node.nodeid}: the marker tfref takes its ways as one tuple, and options by name")
        found = given | found
    return found


@pytest.fixture
def assert_agrees(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What asserts that minidl agrees with TensorFlow on a program, one way; see `tfref.assert_agrees`."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed. Install it with: pip install tensorflow")
    import minidl
    from tfref.comparing import NoFunctionError, assert_agrees
    from tfref.double import double_for_cupy

    way = request.param
    marked = {name: value for name, value in _marked(request.node).items() if name != "ways"}
    where = {"device": "/gpu:0" if way in ("double", "gpu") else "/cpu:0", "function": way == "function"}

    def check(program: Any, *inputs: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if given := where.keys() & options.keys():
            raise TypeError(f"The test's way says the {' and '.join(sorted(given))}; choose ways by the marker tfref")
        try:
            return assert_agrees(program, *inputs, **marked | options | where)
        except NoFunctionError as error:
            pytest.skip(str(error))

    with ExitStack() as stack:
        if way == "double":
            stack.enter_context(double_for_cupy())
        elif way == "gpu":
            try:
                minidl.device("/gpu:0")
            except minidl.errors.InvalidArgumentError as error:
                pytest.skip(error.message)
        yield check
