"""The benchmarks: right results, right statistics, tables that fit, and files that are refused. Nothing is timed."""

from __future__ import annotations

import ast
import dataclasses
import graphlib
import io
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import types
from operator import attrgetter
from pathlib import Path
from typing import Any

import cpuinfo
import numpy
import pytest
from matplotlib import image, pyplot
from rich.console import Console

import minidl
from benchmarks import byhand, catalogue, command, machine, pictures, planning, processes, scaling, worker
from benchmarks.checking import faults, faults_beside_recording
from benchmarks.command import REPORT, main, parse
from benchmarks.comparing import Change, Verdict, changes, compare, drift
from benchmarks.engines import ByHand, ModuleEngine
from benchmarks.jobs import Job
from benchmarks.means import OVER_CPU, OVER_NUMPY, OVER_TENSORFLOW, charts
from benchmarks.measuring import by_importance, measure
from benchmarks.models import learning, lesson_fit, prediction
from benchmarks.own import GROUP, OwnError
from benchmarks.pictures import draw
from benchmarks.printing import markdown, print_comparison, print_run
from benchmarks.recording import RecordingError, read, save
from benchmarks.rows import BY_HAND, LIMIT, Row, best_framework, geometric_mean, ratio, slope, weighted_mean
from benchmarks.runs import Run, joined
from benchmarks.texts import bytes_text, count_text, labels, over_text, range_text, time_text
from benchmarks.timing import Effort, Side, calls_for, interleaved, time_calls
from benchmarks.workloads import (
    LARGE_NETWORKS,
    LESSON,
    NETWORKS,
    SMALL,
    Network,
    Workload,
    deep_chain,
    elementwise,
    matmul,
    network_step,
    one_op,
    reduction,
    slowed,
)

ROOT = Path(__file__).parents[1]
ONCE = Effort(1, 0.0, 1.0)

SMALL_ONES = [
    one_op(),
    matmul(8),
    elementwise(100),
    reduction(100),
    deep_chain(20),
    *(network_step(SMALL, kind) for kind in byhand.Steps._fields),
    network_step(Network((3, 5, 4, 2), 6, 0.1), "train"),
    network_step(Network((3, 5, 4, 2), 6, 0.1), "train", layers=True),
    network_step(LESSON, "train", layers=True),
    lesson_fit(3),
    prediction("predict", SMALL, 300),
    learning(0.5),
    Workload("softplus", GROUP, lambda tf, _: (lambda x: tf.math.log(1.0 + tf.exp(x)), ()), None,
             lambda: [numpy.linspace(-1, 1, 9, dtype=numpy.float32)]),
]  # fmt: skip
HANDS = [ByHand(LIMIT, True), ByHand(BY_HAND, False)]
OURS = [*HANDS, ModuleEngine("minidl", "minidl"), ModuleEngine("minidl function", "minidl", {})]
TENSORFLOW = [ModuleEngine("TensorFlow", "tensorflow"), ModuleEngine("TensorFlow function", "tensorflow", {})]


def _cases(*engines: Any) -> list[Any]:
    """Each workload on each engine that takes it."""
    return [
        pytest.param(workload, engine, marks=pytest.mark.tf if engine in TENSORFLOW else (),
                     id=f"{engine.name}-{workload.name}")
        for engine in engines
        for workload in SMALL_ONES
        if engine.takes(workload)
    ]  # fmt: skip


@pytest.mark.parametrize(("workload", "engine"), _cases(*OURS, *TENSORFLOW))
def test_every_engine_gives_the_truth(workload: Workload, engine: Any) -> None:
    side = engine.prepare(workload, "cpu")
    assert faults(workload, side) == []
    assert faults(workload, side) == [], "the second call"


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("workload", "engine"), _cases(*OURS))
def test_a_gpu_computes_the_same(workload: Workload, engine: Any) -> None:
    """On the strict double, which knows no transfer that isn't asked for."""
    assert faults(workload, engine.prepare(workload, "gpu")) == []


def test_the_steps_by_hand_are_the_mathematics() -> None:
    """The gradient in float64 beside differences of the loss."""
    network = Network((3, 4, 2), 5, 0.1)
    x, y = (array.astype(numpy.float64) for array in network.samples())
    weights = [array.astype(numpy.float64) for array in network.weights()]
    steps = byhand.allocating(numpy, weights, network.rate)
    loss, gradients = steps.gradient(x, y)
    for weight, gradient in zip(weights, gradients, strict=True):
        for index in numpy.ndindex(weight.shape):
            kept = weight[index]
            weight[index] = kept + 1e-6
            rise = steps.gradient(x, y)[0] - loss
            weight[index] = kept
            assert rise / 1e-6 == pytest.approx(gradient[index], rel=1e-4, abs=1e-5)
    before = [weight.copy() for weight in weights]
    assert steps.train(x, y) == loss
    for old, new, gradient in zip(before, weights, gradients, strict=True):
        numpy.testing.assert_allclose(new, old - network.rate * gradient)


@pytest.mark.parametrize("network", [LESSON, SMALL, Network((3, 5, 4, 2), 6, 0.1)], ids=lambda network: network.name)
def test_reused_buffers_give_what_new_ones_give(network: Network) -> None:
    x, y = network.samples()
    ours, theirs = network.weights(), network.weights()
    reusing = byhand.preallocated(numpy, ours, network.rate, network.batch)
    allocating = byhand.allocating(numpy, theirs, network.rate)
    for _ in range(3):
        assert reusing.train(x, y) == pytest.approx(allocating.train(x, y), rel=1e-6)
    for mine, other in zip(ours, theirs, strict=True):
        numpy.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", OURS[:3], ids=lambda engine: engine.name)
def test_the_lesson_is_held_against_tensorflows_recording(engine: Any) -> None:
    workload = lesson_fit()
    side = engine.prepare(workload, "cpu")
    losses = side.call()
    assert faults_beside_recording(workload, side, losses) == []
    losses[7] *= 1 + 2e-5
    assert faults_beside_recording(workload, side, losses)[0].startswith("the losses are up to 2")


@pytest.mark.parametrize("network", [LESSON, SMALL], ids=lambda network: network.name)
def test_wrong_numbers_are_found(network: Network) -> None:
    workload = network_step(network, "train")
    (x, y), weights = workload.inputs(), workload.weights()
    train = byhand.allocating(numpy, weights, 1.1 * network.rate).train
    side = Side(
        lambda: train(x, y), weights=lambda: [each.copy() for each in weights], arrays=lambda loss: [numpy.array(loss)]
    )
    found = faults(workload, side)
    assert len(found) == len(weights)
    assert "the move of weight 0 is wrong by" in found[0]


def test_a_number_that_is_none_is_wrong() -> None:
    workload = one_op()
    side = Side(lambda: None, arrays=lambda result: [numpy.array([numpy.nan], numpy.float32)])
    assert faults(workload, side)[0].startswith("result 0 is wrong by nan")
    side = Side(lambda: None, arrays=lambda result: [numpy.zeros((2, 1))])
    assert faults(workload, side) == ["gives shapes [(2, 1)], not [(1,)]"]


