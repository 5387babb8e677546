"""`python -m tfref` says how closely minidl agrees with TensorFlow."""

import sys

try:
    from tfref.command import main

    sys.exit(main())
except KeyboardInterrupt:  # while it was imported
    sys.exit(130)
