"""The names by which a port may be called."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from firesteel.gateway.app import Gateway
from firesteel.gateway.head import Refused
from firesteel.gateway.hosts import Hosts
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection
from tests.unit.gateway.conftest import bound_socket

HOSTS = Hosts(["hooks.example.com", "*.example.org", "192.0.2.7", "2001:db8::7"], [b"/-/health"])


def allowed(host: str | None, url: str = "/a", path: str = "/a") -> bool:
    try:
        HOSTS.check(None if host is None else host.encode("latin-1"), url.encode(), path.encode())
    except Refused as refused:
        return refused.code != "misdirected_request"
    return True


@pytest.mark.parametrize(
    "host",
    [
        "hooks.example.com",
        "HOOKS.Example.com:8443",
        "hooks.example.com.",
        "hooks.example.com.:80",
        "a.example.org",
        "a.b.example.org:1",
        "192.0.2.7:8080",
        "[2001:db8::7]:8080",
        "[2001:DB8::7]",
        "localhost:8080",
        "api.localhost",
        "127.0.0.1",
        "127.8.9.1:8080",
        "[::1]:8080",
    ],
)
def test_names_of_the_list_and_of_this_machine_are_allowed(host: str) -> None:
    assert allowed(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "example.org",
        "hooks.example.com.evil.example",
        "evil-hooks.example.com",
        "xexample.org",
        "192.0.2.8",
        "[2001:db8::8]",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "2130706433",
        "",
        "[",
        "hooks.example.com:80:80",
        "hooks.example.com,evil.example",
        None,
    ],
)
def test_any_other_is_not(host: str | None) -> None:
    assert not allowed(host)


def test_the_authority_of_the_target_counts_as_well() -> None:
    assert allowed("hooks.example.com", "http://hooks.example.com/a")
    assert allowed("hooks.example.com", "http://[2001:db8::7]:80/a")
    assert not allowed("hooks.example.com", "http://evil.example/a")
    assert not allowed("evil.example", "http://hooks.example.com/a")


def test_probes_may_call_by_any_name() -> None:
    assert allowed("10.4.0.7:8080", path="/-/health")
    assert not allowed("10.4.0.7:8080", path="/-/health/x")


@pytest.fixture
async def port(engine: MemoryEngine) -> AsyncIterator[int]:
    engine.publish({"name": "Open"})
    bound = bound_socket()
    listener = Listener(Gateway(engine), [bound], rules=Rules(hosts=HOSTS))
    await listener.start()
    yield bound.getsockname()[1]
    await listener.stop(5.0)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /t37ed/Open HTTP/1.1\r\nHost: hooks.example.com\r\n\r\n", 202),
        (b"GET /t37ed/Open HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET http://evil.example/t37ed/Open HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        (b"GET /t37ed/Open HTTP/1.0\r\n\r\n", 421),
        (b"GET /-/health HTTP/1.1\r\nHost: 10.4.0.7\r\n\r\n", 200),
        (b"GET /elsewhere HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    ],
)
async def test_a_call_by_another_name_is_421_and_closes(
    port: int, engine: MemoryEngine, head: bytes, status: int
) -> None:
    async with await RawConnection.open(port) as connection:
        answer = await connection.call(head)
        assert answer.status == status
        if status == 421:
            assert answer.code == "misdirected_request"
            assert answer["connection"] == "close"
            assert await connection.rest() == b""
    assert len(engine.calls) == (status == 202)
