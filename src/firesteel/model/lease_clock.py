"""The clock by which an engine tells its workers how long its lease holds.

All processes of a machine read the same one, and it goes on while processes are stopped; on Linux
also while the machine itself sleeps, where ``time.monotonic`` stands still.
"""

from __future__ import annotations

import sys
import time

if sys.platform == "linux":

    def now_s() -> float:
        """Seconds since the machine's start."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:

    def now_s() -> float:
        """Seconds since some moment that is the same for all processes of the machine."""
        return time.monotonic()
