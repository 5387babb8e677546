"""What can be computed, and beside each operation, its derivative."""

from minidl.ops.operators import install

install()
