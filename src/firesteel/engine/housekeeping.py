"""What the engine does by the clock: renew its lease, take over from dead sessions, watch the disk
or the database, write the last use of keys and figures for charts, warn of keys that expire, look
for what alerts have to tell and send them, go on with bulk acts, purge what retention lets go."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import time
from typing import TYPE_CHECKING

import structlog

from firesteel.engine.alerts.conditions import Condition, Conditions
from firesteel.engine.alerts.delivering import Deliverer
from firesteel.engine.alerts.of_nodes import NodeFacts
from firesteel.engine.alerts.watching import Watcher
from firesteel.engine.expiring import warn_of_expiring
from firesteel.errors import OperatorError, OutcomeUnknown, StoreUnavailable
from firesteel.model.alert import AlertItem
from firesteel.model.lease_clock import now_s
from firesteel.sparing import Sparing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts

LEASE_S = 5.0
STORE_S = 1.0
UNWRITTEN_S = 3.0
PROBE_S = 2.0
BULK_S = 5.0
DISK_S = 1.0
OWN_DISK_S = 10.0
KEYS_S = 5.0
TRAFFIC_S = 10.0
RETENTION_S = 60.0
EXPIRING_S = 60.0
ALERTS_S = 3.0
DELIVERIES_S = 1.0
BETWEEN_BATCHES_S = 0.05
_OF_THE_LOG = 4
_NO_STORE = ("store_unavailable", "store_unsafe")
_NEAR = 2.0
_ROOM = 2.2
"""Times the reserve: where a disk is told to be low, and to have room again."""
_AGAIN = 1.1
"""Times the reserve, which it must be above to be only near."""

log = structlog.get_logger(__name__)
_sparing = Sparing()


class Housekeeper:
    """Starts its rounds with ``start`` and ends them with ``stop``; one failing round is logged
    and tried again. ``on_lost_lease`` is called once when the session is over; ``write_uses``
    writes what others have noted of last uses. A store that several nodes share is watched instead
    of a disk."""

    def __init__(
        self,
        engine: Engine,
        on_lost_lease: Callable[[], None],
        *,
        write_uses: Callable[[], Awaitable[None]],
        parts: Parts,
    ) -> None:
        self._engine = engine
        self._pool = parts.pool
        self._jobs = parts.jobs
        self._archive = parts.archive
        self._unwritable = False
        self._held_until_s = math.inf
        self._low: int | None = None
        self._probing: asyncio.Future[bool] | None = None
        self._on_lost_lease = on_lost_lease
        self._write_uses = write_uses
        self._node = parts.name or None
        self._conditions = Conditions(parts.catalog, parts.name)
        self._watcher = Watcher(engine, parts, NodeFacts(parts, self._conditions, engine.agreement))
        self._deliverer = Deliverer(parts)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Look at the disk, then begin the rounds."""
        rounds: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self._lease, LEASE_S),
            (self._keys, KEYS_S),
            (self._traffic, TRAFFIC_S),
            (self._retention, RETENTION_S),
            (self._expiring_keys, EXPIRING_S),
            (self._alerts, ALERTS_S),
            (self._alert_deliveries, DELIVERIES_S),
        ]
        if self._engine.settings.store_path is None:
            rounds += [(self._watch_store, STORE_S), (self._engine.bulk.go_on, BULK_S)]
            rounds += [(self._look_at_own_disk, OWN_DISK_S)]
            await self._look_at_own_disk()
            with contextlib.suppress(StoreUnavailable):
                await self._conditions.write()  # before others read what the last engine wrote
        else:
            await self.look_at_disk()
            rounds += [(self.look_at_disk, DISK_S), (self.watch_writes, STORE_S)]
        self._tasks = [
            asyncio.get_running_loop().create_task(_every(seconds, work), name=work.__name__)
            for work, seconds in rounds
        ]

    async def stop(self) -> None:
        """End all rounds; the last uses of keys and the last figures are written."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keys()
        with contextlib.suppress(StoreUnavailable):
            await self._traffic()

    async def _lease(self) -> None:
        if not await self._renewed():
            self._on_lost_lease()
            return
        self._engine.meter.taken_over += await self._engine.journal.recover()

    async def _renewed(self) -> bool:
        self._unwritable = True
        renewed = await self._engine.journal.renew()
        self._unwritable = False
        self.tell_lease()
        return renewed

    def tell_lease(self) -> None:
        """Let the workers know until when they may start something (P14)."""
        until_s = self._engine.journal.holds_until_s()
        # Only once: a machine that has slept must not find its lease longer by that.
        if until_s != self._held_until_s:
            self._held_until_s = until_s
            self._pool.lease_until(until_s + now_s() - time.monotonic())

    async def _watch_store(self) -> None:
        """Refuse calls while the database takes nothing, so that nobody waits for that (P04, P33);
        take them again as soon as it does."""
        self.tell_lease()
        try:
            async with asyncio.timeout(PROBE_S):
                await self._engine.catalog.workspaces()
            if self._unwritable and not await self._renewed():
                self._on_lost_lease()
        except (StoreUnavailable, OutcomeUnknown, TimeoutError):
            gone = True
        else:
            gone = self._unwritable
        unsafe = self._engine.journal.unsafe()
        code = "store_unsafe" if unsafe else "store_unavailable" if gone else ""
        over = [self._engine.refuse_while(other, False) for other in _NO_STORE if other != code]
        if code and self._engine.refuse_while(code, True):
            if unsafe:
                log.error("store_unsafe", detail=unsafe)
            else:
                log.warning("store_gone")
        elif any(over) and not code:
            log.warning("store_back")

    async def watch_writes(self) -> None:
        """Refuse calls while the store's file takes no writes, and take them again as soon as it
        does (P33). What writes where nobody else does is a renewal of the lease."""
        meter = self._engine.journal.meter
        gone = False
        if meter.failing or time.monotonic() - meter.committed_s > UNWRITTEN_S:
            gone = not await self._takes_a_write()
        if self._engine.refuse_while("store_unavailable", gone):
            log.warning("store_gone" if gone else "store_back")

    async def _takes_a_write(self) -> bool:
        """One that does not end is waited for again, and no other one begun."""
        if self._probing is None:
            self._probing = asyncio.ensure_future(self._renewed())
        await asyncio.wait([self._probing], timeout=PROBE_S)
        if not self._probing.done():
            return False
        probing, self._probing = self._probing, None
        try:
            if not probing.result():
                self._on_lost_lease()
        except (StoreUnavailable, OutcomeUnknown):
            return False
        return True

    async def look_at_disk(self) -> None:
        """Refuse calls below the reserve, take them above it (P25)."""
        free_bytes, reserve_bytes = await self._disk()
        room_bytes = await self._room(free_bytes, reserve_bytes)
        full = room_bytes < reserve_bytes
        if self._engine.refuse_while("disk_full", full):
            if full:
                log.error("disk_nearly_full", free_bytes=free_bytes)
            else:
                log.warning("disk_has_room_again", free_bytes=free_bytes)
        self._note_disk(room_bytes, reserve_bytes, refusing=full)

    async def _look_at_own_disk(self) -> None:
        """Of a node whose store is a server's: long bodies that come in and its archive lie there.
        It is told, and no call is refused."""
        self._note_disk(*await self._disk(), refusing=False)

    async def _disk(self) -> tuple[int, int]:
        """What is free of the data directory's, and the reserve, in bytes."""
        settings = self._engine.settings
        usage = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
        return usage.free, min(settings.disk_reserve_bytes, usage.total // 20)

    async def _room(self, free_bytes: int, reserve_bytes: int) -> int:
        """What the store may still take, on the disk and, as after a purge, in itself: its file
        does not shrink. A part of the reserve must be free all the same, for its log."""
        if free_bytes >= _NEAR * reserve_bytes or free_bytes < reserve_bytes // _OF_THE_LOG:
            return free_bytes
        try:
            return free_bytes + await self._engine.history.reusable_bytes()
        except StoreUnavailable:
            return free_bytes

    def _note_disk(self, room_bytes: int, reserve_bytes: int, *, refusing: bool) -> None:
        """A disk at the edge of what is low is told once, and not with each file that comes and
        goes."""
        edge = _AGAIN if self._low == 1 else 1.0
        low = int(room_bytes < edge * reserve_bytes)
        if room_bytes >= (_NEAR if self._low is None else _ROOM) * reserve_bytes:
            self._low = None
            self._conditions.note("storage_low", None)
            return
        self._low = low
        item = AlertItem(
            node=self._node, free_bytes=room_bytes, reserve_bytes=reserve_bytes, refusing=refusing
        )
        self._conditions.note("storage_low", Condition(low, item))

    async def _keys(self) -> None:
        used = self._engine.take_used_keys()
        if used:
            await self._engine.catalog.touch_keys(used)
        await self._write_uses()

    async def _traffic(self) -> None:
        await self._engine.traffic.write(self._engine.routes)

    async def _retention(self) -> None:
        await self._engine.agreement.note()
        if self._engine.pausing.now is not None:
            await self._engine.agreement.had_turn()  # it waits for a person, and for no node
            return  # whoever looks at a restored store shall find all of it
        tried = False
        async with self._jobs.only_here("retention") as mine:
            if mine:
                tried = await self._purge()
        await self._note_archive(tried=tried)

    async def _purge(self) -> bool:
        """In batches, to the end. True: the archive took nothing, and is tried again by the next
        round."""
        try:
            while await self._purged():  # noqa: ASYNC110
                await asyncio.sleep(BETWEEN_BATCHES_S)  # lets others write
        except OperatorError as error:
            if error.code != "archive_failed":
                raise
            log.error("archive_failed", detail=error.detail, folder=str(self._archive.folder))
            return True
        return False

    async def _note_archive(self, *, tried: bool) -> None:
        """Whether this node's archive takes what is to go, also where another node purges: only its
        own writing shows it. ``tried``: this round has, in vain. Over is a fault where writing
        goes again, and where this node has nothing to archive any more."""
        archive = self._archive
        if not archive.fault and not await self._conditions.stands("archive_failed"):
            return
        agreed = await self._engine.agreement.agreed()
        archives = self._engine.history.archives(by_default=agreed.archive)
        if agreed.left_to or not await archives:
            archive.forget_fault()
        elif not tried:
            await archive.try_again()
        wrong = Condition(0, AlertItem(node=self._node, why=archive.fault))
        self._conditions.note("archive_failed", wrong if archive.fault else None)

    async def _purged(self) -> int:
        """How much of a batch went; 0 also where all that may go is another node's to purge."""
        agreed = await self._engine.agreement.agreed()
        if agreed.left_to:
            return 0
        if not agreed.given_up:
            await self._engine.agreement.had_turn()
        return await self._engine.history.purge(
            default_history_s=agreed.retention_days * 86400.0, archive=self._archive
        )

    async def _expiring_keys(self) -> None:
        async with self._jobs.only_here("expiring keys") as mine:
            if mine:
                await warn_of_expiring(self._engine)

    async def _alerts(self) -> None:
        await self._conditions.write()
        await self._watcher.round()

    async def _alert_deliveries(self) -> None:
        if self._watcher.active:
            await self._deliverer.round()


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # the next round is due all the same
            if times := _sparing.times(work.__name__):
                told = {"error": type(error).__name__, "times": times}
                log.warning("round_failed", round=work.__name__, **told)
