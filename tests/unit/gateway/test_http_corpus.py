"""P40: every request of the corpus has its one answer, alone and behind another one."""

from __future__ import annotations

import pytest

from tests.support.http_corpus import CORPUS, GOOD, Case
from tests.support.raw_http import RawConnection
from tests.unit.gateway.conftest import Served

pytestmark = pytest.mark.parametrize("case", CORPUS, ids=[case.name for case in CORPUS])


async def send(connection: RawConnection, case: Case, before: bytes = b"") -> None:
    if case.ends:
        await connection.send_all(before + case.data)
    else:
        await connection.send(before + case.data)


async def check(connection: RawConnection, case: Case) -> None:
    """All of its answers come, and nothing else; the connection is closed, or goes on."""
    for status, code in case.answers:
        answer = await connection.answer()
        assert (answer.status, "" if status == 202 else answer.code) == (status, code)
        assert answer["request-id"]
    if case.closes:
        assert answer["connection"] == "close"
        assert await connection.rest() == b""
    else:
        assert (await connection.call(GOOD % 2)).status == 202


async def test_p40_a_request_of_the_corpus_is_answered_as_it_must_be(
    served: Served, case: Case
) -> None:
    served.engine.publish({"name": "Open"}, workspace="test")
    async with await served.connect() as connection:
        await send(connection, case)
        await check(connection, case)
    assert len(served.engine.calls) == case.started + (not case.closes)


async def test_p40_the_same_is_so_behind_a_request_that_is_right(
    served: Served, case: Case
) -> None:
    served.engine.publish({"name": "Open"}, workspace="test")
    async with await served.connect() as connection:
        await send(connection, case, GOOD % 1)
        assert (await connection.answer()).status == 202
        await check(connection, case)
    assert len(served.engine.calls) == 1 + case.started + (not case.closes)
    assert served.engine.calls[0].body == b"good"
