"""What a worker process may take, and what its user code may not see."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

HIDDEN_PREFIXES = (
    "FIRESTEEL_DATABASE_URL",
    "FIRESTEEL_ENCRYPTION_KEY",
    "FIRESTEEL_HANDOVER",
    "FIRESTEEL_WORKER_TOKEN",
)
_M_ARENA_MAX = -8
_ARENAS = 2


def apply_limits(memory_bytes: int) -> None:
    """Bound this process's memory (0: do not) and write no core files, which would hold secrets.

    macOS does not enforce RLIMIT_AS; a worker is then bounded by the machine only.
    """
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes <= 0:
        return
    if sys.platform == "linux":
        # glibc reserves 64 MiB of addresses for each of many arenas, all of which would count.
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        bound = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def hide_secrets(
    environ: MutableMapping[str, str] = os.environ, *, prefixes: tuple[str, ...] = HIDDEN_PREFIXES
) -> None:
    """Remove the node's own secrets from the environment, so that no workflow finds them there."""
    for name in [name for name in environ if name.startswith(prefixes)]:
        del environ[name]
