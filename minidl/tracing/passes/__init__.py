"""Passes: each makes a program of a program, with the same results and less to do, and can be left out."""

from minidl.tracing.passes.buffers import share_buffers
from minidl.tracing.passes.constants import fold_constants
from minidl.tracing.passes.inplace import write_in_place
from minidl.tracing.passes.packing import pack_variables
from minidl.tracing.passes.repeats import compute_once
from minidl.tracing.passes.unused import drop_unused

PASSES = {  # in the order in which they are made
    "unused": drop_unused,
    "repeats": compute_once,
    "constants": fold_constants,
    "packing": pack_variables,
    "inplace": write_in_place,
    "buffers": share_buffers,
}
