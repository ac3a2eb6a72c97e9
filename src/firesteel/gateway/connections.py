"""What the connections of one listener share: their deadlines, the date, and whether it stops."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import structlog

from firesteel.gateway.request_id import RequestIds

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from firesteel.gateway.protocol import GuardedProtocol, Handler
    from firesteel.gateway.rules import Rules

log = structlog.get_logger(__name__)


class Connections:
    """The open connections of a listener, and the tasks of their requests. ``date_line``: the Date
    header, and what else stands on every answer, made once a second and not once an answer.
    ``leaving``: no connection is kept behind its next answer; ``stopping``: nor an idle one.
    ``handler`` answers their requests, under ``rules``. ``refused``: requests that came to no
    handler, by the code of their problem."""

    def __init__(self, handler: Handler, rules: Rules) -> None:
        self.handler = handler
        self.deadlines = rules.deadlines
        self.proxies = rules.proxies
        self.certificate_header = rules.certificate_header
        self.hosts = rules.hosts
        self.places = rules.places
        self._said_with_the_date = (
            b"\r\nstrict-transport-security: max-age=%d" % rules.hsts_max_age_s
            if rules.hsts_max_age_s
            else b""
        )
        self.request_ids = RequestIds()
        self.leaving = False
        self.stopping = False
        self.date_line = b""
        self.refused: Counter[str] = Counter()
        self._turned_away = 0
        self.guarded: set[GuardedProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._empty: asyncio.Future[None] | None = None
        self.tick(0.0)

    def tick(self, now: float) -> None:
        """To be called once a second; ``now``: the loop's time."""
        date = formatdate(time.time(), usegmt=True).encode()
        self.date_line = b"date: " + date + self._said_with_the_date
        for connection in list(self.guarded):
            connection.sweep(now)
        turned_away, self.places.turned_away = self.places.turned_away, 0
        self._turned_away += turned_away
        if turned_away:
            log.warning("connections_turned_away", count=turned_away, held=self.places.taken)

    @property
    def turned_away(self) -> int:
        """Connections for which there was no place, so far."""
        return self._turned_away + self.places.turned_away

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

    def wind_down(self) -> None:
        """Keep no connection behind the answers that it is owed, or else its next one."""
        self._take_what_is_left()
        self.leaving = True
        for connection in self.guarded:
            connection.close_behind_answers()

    async def stop(self, grace_s: float) -> None:
        """Close idle connections at once, the others after their answers; cut what is left after
        ``grace_s``."""
        self._take_what_is_left()
        self.leaving = self.stopping = True
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

    def _take_what_is_left(self) -> None:
        """Whose requests have been read is owed their answers, all of them: behind the first one
        that is taken as ``leaving`` the connection ends."""
        if not self.leaving:
            for connection in list(self.guarded):
                connection.take_left()
