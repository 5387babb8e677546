"""What one process is asked to measure."""

from __future__ import annotations

import dataclasses
import json

from .timing import Effort


@dataclasses.dataclass(frozen=True)
class Job:
    """What one process is asked to measure.

    Attributes:
        root: the folder whose minidl is measured, or None for this one.
        group: "run" or "scaling": which of the workloads that come with the benchmarks.
        own: the file of one's own workloads and engines, or None.
        only: what the names of workloads must hold.
        quick: whether only the quick workloads are asked for.
        devices: on which devices.
        frameworks: whether engines that take seconds to start take part, too.
        by_hand: whether the rows by hand take part, too.
        names: the names of workloads, where only some are asked for.
        slowed: the name of a chain that gets a tenth more to do, to see whether that is noticed.
        effort: how long to measure.
        in_turns: whether others measure too, so that it waits for its turn before it times anything.
        core: on which of the processor's cores alone the process runs, or None for all.
        peaks: whether to measure what each device does at most.
        seconds: how many the process may take, after which it is ended; None for as many as it needs. Where there is an
            end, what is more important is measured first.
        memory: the workload, the engine and the device of which to measure only the peak memory.
    """

    root: str | None = None
    group: str = "run"
    own: str | None = None
    only: str = ""
    quick: bool = False
    devices: tuple[str, ...] = ("cpu",)
    frameworks: bool = True
    by_hand: bool = True
    names: tuple[str, ...] | None = None
    slowed: str | None = None
    effort: Effort = dataclasses.field(default_factory=lambda: Effort(1, 0.0, 0.0))
    in_turns: bool = False
    core: int | None = None
    peaks: bool = False
    seconds: float | None = None
    memory: tuple[str, str, str] | None = None

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        given = json.loads(text)
        tuples = {name: given[name] and tuple(given[name]) for name in ("devices", "names", "memory")}
        return cls(**given | tuples | {"effort": Effort(*given["effort"])})
