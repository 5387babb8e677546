"""`python -m tfref` says how closely minidl agrees with TensorFlow."""

import sys

from tfref.command import main

sys.exit(main())
