"""Keys of issuers are fetched by a worker, from where an ``http`` step may go, and in bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from firesteel.model import frames
from tests.support.engine_peer import EnginePeer
from tests.support.http_server import HttpServer, Reply

LIMIT_BYTES = 1000


@pytest.fixture(scope="module")
def peer() -> Iterator[EnginePeer]:
    with EnginePeer.started() as started:
        yield started


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer.started() as started:
        yield started


def fetched(peer: EnginePeer, url: str, *allow: str, timeout_s: float = 20.0) -> frames.KeysFetched:
    peer.send(frames.FetchKeys(1, url, timeout_s, LIMIT_BYTES, list(allow)))
    return peer.next(frames.KeysFetched)


def code(answer: frames.KeysFetched) -> str:
    assert answer.failure is not None
    assert answer.document == b""
    return answer.failure.code


def test_a_document_is_fetched_from_an_allowed_address(
    peer: EnginePeer, server: HttpServer
) -> None:
    server.reply("/keys", Reply(body=b'{"keys": []}'))
    answer = fetched(peer, f"{server.url}/keys", "127.0.0.0/8")
    assert (answer.document, answer.failure) == (b'{"keys": []}', None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
def test_p45_keys_are_fetched_from_no_private_address(
    peer: EnginePeer, server: HttpServer, host: str
) -> None:
    port = server.url.rpartition(":")[2]
    assert code(fetched(peer, f"http://{host}:{port}/keys")) == "address_refused"
    assert server.received == []


def test_an_answer_that_is_too_long_or_no_200_is_none(peer: EnginePeer, server: HttpServer) -> None:
    server.reply("/long", Reply(body=b"x" * (LIMIT_BYTES + 1)))
    assert code(fetched(peer, f"{server.url}/long", "127.0.0.0/8")) == "http_answer_too_large"
    assert code(fetched(peer, f"{server.url}/missing", "127.0.0.0/8")) == "http_status"


def test_an_issuer_that_does_not_answer_is_not_waited_for(
    peer: EnginePeer, server: HttpServer
) -> None:
    gate = threading.Event()
    server.reply("/keys", Reply(body=b"{}", gate=gate))
    try:
        answer = fetched(peer, f"{server.url}/keys", "127.0.0.0/8", timeout_s=0.2)
    finally:
        gate.set()
    assert answer.failure is not None
    assert answer.failure.kind == "transient"
