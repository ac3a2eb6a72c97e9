"""Offers calls at a rate that does not fall when the node is slow, and counts what they were told.

A latency counts from the instant at which the call was due, so that a node that stands still cannot
hide behind callers that wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.support.node import KEY
from tests.support.raw_http import RawConnection, request

CALL_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Tally:
    """``told``: answers by status and code of the problem, 202 with ""; ``latencies_s`` of those
    with 2xx; ``without_retry_after``: refusals that do not say when to come again."""

    told: Counter[tuple[int, str]] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    without_retry_after: int = 0

    @property
    def accepted(self) -> int:
        """Calls with 202."""
        return self.told[202, ""]

    @property
    def refused(self) -> int:
        """Calls with anything else."""
        return self.told.total() - self.accepted

    def p99_s(self) -> float:
        """The latency that 99 of 100 accepted calls do not exceed."""
        ordered = sorted(self.latencies_s)
        return ordered[int(len(ordered) * 0.99)]


@dataclass(frozen=True, slots=True)
class Offer:
    """``rate_per_s``: of all connections together."""

    port: int
    path: str
    rate_per_s: float
    connections: int = 50
    body: bytes = b"{}"

    def run(self, for_s: float) -> Tally:
        """Offer calls for so long, and wait for the last answers."""
        return asyncio.run(self._run(for_s))

    async def _run(self, for_s: float) -> Tally:
        tally = Tally()
        began = time.monotonic()
        await asyncio.gather(
            *(self._caller(n, tally, began, began + for_s) for n in range(self.connections))
        )
        return tally

    async def _caller(self, number: int, tally: Tally, began: float, until: float) -> None:
        every_s = self.connections / self.rate_per_s
        due = began + number / self.rate_per_s
        data = request("POST", self.path, self.body, x_api_key=KEY, Content_Type="application/json")
        connection: RawConnection | None = None
        while max(due, time.monotonic()) < until:
            await asyncio.sleep(due - time.monotonic())
            connection = connection or await RawConnection.open(self.port)
            async with asyncio.timeout(CALL_TIMEOUT_S):
                try:
                    await connection.send(data)
                    closes = await self._answered(connection, tally, due)
                except (ConnectionError, EOFError):
                    tally.told[0, "connection lost"] += 1
                    closes = True
            if closes:
                connection.close()
                connection = None
            due += every_s
        if connection is not None:
            connection.close()

    async def _answered(self, connection: RawConnection, tally: Tally, due: float) -> bool:
        """Take the answer; True where no other call can follow on the connection."""
        answer = await connection.answer()
        if answer.status == 202:
            tally.told[202, ""] += 1
            tally.latencies_s.append(time.monotonic() - due)
        else:
            tally.told[answer.status, answer.code] += 1
            tally.without_retry_after += not int(answer.get("retry-after") or 0)
        return answer.get("connection") == "close"
