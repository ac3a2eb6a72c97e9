"""The command ``firesteel``, also as ``python -m firesteel``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; its exit code (see ``firesteel.cli.exit_codes``)."""
    from firesteel.cli.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
