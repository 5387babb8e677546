"""What can be computed, and beside each operation, its derivative."""
