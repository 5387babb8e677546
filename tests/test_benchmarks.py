"""The benchmarks: right results, right statistics, tables that fit, and files that are refused. Nothing is timed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import cpuinfo
import numpy
import pytest
from matplotlib import image
from rich.console import Console

from benchmarks import byhand, machine, processes, scaling
from benchmarks.command import main, parse
from benchmarks.engines import ByHand, ModuleEngine, faults
from benchmarks.pictures import draw
from benchmarks.printing import bytes_text, labels, print_comparison, print_run, speedups, time_text
from benchmarks.recording import RecordingError, read, save
from benchmarks.rows import LIMIT, Change, Row, best_framework, changes, geometric_mean, ratio, slope, weighted_mean
from benchmarks.running import Run, run
from benchmarks.timing import Effort, Side, calls_for, interleaved
from benchmarks.workloads import (
    LESSON,
    SMALL,
    WORKLOADS,
    Network,
    Workload,
    deep_chain,
    elementwise,
    lesson_fit,
    matmul,
    network_step,
    one_op,
    prediction,
    reduction,
)
from tfref import strict_cupy

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
]
BY_HAND = [ByHand(LIMIT, True), ByHand("by hand, allocating", False)]
MODULES = [
    ModuleEngine("minidl", "minidl"),
    ModuleEngine("minidl function", "minidl", {}),
    pytest.param(ModuleEngine("TensorFlow", "tensorflow"), marks=pytest.mark.tf),
    pytest.param(ModuleEngine("TensorFlow function", "tensorflow", {}), marks=pytest.mark.tf),
]


@pytest.mark.parametrize("workload", SMALL_ONES, ids=lambda workload: workload.name)
@pytest.mark.parametrize("engine", [*BY_HAND, *MODULES], ids=lambda engine: engine.name)
def test_every_engine_gives_the_truth(workload: Workload, engine: Any) -> None:
    if not engine.takes(workload):
        pytest.skip(f"{workload.name} is not for {engine.name}")
    side = engine.prepare(workload, "cpu")
    assert faults(workload, side) == []
    assert faults(workload, side) == [], "the second call"


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("workload", SMALL_ONES, ids=lambda workload: workload.name)
@pytest.mark.parametrize("engine", [*BY_HAND, *MODULES[:2]], ids=lambda engine: engine.name)
def test_a_gpu_computes_the_same(workload: Workload, engine: Any) -> None:
    """On the strict double, which knows no transfer that isn't asked for."""
    if not engine.takes(workload):
        pytest.skip(f"{workload.name} is not for {engine.name}")
    if engine.name == LIMIT and not hasattr(vars(strict_cupy)["add"], "reduce"):
        pytest.skip("the strict double has no add.reduce")
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


def test_what_is_asked_of_cupy_is_there() -> None:
    cupy = pytest.importorskip("cupy")
    for name in (
        "get_default_memory_pool", "cuda.get_current_stream", "cuda.runtime.getDeviceProperties",
        "cuda.runtime.runtimeGetVersion", "cuda.runtime.driverGetVersion", "asnumpy", "copyto", "add.reduce",
        "cuda.MemoryPool.total_bytes",
    ):  # fmt: skip
        assert callable(attrgetter(name)(cupy))


def test_names_are_unique() -> None:
    names = [workload.name for workload in (*WORKLOADS, *scaling.WORKLOADS)]
    assert len(names) == len(set(names))


# -- timing ------------------------------------------------------------------------------------------------------


def test_every_side_runs_in_every_round() -> None:
    calls: list[str] = []
    sides = [Side(lambda name=name: calls.append(name)) for name in "abc"]  # type: ignore[misc]
    found = interleaved(sides, Effort(4, 0.0, 10.0))
    assert [len(values) for values in found] == [4, 4, 4]
    for name in "abc":
        assert calls.count(name) >= 4


def test_three_rounds_are_run_whatever_the_budget() -> None:
    assert len(interleaved([Side(lambda: None)], Effort(9, 0.0, 0.0))[0]) == 3


def test_a_round_is_long_enough() -> None:
    assert calls_for(Side(lambda: None), 0.001) > 100


# -- statistics --------------------------------------------------------------------------------------------------


