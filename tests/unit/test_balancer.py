"""The balancer of the demo cluster: which node a connection goes to, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from scripts import balancer
from scripts.balancer import Balancer, Target

WAIT_S = 60.0


@dataclass
class Backend:
    """Answers health checks, and all else with its name; ``silent``: answers nothing."""

    name: str
    health: int = 200
    silent: bool = False
    server: asyncio.Server = field(init=False)

    async def start(self) -> Target:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return Target("127.0.0.1", self.server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while line := await reader.readline():
                if self.silent:
                    await asyncio.Event().wait()
                if line.startswith(b"GET /-/health"):
                    writer.write(f"HTTP/1.1 {self.health} x\r\n\r\n".encode())
                    return
                writer.write(f"{self.name} {line.decode()}".encode())


@dataclass
class Front:
    """The balancer's port, with two backends behind it."""

    port: int
    backends: dict[str, Backend]
    targets: dict[str, Target]

    async def connected(self) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection, and the name of who answers on it; "" where nobody does."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        line = b""
        with contextlib.suppress(ConnectionError):
            writer.write(b"hello\n")
            line = await reader.readline()
        return line.decode().partition(" ")[0], reader, writer

    async def until(self, name: str, state: balancer.State) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.targets[name].state != state:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.01)


@pytest.fixture
async def front(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    monkeypatch.setattr(balancer, "CHECK_EVERY_S", 0.02)
    monkeypatch.setattr(balancer, "CHECK_TIMEOUT_S", 0.2)
    backends = {name: Backend(name) for name in ("a", "b")}
    targets = {name: await backend.start() for name, backend in backends.items()}
    port = asyncio.get_running_loop().create_future()
    balancing = asyncio.create_task(Balancer([*targets.values()]).run(0, port.set_result))
    found = Front(await port, backends, targets)
    for name in targets:
        await found.until(name, "up")
    yield found
    balancing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await balancing
    for backend in backends.values():
        backend.server.close()


async def test_connections_are_shared_out(front: Front) -> None:
    first, _, one = await front.connected()
    second, _, two = await front.connected()
    assert {first, second} == {"a", "b"}
    one.close()
    two.close()


async def test_a_node_that_says_no_keeps_its_connections_and_gets_no_new_ones(front: Front) -> None:
    first, reader, writer = await front.connected()
    front.backends[first].health = 503
    await front.until(first, "down")
    others = [await front.connected() for _ in range(3)]
    assert {name for name, *_ in others} == {"a", "b"} - {first}
    writer.write(b"still there\n")
    assert await reader.readline() == f"{first} still there\n".encode()
    for opened in (writer, *(other for *_, other in others)):
        opened.close()


async def test_a_node_that_does_not_answer_loses_its_connections(front: Front) -> None:
    first, reader, writer = await front.connected()
    front.backends[first].silent = True
    await front.until(first, "silent")
    assert await reader.read() == b""
    writer.close()


async def test_a_node_that_refuses_is_passed_over_before_it_is_known_to_be_gone(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancer, "CHECK_EVERY_S", 60.0)
    await asyncio.sleep(0.1)  # the checks that were under way
    front.backends["a"].server.close()
    assert front.targets["a"].state == "up"
    found = [await front.connected() for _ in range(2)]
    assert [name for name, *_ in found] == ["b", "b"]
    for *_, writer in found:
        writer.close()


async def test_where_no_node_is_up_a_connection_ends(front: Front) -> None:
    for name, backend in front.backends.items():
        backend.health = 503
        await front.until(name, "down")
    name, _, writer = await front.connected()
    assert name == ""
    writer.close()
