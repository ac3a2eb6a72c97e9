"""What nodes tell each other, by PostgreSQL's NOTIFY: one connection and one thread.

A commit with a NOTIFY takes a lock of the whole server, so news gather while one is under way, and
go together in a transaction of their own that need not be flushed. A payload is the teller's name,
a space, and one of the news as JSON; the database's own triggers tell changes of the catalog so.
Source: https://www.postgresql.org/docs/current/sql-notify.html.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import psycopg
import structlog

from firesteel.errors import OperatorError
from firesteel.store.bulletin import CancelAsked, Missed, News, Ready, Settled, Told
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.texts import unescaped

_CHANNEL: Final = "firesteel"
_TELL: Final = "SELECT pg_notify(?::TEXT, told) FROM unnest(?::TEXT[]) AS told"
_SESSION: Final = Session(3.0, flushed=False)
_MOST_UNTOLD: Final = 1000
# A payload has fewer than 8,000 bytes: 300 numbers of 20 digits, a reason of 1,000 characters.
_NUMBERS: Final = 300
_REASON: Final = 1000
_LOOK_S: Final = 10.0
_RETRIES_S: Final = (0.1, 0.2, 0.5, 1.0)

_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)
log = structlog.get_logger(__name__)


class PostgresqlBulletin:
    """Implements ``store.bulletin.Bulletin``. ``connect`` and ``start`` are called once, in this
    order."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._listeners: list[Callable[[News], None]] = []
        self._untold: deque[Told] = deque(maxlen=_MOST_UNTOLD)
        self._closing = False
        self._connection: PostgresqlConnection | None = None
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="firesteel-bulletin", daemon=True)

    async def connect(self) -> None:
        """Have news kept for this node from now on. Raises what ``connect`` raises."""
        self._connection = await asyncio.to_thread(self._connect)

    def start(self) -> None:
        """Begin to tell and to hear."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Tell what is untold, where that goes at once, and end. Safe to repeat."""
        self._closing = True
        self._wake()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._leave()
        self._woken.close()
        self._waker.close()

    def tell(self, news: Told) -> None:
        """As ``Bulletin.tell``."""
        self._untold.append(news)
        self._wake()

    def listen(self, hear: Callable[[News], None]) -> None:
        """As ``Bulletin.listen``."""
        self._listeners.append(hear)

    # --- the event loop's thread ------------------------------------------------------------------

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
            self._waker.send(b"!")

    def _hear(self, heard: Sequence[News]) -> None:
        for news in heard:
            for hear in self._listeners:
                try:
                    hear(news)
                except Exception:  # one listener's defect is not the others'
                    log.exception("news_not_taken", news=type(news).__name__)

    # --- the bulletin's thread --------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._closing:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    self._give([Missed()])
                failures = 0
                self._attend(self._connection)
            except (psycopg.Error, OperatorError) as error:
                if not failures:
                    log.warning("bulletin_lost", error=type(error).__name__)
                self._leave()
                self._pause(_RETRIES_S[min(failures, len(_RETRIES_S) - 1)])
                failures += 1
        self._leave()

    def _connect(self) -> PostgresqlConnection:
        connection = connect(self._address, _SESSION)
        connection.command(f"LISTEN {_CHANNEL}")
        return connection

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _pause(self, seconds: float) -> None:
        """Let time pass before the next connection; news wake nobody who cannot tell them."""
        if not self._closing:
            threading.Event().wait(seconds)

    def _attend(self, connection: PostgresqlConnection) -> None:
        """Tell and hear on this connection until it is lost or the end has come."""
        heard: list[psycopg.Notify] = []
        connection.raw.add_notify_handler(heard.append)
        while True:
            ending = self._closing  # before what is untold is looked at: nothing is added later
            told = list(payloads(self._address.teller, self._take_untold()))
            if told:
                connection.execute(_TELL, (_CHANNEL, told))
                # What came meanwhile is read already, and no longer wakes who waits for the socket.
                self._receive(connection, heard)
            if ending:
                return
            self._wait(connection)
            self._receive(connection, heard)

    def _take_untold(self) -> list[Told]:
        untold: list[Told] = []
        with contextlib.suppress(IndexError):
            while True:
                untold.append(self._untold.popleft())
        return untold

    def _wait(self, connection: PostgresqlConnection) -> None:
        if self._untold or self._closing:
            return
        woken, waiting = self._woken.fileno(), select.poll()  # select() takes no file above 1,023
        for descriptor in (connection.raw.fileno(), woken):
            waiting.register(descriptor, select.POLLIN)
        if (woken, select.POLLIN) in waiting.poll(_LOOK_S * 1000):
            self._woken.recv(4096)

    def _receive(self, connection: PostgresqlConnection, heard: list[psycopg.Notify]) -> None:
        """Hear what came while something was told, and what has come since."""
        server = connection.raw.pgconn
        server.consume_input()
        told = [one.payload for one in heard]
        heard.clear()
        while (notice := server.notifies()) is not None:
            told.append(notice.extra.decode())
        news = [self._read(payload) for payload in told]
        self._give([one for one in news if one is not None])

    def _read(self, payload: str) -> News | None:
        """None: our own, or of a release that says more than this one knows."""
        teller, _, told = unescaped(payload).partition(" ")
        if teller == self._address.teller:
            return None
        try:
            return _decoder.decode(told)
        except msgspec.DecodeError:
            return None

    def _give(self, news: Sequence[News]) -> None:
        if news:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._hear, news)


def payloads(teller: str, untold: Sequence[Told]) -> Iterator[str]:
    """What to notify: numbers together, and nothing twice."""
    merged: dict[Told, None] = {}
    settled: dict[int, None] = {}
    ready: dict[int, None] = {}
    for news in untold:
        if isinstance(news, Settled):
            settled.update(dict.fromkeys(news.numbers))
        elif isinstance(news, Ready):
            ready.update(dict.fromkeys(news.triggers))
        elif isinstance(news, CancelAsked):
            merged[msgspec.structs.replace(news, why=news.why[:_REASON])] = None
        else:
            merged[news] = None
    merged.update((Settled(some), None) for some in _cut(settled))
    merged.update((Ready(some), None) for some in _cut(ready))
    for news in merged:
        yield f"{teller} {msgspec.json.encode(news).decode()}"


def _cut(numbers: dict[int, None]) -> Iterator[tuple[int, ...]]:
    every = tuple(numbers)
    for first in range(0, len(every), _NUMBERS):
        yield every[first : first + _NUMBERS]