def row(*values: float, engine: str = "minidl", device: str = "cpu", workload: str = "w", what: str = "time") -> Row:
    return Row(workload, engine, device, what, list(values))


def test_medians_and_quartiles() -> None:
    found = row(1.0, 2.0, 3.0, 4.0, 100.0)
    assert found.median == 3.0
    assert found.quartiles == (2.0, 4.0)
    assert found.spread == pytest.approx(2 / 3)
    assert found.noisy
    assert not row(1.0, 1.01, 1.02).noisy


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


@pytest.mark.parametrize(
    ("before", "after", "noise"),
    [
        ([1.0, 1.01, 1.02], [2.0, 2.01, 2.02], False),
        ([1.0, 1.01, 1.02], [0.5, 0.51, 0.52], False),
        ([1.0, 1.01, 1.02], [1.03, 1.04, 1.05], True),  # less than 5 % apart
        ([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], True),  # the quartiles overlap
    ],
)
def test_what_is_beyond_the_noise(before: list[float], after: list[float], noise: bool) -> None:
    assert Change(row(*before), row(*after)).is_noise == noise


def test_small_memory_and_first_calls_are_not_compared() -> None:
    assert Change(row(1e4, what="peak memory"), row(2e4, what="peak memory")).is_noise
    assert not Change(row(1e7, what="peak memory"), row(2e7, what="peak memory")).is_noise
    assert changes([row(1.0, what="first call")], [row(2.0, what="first call")]) == []


def test_only_what_both_runs_have_is_compared() -> None:
    found = changes([row(1.0), row(1.0, engine="JAX")], [row(2.0), row(2.0, device="gpu")])
    assert [change.factor for change in found] == [2.0]


# -- the report --------------------------------------------------------------------------------------------------


def a_run() -> Run:
    """What a run on a machine with a GPU could look like, with made-up numbers of known ratios."""
    found = Run(
        machine.describe("cpu"), peaks={"cpu": {"flops": 1e11, "bytes": 2e10}, "gpu": {"flops": 1e13, "bytes": 1e12}}
    )
    for name, group, size in [
        ("1024-1024-1024-1024 b512: train", "training step", None),
        ("1-1 b4: train", "training step", None),
        *((f"width {size}", "width", size) for size in (1, 2, 4)),
    ]:
        found.about[name] = {"group": group, "flops": 1e9, "bytes": 1e6, "size": size}
        for number, engine in enumerate([LIMIT, "minidl", "TensorFlow function"], 1):
            for device, faster in (("cpu", 1.0), ("gpu", 4.0)):
                values = [number * (size or 1) / faster * 1e-3 * wobble for wobble in (1.0, 1.01, 1.3)]
                found.rows.append(row(*values, engine=engine, device=device, workload=name))
                found.rows += [
                    row(number * 1e7, engine=engine, device=device, workload=name, what="peak memory"),
                    row(number * 0.1, engine=engine, device=device, workload=name, what="first call"),
                ]
    found.about[processes.IMPORT] = {"group": "processes", "flops": None, "bytes": None, "size": None}
    found.rows.append(row(0.02, workload=processes.IMPORT))
    found.missing = ["JAX on cpu: jax is not installed; install it with: pip install 'minidl[peers]'"]
    return found


def printed(show: Any, *arguments: Any) -> str:
    file = io.StringIO()
    show(Console(file=file, width=80), *arguments)
    return file.getvalue()


def test_tables_fit_80_columns() -> None:
    text = printed(print_run, a_run())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for word in ("TensorFlow function (cpu)", "1.01 ms", "GM", "4.00", "Noisy (!)", "is not installed", "exponent"):
        assert word in text, word


def test_the_gpu_over_the_cpu() -> None:
    for factors in speedups(a_run()).values():
        assert [factor for _, factor, _ in factors] == pytest.approx([4.0, 4.0])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.50 s"), (0.99999, "1,000 ms"), (1.5e-3, "1.50 ms"), (12.34e-6, "12.3 µs"), (4e-8, "40.0 ns")],
)
def test_times_are_said_in_three_digits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_what_all_names_share_is_left_out() -> None:
    assert labels(["1-1 b4: train", "2-2 b4: train"]) == {"1-1 b4: train": "1-1 b4", "2-2 b4: train": "2-2 b4"}
    assert labels(["lesson: fit", "lesson: predict"])["lesson: fit"] == "lesson: fit"


