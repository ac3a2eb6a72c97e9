"""What the connections of one listener share: their deadlines, the date, and whether it stops."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from firesteel.gateway.deadlines import Deadlines
from firesteel.gateway.request_id import RequestIds
from firesteel.model.forwarded import Proxies

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from firesteel.gateway.protocol import GuardedProtocol, Handler


class Connections:
    """The open connections of a listener, and the tasks of their requests. ``date_line``: the Date
    header, made once a second and not once an answer. ``stopping``: no connection is kept after the
    answer in hand. ``handler`` answers their requests. ``proxies``: who is believed of whom they
    bring."""

    def __init__(
        self, handler: Handler, deadlines: Deadlines, proxies: Proxies | None = None
    ) -> None:
        self.handler = handler
        self.deadlines = deadlines
        self.proxies = proxies or Proxies()
        self.request_ids = RequestIds()
        self.stopping = False
        self.date_line = b""
        self.guarded: set[GuardedProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._empty: asyncio.Future[None] | None = None
        self.tick(0.0)

    def tick(self, now: float) -> None:
        """To be called once a second; ``now``: the loop's time."""
        self.date_line = b"date: " + formatdate(time.time(), usegmt=True).encode()
        for connection in list(self.guarded):
            connection.sweep(now)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Go on with a request in a task."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def closed(self, connection: GuardedProtocol) -> None:
        """A connection has gone."""
        self.guarded.discard(connection)
        if not self.guarded and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def stop(self, grace_s: float) -> None:
        """Close idle connections at once, the others after their answers; cut what is left after
        ``grace_s``."""
        self.stopping = True
        for connection in list(self.guarded):
            connection.shutdown()
        if not self.guarded:
            return
        self._empty = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(grace_s):
                await asyncio.shield(self._empty)
        except TimeoutError:
            for connection in list(self.guarded):
                connection.transport.abort()
