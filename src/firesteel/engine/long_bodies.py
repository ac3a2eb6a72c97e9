"""Attempts with long bodies: how many bytes of bodies run at once, in this node and its workers.

Slots bound how many attempts run, not what they weigh: ten bodies of 100 MiB are more than a
machine has. A long body is read from the store when there is room for it, one after the other, and
is in the engine's memory until its worker has it. Triggers share the room (``shares``) and take
turns; attempts with short bodies do not wait here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from firesteel.shares import Room, Share, Turns
from firesteel.store.journal import LEFT_FROM_BYTES

if TYPE_CHECKING:
    from firesteel.engine.commits import Commits
    from firesteel.engine.pool import Work
    from firesteel.store.journal import Claim, Journal

# A worker that takes nothing of what it is sent holds the next body up no longer than that.
SENT_WITHIN_S: Final = 10.0


class Workers(Protocol):
    """The part of the pool that is needed here."""

    def assign(self, work: Work) -> None:
        """Hand the attempt to a worker."""
        ...

    async def sent(self, within_s: float) -> None:
        """Until workers have taken what was sent to them, or the time is over."""
        ...


class Owner(Protocol):
    """Who is told of attempts that cannot begin."""

    def unreadable(self, claim: Claim, error: Exception) -> None:
        """The store does not give the body."""
        ...


def is_long(claim: Claim) -> bool:
    """Whether it has to wait for room."""
    return claim.left_bytes > 0 or len(claim.message.body) > LEFT_FROM_BYTES


def without_body(claim: Claim) -> Claim:
    """The claim, its body left in the store."""
    message = claim.message
    if not message.body:
        return claim
    left = msgspec.structs.replace(message, body=b"")
    return msgspec.structs.replace(claim, message=left, left_bytes=len(message.body))


class _Long:
    """One of them. ``taken_bytes``: what it holds of the room; None: it waits. ``handed_on``: to a
    worker."""

    __slots__ = ("handed_on", "share", "taken_bytes", "work")

    def __init__(self, work: Work, share: Share) -> None:
        self.work = work
        self.share = share
        self.taken_bytes: int | None = None
        self.handed_on = False


class LongBodies:
    """``limit_bytes``: of bodies that run at once; one that is longer runs alone. ``known``: those
    that run or wait, by execution. Used from the event loop's thread."""

    def __init__(
        self, journal: Journal, commits: Commits, owner: Owner, *, limit_bytes: int
    ) -> None:
        self._journal = journal
        self._commits = commits
        self._owner = owner
        self._turns = Turns(Room(limit_bytes))
        self._one_at_a_time = asyncio.Lock()
        self.known: dict[int, _Long] = {}
        self._workers: Workers | None = None

    @property
    def running_bytes(self) -> int:
        """Of bodies that are on their way to workers or in them."""
        return self._turns.room.held

    def use(self, workers: Workers) -> None:
        """Whom to hand attempts to."""
        self._workers = workers

    def start(self, work: Work) -> None:
        """Hand it on when there is room, maybe at once."""
        claim = work.claim
        size_bytes = claim.left_bytes or len(claim.message.body)
        long = _Long(work, self._turns.room.share_of(claim.trigger_no))
        self.known[claim.execution_no] = long
        self._turns.wait(long.share, size_bytes, lambda taken: self._begin(long, taken))
        if long.taken_bytes is None:  # it waits, and its body not in memory
            long.work = work._replace(claim=without_body(claim))

    def claim_of(self, execution_no: int) -> Claim | None:
        """The claim of one that waits; None where none does."""
        long = self.known.get(execution_no)
        return None if long is None else long.work.claim

    def drop(self, execution_no: int) -> None:
        """Begin it no more, unless a worker has it already."""
        long = self.known.get(execution_no)
        if long is not None and not long.handed_on:
            self.ended(execution_no)

    def ended(self, execution_no: int) -> None:
        """The attempt has ended, or will not begin; safe to repeat."""
        long = self.known.pop(execution_no, None)
        if long is not None and long.taken_bytes is not None:
            self._turns.give_back(long.share, long.taken_bytes)

    def withdraw(self) -> list[Claim]:
        """Take back all that no worker has yet, for a node that stops."""
        waiting = [long.work.claim for long in self.known.values() if not long.handed_on]
        for claim in waiting:
            self.known[claim.execution_no].handed_on = True  # or giving room back would begin it
        for claim in waiting:
            self.ended(claim.execution_no)
        return waiting

    def _wanted(self, long: _Long) -> bool:
        known = self.known.get(long.work.claim.execution_no)
        return known is long and not long.handed_on

    def _begin(self, long: _Long, taken_bytes: int) -> bool:
        claim = long.work.claim
        if not self._wanted(long):
            return False
        long.taken_bytes = taken_bytes
        if claim.left_bytes:
            self._commits.run(self._read(long))
        else:
            self._hand_on(long, claim.message.body)
        return True

    async def _read(self, long: _Long) -> None:
        claim = long.work.claim
        async with self._one_at_a_time:
            try:
                # Nothing here holds the body while its worker takes it.
                handed_on = self._hand_on(long, await self._journal.body(claim.execution_no))
            except Exception as error:  # noqa: BLE001  # whatever it is, the attempt must end
                if self._wanted(long):
                    self._owner.unreadable(claim, error)
                return
            if handed_on and self._workers is not None:
                await self._workers.sent(SENT_WITHIN_S)

    def _hand_on(self, long: _Long, body: bytes | None) -> bool:
        work, claim = long.work, long.work.claim
        if self._workers is None or not self._wanted(long):
            return False
        long.handed_on = True
        message = msgspec.structs.replace(claim.message, body=body or b"")
        long.work = work._replace(claim=without_body(claim))
        whole = msgspec.structs.replace(claim, message=message, left_bytes=0)
        self._workers.assign(work._replace(claim=whole))
        return True
