"""What one process is asked to measure."""

from __future__ import annotations

import dataclasses
import json

from .timing import Effort


@dataclasses.dataclass(frozen=True)
class Job:
    """What one process is asked to measure.

    Attributes:
        group: "run" or "scaling": which of the workloads that come with the benchmarks.
        own: the file of one's own workloads and engines, or None.
        only: what the names of workloads must hold.
        quick: whether only the quick workloads are asked for.
        devices: on which devices.
        frameworks: whether engines that take seconds to start take part, too.
        effort: how long to measure.
        peaks: whether to measure what each device does at most.
        memory: the workload, the engine and the device of which to measure only the peak memory.
    """

    group: str = "run"
    own: str | None = None
    only: str = ""
    quick: bool = False
    devices: tuple[str, ...] = ("cpu",)
    frameworks: bool = True
    effort: Effort = dataclasses.field(default_factory=lambda: Effort(1, 0.0, 0.0))
    peaks: bool = False
    memory: tuple[str, str, str] | None = None

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        given = json.loads(text)
        memory = given["memory"] and tuple(given["memory"])
        return cls(**given | {"devices": tuple(given["devices"]), "effort": Effort(*given["effort"]), "memory": memory})
