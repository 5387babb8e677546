"""Functions that are traced once and then run as a straight-line program: `minidl.function`.

In the order in which to read them: `symbols` (forward rules run on symbols write down the array calls that they
make), `trace` (listens to one run of a function, and has it written down so), `plan` (which calls are needed, and
where each result is put), `writing` (the program as Python's text), `compiled` (one signature's program, made and run),
`guard` (the quick way to it), `functions` (what the caller sees).
"""

from minidl.tracing.functions import function as function

__all__ = ["function"]
