"""The caller's address of an exchange on the public port, with and without proxies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from firesteel.gateway.answers import document
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from firesteel.model.forwarded import Proxies
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import bound_socket

if TYPE_CHECKING:
    from firesteel.gateway.exchange import Exchange


class TellsTheClient:
    """Implements ``protocol.Handler``."""

    def take(self, exchange: Exchange) -> None:
        client = exchange.client
        assert client.address == exchange.client_address
        told = {"address": str(client.address), "scheme": client.scheme, "host": client.host}
        exchange.answer(*document(json.dumps(told).encode(), b"1"))


@pytest.mark.parametrize(
    ("proxies", "headers", "expected"),
    [
        (Proxies(), {"x_forwarded_for": "6.6.6.6"}, ("127.0.0.1", None)),
        (Proxies(["10.0.0.0/8"]), {"x_forwarded_for": "6.6.6.6"}, ("127.0.0.1", None)),
        (
            Proxies(["127.0.0.1/32"]),
            {"x_forwarded_for": ["6.6.6.6", "192.0.2.1"], "x_forwarded_proto": "https"},
            ("192.0.2.1", "https"),
        ),
        (
            Proxies(["127.0.0.1/32"], "forwarded"),
            {"forwarded": "for=192.0.2.1;proto=https", "x_forwarded_for": "6.6.6.6"},
            ("192.0.2.1", "https"),
        ),
    ],
)
async def test_an_exchange_knows_who_calls_through_trusted_proxies_only(
    proxies: Proxies, headers: dict[str, str | list[str]], expected: tuple[str, str | None]
) -> None:
    bound = bound_socket()
    listener = Listener(TellsTheClient(), [bound], rules=Rules(proxies=proxies))
    port = bound.getsockname()[1]
    await listener.start()
    async with await RawConnection.open(port) as connection:
        answer = await connection.call(request("GET", "/", **headers))
    await listener.stop(5.0)
    assert (answer.json["address"], answer.json["scheme"]) == expected
