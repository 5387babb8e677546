"""`python -m minidl` is the command `minidl`."""

import sys

from minidl.okja.command import main

sys.exit(main())
