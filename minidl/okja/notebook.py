"""The lesson as a notebook: its cells in their order, with text in English or Korean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "notebook.txt"


def cells(language: str) -> Iterator[tuple[str, str]]:
    """The kind of each cell, 'markdown' or 'code', and its text, of those in a language."""
    parts = re.split(r"^%% (code)? ?(en|ko)?\n", SOURCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for kind, only, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if only in (None, language):
            yield kind or "markdown", text.rstrip("\n")


def write_notebook(path: Path, language: str) -> None:
    """Write the notebook, in Jupyter's format 4.5, without any output."""
    written = []
    for number, (kind, text) in enumerate(cells(language)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
        written.append(cell | {"execution_count": None, "outputs": []} if kind == "code" else cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