def test_what_is_none_in_truth_too_is_right() -> None:
    inputs = [numpy.array([-1.0, numpy.inf, numpy.e], numpy.float32)]
    workload = Workload("logarithm", "mine", lambda tf, _: (tf.math.log, ()), None, lambda: inputs)
    for value, found in {1.0: [], 2.0: ["result 0 is wrong by 1 in norm, where its norm is 1"]}.items():
        given = numpy.array([numpy.nan, numpy.inf, value], numpy.float32)
        assert faults(workload, Side(lambda: None, arrays=lambda result, given=given: [given])) == found  # type: ignore[misc]
    given = numpy.array([1.0, numpy.nan, 1.0], numpy.float32)
    assert faults(workload, Side(lambda: None, arrays=lambda result: [given]))[0].startswith("result 0 is wrong by nan")


def test_what_is_asked_of_cupy_is_there() -> None:
    cupy = pytest.importorskip("cupy")
    for name in (
        "get_default_memory_pool", "cuda.get_current_stream", "cuda.runtime.getDeviceProperties",
        "cuda.runtime.runtimeGetVersion", "cuda.runtime.driverGetVersion", "asnumpy", "copyto", "add.reduce",
        "cuda.MemoryPool.total_bytes",
    ):  # fmt: skip
        assert callable(attrgetter(name)(cupy))


def test_names_are_unique() -> None:
    names = [workload.name for workload in (*catalogue.ALL, *scaling.WORKLOADS)]
    assert len(names) == len(set(names))


# -- timing ------------------------------------------------------------------------------------------------------


def test_every_side_runs_in_every_round() -> None:
    calls: list[str] = []
    sides = [Side(lambda name=name: calls.append(name)) for name in "abc"]  # type: ignore[misc]
    found = interleaved(sides, Effort(4, 0.0, 10.0))
    assert [isinstance(values, list) and len(values) for values in found] == [4, 4, 4]
    for name in "abc":
        assert calls.count(name) >= 4


def test_a_side_that_fails_while_it_is_timed_stops_no_other() -> None:
    calls: list[str] = []

    def fail() -> None:
        calls.append("fail")
        if len(calls) > 5:
            raise RuntimeError("after five calls")

    failed, other = interleaved([Side(fail), Side(lambda: None)], Effort(9, 0.0, 10.0))
    assert isinstance(failed, RuntimeError)
    assert len(calls) == 6
    assert isinstance(other, list)
    assert len(other) == 9


def test_before_a_side_is_timed_it_is_its_turn() -> None:
    calls: list[str] = []
    sides = [Side(lambda: calls.append("call")), Side(lambda: calls.append("call"))]
    interleaved(sides, Effort(3, 0.0, 10.0), lambda: calls.append("turn"))
    assert calls.count("turn") == 6
    assert "turn turn" not in " ".join(calls)
    assert calls[-1] == "call"


def test_a_time_is_what_the_clock_says() -> None:
    """Between calls that take one second each, as this clock has it, comes one interruption of a hundred."""
    ticks = iter([0, 1, 1, 2, 2, 103, 103, 104])
    assert time_calls(Side(lambda: None), 4, lambda: float(next(ticks))) == 1.0
    assert Effort(1, 0.0, 0.0).clock is time.perf_counter
    assert Effort(1, 0.0, 0.0, processor=True).clock is time.process_time


def test_one_round_is_run_whatever_the_budget() -> None:
    (found,) = interleaved([Side(lambda: None)], Effort(9, 0.0, 0.0))
    assert isinstance(found, list)
    assert len(found) == 1


def test_every_call_that_is_asked_for_is_made() -> None:
    calls: list[int] = []
    time_calls(Side(lambda: calls.append(1)), 10)
    assert len(calls) == 11, "one to warm up, and ten"
    time_calls(Side(lambda: calls.append(1)), 1)
    assert len(calls) == 12


def test_a_round_is_long_enough() -> None:
    assert calls_for(Side(lambda: None), 0.001) > 100


# -- statistics --------------------------------------------------------------------------------------------------


def row(*values: float, engine: str = "minidl", device: str = "cpu", workload: str = "w", what: str = "time") -> Row:
    """A row of one process."""
    return Row(workload, engine, device, what, [list(values)])


def test_medians_and_quartiles() -> None:
    found = row(1.0, 2.0, 3.0, 4.0, 100.0)
    assert found.median == 3.0
    assert found.quartiles == (2.0, 4.0)
    assert found.spread == pytest.approx(2 / 3)
    assert row(1.0, 2.0).spread == math.inf


def test_a_ratio_is_of_pairs() -> None:
    assert ratio(row(1.0, 10.0, 3.0), row(2.0, 20.0, 6.0)) == 0.5


def test_means() -> None:
    assert geometric_mean([1.0, 4.0]) == pytest.approx(2.0)
    assert weighted_mean([1.0, 4.0], [2.0, 1.0]) == pytest.approx(2.0)


def test_the_slope_is_that_of_the_larger_half() -> None:
    sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert slope(sizes, [7.0, 7.0, 7.0, *(size**2 for size in sizes[3:])]) == pytest.approx(2.0)


def test_the_best_framework_is_another_than_minidl() -> None:
    rows = [row(1.0), row(2.0, engine=LIMIT), row(4.0, engine="TensorFlow XLA"), row(3.0, engine="JAX")]
    best = best_framework(rows)
    assert best is not None
    assert best.engine == "JAX"
    assert best_framework(rows[:2]) is None


def test_a_ratio_is_of_the_same_round_of_the_same_process() -> None:
    ours, theirs = Row("w", "a", "cpu", "time", [[1.0], [8.0, 9.0]]), Row("w", "b", "cpu", "time", [[], [4.0, 4.5]])
    assert ratio(ours, theirs) == 2.0


def test_runs_of_several_processes_are_joined() -> None:
    first = Run({"cores": 2}, {"w": {}}, [row(1.0, 2.0), row(5.0, engine="JAX")], missing=["GPU"])
    second = Run({}, {"w": {}}, [row(3.0)], missing=["GPU"], faults=["wrong"])
    found = joined([first, second])
    assert [each.values for each in found.rows] == [[[1.0, 2.0], [3.0]], [[5.0], []]]
    assert (found.machine, found.missing, found.faults) == ({"cores": 2}, ["GPU"], ["wrong"])


# -- two runs ----------------------------------------------------------------------------------------------------


def noisy_run(seed: int, names: int, slower: dict[str, float], processes: float, rounds: float) -> Run:
    """What a run of so many workloads could give: each process and each round a little off, and the machine drifting.

    Arguments:
        slower: by workload how many times as slow minidl is.
        processes, rounds: by what part processes of the same code differ, and rounds of one process.
    """
    draw = numpy.random.default_rng(seed)
    found = Run()
    for name in map(str, range(names)):
        values: dict[str, list[list[float]]] = {LIMIT: [], "minidl": []}
        for number in range(5):
            machine = numpy.exp(0.3 * seed + 0.1 * number + 0.2 * draw.random(4) ** 4)  # busier from round to round
            for engine, found_there in values.items():
                off = draw.normal(0, processes) + draw.normal(0, rounds, 4)
                factor = slower.get(name, 1.0) if engine == "minidl" else 1.0
                found_there.append(list(factor * machine * numpy.exp(off)))
        found.rows += [Row(name, engine, "cpu", "time", each) for engine, each in values.items()]
    return found


