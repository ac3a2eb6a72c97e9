"""How many files and sockets the engine process may have open, and how many of them are callers'.

Each connection is one. Without a bound below the process's own, callers could take the last one
from the store.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

# For the admin port, bodies on disk, the store, workers and other nodes.
RESERVED: Final = 2000
ADMIN_CONNECTIONS: Final = 500


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """How many connections the two ports may hold."""

    public_connections: int
    admin_connections: int


def open_files(wanted_connections: int) -> OpenFiles:
    """Raise the soft limit (RLIMIT_NOFILE) as far as that many connections need it and the hard one
    allows; where it stays lower, half of it is for the public port."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted_connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limit = needed if soft == resource.RLIM_INFINITY else soft
    reserved = min(RESERVED, limit // 2)
    return OpenFiles(
        min(wanted_connections, limit - reserved), min(ADMIN_CONNECTIONS, reserved // 4)
    )
