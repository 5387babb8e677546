"""The formula of a gradient rule, read from the source that runs."""

from __future__ import annotations

import ast
import functools
import linecache
import re
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any


def formula(function: Callable[..., Any], names: Mapping[str, str]) -> str:
    """What a gradient rule computes, such as `upstream * cos(x)`; the call of it, where it is a function with a name.

    Arguments:
        function: of the rule.
        names: what to write for the names in it, such as those of the inputs.

    Where Python doesn't know the source, as for what was typed at its prompt, '' is returned.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    if function.__name__ == "<lambda>":
        text = next((ast.unparse(each.body) for each in _lambdas(code.co_filename) if _is_source(each, code)), "")
    else:
        text = f"{function.__name__}({', '.join(code.co_varnames[: code.co_argcount])})"
    public = re.sub(r"\b_(?=[a-z])", "", text)
    return re.sub(r"\b[a-z_]+\b", lambda name: names.get(name[0], name[0]), public)


@functools.cache
def _lambdas(file: str) -> list[ast.Lambda]:
    tree = ast.parse("".join(linecache.getlines(file)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def _is_source(node: ast.Lambda, code: CodeType) -> bool:
    """Whether a function was compiled from a lambda: several may stand on one line, so columns decide."""
    body = node.body
    assert body.end_lineno is not None
    assert body.end_col_offset is not None
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return node.lineno == code.co_firstlineno and any(
        line is not None
        and column is not None
        and last_line is not None
        and last_column is not None
        and start <= (line, column) < (last_line, last_column) <= end
        for line, last_line, column, last_column in code.co_positions()
    )
