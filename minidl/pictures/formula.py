"""The formula of a gradient rule, read from the source that runs."""

import ast
import functools
import linecache
import re
from collections.abc import Callable, Mapping
from typing import Any

# How the calls in gradient rules are said in formulas: in this order, and ^T stands for ᵀ.
NOTATION = {
    r"\b_(?=[a-z])": "", r"matrix_transpose\((\w+)\)": r"\1^T", r"gather\(upstream, (\w+), .*": r"upstream[\1]",
    r"share_of_extreme\(.*\)": "upstream * (x == result) / count(x == result)", r"matmul\((\S+), (\S+)\)": r"\1 · \2",
    r"reduce_sum\((.*), axis, True\)": r"sum(\1)", r"put\(.*\)": "where(at index, upstream, 0)",
    r"(?:slice_|part_along)\(upstream, (?:axis, |index=)(\w+)\)": r"upstream[\1]",
    r"scatter\(.*\)": "sum(where(at indices, upstream, 0))", r"where_positive\((\w+), (\w+)\)": r"\1 * (\2 > 0)",
    r"transpose\(upstream, .*\)": "transpose(upstream)", r"with_axes\(upstream, .*\)": "upstream",
    r"spread\(.*\)": "upstream / n", r"cast_to\(": "cast(", r"softmax\((\w+), axis\)": r"softmax(\1)",
}  # fmt: skip


def formula(function: Callable[..., Any], names: Mapping[str, str]) -> str:
    """What a gradient rule computes, such as `upstream * cos(x)`; the call of it, where it is a function with a name.

    Arguments:
        function: of the rule.
        names: what to write for the names in it, such as those of the inputs.

    Where Python doesn't know the source, as for what was typed at its prompt, '' is returned.
    """
    code = function.__code__
    if function.__name__ == "<lambda>":  # several may stand on one line, so columns tell which it is
        known = _lambdas(code.co_filename)
        text = next((known[position] for position in code.co_positions() if position in known), "")
    else:
        text = f"{function.__name__}({', '.join(code.co_varnames[: code.co_argcount])})"
    for pattern, words in NOTATION.items():
        text = re.sub(pattern, words, text)
    return re.sub(r"\b[a-z_]+\b", lambda name: names.get(name[0], name[0]), text).replace("^T", "ᵀ")


@functools.cache
def _lambdas(file: str) -> dict[Any, str]:
    """What the lambdas of a file give, by where that stands, as a code's positions say it."""
    nodes = ast.walk(ast.parse("".join(linecache.getlines(file))))
    bodies = [node.body for node in nodes if isinstance(node, ast.Lambda)]
    return {(each.lineno, each.end_lineno, each.col_offset, each.end_col_offset): ast.unparse(each) for each in bodies}
