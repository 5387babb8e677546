"""Pages that move: a file each, which opens from disk, loads nothing and needs no library."""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def page(template: Path, data: Any, language: str = "en") -> str:
    """A page from a template, with files beside it or here put in for their names in double braces.

    Arguments:
        template: an HTML file. {{data}} stands in it for the data, and {{language}} for the language.
        data: what JSON can hold, and what isn't a number among them (NaN, infinite) as text.
        language: en or ko, in which the page begins.
    """

    def part(name: re.Match[str]) -> str:
        if name[1] == "data":
            return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")  # so that no text ends the script
        if name[1] == "language":
            return language
        file = template.parent / name[1]
        return (file if file.exists() else FOLDER / name[1]).read_text(encoding="utf-8")

    return re.sub(r"{{([\w.]+)}}", part, template.read_text(encoding="utf-8"))
