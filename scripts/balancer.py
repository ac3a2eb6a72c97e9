"""A plain TCP balancer for one machine: what stands before the nodes of ``make demo-cluster``.

It knows nothing of what goes through it. A new connection goes to the node with the fewest; every
half second each node is asked for ``/-/health``. One that says no gets no new connections, and
keeps those it has, so that it may end in order; one that does not answer at all loses them.

``python -m scripts.balancer --port PORT HOST:PORT...`` prints a line for each change, and ends with
SIGTERM or SIGINT. It is for demonstrations and tests; operators take HAProxy, nginx or a cloud's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["up", "down", "silent"]

CHECK_EVERY_S = 0.5
CHECK_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 1.0
PIECE_BYTES = 64 * 1024
HOST = "127.0.0.1"


@dataclass(eq=False)
class Target:
    """A node behind the balancer; ``open``: the connections to it."""

    host: str
    port: int
    state: State = "silent"
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def name(self) -> str:
        """As it was given."""
        return f"{self.host}:{self.port}"

    async def ask(self) -> State:
        """What the node says of its health now."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                try:
                    head = (
                        f"GET /-/health HTTP/1.1\r\nHost: {self.name}\r\nConnection: close\r\n\r\n"
                    )
                    writer.write(head.encode())
                    said = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return "silent"
        if not said:
            return "silent"
        return "up" if said.split(b" ")[1:2] == [b"200"] else "down"

    def drop(self) -> None:
        """End all connections to it at once."""
        for writer in self.open:
            writer.transport.abort()


class Balancer:
    """Takes connections and joins each to a node that is up."""

    def __init__(self, targets: list[Target]) -> None:
        self._targets = targets

    async def run(self, port: int, ready: Callable[[int], object]) -> None:
        """Until it is cancelled; ``ready`` is called with the port."""
        async with asyncio.TaskGroup() as group:
            for target in self._targets:
                group.create_task(self._watch(target))
            server = await asyncio.start_server(self._serve, HOST, port)
            ready(server.sockets[0].getsockname()[1])
            async with server:
                await server.serve_forever()

    async def _watch(self, target: Target) -> None:
        while True:
            state = await target.ask()
            if state != target.state:
                print(f"{target.name} is {state}", flush=True)
            target.state = state
            if state == "silent":
                target.drop()
            await asyncio.sleep(CHECK_EVERY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            for target in sorted(self._targets, key=lambda one: len(one.open)):
                if target.state == "up" and await self._joined(target, reader, writer):
                    return

    async def _joined(
        self, target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the node took the connection; returns when it has ended."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                answers, calls = await asyncio.open_connection(target.host, target.port)
        except (OSError, TimeoutError):
            return False
        target.open.add(calls)
        try:
            with contextlib.closing(calls):
                async with asyncio.TaskGroup() as both:
                    there = both.create_task(_pass_on(reader, calls))
                    # A caller may have said all and still wait; a node that has ended says no more.
                    await _pass_on(answers, writer)
                    there.cancel()
        except* OSError:
            pass  # one side has gone: so does the other
        finally:
            target.open.discard(calls)
        return True


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _say(port: int) -> None:
    print(f"balancing on {port}", flush=True)


async def _run(port: int, targets: list[Target]) -> None:
    running = asyncio.create_task(Balancer(targets).run(port, _say))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def main() -> int:
    """Balance until a signal comes."""
    parser = argparse.ArgumentParser(prog="balancer", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0: a free one")
    parser.add_argument("targets", nargs="+", metavar="HOST:PORT")
    options = parser.parse_args()
    split = (one.rpartition(":") for one in options.targets)
    asyncio.run(_run(options.port, [Target(host, int(port)) for host, _, port in split]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
