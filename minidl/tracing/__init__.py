"""What a function does, traced once and then run as a straight-line program; `functions.py` is what the caller sees.

In the order in which to read them: `symbols` (arrays without values, that write down what is done with them), `nodes`
(what they write down), `trace` (one run of a function on symbols), `program` (what remains of it), `writing` (a program
as Python's text), `passes` (one file for each way in which a program is made to do less), `running` (what runs it),
`compiled` (a function compiled for one signature).
"""
