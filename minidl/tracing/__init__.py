"""Functions that are traced once and then run as a straight-line program: `minidl.function`.

In the order in which to read them: `symbols` (forward rules run on symbols write down the array calls that they
make), `trace` (listens to one run of a function, and has it written down so), `plan` (which calls are needed, and
where each result is put), `writing` (the program as Python's text), `compiled` (what the caller sees).
"""

from minidl.tracing.compiled import function as function

__all__ = ["function"]
