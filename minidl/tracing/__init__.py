"""Functions that are traced once and then run as a straight-line program: `minidl.function`.

In the order in which to read them: `symbols` (forward rules run on symbols write down the array calls that they
make), `again` (what a function did, for a tape outside of it), `trace` (listens to one run of a function, and has it
written down so), `plan` (which calls are needed, and where each result is put), `writing` (the program as Python's
text), `guard` (runs a program, if its arguments are those of its signature), `compiled` (one signature's program, made
and run), `functions` (what the caller sees).
"""

from minidl.tracing.functions import function as function

__all__ = ["function"]
