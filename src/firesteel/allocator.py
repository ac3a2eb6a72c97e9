"""What the engine's process frees, it gives back to the system (glibc).

Left alone, glibc takes the first large block that is freed as a sign that more of its size will be
wanted, and keeps them among the small ones from then on. Of bodies that come, are archived and are
purged for months that leaves gaps in the memory of every thread: 50 MiB where none is needed
(docs/decisions/0076).
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Final

# Of malloc.h. Where one of the two is set, glibc adjusts neither.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

_APART_FROM_BYTES: Final = 256 * 1024
_KEPT_BYTES: Final = 1024 * 1024


def give_back_what_is_freed() -> None:
    """Blocks of 256 KiB and more are the system's own, given back when they are freed; at the end
    of each heap at most 1 MiB stays. No effect where the C library has no such settings."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _APART_FROM_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
