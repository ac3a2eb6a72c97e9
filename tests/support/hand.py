"""An engine in miniature, for tests of the store: it takes claims and says what becomes of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Literal

from firesteel.model.execution import Failure, JournalEntry, Response, State
from firesteel.model.message import Message, Request, encode_request
from firesteel.store.catalog import Catalog, TriggerRules
from firesteel.store.journal import (
    Accepted,
    Actor,
    Appended,
    Claim,
    Idempotency,
    Journal,
    NewMessage,
    Postponement,
    Settlement,
)

REQUEST = encode_request(Request("POST", "/demo/ReceiveWorkOrder", b"", [(b"accept", b"*/*")]))
OK = Response(200, [("content-type", "text/plain")], b"done")
GONE = Response(502, [("content-type", "application/problem+json")], b"{}")
BROKEN = Failure("unknown", "step_failed", "the step failed")
ADA = Actor("ada", "because the order is void")


class Hand:
    """A session on a store with slots for ``slots`` executions; None: nothing was granted. Claims
    gather in ``claims`` until the test takes them."""

    def __init__(self, journal: Journal, catalog: Catalog, *, slots: int | None = 1000) -> None:
        self.journal = journal
        self.catalog = catalog
        self.claims: list[Claim] = []
        self.lost: list[BaseException] = []
        self._more = asyncio.Event()
        self._ids = itertools.count(time.time_ns())
        journal.listen(self._claimed, self.lost.append)
        if slots is not None:
            journal.grant(slots)

    def _claimed(self, claims: Sequence[Claim]) -> None:
        self.claims += claims
        self._more.set()

    async def trigger(
        self,
        name: str = "orders",
        *,
        concurrency: int = 10,
        max_waiting: int = 1_000_000,
        on_failure: Literal["continue", "pause"] = "continue",
        lane_limit: int | None = None,
    ) -> int:
        """The number of a published trigger; publishing again changes its rules."""
        await self.catalog.ensure_workspace("t37ed")
        rules = TriggerRules(concurrency, max_waiting, on_failure, None, None, lane_limit)
        published, _ = await self.catalog.publish(
            "t37ed", {"name": name}, rules=rules, managed_by="console", actor="ada"
        )
        return published.trigger_no

    def new(
        self,
        trigger_no: int,
        lane_key: str | None = None,
        *,
        body: bytes = b"body",
        idempotency: Idempotency | None = None,
        record_only: bool = False,
    ) -> NewMessage:
        """A message that was not sent before."""
        message = Message(
            f"{next(self._ids):032x}", 0, time.time_ns() // 1000, "shop", REQUEST, body
        )
        return NewMessage(
            trigger_no, 1, message, lane_key, idempotency, (), record_only=record_only
        )

    def key(self, key: str, fingerprint: bytes = b"same", window_s: float = 3600) -> Idempotency:
        """An idempotency key; ``new`` gives it to a message received now."""
        return Idempotency(key, fingerprint, time.time_ns() // 1000 + int(window_s * 1e6))

    async def accept(
        self, trigger_no: int, lane_key: str | None = None, *, body: bytes = b"body"
    ) -> Accepted:
        """A message accepted."""
        appended = await self.journal.append(self.new(trigger_no, lane_key, body=body))
        assert isinstance(appended, Accepted), appended
        return appended

    async def accept_many(
        self, count: int, trigger_no: int, lane_key: str | None = None
    ) -> list[Accepted]:
        """Messages put all at once: one group for the store."""
        appended: list[Appended] = await asyncio.gather(
            *(self.journal.append(self.new(trigger_no, lane_key)) for _ in range(count))
        )
        assert all(isinstance(one, Accepted) for one in appended), appended
        return [one for one in appended if isinstance(one, Accepted)]

    async def taken(self, count: int = 1) -> list[Claim]:
        """The next ``count`` claims, in their order; waits for them."""
        async with asyncio.timeout(60):
            while len(self.claims) < count:
                self._more.clear()
                await self._more.wait()
        taken, self.claims = self.claims[:count], self.claims[count:]
        return taken

    async def settle(
        self,
        claim: Claim,
        state: Literal[State.SUCCEEDED, State.FAILED] = State.SUCCEEDED,
        *,
        entries: Sequence[JournalEntry] = (),
    ) -> bool:
        """Settle a claim; whether it counted."""
        failed = state is State.FAILED
        response, failure = (GONE, BROKEN) if failed else (OK, None)
        return await self.journal.settle(
            Settlement(claim.execution_no, claim.epoch, state, response, failure, entries)
        )

    async def postpone(
        self,
        claim: Claim,
        delay_s: float = 0.0,
        *,
        counts: bool = True,
        alone: bool = False,
        entries: Sequence[JournalEntry] = (),
    ) -> bool:
        """Postpone a claim; whether it counted."""
        return await self.journal.postpone(
            Postponement(
                claim.execution_no,
                claim.epoch,
                delay_s,
                counts,
                alone=alone,
                failure=BROKEN,
                entries=entries,
            )
        )


def step(name: str = "price", result: bytes = b"12") -> JournalEntry:
    """A step's entry."""
    return JournalEntry(name, "sql", 1, 1_700_000_000_000_000, 1_700_000_000_000_500, result)
