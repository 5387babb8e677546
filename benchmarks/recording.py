"""A run as a JSON file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from .rows import Row
from .runs import Run

FORMAT, VERSION = "minidl benchmarks", 2


class RecordingError(Exception):
    """A file that holds no run of these benchmarks; the message says why."""


def save(run: Run, file: Path) -> None:
    """Write a run to a file."""
    file.write_text(json.dumps({"format": FORMAT, "version": VERSION, **dataclasses.asdict(run)}, indent=1) + "\n")


def read(file: Path) -> Run:
    """The run in a file. Raises RecordingError where there is none, or one of another version."""
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordingError(f"There is no file {file}; make one with: python -m benchmarks --json {file}") from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{file} can't be read as JSON ({error}); make it anew with --json") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise RecordingError(f"{file} is not a run of these benchmarks; make one with --json")
    if given.get("version") != VERSION:
        raise RecordingError(
            f"{file} has version {given.get('version')!r} of the format, and this is version {VERSION}; "
            "make it anew with --json"
        )
    try:
        return _run(given)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            f"{file} is damaged ({type(error).__name__}: {error}); make it anew with --json"
        ) from error


def _run(given: dict[str, Any]) -> Run:
    parts = {field.name: given[field.name] for field in dataclasses.fields(Run)}
    for name, kind in {"machine": dict, "about": dict, "peaks": dict, "missing": list, "faults": list}.items():
        if not isinstance(parts[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    parts["rows"] = [_row(each) for each in parts["rows"]]
    return Run(**parts)


def _row(given: dict[str, Any]) -> Row:
    row = Row(**given)
    if not row.rounds or not all(isinstance(value, (int, float)) and value >= 0 for value in row.rounds):
        raise ValueError(f"the values of {row.workload}, {row.engine} are {row.values!r}")
    return row
