"""Clients that are slower than any deadline allows (P26), many at once, in a process of their own.

``python -m tests.fault.zoo PORT COUNT PATIENCE_S`` lets so many in, all kinds by turns, and prints
for each kind how long the last of them was there, or that some still are when patience has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import select
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

OPEN, BIG = "/test/Keep", "/test/Big"
HEAD = f"POST {OPEN} HTTP/1.1\r\nHost: a\r\n".encode()
GET_BIG = f"GET {BIG} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
LONG_BODY = HEAD + b"Content-Length: 1000000\r\n\r\n"
DRIP_S = 1.0
ARRIVE_S = 2.0


@dataclass(slots=True)
class Guest:
    """One connection; ``since``: when it began to be slow."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float = field(default_factory=time.monotonic)

    async def gone(self) -> None:
        """Until the other side has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    async def drip(self, piece: bytes) -> None:
        """So much again and again, for as long as that is possible."""
        with contextlib.suppress(ConnectionError):
            while not self.writer.is_closing():
                self.writer.write(piece)
                await asyncio.sleep(DRIP_S)


async def dripping(guest: Guest, start: bytes, piece: bytes) -> None:
    guest.writer.write(start)
    drip = asyncio.create_task(guest.drip(piece))
    await guest.gone()
    drip.cancel()


async def silent(guest: Guest) -> None:
    await guest.gone()


async def head_by_bytes(guest: Guest) -> None:
    await dripping(guest, HEAD + b"A: ", b"b")


async def head_by_headers(guest: Guest) -> None:
    await dripping(guest, HEAD, b"A: b\r\n")


async def body_by_bytes(guest: Guest) -> None:
    await dripping(guest, LONG_BODY, b"b" * 100)


async def body_just_too_slow(guest: Guest) -> None:
    await dripping(guest, LONG_BODY, b"b" * 900)


async def body_that_stops(guest: Guest) -> None:
    await dripping(guest, LONG_BODY + b"b" * 500_000, b"")


async def chunks_by_bytes(guest: Guest) -> None:
    await dripping(guest, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n")


async def idle(guest: Guest) -> None:
    guest.writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
    await guest.gone()


async def takes_nothing(guest: Guest) -> None:
    """Asks for a long answer and never reads any of it: only the system knows when it is gone."""
    guest.writer.transport.pause_reading()  # type: ignore[attr-defined]
    guest.writer.write(GET_BIG)
    poll = select.poll()
    number = guest.writer.get_extra_info("socket").fileno()
    poll.register(number, select.POLLIN)
    while not poll.poll(0):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    guest.since = time.monotonic()
    poll.modify(number, select.POLLHUP)
    while not any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0)):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


KINDS: tuple[Callable[[Guest], Awaitable[None]], ...] = (
    silent,
    head_by_bytes,
    head_by_headers,
    body_by_bytes,
    body_just_too_slow,
    body_that_stops,
    chunks_by_bytes,
    idle,
    *(silent, head_by_bytes, body_by_bytes, idle),
    *(silent, head_by_headers, chunks_by_bytes, idle),
    takes_nothing,
)


async def visit(number: int, port: int, after_s: float) -> tuple[str, float]:
    """The kind of a guest and how long it was there."""
    await asyncio.sleep(after_s)
    kind = KINDS[number % len(KINDS)]
    sock = socket.socket()
    sock.setblocking(False)
    if kind is takes_nothing:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    guest = Guest(*await asyncio.open_connection(sock=sock))
    try:
        await kind(guest)
    finally:
        guest.writer.transport.abort()
    return kind.__name__, time.monotonic() - guest.since


async def crowd(port: int, count: int, patience_s: float) -> dict[str, float | None]:
    """The longest visit of each kind; None where one has not ended."""
    visits = [
        asyncio.create_task(visit(number, port, ARRIVE_S * number / count))
        for number in range(count)
    ]
    done, pending = await asyncio.wait(visits, timeout=patience_s)
    longest: dict[str, float | None] = {}
    for one in done:
        name, took_s = one.result()
        longest[name] = max(longest.get(name) or 0.0, took_s)
    for number, one in enumerate(visits):
        if one in pending:
            longest[KINDS[number % len(KINDS)].__name__] = None
            one.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return longest


def main() -> None:
    """See above."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    port, count, patience_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sys.stdout.write(json.dumps(asyncio.run(crowd(port, count, patience_s))))


if __name__ == "__main__":
    main()
