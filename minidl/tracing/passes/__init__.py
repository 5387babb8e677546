"""Passes: each makes a program of a program, with the same results and less to do, and can be left out.

In the order in which they are made.
"""

from minidl.tracing.passes.buffers import share_buffers
from minidl.tracing.passes.constants import fold_constants
from minidl.tracing.passes.conversions import drop_conversions
from minidl.tracing.passes.inplace import write_in_place
from minidl.tracing.passes.packing import pack_variables
from minidl.tracing.passes.repeats import compute_once
from minidl.tracing.passes.unused import drop_unused

PASSES = {
    "unused": drop_unused,
    "repeats": compute_once,
    "constants": fold_constants,
    "conversions": drop_conversions,
    "packing": pack_variables,
    "inplace": write_in_place,
    "buffers": share_buffers,
}
