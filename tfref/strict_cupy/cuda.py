"""Stands for `cupy.cuda`: two GPUs, of which a thread has one as its current one; streams, and graphs of their work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from tfref.strict_cupy.counts import count, count_kernel

DEVICES = 2


class _Thread(threading.local):
    """The current device of a thread, and on each device its streams in force, the innermost last."""

    def __init__(self) -> None:
        self.device = 0
        self.streams: list[list[Stream]] = [[Stream.null] for _ in range(DEVICES)]


class Device:
    """A GPU, and the scope in which it is the current one."""

    def __init__(self, device: int | None = None) -> None:
        self.id = thread.device if device is None else device
        self._outer: list[int] = []

    def __enter__(self) -> Device:
        self._outer.append(thread.device)
        return self.use()

    def __exit__(self, *_: object) -> None:
        thread.device = self._outer.pop()

    def use(self) -> Device:
        count("scopes")
        thread.device = self.id
        return self

    def synchronize(self) -> None:
        wait_for_gpu()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __int__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class MemoryPointer(NamedTuple):
    """Where the entries of an array begin: what its `data` is."""

    ptr: int
    device_id: int


class runtime:  # noqa: N801  # stands for the module `cupy.cuda.runtime`
    """CUDA's own functions, under CUDA's names."""

    class CUDARuntimeError(RuntimeError):
        """CUDA refuses."""

    @staticmethod
    def getDeviceCount() -> int:
        return DEVICES

    @staticmethod
    def getDevice() -> int:
        return thread.device

    @staticmethod
    def deviceSynchronize() -> None:
        wait_for_gpu()

    @staticmethod
    def getDeviceProperties(device: int) -> dict[str, bytes]:
        return {"name": b"strict double"}

    @staticmethod
    def runtimeGetVersion() -> int:
        return 13000

    @staticmethod
    def driverGetVersion() -> int:
        return 13000


class Stream:
    """A queue of work. While it captures, its work is put on record and not done."""

    null: ClassVar[Stream]

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        self.ptr = 0 if null else id(self)
        self.is_non_blocking = non_blocking
        self.device_id = -1 if null else thread.device
        self.recorded: list[Callable[[], None]] | None = None

    def _check_device(self) -> None:
        if self.device_id not in (-1, thread.device):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({thread.device})"
            )

    def __enter__(self) -> Stream:
        self._check_device()
        thread.streams[thread.device].append(self)
        return self

    def __exit__(self, *_: object) -> None:
        thread.streams[self.device_id].pop()

    def use(self) -> Stream:
        self._check_device()
        thread.streams[thread.device][-1] = self
        return self

    def synchronize(self) -> None:
        wait_for_gpu(self)

    def begin_capture(self, mode: int | None = None) -> None:
        if not self.ptr:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.is_capturing():
            raise runtime.CUDARuntimeError("cudaErrorIllegalState: the operation cannot be performed in this state")
        self.recorded = []

    def end_capture(self) -> Graph:
        if self.recorded is None:
            raise runtime.CUDARuntimeError("cudaErrorIllegalState: the operation cannot be performed in this state")
        graph = Graph.__new__(Graph)
        graph.work, self.recorded = self.recorded, None
        return graph

    def is_capturing(self) -> bool:
        return self.recorded is not None


Stream.null = Stream(null=True)
thread = _Thread()


class Graph:
    """The work that a stream put on record; `Stream.end_capture` gives it."""

    work: list[Callable[[], None]]

    def __init__(self, *_: object) -> None:
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream capture"
        )

    def launch(self, stream: Stream | None = None) -> None:
        """Do the work, on the values that its arrays have now."""
        recorded = (stream or get_current_stream()).recorded
        if recorded is not None:
            recorded.extend(self.work)
            return
        count("launches")
        for work in self.work:
            work()


def get_current_stream() -> Stream:
    return thread.streams[thread.device][-1]


def transfer(direction: str) -> None:
    """An upload or a download begins, which no graph can hold."""
    _refuse_in_a_capture(get_current_stream())
    count(direction)


def wait_for_gpu(stream: Stream | None = None) -> None:
    """The CPU waits until a GPU is done, which no graph can hold."""
    _refuse_in_a_capture(stream or get_current_stream())
    count("synchronizations")


def _refuse_in_a_capture(stream: Stream) -> None:
    if stream.is_capturing():
        raise runtime.CUDARuntimeError(
            "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
        )


def start(name: str, kernel: Callable[[], None]) -> None:
    """Have the current stream run a kernel, which writes into arrays of its own: now, or when its graph is launched."""
    count_kernel(name)
    recorded = get_current_stream().recorded
    if recorded is None:
        kernel()
    else:
        recorded.append(kernel)
