"""The whole corpus sent to one port, and what is wrong with the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.http_corpus import CORPUS, GOOD, Case
from tests.support.raw_http import Answer, RawConnection

KNOWN = {202, 400, 404, 405, 413, 414, 431, 501, 505}
# nginx speaks HTTP/0.9 with who has named no version: there the answer has no head.
HEADLESS = b'{"type":"urn:firesteel:bad_request"'

Judge = Callable[[Case, list[Answer], bytes, int], str]


async def all_answers(port: int, data: bytes) -> tuple[list[Answer], bytes]:
    """What comes for this and the end of what is sent, and what is no whole answer of it."""
    async with await RawConnection.open(port) as connection:
        await connection.send_all(data)
        found = []
        while True:
            try:
                found.append(await connection.answer())
            except asyncio.IncompleteReadError as error:
                return found, error.partial


async def sequence(port: int) -> int:
    """The number of a message that is made now."""
    (answer,), _ = await all_answers(port, GOOD % 0)
    assert answer.status == 202
    return int(answer["firesteel-sequence"])


def whats_wrong(case: Case, answers: list[Answer], rest: bytes, started: int) -> str:
    """Of a case sent to the node itself; "" where all is right."""
    told = tuple((a.status, "" if a.status == 202 else a.code) for a in answers)
    if told != case.answers or rest:
        return f"{case.name}: {told} {rest[:60]!r} instead of {case.answers}"
    return f"{case.name}: {started} messages" * (started != case.started)


def whats_wrong_behind(case: Case, answers: list[Answer], rest: bytes, started: int) -> str:
    """The same of one sent through nginx, behind a request that is right."""
    told = [answer.status for answer in answers]
    if told[:1] != [202] or not KNOWN.issuperset(told) or len(told) > 1 + len(case.answers):
        return f"{case.name}: {told}"
    if rest and not (rest.startswith(HEADLESS) and not case.started):
        return f"{case.name}: {rest[:60]!r}"
    lost = started != told.count(202) - 1
    return f"{case.name}: {told}, {started} messages" * (lost or started > case.mended)


async def faults(port: int, before: bytes, judge: Judge) -> list[str]:
    """Of all cases, each sent behind ``before``."""
    found, number = [], await sequence(port)
    for case in CORPUS:
        answers, rest = await all_answers(port, before + case.data)
        last = number
        number = await sequence(port)
        started = number - last - 1 - bool(before)
        found.append(judge(case, answers, rest, started))
    return [fault for fault in found if fault]