def verdicts(before: Run, after: Run, in_turns: bool = False) -> list[Verdict]:
    return [change.verdict for change in compare(before, after, in_turns).changes]


def noisy_pairs(seed: int, names: int, factor: float, pairs: int = 30) -> tuple[Run, Run]:
    """What two checkouts timed in turns could give on a busy machine, as one with twice as much to do as it has cores.

    Both take up to four times as long in some rounds. One process in twenty is slow in all of its rounds.
    """
    draw = numpy.random.default_rng(seed)
    before, after = Run(), Run()
    for name in map(str, range(names)):
        machine = numpy.exp(1.4 * draw.random((pairs, 5)) ** 4)
        for run, times in (before, 1.0), (after, factor):
            process = draw.normal(0, 0.015, (pairs, 1)) + 1.5 * (draw.random((pairs, 1)) < 0.05)
            values = times * machine * numpy.exp(process + draw.normal(0, 0.03, (pairs, 5)))
            run.rows.append(Row(name, "minidl", "cpu", "time", values.tolist()))
    return before, after


def test_the_same_code_in_turns_is_found_the_same() -> None:
    for seed in range(10):
        found = verdicts(*noisy_pairs(seed, 100, 1.0), in_turns=True)
        assert found.count(Verdict.CHANGED) <= 1
        assert found.count(Verdict.SAME) >= 95


@pytest.mark.parametrize(("factor", "wanted"), [(1.1, 97), (1 / 1.1, 97), (1.2, 100)])
def test_ten_percent_in_turns_are_found(factor: float, wanted: int) -> None:
    assert verdicts(*noisy_pairs(1, 100, factor), in_turns=True).count(Verdict.CHANGED) >= wanted


def test_a_few_pairs_say_nothing() -> None:
    before, after = noisy_pairs(1, 20, 2.0, 5)
    assert set(verdicts(before, after, in_turns=True)) == {Verdict.UNSURE}
    assert all((change.low, change.high) == (0.0, math.inf) for change in compare(before, after, True).changes)


