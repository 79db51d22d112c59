"""Run the command as ``python -m skhrmel``."""

import sys

from skhrmel.cli import main

if __name__ == "__main__":
    sys.exit(main())
