"""How many connections there may be: in all, of one address, and when too many are turned away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from firesteel.gateway.app import Gateway
from firesteel.gateway.open_files import RESERVED
from firesteel.gateway.places import TURNED_AWAY_LIMIT, Places
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from firesteel.model.forwarded import Proxies
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import bound_socket

CALL = request("GET", "/t37ed/Open")


def test_places_are_counted_in_all_and_for_each_address() -> None:
    places = Places(3, 2)
    first, second = places.take("192.0.2.1"), places.take("::ffff:192.0.2.1")
    assert first == second is not None
    assert places.take("192.0.2.1") is None
    other = places.take("192.0.2.2")
    assert other is not None
    assert places.take("192.0.2.3") is None
    places.give_back(first)
    assert places.take("192.0.2.2") == other
    assert places.taken == 3


def test_an_ipv6_address_counts_with_its_network() -> None:
    places = Places(9, 1)
    assert places.take("2001:db8:0:1::1")
    assert places.take("2001:db8:0:1:ffff::2") is None
    assert places.take("2001:db8:0:2::1")


def test_a_trusted_proxy_and_who_has_no_address_count_in_all_only() -> None:
    places = Places(5, 1, Proxies(["10.0.0.0/24"]))
    taken = [places.take(peer) for peer in ("10.0.0.1", "10.0.0.1", None, None, "10.0.0.1")]
    assert None not in taken
    assert places.take("10.0.0.1") is None
    for place in taken:
        assert place is not None
        places.give_back(place)
    assert places.taken == 0


def test_only_so_many_are_told_at_once_that_there_is_no_place() -> None:
    places = Places(0)
    assert all(places.turn_away() for _ in range(TURNED_AWAY_LIMIT))
    assert not places.turn_away()
    places.turned()
    assert places.turn_away()
    assert places.turned_away == TURNED_AWAY_LIMIT + 2


@pytest.fixture
async def narrow(engine: MemoryEngine) -> AsyncIterator[int]:
    """The port of a gateway that has two places."""
    engine.publish({"name": "Open"})
    bound = bound_socket()
    listener = Listener(Gateway(engine), [bound], rules=Rules(places=Places(2)))
    await listener.start()
    yield bound.getsockname()[1]
    await listener.stop(5.0)


async def test_a_connection_over_the_limit_gets_503_and_is_closed_until_there_is_a_place(
    narrow: int, engine: MemoryEngine
) -> None:
    async with await RawConnection.open(narrow) as first:
        assert (await first.call(CALL)).status == 202
        async with await RawConnection.open(narrow) as second:
            assert (await second.call(CALL)).status == 202
            async with await RawConnection.open(narrow) as third:
                answer = await third.call(CALL)
                assert (answer.status, answer.code) == (503, "too_many_connections")
                assert int(answer["retry-after"]) >= 1
                assert answer["connection"] == "close"
                assert await third.rest() == b""
            assert (await first.call(CALL)).status == 202
        status = 503
        while status == 503:  # until the second is seen to have gone
            async with await RawConnection.open(narrow) as next_one:
                status = (await next_one.call(CALL)).status
    assert status == 202
    assert len(engine.calls) == 4


CHILD = """
import json, resource, sys
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from firesteel.gateway.open_files import open_files
found = open_files(wanted)
print(json.dumps([resource.getrlimit(resource.RLIMIT_NOFILE)[0], found.public_connections,
                  found.admin_connections]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1024, 8000, [5000 + RESERVED, 5000, 500]),
        (7500, 8000, [7500, 5000, 500]),
        (1024, 6000, [6000, 6000 - RESERVED, 500]),
        (256, 1000, [1000, 500, 125]),
    ],
)
def test_the_limit_of_open_files_is_raised_and_leaves_room_for_what_is_no_call(
    soft: int, hard: int, expected: list[int]
) -> None:
    command = [sys.executable, "-c", CHILD, str(soft), str(hard), "5000"]
    told = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    assert json.loads(told) == expected