def test_a_pair_counts_where_both_were_timed() -> None:
    """A workload that is sure is left out later, and a checkout may lack one."""
    one, two = [[1.0, 2.0]] * 12, [[2.0, 4.0, 9.0]] * 12
    before, after = (Run(rows=[Row("w", "minidl", "cpu", "time", [*each, []])]) for each in (one, two))
    (change,) = compare(before, after, in_turns=True).changes
    assert (change.factor, change.low, change.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_same_code_is_found_the_same() -> None:
    for seed in range(10):
        found = verdicts(noisy_run(2 * seed, 100, {}, 0.02, 0.03), noisy_run(2 * seed + 1, 100, {}, 0.02, 0.03))
        assert found.count(Verdict.CHANGED) <= 5


def test_ten_percent_are_found() -> None:
    found = [
        verdicts(noisy_run(2 * seed, 1, {}, 0.01, 0.03), noisy_run(2 * seed + 1, 1, {"0": 1.1}, 0.01, 0.03))
        for seed in range(10)
    ]
    assert found.count([Verdict.CHANGED]) >= 9


def test_a_busy_machine_is_no_reason_to_cry_wolf() -> None:
    found = verdicts(noisy_run(1, 100, {}, 0.3, 0.3), noisy_run(2, 100, {}, 0.3, 0.3))
    assert found.count(Verdict.CHANGED) <= 5
    assert found.count(Verdict.UNSURE) > 90


def test_what_happens_to_the_machine_is_no_change() -> None:
    before, after = noisy_run(0, 9, {}, 0.001, 0.001), noisy_run(1, 9, {}, 0.001, 0.001)
    assert drift(before.rows, after.rows) == pytest.approx(numpy.exp(0.3), rel=0.1)
    assert set(verdicts(before, after)) == {Verdict.SAME}


def test_one_process_says_nothing() -> None:
    found = compare(Run(rows=[row(1.0, 1.0, 1.0)]), Run(rows=[row(2.0, 2.0, 2.0)]))
    assert (found.changes, found.single) == ([], 1)
    assert "since one process doesn't tell the noise: 1 (of frameworks)" in printed(print_comparison, found)


@pytest.mark.parametrize(
    ("factor", "low", "high", "verdict"),
    [
        (1.2, 1.1, 1.3, Verdict.CHANGED),
        (0.8, 0.7, 0.9, Verdict.CHANGED),
        (1.03, 1.02, 1.04, Verdict.SAME),  # too little to matter
        (1.06, 1.0, 1.1, Verdict.SAME),
        (1.06, 0.98, 1.15, Verdict.UNSURE),  # it could be 1, and it could be 1.1
        (1.3, 0.9, 2.0, Verdict.UNSURE),
    ],
)
def test_verdicts(factor: float, low: float, high: float, verdict: Verdict) -> None:
    assert Change(row(1.0), row(factor), factor, low, high).verdict is verdict


def test_small_memory_first_calls_and_rows_by_hand_are_not_compared() -> None:
    def found(before: float, after: float) -> Verdict:
        (change,) = changes([row(before, what="peak memory")], [row(after, what="peak memory")])
        return change.verdict

    assert found(1e4, 2e4) is Verdict.SAME
    assert found(1e7, 2e7) is Verdict.CHANGED
    assert found(1e7, 1.05e7) is Verdict.SAME
    assert changes([row(1.0, what="first call")], [row(2.0, what="first call")]) == []
    assert changes([row(1.0, engine=LIMIT)], [row(2.0, engine=LIMIT)]) == []


def test_only_what_both_runs_have_is_compared() -> None:
    one, two = [[1.0], [1.0]], [[2.0], [2.0]]
    before = Run(rows=[Row("w", engine, "cpu", "time", one) for engine in ("minidl", "JAX")])
    after = Run(rows=[Row("w", "minidl", device, "time", two) for device in ("cpu", "gpu")])
    found = compare(before, after)
    assert [change.factor for change in found.changes] == pytest.approx([2.0])
    assert found.alone == {"the first": 1, "the second": 1}


# -- the report --------------------------------------------------------------------------------------------------


def a_run() -> Run:
    """What a run on a machine with a GPU could look like, with made-up numbers of known ratios."""
    found = Run(
        machine.describe(["cpu"]), peaks={"cpu": {"flops": 1e11, "bytes": 2e10}, "gpu": {"flops": 1e13, "bytes": 1e12}}
    )
    nothing = dict.fromkeys(("flops", "bytes", "samples", "size"))
    tells = {"network": True, "remembered": True}
    for name, group, size in [
        ("1024-1024-1024-1024 b512: train", "training step", None),
        ("1-1 b4: train", "training step", None),
        *((f"width {size}", "width", size) for size in (1, 2, 4)),
    ]:
        found.about[name] = tells | {"group": group, "flops": 1e9, "bytes": 1e6, "samples": 32, "size": size}
        for number, engine in enumerate([BY_HAND, LIMIT, "minidl", "TensorFlow function"], 1):
            for device, faster in (("cpu", 1.0), ("gpu", 4.0)):
                values = [number * (size or 1) / faster * 1e-3 * wobble for wobble in (1.0, 1.0, 1.01, 1.1, 1.3)]
                found.rows.append(row(*values, engine=engine, device=device, workload=name))
                found.rows += [
                    row(number * 1e7, engine=engine, device=device, workload=name, what="peak memory"),
                    row(number * 0.1, engine=engine, device=device, workload=name, what="first call"),
                ]
    found.about[processes.IMPORT] = nothing | {"group": "processes", "network": False, "remembered": False}
    found.rows.append(row(0.02, workload=processes.IMPORT))
    found.missing = ["JAX on cpu: jax is not installed; install it with: pip install 'minidl[peers]'"]
    return found


def printed(show: Any, *arguments: Any, width: int = 80) -> str:
    file = io.StringIO()
    show(Console(file=file, width=width), *arguments)
    return file.getvalue()


def test_tables_fit_80_columns() -> None:
    text = printed(print_run, a_run())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for word in ("TensorFlow function (cpu)", "1.01 ms", "GM", "4.00", "is not installed", "exponent", "samples/s"):
        assert word in text, word


def test_no_name_is_broken_in_60_columns() -> None:
    run = a_run()
    text = printed(print_run, run, width=60)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert {"TensorFlow", "function", "allocating", "(gpu)"} <= set(text.split())
    assert not re.search(r"(?m)^ *(Tensor|TensorFl|func|alloca)$", text)
    for part in ("TensorF", "functi", "allocati"):
        assert all(word in ("TensorFlow", "TensorFlow's", "function", "allocating") for word in
                   re.findall(rf"{part}[\w']*", text))  # fmt: skip


def test_the_chart_of_the_lesson() -> None:
    found = {heading: {side.name: side for side in sides} for heading, sides in charts(a_run()).items()}
    for side in found[OVER_CPU].values():
        assert side.factors == pytest.approx({"1024-1024-1024-1024 b512: train": 4.0, "1-1 b4: train": 4.0})
        assert (side.geometric, side.weighted) == pytest.approx((4.0, 4.0))
    assert set(found[OVER_NUMPY]) == {
        "by hand, allocating (gpu)", *(f"{each} ({device})" for each in (LIMIT, "minidl", "TensorFlow function")
                                       for device in ("cpu", "gpu")),
    }  # fmt: skip
    assert found[OVER_NUMPY]["minidl (gpu)"].geometric == pytest.approx(4 / 3)
    assert found[OVER_TENSORFLOW]["minidl (cpu)"].geometric == pytest.approx(4 / 3)
    assert "TensorFlow function (cpu)" not in found[OVER_TENSORFLOW]


def test_the_weighted_mean_is_weighted_by_operations() -> None:
    run = a_run()
    run.about["1-1 b4: train"]["flops"] = 3e9
    for each in run.of("1-1 b4: train", "time"):
        if (each.engine, each.device) == (LIMIT, "cpu"):
            each.values[0][:] = [10 * value for value in each.values[0]]
    (side,) = (each for each in charts(run)[OVER_NUMPY] if each.name == f"{LIMIT} (cpu)")
    assert side.weighted == pytest.approx((0.5 * 1 + 0.05 * 3) / 4)
    run.about["1-1 b4: train"]["flops"] = run.about["1024-1024-1024-1024 b512: train"]["flops"] = None
    assert {each.weighted for each in charts(run)[OVER_NUMPY]} == {None}


def test_what_is_too_noisy_is_not_said() -> None:
    quiet, noisy = row(1.0, 1.01, 1.02), row(1.0e-3, 2.0e-3, 4.0e-3)
    assert range_text(quiet) == "1.01 s"
    assert range_text(noisy) == "1.50-3.00 ms"
    assert range_text(row(1.0, 9.0)) == "5.00 s", "of two values there are no quartiles"
    assert over_text(quiet, quiet) == "1.00"
    assert over_text(noisy, quiet) == over_text(quiet, noisy) == "?"
    assert over_text(quiet, None) == "-"
    run = a_run()
    run.rows = [row(1e-3, 2e-3, 4e-3, workload=name) for name in run.groups()["training step"]]
    assert "Noisy (!): in 2 of 2 rows" in printed(print_run, run)


def test_a_table_for_a_page() -> None:
    lines = markdown(a_run(), "training step").splitlines()
    assert lines[0].startswith("|  | by hand, allocating (cpu) | by hand, allocating (gpu) | ")
    assert lines[1] == "|---" * 9 + "|"
    assert lines[3].startswith("| 1-1 b4 | 1.01 ms | 253 µs | ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.50 s"), (0.99999, "1,000 ms"), (1.5e-3, "1.50 ms"), (12.34e-6, "12.3 µs"), (4e-8, "40.0 ns")],
)
def test_times_are_said_in_three_digits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_what_all_names_share_is_left_out() -> None:
    assert labels(["1-1 b4: train", "2-2 b4: train"]) == {"1-1 b4: train": "1-1 b4", "2-2 b4: train": "2-2 b4"}
    assert labels(["lesson: fit", "lesson: predict"])["lesson: fit"] == "lesson: fit"


def test_counts_are_said_in_three_digits() -> None:
    assert [count_text(count) for count in (0.125, 12, 1_234, 45_600_000)] == ["0.12", "12.0", "1.23 k", "45.6 M"]


def test_bytes_are_said_in_three_digits() -> None:
    assert [bytes_text(count) for count in (12, 1_234, 45_600_000, 2e9)] == ["12 B", "1.23 kB", "45.6 MB", "2.00 GB"]


def test_pictures_are_drawn(tmp_path: Path) -> None:
    files = draw(tmp_path / "new" / "folder", a_run())
    assert {file.name for file in files} == {
        "training-step-time.png", "training-step-peak-memory.png", "scaling.png", "gpu-over-cpu.png",
        "processes-time.png", "times-as-fast.png",
    }  # fmt: skip
    for file in files:
        assert image.imread(file).std() > 0.01


def test_an_engine_that_fails_is_a_fault_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ModuleEngine("minidl", "minidl")

    def fail(*_: Any) -> Any:
        raise ValueError("shapes don't fit")

    monkeypatch.setattr(ByHand, "prepare", fail)
    found = Run({})
    told: list[str] = []
    measure(found, [one_op()], [HANDS[0], engine], ["cpu"], ONCE, lambda what, share: told.append(what))
    assert told == ["one op: add 1 number"]
    assert found.faults == [f"one op: add 1 number, {LIMIT} on cpu: ValueError: shapes don't fit"]
    assert {each.engine for each in found.rows} == {"minidl"}
    assert {each.what for each in found.rows} == {"time", "first call"}


def test_what_a_workload_refuses_is_said() -> None:
    found = Run({})
    measure(found, [deep_chain(2, refuses={"by hand": "no patience"})], HANDS, ["cpu"], ONCE, lambda *_: None)
    assert found.missing == ["by hand, allocating on cpu, chain of 2 scalar ops: no patience"]


