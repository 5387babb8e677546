"""Arranges the environment before anything heavy is imported: the same number of threads for every engine."""

from __future__ import annotations

import os

from benchmarks.machine import arranged, cores

# What malloc does was decided when this process began, so its thresholds are left as they are.
os.environ.update(arranged(cores(), "default"))
