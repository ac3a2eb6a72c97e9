"""Die with the supervisor: no orphan goes on with a step.

The supervisor holds the write end of a pipe whose read end its children inherit. When it dies, by
whatever signal, the read end ends; a thread that waits for that ends the child at once. On Linux
the kernel's parent-death signal does the same even if Python is stuck in a C function.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1
ORPHANED_EXIT_CODE = 70


def hold_on_to(lifeline_fd: int) -> None:
    """End this process when the supervisor has gone. Call once, early."""
    die_with_parent()
    threading.Thread(target=_watch, args=(lifeline_fd,), name="lifeline", daemon=True).start()


def die_with_parent() -> None:
    """Let the kernel end this process when the one that started it has gone; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(lifeline_fd: int) -> None:
    try:
        os.read(lifeline_fd, 1)
    finally:
        os._exit(ORPHANED_EXIT_CODE)
