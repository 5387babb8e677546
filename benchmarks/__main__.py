"""`python -m benchmarks`."""

import sys

from benchmarks.command import main, parse
from benchmarks.machine import restart_arranged

if __name__ == "__main__":
    options = parse(sys.argv[1:])
    if options.action != "compare":
        restart_arranged(options.threads, options.malloc)
    sys.exit(main(sys.argv[1:]))
