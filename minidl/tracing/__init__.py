"""Functions that are traced once and then run as a straight-line program: `minidl.function`.

In the order in which to read them: `nodes` (the arrays of a program, and how the call that computes each is written),
`symbols` (forward rules run on symbols leave the nodes of their calls), `again` (what a function did, for a tape
outside of it), `trace` (listens to one run of a function, and has it written down so), `together` (small variables laid
side by side), `plan` (which nodes are needed, and where each one's value is put), `names` and `writing` (the program as
Python's text), `guard` (runs a program, if its arguments are those of its signature), `signature` (what these are),
`compiled` (one signature's program, made and run), `functions` (what the caller sees).
"""

from minidl.tracing.functions import function as function

__all__ = ["function"]