@pytest.mark.usefixtures("double")
def test_what_is_too_long_for_a_gpu_is_said() -> None:
    found = Run({})
    measure(found, [deep_chain(2, refuses={"gpu": "no patience"})], HANDS, ["cpu", "gpu"], ONCE, lambda *_: None)
    assert {each.device for each in found.rows} == {"cpu"}
    assert found.missing == ["by hand, allocating on gpu, chain of 2 scalar ops: no patience"]


@pytest.mark.parametrize("high", [1.2, 4.0, 20.0, 49.0, 51.0, 1e3, 1e4])
@pytest.mark.parametrize("low", [0.047, 0.33, 6.5])
def test_labels_of_an_axis_of_times_dont_touch(low: float, high: float) -> None:
    figure, (axes, *_) = pyplot.subplots(1, 3, figsize=(16.5, 6), layout="constrained")
    pictures._times(axes, "GPU over CPU", [low, low * high])
    figure.canvas.draw()
    left, right = axes.get_xlim()
    shown = [text for at, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True) if left <= at <= right]
    areas = [text.get_window_extent() for text in shown]
    pyplot.close(figure)
    assert len(areas) >= 1
    assert all(one.x1 + 4 < other.x0 for one, other in itertools.pairwise(areas))


# -- an end to the time ------------------------------------------------------------------------------------------


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_not_measured_yet_is_missing_at_any_moment() -> None:
    found, missing = Run(), list[list[str]]()
    workloads = [dataclasses.replace(one_op(), name=name) for name in "abc"]
    measure(found, workloads, HANDS[1:], ["cpu"], ONCE, lambda *_: missing.append([*found.missing]))
    assert missing == [[f"{name}: no time was left for it" for name in names] for names in ("abc", "bc", "c")]
    assert found.missing == []


def test_what_is_more_important_is_measured_first() -> None:
    ordered = by_importance(catalogue.ALL)
    assert sorted(map(id, ordered)) == sorted(map(id, catalogue.ALL))
    names = [workload.name for workload in ordered]
    steps = [f"{network.name}: train" for network in (*NETWORKS, *LARGE_NETWORKS)]
    assert [name for name in names if name in steps] == steps
    assert max(map(names.index, steps)) < names.index("1-1 b4: forward")


def gpu_run(monkeypatch: pytest.MonkeyPatch, takes: Any, *more: str) -> tuple[Run, float, list[Job]]:
    """The run on a GPU alone whose processes would take so many seconds; what it gives, its seconds, and its jobs."""
    clock, jobs, names = Clock(), list[Job](), ["a", "b", "c"]

    def ask(job: Job, environment: Any, told: Any) -> Run:
        needed = takes(len(jobs))
        jobs.append(job)
        clock.now += needed if job.seconds is None else min(needed, job.seconds)
        done = len(names) if job.seconds is None or needed <= job.seconds else 1
        if job.seconds is not None and needed == math.inf:
            raise worker.WorkerError("no time was left to find anything")
        return Run({"blas": "", "threads": 1}, {name: {} for name in names},
                   [row(1.0, workload=name) for name in names[:done]], {},
                   [f"{name}: no time was left for it" for name in names[done:]])  # fmt: skip

    def wait(patience: float, told: Any) -> float:
        clock.now += patience
        return 0.0

    monkeypatch.setattr(planning, "ask", ask)
    monkeypatch.setattr(planning, "wait_until_quiet", wait)
    monkeypatch.setattr(time, "monotonic", clock)
    plan = command._plan(parse(["--device", "gpu", "--gpu-only", "--no-memory", *more]))
    start = clock()
    return planning.run(plan, told_nothing, clock), clock() - start, jobs


def test_a_run_on_a_gpu_alone_takes_nine_minutes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its processes would take: each is given the seconds that are left, and ended after them."""
    for takes in (lambda n: 30.0, lambda n: 200.0, lambda n: 10_000.0, lambda n: 30.0 if n < 2 else math.inf):
        found, seconds, jobs = gpu_run(monkeypatch, takes)
        assert seconds + REPORT <= 9 * 60
        assert len(jobs) <= 5
        assert all(job.seconds is not None and job.seconds > 0 for job in jobs)
        assert set(found.about) == {each.workload for each in found.rows}
    found, seconds, _ = gpu_run(monkeypatch, lambda n: 20.0, "--minutes", "2")
    assert seconds <= 90.0
    with pytest.raises(worker.WorkerError, match="no time was left"):
        gpu_run(monkeypatch, lambda n: math.inf)


def test_what_no_time_was_left_for_is_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_run(monkeypatch, lambda n: 30.0)[0].missing == []
    assert gpu_run(monkeypatch, lambda n: 200.0)[0].missing == [
        "measured in 2 of 5 processes, for want of time: b; c",
        "measured in 3 of 5 processes, for want of time: a",
    ]
    assert gpu_run(monkeypatch, lambda n: 10_000.0)[0].missing == [
        "not measured, for want of time: b; c",
        "measured in 1 of 5 processes, for want of time: a",
    ]


def test_a_run_has_no_end_unless_it_is_asked_for() -> None:
    for given, seconds in (
        ([], None), (["--device", "gpu"], None), (["--minutes", "3"], 150.0),
        (["--device", "gpu", "--gpu-only"], 510.0), (["--device", "gpu", "--gpu-only", "--minutes", "4"], 210.0),
    ):  # fmt: skip
        assert command._plan(parse(given)).seconds == seconds


def test_a_process_whose_time_is_over_is_ended_and_its_rows_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second workload would never end; its time is made to be over in the midst of that."""
    (tmp_path / "mine.py").write_text(
        OWN
        + """
import time
WORKLOADS["endless"] = (lambda tf, x: time.sleep(1e6), [1.0])
WORKLOADS["third"] = WORKLOADS["softplus"]
"""
    )
    ends: list[Any] = []

    class Timer:
        def __init__(self, seconds: float, end: Any) -> None:
            assert seconds == 3600.0
            ends.append(end)

        def start(self) -> None:
            pass

        cancel = start

    def told(what: str, share: float) -> None:
        if what == when:
            ends[-1]()

    monkeypatch.setattr(threading, "Timer", Timer)
    job, when = Job(own=str(tmp_path / "mine.py"), frameworks=False, seconds=3600.0), "endless"
    found = worker.ask(job, {}, told)
    assert {each.workload for each in found.rows if each.what == "time"} == {"softplus"}
    assert found.missing == [f"{name}: no time was left for it" for name in ("endless", "third")]
    assert found.faults == []


