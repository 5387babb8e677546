"""How the time of a training step grows with batch size, width and depth, and that of a chain with its length."""

from __future__ import annotations

import dataclasses

from .rows import BY_HAND, LIMIT
from .workloads import Network, Workload, deep_chain, network_step

GROUPS = {
    "batch size": "samples of 256-256-256",
    "width": "units in each of 2 layers, batch 64",
    "depth": "layers of 64 units, batch 32",
    "number of ops": "scalar ops in a chain, with gradient",
}

ENGINES = (LIMIT, BY_HAND, "minidl", "minidl function", "TensorFlow function", "PyTorch")


def _training(group: str, size: int, network: Network) -> Workload:
    return network_step(
        network, "train", name=f"{group} {size}", group=group, size=size, quick=size <= 256, remembered=True
    )


WORKLOADS: tuple[Workload, ...] = (
    *(_training("batch size", n, Network((256, 256, 256), n, 1e-5 * n)) for n in (1, 4, 16, 64, 256, 1024, 4096)),
    *(_training("width", n, Network((n, n, n), 64, 1e-3)) for n in (16, 32, 64, 128, 256, 512, 1024, 2048)),
    *(_training("depth", n, Network((64,) * (n + 1), 32, 1e-4)) for n in (1, 2, 4, 8, 16, 32, 64)),
    *(
        dataclasses.replace(
            deep_chain(n), name=f"number of ops {n}", group="number of ops", size=n, quick=n <= 1_000, remembered=True
        )
        for n in (10, 100, 1_000, 10_000, 100_000)
    ),
)
