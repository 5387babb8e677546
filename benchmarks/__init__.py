"""The same workloads on each engine and device, timed: `python -m benchmarks`, or `pytest benchmarks`."""
