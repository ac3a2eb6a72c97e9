"""A listener: what answers requests, on bound sockets, in the running loop, with a graceful end.

Used for the public port and, with TLS alike, for the admin port.
"""

from __future__ import annotations

import asyncio
import contextlib
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Final, cast

from firesteel.gateway.connections import Connections
from firesteel.gateway.deadlines import SWEEP_S
from firesteel.gateway.protocol import GuardedProtocol
from firesteel.gateway.rules import Rules
from firesteel.gateway.tls_door import TlsDoor
from firesteel.telemetry.meter import PortFigures

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from firesteel.gateway.protocol import Handler
    from firesteel.gateway.tls import TlsFiles

BACKLOG: Final = 2048


class Listener:
    """``start`` once, ``stop`` once; used from the loop's thread."""

    def __init__(
        self,
        handler: Handler,
        sockets: Sequence[socket.socket],
        *,
        tls: TlsFiles | None = None,
        rules: Rules | None = None,
    ) -> None:
        """``sockets``: bound TCP sockets, owned by the caller until ``start``. ``tls``: None for
        plain HTTP."""
        self._sockets = sockets
        self._tls = tls
        self._connections = Connections(handler, rules or Rules())
        self._servers: list[asyncio.Server] = []
        self._doors: list[TlsDoor] = []
        self._ticking: asyncio.TimerHandle | None = None
        self._stopped = False

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections.guarded)

    def figures(self, name: str) -> PortFigures:
        """How it is now, under that name."""
        state = self._connections
        return PortFigures(name, state.places.taken, state.turned_away, dict(state.refused))

    async def start(self) -> None:
        """Accept connections. Raises OperatorError ``tls_invalid`` for an unusable certificate."""
        loop = asyncio.get_running_loop()
        if self._tls is not None:
            self._tls.start_watching()
        for sock in self._sockets:
            if self._tls is None:
                self._servers.append(
                    await loop.create_server(self._new_connection, sock=sock, backlog=BACKLOG)
                )
            else:
                door = TlsDoor(sock, self._connections, self._tls)
                door.open(BACKLOG)
                self._doors.append(door)
        self._tick()

    def replace(self, handler: Handler) -> None:
        """Let another one answer from the next request on."""
        self._connections.handler = handler

    def wind_down(self) -> None:
        """Go on, but keep no connection behind its answer, and say so with it. Safe to repeat."""
        self._connections.wind_down()

    def end_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for connection in list(self._connections.guarded):
            connection.shutdown()

    async def stop(self, grace_s: float) -> None:
        """Accept no more; answer every request that has come, close, cut after ``grace_s``. Safe
        to repeat."""
        if self._stopped:
            return
        # What the kernel has accepted for us is taken first: its requests are answered too.
        last = [accepted for sock in self._sockets for accepted in _close_door(sock)]
        self._close()
        deadline_s = asyncio.get_running_loop().time() + grace_s
        await self._take(last, grace_s)
        await self._end(max(deadline_s - asyncio.get_running_loop().time(), 0.0))

    async def leave(self, grace_s: float) -> None:
        """As ``stop``, but who comes later waits for the next process that has the sockets."""
        if not self._stopped:
            self._close()
            await self._end(grace_s)

    async def _take(self, last: Sequence[socket.socket], grace_s: float) -> None:
        """Let these in: over TLS those whose handshakes end in time."""
        loop = asyncio.get_running_loop()
        if self._tls is None:
            for accepted in last:
                with contextlib.suppress(OSError):
                    await loop.connect_accepted_socket(self._new_connection, accepted)
            return
        taken = [self._doors[0].take(accepted) for accepted in last]
        handshakes = [task for task in taken if task is not None]
        if handshakes:
            await asyncio.wait(handshakes, timeout=grace_s)

    def _close(self) -> None:
        self._stopped = True
        for server in self._servers:
            server.close()
        for door in self._doors:
            door.close()

    async def _end(self, grace_s: float) -> None:
        await self._connections.stop(grace_s)
        if self._ticking is not None:
            self._ticking.cancel()
        await self._end_tasks()
        if self._tls is not None:
            await self._tls.stop_watching()

    def _new_connection(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", GuardedProtocol(self._connections))

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._ticking = loop.call_later(SWEEP_S, self._tick)
        self._connections.tick(loop.time())

    async def _end_tasks(self) -> None:
        for task in list(self._connections.tasks):
            task.cancel()
        for task in list(self._connections.tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _close_door(listening: socket.socket) -> list[socket.socket]:
    """The connections that wait to be accepted; who comes later is refused, although the parent
    process has the socket too."""
    accepted = []
    with contextlib.suppress(BlockingIOError):
        while True:
            accepted.append(listening.accept()[0])
    # Only Linux knows this; elsewhere the door is closed when both processes have closed it.
    with contextlib.suppress(OSError):
        listening.shutdown(SHUT_RDWR)
    return accepted
