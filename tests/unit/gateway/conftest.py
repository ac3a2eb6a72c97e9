"""A gateway on a real socket, with an engine in memory behind it; on uvloop, as in production."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop

from firesteel.gateway.app import Gateway
from firesteel.gateway.server import Listener
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import Answer, RawConnection, request

KEY = "web-shop-key-0123456789"


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], Any]]:
    return {"uvloop": uvloop.new_event_loop}


def bound_socket() -> socket.socket:
    """A listening socket on a free port of the loopback interface."""
    return socket.create_server(("127.0.0.1", 0))


@dataclass(slots=True)
class Served:
    """A gateway that listens; ``now_us`` is its wall clock."""

    engine: MemoryEngine
    gateway: Gateway
    listener: Listener
    port: int
    now_us: int = 1_700_000_000_000_000
    monotonic_s: float = 0.0

    def connect(self) -> Awaitable[RawConnection]:
        return RawConnection.open(self.port)

    async def call(
        self, method: str, target: str, body: bytes | None = None, **headers: Any
    ) -> Answer:
        """One call on a connection of its own."""
        async with await self.connect() as connection:
            await connection.send(request(method, target, body, **headers))
            return await connection.answer(head=method == "HEAD")


@pytest.fixture
async def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
async def served(engine: MemoryEngine, request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Its parameter, where a test gives one, is the public URL."""
    bound = bound_socket()
    gateway = Gateway(
        engine,
        public_url=getattr(request, "param", None),
        now_us=lambda: found.now_us,
        monotonic=lambda: found.monotonic_s,
    )
    listener = Listener(gateway, [bound])
    found = Served(engine, gateway, listener, bound.getsockname()[1])
    await listener.start()
    yield found
    await listener.stop(5.0)
