"""The name by which nodes that share a store know a node: made once, kept in its data directory.

Whoever holds the lock on it is the only engine of that node, so its sessions before this one have
surely ended and what they ran can be taken over at once, not only when their leases are over. So a
copy of a data directory must be another node, or the two would end each other's sessions in turn:
the host's name is part of the name, and the file says which file it is. Of a machine that was
copied whole, each run of the kernel is a node of its own (decision 0069).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.errors import OperatorError, StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

FILE = "node.id"
_BYTES = 4
_HOST_LENGTH = 40
_BOOT_DIGITS = 4
_LIMIT_BYTES = 100


@dataclass(frozen=True, slots=True)
class NodeName:
    """``text``: such as ``web1-3fa9c2d0-7be1``. The lock is held until ``descriptor`` is closed."""

    text: str
    descriptor: int

    @classmethod
    def take(cls, data_dir: Path, *, boot: str) -> NodeName:
        """``boot``: names this run of the kernel; empty where nobody knows. Raises OperatorError
        ``data_dir_in_use`` where another engine has the directory, and StoreUnavailable where it
        cannot be written now."""
        try:
            descriptor = os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(_name(_own_part(descriptor), boot), descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        except BlockingIOError as error:
            raise OperatorError(
                "another engine is running on this data directory", code="data_dir_in_use"
            ) from error
        except OSError as error:
            raise StoreUnavailable(f"{FILE} cannot be written: {error.strerror}") from error


def _own_part(descriptor: int) -> str:
    """What the file says, where it was written there and not copied; else it is written anew."""
    kept = os.pread(descriptor, _LIMIT_BYTES, 0).decode("ascii", "replace").split()
    status = os.fstat(descriptor)
    itself = f"{status.st_dev}:{status.st_ino}"
    if len(kept) == 2 and kept[0].isalnum() and kept[1] == itself:
        return kept[0]
    # A release before this one wrote the name alone.
    own = kept[0] if len(kept) == 1 and kept[0].isalnum() else secrets.token_hex(_BYTES)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{own} {itself}\n".encode(), 0)
    os.fsync(descriptor)
    return own


def _name(own: str, boot: str) -> str:
    host = socket.gethostname().split(".")[0][:_HOST_LENGTH]
    parts = (host, own, boot.replace("-", "")[:_BOOT_DIGITS])
    return "-".join(part for part in parts if part)
