"""Devices to run the tests on, and TensorFlow to hold them against."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import minidl
from tfref.double import double_for_cupy

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # in the processes that tests start, too

# A shell that runs the tests in the background has them ignore Ctrl-C, which some of them send to themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tf: needs TensorFlow")
    config.addinivalue_line("markers", "gpu: needs a GPU and CuPy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of each test that can't run here, why."""
    no_tensorflow = importlib.util.find_spec("tensorflow") is None
    no_gpu = _why_no_gpu()
    for item in items:
        if no_tensorflow and item.get_closest_marker("tf"):
            item.add_marker(pytest.mark.skip(reason="TensorFlow is not installed"))
        if no_gpu and item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=no_gpu))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say each reason to skip tests once, with how many were skipped for it, wherever they stand."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"SKIPPED [{count}] {' '.join(reason.split())}")


def _why_no_gpu() -> str:
    try:
        minidl.device("/gpu:0")
    except minidl.errors.InvalidArgumentError as error:
        return error.message
    return ""


@pytest.fixture
def double() -> Iterator[Any]:
    """The strict double of CuPy in CuPy's place."""
    with double_for_cupy() as strict_cupy:
        yield strict_cupy


@pytest.fixture(params=["double", pytest.param("real", marks=pytest.mark.gpu)])
def cupy(request: pytest.FixtureRequest) -> Any:
    """CuPy: its strict double and, where there is a GPU, CuPy itself."""
    return request.getfixturevalue("double") if request.param == "double" else importlib.import_module("cupy")


@pytest.fixture(params=["cpu", "double", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test that uses this runs on the CPU, on the strict double of CuPy and, where there is one, on a GPU."""
    if request.param == "double":
        request.getfixturevalue("double")
    name = "/cpu:0" if request.param == "cpu" else "/gpu:0"
    with minidl.device(name):
        yield name


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    """TensorFlow, always in the same order of operations, with the benchmarks' threads, which can't be set later."""
    from benchmarks import engines
    from tfref.running import deterministic_tensorflow

    engines.tensorflow_with_threads()
    return deterministic_tensorflow()


@pytest.fixture(scope="session")
def recorded() -> Any:
    """TensorFlow's figures out of the recording."""
    from tfref.references import Recorded

    return Recorded()
