"""Functions that are traced once and then run as a straight-line program: `minidl.function`.

In the order in which to read them: `symbols` (arrays without values, that write down what is done with them), `nodes`
(what they write down), `trace` (one run of a function on symbols), `program` (what remains of it), `writing` (a program
as Python's text), `passes` (one file for each way in which a program is made to do less), `running` (what runs it),
`signature` (when it may run), `compiled` (one signature's program), `functions` (what the caller sees).
"""

from minidl.tracing.functions import function as function

__all__ = ["function"]
