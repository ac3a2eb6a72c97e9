"""What the system still has to send of a connection that is otherwise idle."""

from __future__ import annotations

import fcntl
import struct
import sys
import termios
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

# Unchanged for so long: the client takes nothing. Looked at from so long before its time is over.
PATIENCE_S: Final = 3.0


class Unsent:
    """Of one connection, looked at once a second."""

    __slots__ = ("_bytes", "_since")

    def __init__(self) -> None:
        self._bytes = 0
        self._since = 0.0

    def stuck(self, sock: socket.socket, now: float) -> bool | None:
        """True where the client takes none of it, None where there is nothing, False where it gets
        less. ``now``: the loop's time."""
        left_bytes = unsent_bytes(sock)
        if left_bytes == 0:
            return None
        if left_bytes != self._bytes:
            self._bytes, self._since = left_bytes, now
            return False
        return now - self._since >= PATIENCE_S - 1.5  # of looks a second apart


def unsent_bytes(sock: socket.socket) -> int:
    """What was not acknowledged; 0 where the system does not tell (it is not Linux)."""
    if sys.platform != "linux":
        return 0
    told = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")  # SIOCOUTQ: tcp(7)
    (left_bytes,) = struct.unpack("i", told)
    return int(left_bytes)