def test_a_whole_run_on_a_gpu_that_is_the_double(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The processes that the command starts find the strict double where they look for CuPy."""
    (tmp_path / "cupy.py").write_text("import sys\nfrom tfref import strict_cupy\nsys.modules['cupy'] = strict_cupy\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))
    job = Job(only="b32: train", devices=("gpu",), frameworks=False, effort=ONCE)
    monkeypatch.setattr(planning.Plan, "jobs", [dataclasses.replace(job, peaks=True), job])
    file = tmp_path / "gpu.json"
    arguments = ["--device", "gpu", "--gpu-only", "--no-memory", "--only", "b32: train", "--patience", "0"]
    assert main([*arguments, "--json", str(file), "--pictures", str(tmp_path)]) == 0
    found = read(file)
    assert found.devices == ["gpu"]
    assert found.machine["gpu"] == "strict double"
    assert found.peaks["gpu"]["flops"] > 0
    assert {each.engine for each in found.rows} == {LIMIT, BY_HAND, "minidl", "minidl function"}
    assert {len(each.values) for each in found.rows} == {2}
    assert (found.faults, found.missing) == ([], [])
    assert "strict double, CUDA 13.0" in capsys.readouterr().out
    assert (tmp_path / "training-step-time.png").exists()


# -- files -------------------------------------------------------------------------------------------------------


def test_a_run_is_kept_and_read(tmp_path: Path) -> None:
    kept = a_run()
    save(kept, tmp_path / "run.json")
    assert read(tmp_path / "run.json") == kept


def _damaged(change: Any) -> str:
    file = io.StringIO()
    given = {"format": "minidl benchmarks", "version": 2, **json.loads(json.dumps(a_run(), default=vars))}
    change(given)
    json.dump(given, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "can't be read as JSON"),
        ("[1, 2", "can't be read as JSON"),
        ("[]", "is not a run of these benchmarks"),
        ("{}", "is not a run of these benchmarks"),
        (_damaged(lambda run: run.update(version=99)), "has version 99 of the format, and this is version 2"),
        (_damaged(lambda run: run.pop("rows")), "is damaged (KeyError: 'rows')"),
        (_damaged(lambda run: run.update(rows=5)), "is damaged (TypeError"),
        (_damaged(lambda run: run.update(machine=[])), "is damaged (TypeError: machine is no dict"),
        (_damaged(lambda run: run["rows"][0].pop("values")), "is damaged (TypeError"),
        (_damaged(lambda run: run["rows"][0].update(values=[])), "is damaged (ValueError: the values of"),
        (_damaged(lambda run: run["rows"][0].update(values=[[]])), "is damaged (ValueError: the values of"),
        (_damaged(lambda run: run["rows"][0].update(values=[["fast"]])), "is damaged (ValueError: the values of"),
        (_damaged(lambda run: run["rows"][0].update(values=[1.0])), "is damaged (TypeError"),
    ],
)
def test_a_file_that_is_no_run_is_refused(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RecordingError) as caught:
        read(tmp_path / "run.json")
    assert words in str(caught.value)
    assert main(["compare", str(tmp_path / "run.json"), str(tmp_path / "run.json")]) == 2
    assert "benchmarks: " in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_two_runs_are_compared() -> None:
    before, after = a_run(), a_run()
    index = next(n for n, each in enumerate(after.rows) if (each.engine, each.what) == ("minidl", "time"))
    for run in (before, after):  # as if five processes had found it
        for each in run.rows:
            each.values[:] = [[value * wobble for value in each.values[0]] for wobble in (1, 1.01, 0.99, 1, 1.02)]
    slower = [[10 * value for value in process] for process in after.rows[index].values]
    after.rows[index] = dataclasses.replace(after.rows[index], values=slower)
    found = compare(before, after)
    text = printed(print_comparison, found)
    assert "10.00" in text
    count = len(found.changes)
    assert f"0 less, 1 more, {count - 1} of {count} the same" in " ".join(text.split())
    assert "rows are only in" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


# -- the command -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--device", "gpu", "dance"], "invalid choice: 'dance'"),
        (["--threads", "0"], "'0' is not a whole number above 0"),
        (["--threads", "many"], "'many' is not a whole number above 0"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["compare", "a.json"], "the following arguments are required: AFTER"),
        (["compare", "tests", "a.json"], "two files or two folders"),
        (["compare", "a.json", "b.json", "--device", "gpu"], "unrecognized arguments"),
        (["compare", "a.json", "b.json", "--only", "train"], "--only is for two folders, which are timed"),
        (["--quick", "scaling"], "write scaling first, and its options after it"),
        (["scaling", "a.json"], "unrecognized arguments: a.json"),
        (["--gpu-only"], "--gpu-only is for --device gpu"),
        (["--workloads", "nowhere.py"], "there is no file nowhere.py"),
        (["check", "--repeat", "0"], "'0' is not a whole number above 0"),
        (["--minutes", "0"], "'0' is not a whole number above 0"),
        (["--patience", "much"], "'much' is not a whole number of seconds"),
        (["--json", "nowhere/run.json"], "there is no folder nowhere"),
        (["--json", "tests"], "tests is a folder"),
        (["--pictures", "README.md"], "README.md is a file; name a folder to draw into"),
    ],
)
def test_unknown_options_are_errors(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_a_name_that_no_workload_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "convolution", "--patience", "0"]) == 2
    assert "no workload has 'convolution' in its name" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert main(["--device", "gpu", "--quick", "--patience", "0"]) == 2
    assert re.search("CuPy is not installed|GPU", capsys.readouterr().err)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("benchmarks.libraries.importlib.util.find_spec", lambda name: None)
    assert main(["--quick"]) == 2
    assert "psutil is not installed; install it with: pip install 'minidl[bench]'" in " ".join(
        capsys.readouterr().err.split()
    )


# -- processes ---------------------------------------------------------------------------------------------------


OWN = """
import numpy

def softplus(tf, x):
    return tf.math.log(1.0 + tf.exp(x))

class Plain:
    name = "plain NumPy"

    def prepare(self, workload, device):
        (x,) = workload.inputs()
        return lambda: numpy.log1p(numpy.exp(x))

WORKLOADS = {"softplus": (softplus, numpy.linspace(-3, 3, 9, dtype="float32"))}
ENGINES = [Plain()]
"""


def told_nothing(what: str, share: float) -> None:
    assert 0 <= share <= 1


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path / "mine.py"


def test_own_workloads_and_engines(own: Path) -> None:
    """In a process that is started elsewhere, as the command does it."""
    found = worker.ask(Job(own=str(own), frameworks=False), {}, told_nothing)
    assert found.faults == []
    assert {(each.workload, each.engine) for each in found.rows if each.what == "time"} == {
        ("softplus", "minidl"), ("softplus", "minidl function"), ("softplus", "plain NumPy"),
    }  # fmt: skip


def test_an_own_engine_runs_what_it_takes(tmp_path: Path) -> None:
    """One of the workloads that come with the benchmarks, where the file has none; and wrongly, which is found."""
    (tmp_path / "mine.py").write_text("""
class Twice:
    name = "twice"

    def takes(self, workload):
        return workload.name == "one op: add 1 number"

    def prepare(self, workload, device):
        x, y = workload.inputs()
        return lambda: 2 * x

ENGINES = [Twice()]
""")
    workloads, engines, _ = catalogue.find(Job(own=str(tmp_path / "mine.py")))
    assert [workload for workload in workloads if engines[-1].takes(workload)] == [catalogue.ALL[0]]
    found = Run({})
    measure(found, workloads[:3], engines[-1:], ["cpu", "gpu"], ONCE, lambda *_: None)
    assert len(found.faults) == 1
    assert "twice on cpu: result 0 is wrong by" in found.faults[0]


def test_a_step_of_ones_own_moves_its_weights(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("""
import numpy
from minidl.benchmarks.workloads import Workload

def program(tf, weights):
    variable = tf.Variable(weights[0])

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(x * variable))
        variable.assign_sub(0.1 * tape.gradient(loss, variable))
        return loss
    return step, [variable]

