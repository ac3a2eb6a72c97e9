"""Where connections over TLS come in: each has a place before its handshake, and a deadline for it.

Whoever opens connections and says nothing would else hold sockets that nobody counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Final, cast

import structlog

from firesteel.gateway.protocol import GuardedProtocol

if TYPE_CHECKING:
    import socket
    import ssl

    from firesteel.gateway.connections import Connections
    from firesteel.gateway.deadlines import Deadlines
    from firesteel.gateway.places import Entry, Places
    from firesteel.gateway.tls import TlsFiles

# After an accept that fails for want of files or memory.
_RETRY_S: Final = 1.0

log = structlog.get_logger(__name__)


class TlsDoor:
    """Of one bound socket: ``open`` once, ``close`` once."""

    def __init__(self, listening: socket.socket, state: Connections, tls: TlsFiles) -> None:
        self._listening = listening
        self._state = state
        self._tls = tls
        self._accepting: asyncio.Task[None] | None = None

    def open(self, backlog: int) -> None:
        """Accept connections."""
        self._listening.setblocking(False)
        self._listening.listen(backlog)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())
        self._accepting.add_done_callback(lambda _task: self._listening.close())

    def close(self) -> None:
        """Accept no more."""
        if self._accepting is not None:
            self._accepting.cancel()

    def take(self, accepted: socket.socket) -> asyncio.Task[None] | None:
        """Go on with one that has been accepted; None: there is no place, and it is closed."""
        entry = self._state.places.enter(_peer(accepted))
        if entry.key is None and not entry.told:
            accepted.close()
            return None
        handshake = _Handshake(accepted, GuardedProtocol(self._state, entry))
        task = self._state.run(handshake.run(self._state.deadlines, self._tls.context))
        # Not in the task itself: one that is cancelled early never begins.
        task.add_done_callback(lambda _task: handshake.ended(self._state.places, entry))
        return task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._listening)
            except OSError as error:
                log.warning("connection_not_accepted", reason=error.strerror)
                await asyncio.sleep(_RETRY_S)
            else:
                self.take(accepted)


class _Handshake:
    """Of one connection that has a place."""

    def __init__(self, accepted: socket.socket, guarded: GuardedProtocol) -> None:
        self._accepted = accepted
        self._guarded = guarded
        self._begun = False

    async def run(self, deadlines: Deadlines, context: ssl.SSLContext) -> None:
        """Until TLS stands, or does not."""
        self._begun = True
        # Of ssl too: it is no client of ours, has gone, or is too slow.
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: cast("asyncio.Protocol", self._guarded),
                self._accepted,
                ssl=context,
                ssl_handshake_timeout=deadlines.handshake_s,
                ssl_shutdown_timeout=deadlines.linger_s,
            )

    def ended(self, places: Places, entry: Entry) -> None:
        """Give back what it held, where the connection does not stand."""
        if self._guarded.opened:
            return
        places.leave(entry)
        # A handshake that was given up leaves its transport open until the other side ends it.
        with contextlib.suppress(OSError):
            self._accepted.shutdown(SHUT_RDWR)
        if not self._begun:
            self._accepted.close()


def _peer(accepted: socket.socket) -> str | None:
    """Its address; None where it has gone already."""
    try:
        return str(accepted.getpeername()[0])
    except OSError:
        return None
