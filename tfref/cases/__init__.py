"""The case table: every operation, with the inputs on which it is held against TensorFlow.

The modules are named as those of `minidl.ops` and of `minidl.keras` are; to add an operation's cases is to add them
to one of its functions. A case's program takes the module, `program(tf, *inputs)`, and so runs on either engine.
"""

from tfref.cases import composed, elementwise, networks, reductions, shaping, values
from tfref.running import Case

_GROUPS = [
    *(elementwise.elementwise, elementwise.operators, reductions.reductions, reductions.matrices, shaping.shapes),
    *(composed.composed, composed.made, composed.sums_of_products),
    *(
        values.values,
        values.random,
        values.draws,
        networks.losses,
        networks.metrics,
        networks.optimizers,
        networks.layers,
    ),
    networks.initializers,
]

CASES: list[Case] = [case for group in _GROUPS for case in group()]