WORKLOADS = {"step": Workload("step", "mine", program, None, lambda: [numpy.ones(3, "float32")],
                              lambda: [numpy.ones(3, "float32")])}
""")
    found = worker.ask(Job(own=str(tmp_path / "mine.py"), frameworks=False), {}, told_nothing)
    assert found.faults == []
    assert {each.engine for each in found.rows} == {"minidl", "minidl function"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has neither WORKLOADS = {name: (program, input, ...)} nor ENGINES = [engine]"),
        ("1 / 0", "can't be run: ZeroDivisionError: division by zero"),
        ("def f(:", "can't be run: SyntaxError"),
        ("raise SystemExit(3)", "can't be run: SystemExit: 3"),
        ("WORKLOADS = [1]", "WORKLOADS is a dictionary"),
        ("WORKLOADS = {'a': 1}", "a workload is (program, input, ...) under its name; 'a' is 1"),
        ("WORKLOADS = {'a': (1, 2)}", "a workload is (program, input, ...) under its name; 'a' is (1, 2)"),
        ("WORKLOADS = {1: (abs, 2)}", "a workload is (program, input, ...) under its name; 1 is"),
        ("ENGINES = 3", "ENGINES is a list of engines; it is 3"),
        ("ENGINES = [3]", "an engine has a name and a function prepare(workload, device); 3 hasn't"),
        ("class E: name = 'minidl'; prepare = print\nENGINES = [E()]", "there is an engine 'minidl' already"),
    ],
)
def test_a_file_without_workloads_is_refused(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(OwnError) as caught:
        catalogue.find(Job(own=str(tmp_path / "mine.py")))
    assert words in str(caught.value)


def test_a_refusal_reaches_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("1 / 0")
    assert main(["--workloads", str(tmp_path / "mine.py"), "--patience", "0"]) == 2
    assert "can't be run: ZeroDivisionError" in " ".join(capsys.readouterr().err.split())


def test_an_own_engine_that_gives_nothing_to_time_is_a_fault(own: Path) -> None:
    own.write_text(own.read_text().replace("return lambda: numpy.log1p(numpy.exp(x))", "return 3"))
    found = worker.ask(Job(own=str(own), frameworks=False), {}, told_nothing)
    assert found.faults == [
        "softplus, plain NumPy on cpu: TypeError: prepare gives a function to time, or a Side; it gave 3"
    ]


def test_a_whole_run(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command from another folder, with what it keeps and draws."""
    monkeypatch.chdir(tmp_path)
    job = dataclasses.replace(Job(own=str(own)), effort=ONCE, frameworks=False)
    monkeypatch.setattr(planning.Plan, "jobs", [dataclasses.replace(job, peaks=True), job, job])
    arguments = ["--workloads", "mine.py", "--json", "run.json", "--pictures", "pictures", "--patience", "0"]
    assert main(arguments) == 0
    found = read(tmp_path / "run.json")
    assert {len(each.values) for each in found.rows if each.what == "time"} == {3}
    assert {each.what for each in found.rows} == {"time", "first call", "peak memory"}
    assert found.peaks["cpu"]["flops"] > 0
    assert 0 <= found.machine["others"] <= 1
    assert {file.name for file in (tmp_path / "pictures").iterdir()} == {"own-workloads-time.png"}
    assert main(["show", "run.json", "--pictures", "again"]) == 0
    assert main(["show", "run.json", "--markdown", "training step"]) == 2
    assert main(["compare", "run.json", "run.json"]) == 0


def test_two_checkouts_are_timed_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its own minidl: the second computes wrongly, which is noticed."""
    for name in ("before", "after"):
        for folder in ("minidl", "tfref", "benchmarks"):
            shutil.copytree(ROOT / folder, tmp_path / name / folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "after" / "minidl" / "ops" / "elementwise.py"
    file.write_text(file.read_text().replace("return xp.add(x, y)", "return xp.subtract(x, y)"))
    monkeypatch.setattr(planning, "LEAST_PAIRS", 2)
    monkeypatch.setattr(planning, "MOST", 3)
    arguments = ["compare", str(tmp_path / "before"), str(tmp_path / "after"), "--only", "one op", "--patience", "0"]
    assert main(arguments) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "Wrong: one op: add 1 number, minidl on cpu: result 0 is wrong by" in text
    assert "2 rows are only in the first" in text
    shutil.rmtree(tmp_path / "before" / "benchmarks")  # these time both
    assert main([*arguments[:2], str(tmp_path / "before"), *arguments[3:]]) == 0
    assert "of 2 the same within the noise; 2 of these are so noisy" in " ".join(capsys.readouterr().out.split())
    assert main([*arguments[:2], str(tmp_path), *arguments[3:]]) == 2
    assert "is no checkout of minidl" in " ".join(capsys.readouterr().err.split())


def test_processes_measure_in_turns(tmp_path: Path) -> None:
    """Each of the two writes its letter at each call: what one measures the other measures next."""
    log = tmp_path / "log"
    for letter in "ab":
        (tmp_path / f"{letter}.py").write_text(f"""
class Writer:
    name = "writer"

    def prepare(self, workload, device):
        (x,) = workload.inputs()

        def call():
            with open({str(log)!r}, "a") as file:
                file.write({letter!r})
            return x
        return call

