"""Linear algebra under the names of `tensorflow.linalg`."""

from minidl.ops.composed import einsum, eye, global_norm, norm, tensordot
from minidl.ops.reductions import matmul

__all__ = ["einsum", "eye", "global_norm", "matmul", "norm", "tensordot"]