def test_bytes_are_said_in_three_digits() -> None:
    assert [bytes_text(count) for count in (12, 1_234, 45_600_000, 2e9)] == ["12 B", "1.23 kB", "45.6 MB", "2.00 GB"]


def test_pictures_are_drawn(tmp_path: Path) -> None:
    files = draw(tmp_path / "new" / "folder", a_run())
    assert {file.name for file in files} == {
        "training-step-time.png", "training-step-peak-memory.png", "scaling.png", "gpu-over-cpu.png",
        "processes-time.png",
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
    run(found, [one_op()], [BY_HAND[0], engine], ["cpu"], ONCE, told.append)
    assert found.faults == [f"one op: add 1 number, {LIMIT} on cpu: ValueError: shapes don't fit"]
    assert {each.engine for each in found.rows} == {"minidl"}
    assert {each.what for each in found.rows} == {"time", "first call"}


def test_what_a_workload_refuses_is_said() -> None:
    found = Run({})
    run(found, [deep_chain(2, refuses={"by hand": "no patience"})], BY_HAND, ["cpu"], ONCE, lambda what: None)
    assert found.missing == ["by hand, allocating, chain of 2 scalar ops: no patience"]


# -- files -------------------------------------------------------------------------------------------------------


def test_a_run_is_kept_and_read(tmp_path: Path) -> None:
    kept = a_run()
    save(kept, tmp_path / "run.json")
    assert read(tmp_path / "run.json") == kept


def _damaged(change: Any) -> str:
    file = io.StringIO()
    given = {"format": "minidl benchmarks", "version": 1, **json.loads(json.dumps(a_run(), default=vars))}
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
        (_damaged(lambda run: run.update(version=99)), "has version 99 of the format, and this is version 1"),
        (_damaged(lambda run: run.pop("rows")), "is damaged (KeyError: 'rows')"),
        (_damaged(lambda run: run.update(rows=5)), "is damaged (TypeError"),
        (_damaged(lambda run: run.update(machine=[])), "is damaged (TypeError: machine is no dict"),
        (_damaged(lambda run: run["rows"][0].pop("values")), "is damaged (TypeError"),
        (_damaged(lambda run: run["rows"][0].update(values=[])), "is damaged (ValueError: the values of"),
        (_damaged(lambda run: run["rows"][0].update(values=["fast"])), "is damaged (ValueError: the values of"),
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
    after.rows[0] = row(*(10 * value for value in after.rows[0].values), engine=LIMIT, workload=after.rows[0].workload)
    text = printed(print_comparison, before, after, changes(before.rows, after.rows))
    assert "10.00" in text
    compared = sum(each.what != "first call" for each in after.rows)
    assert f"0 less, 1 more, {compared - 1} of {compared} the same" in " ".join(text.split())
    assert "only one of the two" not in text


# -- the command -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["dance"], "invalid choice: 'dance'"),
        (["--threads", "0"], "'0' is not a whole number above 0"),
        (["--threads", "many"], "'many' is not a whole number above 0"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["compare", "a.json"], "compare takes two files"),
        (["run", "a.json"], "nothing else takes any"),
        (["--json", "nowhere/run.json"], "there is no folder nowhere"),
    ],
)
def test_unknown_options_are_errors(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_a_name_that_no_workload_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "convolution"]) == 2
    assert "'convolution'" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main(["--device", "gpu", "--quick"]) == 2
    assert "CuPy is not installed" in capsys.readouterr().err


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
    found = processes.peak_memory("matmul 512x512", "by hand, allocating", "cpu")
    assert found.median > 3 * size  # two matrices and their product


def test_an_engine_that_fails_in_its_process_is_said() -> None:
    with pytest.raises(RuntimeError, match="KeyError"):
        processes.peak_memory("no such workload", "minidl", "cpu")


def test_a_recorded_run_reads() -> None:
    for file in (Path(__file__).parents[1] / "benchmarks" / "results").glob("*.json"):
        assert read(file).faults == []


def test_help_says_what_there_is() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert found.returncode == 0
    for word in ("scaling", "compare A.json B.json", "--pictures DIR"):
        assert word in " ".join(found.stdout.split())