WORKLOADS = {{"identity": (lambda tf, x: x, [1.0])}}
ENGINES = [Writer()]
""")
    job = Job(frameworks=False, by_hand=False, in_turns=True, effort=Effort(4, 0.0, 10.0))
    runs = worker.ask_in_turns([dataclasses.replace(job, own=str(tmp_path / f"{letter}.py")) for letter in "ab"], {},
                               told_nothing)  # fmt: skip
    assert [run.faults for run in runs] == [[], []]
    assert {len(row.values[0]) for run in runs for row in run.rows if row.what == "time"} == {4}
    order = re.sub(r"(.)\1+", r"\1", log.read_text())
    assert order == "ab" * (len(order) // 2) + "a" * (len(order) % 2)
    assert len(order) >= 5, "prepared, then measured four times, of which each second begins where the last ended"


@pytest.mark.parametrize(("threads", "cores"), [("1", [3, 5, 3]), ("2", [None] * 3)])
def test_both_of_a_pair_run_on_one_core(threads: str, cores: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def pair(jobs: Any, environment: Any, told: Any) -> list[Run]:
        asked.append([job.core for job in jobs])
        return [Run(about={"name": {}}, rows=[row(1 + len(asked) % 2 * later)]) for later in (False, True)]

    monkeypatch.setattr(planning, "ask_in_turns", pair)
    monkeypatch.setattr(planning, "own_cores", lambda: [3, 5])
    monkeypatch.setattr(planning, "LEAST_PAIRS", 2)
    monkeypatch.setattr(planning, "MOST", 3)
    planning.compare_checkouts(planning.Plan(environment={"OMP_NUM_THREADS": threads}), ROOT, ROOT, told_nothing)
    assert asked == [[core, core] for core in cores]


def test_pairs_are_added_until_each_row_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """By made-up times: one workload takes the same always, one is noisy for a while, and one is for ever."""
    asked: list[Any] = []

    def pair(jobs: Any, environment: Any, told: Any) -> list[Run]:
        asked.append(jobs[1].names)
        off = {"steady": 1.0, "noisy": 1.5 if len(asked) % 3 and len(asked) < 9 else 1.0, "wild": 1 + len(asked) % 2}
        names = jobs[0].names or tuple(off)
        return [
            Run(
                about={name: {} for name in names},
                rows=[row(off[name] if later else 1.0, workload=name) for name in names],
            )
            for later in (False, True)
        ]

    monkeypatch.setattr(planning, "ask_in_turns", pair)
    found = planning.compare_checkouts(planning.Plan(), ROOT, ROOT, told_nothing)
    assert asked[: planning.LEAST_PAIRS] == [None] * planning.LEAST_PAIRS
    assert asked[planning.LEAST_PAIRS] == ("noisy", "wild")
    assert asked[-1] == ("wild",)
    assert len(asked) == planning.MOST
    assert {change.after.workload: change.verdict for change in found.changes} == {
        "steady": Verdict.SAME, "noisy": Verdict.SAME, "wild": Verdict.UNSURE,
    }  # fmt: skip


def test_a_tenth_more_work_is_hidden_in_a_chain() -> None:
    calls: list[str] = []
    counting = types.SimpleNamespace(**{name: getattr(minidl, name) for name in ("GradientTape", "square")})
    counting.sqrt = lambda z: calls.append("sqrt") or minidl.sqrt(z)  # type: ignore[func-returns-value]
    for chain, wanted in (deep_chain(200), 100), (slowed(deep_chain(200)), 110):
        calls.clear()
        step, _ = chain.program(counting, [])
        assert [float(each) for each in step(minidl.constant(4.0))] == [4.0, 1.0]
        assert len(calls) == wanted
        assert chain.name == "chain of 200 scalar ops"


def test_a_comparison_is_tried(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(planning, "LARGE", 1e4)
    monkeypatch.setattr(planning, "MOST", 2)
    assert main(["check", "--repeat", "2"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "2 of 2: 0 of 6 rows the same, 0 changed; a tenth more: too noisy to tell" in text
    assert "one op: add 1 number, minidl: too noisy to tell, 0.00-inf" in text
    assert "Of 12 rows of the same code 0 were found the same, 0 changed, 12 too noisy to tell" in text
    assert "a tenth more work was found 0 times of 2" in text


def test_a_busy_machine_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = iter([0.9, 0.5, 0.02])
    monkeypatch.setattr(machine.Watch, "others", lambda self: next(busy))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    told: list[str] = []
    assert machine.wait_until_quiet(60.0, told.append) == 0.02
    assert told == [f"waiting: other programs take {each}% of the processors" for each in (90, 50)]
    busy = iter([0.9])
    assert machine.wait_until_quiet(0.0, told.append) == 0.9, "with no patience it goes on, and says so at the end"


def test_what_others_take_is_a_part_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0.0 <= machine.Watch().others() <= 1.0
    times = iter([(1.0, 10.0), (3.0, 20.0), (2.9, 30.0)])
    monkeypatch.setattr(machine.Watch, "_times", staticmethod(lambda: next(times)))
    watch = machine.Watch()
    assert watch.others() == pytest.approx(0.2)
    assert watch.others() == 0.0, "clocks of different fineness give no part below none"


def test_every_engine_gets_the_same_threads() -> None:
    found = machine.arranged(3, "raised")
    assert {found[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"3"}
    assert "MALLOC_MMAP_THRESHOLD_" in found
    assert "MALLOC_MMAP_THRESHOLD_" not in machine.arranged(3, "default")


def test_instructions_that_blas_leaves_unused_are_noticed() -> None:
    has_avx512 = "avx512f" in cpuinfo.get_cpu_info().get("flags", ())
    assert machine.leaves_avx512_unused("scipy-openblas 0.3, kernels for Haswell") == has_avx512
    assert not machine.leaves_avx512_unused("scipy-openblas 0.3, kernels for SkylakeX")
    assert not machine.leaves_avx512_unused("accelerate")


def test_memory_is_measured_in_a_process_of_its_own() -> None:
    size = 4 * 512**2
    (found,) = worker.ask(Job(memory=("matmul 512x512", BY_HAND, "cpu")), {}, told_nothing).rows
    assert found.what == "peak memory"
    assert found.median > 3 * size  # two matrices and their product


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(worker.WorkerError, match="StopIteration"):
        worker.ask(Job(memory=("no such workload", "minidl", "cpu")), {}, told_nothing)


def test_a_process_that_hears_of_an_interrupt_ends() -> None:
    def interrupt(what: str, share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.ask(Job(only="one op", frameworks=False), {}, interrupt)


def test_imports_and_the_lesson_are_processes() -> None:
    found = Run()
    for name in (processes.IMPORT, processes.LESSON):
        processes.measure_processes(found, name, 1, {BY_HAND, "minidl", "no such engine"}, told_nothing)
    assert {(each.workload, each.engine, each.what) for each in found.rows} == {
        ("import", BY_HAND, "time"), ("import", "minidl", "time"),
        *((processes.LESSON, engine, what) for engine in (BY_HAND, "minidl") for what in ("time", "peak memory")),
    }  # fmt: skip
    assert found.missing == []


def test_a_recorded_run_reads() -> None:
    for file in (Path(__file__).parents[1] / "benchmarks" / "results").glob("*.json"):
        assert read(file).faults == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            [],
            (
                "scaling",
                "compare",
                "show",
                "--pictures DIR",
                "--workloads FILE",
                "--gpu-only",
                "--no-memory",
                "--minutes N",
            ),
        ),
        (["compare"], ("BEFORE", "AFTER", "two checkouts", "--workloads FILE")),
        (["check"], ("--repeat N", "a tenth more to do")),
        (["scaling"], ("number of ops", "--json FILE")),
        (["show"], ("FILE", "--markdown GROUP")),
    ],
)
def test_help_says_what_there_is(arguments: list[str], words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--help"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert found.returncode == 0
    for word in words:
        assert word in " ".join(found.stdout.split())
    if arguments == ["compare"]:
        assert "--json FILE" not in found.stdout


# -- the house ---------------------------------------------------------------------------------------------------


def test_no_module_needs_itself() -> None:
    """Imports of each other go in one direction only, also those that are written with a dot."""
    needs: dict[str, set[str]] = {}
    for file in (ROOT / "benchmarks").glob("*.py"):
        needs[file.stem] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                needs[file.stem] |= {node.module} if node.module else {alias.name for alias in node.names}
    assert len(needs["command"]) > 5
    assert list(graphlib.TopologicalSorter(needs).static_order())
