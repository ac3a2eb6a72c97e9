"""A real engine on a real store, whose attempts the test makes itself instead of workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from firesteel.engine.calls import Acceptance, Call
from firesteel.engine.clock import SystemClock
from firesteel.engine.connections import Connections
from firesteel.engine.data_keys import DataKeys
from firesteel.engine.definitions import Definitions
from firesteel.engine.dispatch import RUNNING_LIMIT_BYTES, Dispatcher
from firesteel.engine.engine import Engine
from firesteel.engine.execution_log import ExecutionLog
from firesteel.engine.key_chest import KeyChest
from firesteel.engine.keyring import Keyring
from firesteel.engine.parts import Parts
from firesteel.engine.pool import Pool, Work
from firesteel.engine.public_address import PublicAddress
from firesteel.engine.publications import Publications
from firesteel.engine.questions import Questions
from firesteel.engine.traffic import Traffic
from firesteel.engine.waiters import Waiters
from firesteel.model import frames
from firesteel.model.execution import Failure, Response, State
from firesteel.model.message import Request
from firesteel.settings import Settings, load_settings
from firesteel.store.archive.writing import ArchiveWriter
from firesteel.store.bulletin import Bulletin
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Claim
from firesteel.store.nodes import Nodes
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.empty_store import copy_empty_store

PATIENCE_S = 60.0
DONE = Response(200, [("content-type", "text/plain")], b"done")


class Told:
    """A caller that keeps what it is told."""

    def __init__(self) -> None:
        self.acceptance: Acceptance | None = None
        self.told: list[object] = []
        self._news = asyncio.Event()

    def accepted(self, acceptance: Acceptance) -> None:
        self.acceptance = acceptance
        self._news.set()

    def refused(self, error: Exception) -> None:
        self._tell(error)

    def answered(self, response: Response) -> None:
        self._tell(response)

    def overdue(self) -> None:
        self._tell("overdue")

    def left_alone(self) -> None:
        self._tell("left alone")

    def _tell(self, what: object) -> None:
        self.told.append(what)
        self._news.set()

    async def something(self) -> object:
        """What it is told beside the acceptance, first of all."""
        await self._until(lambda: bool(self.told))
        return self.told[0]

    async def acceptance_or_refusal(self) -> Acceptance | object:
        """Whichever comes."""
        await self._until(lambda: bool(self.told) or self.acceptance is not None)
        return self.told[0] if self.told else self.acceptance

    async def _until(self, known: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not known():
                self._news.clear()
                await self._news.wait()


@dataclass
class Attended:
    """Stands for the pool: attempts gather in ``work`` until the test ends them."""

    work: list[Work] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    functions: frozenset[str] = frozenset()
    drained: bool = False
    leases: list[float] = field(default_factory=list)
    links: list[Any] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def assign(self, work: Work) -> None:
        self.work.append(work)
        self.news.set()

    def flush(self) -> None:
        """Attempts are at hand as soon as they are given."""

    def lease_until(self, until_s: float) -> None:
        self.leases.append(until_s)

    def drain_all(self) -> None:
        self.drained = True

    def import_functions(self, functions: frozenset[str]) -> None:
        self.functions = functions

    def free_link(self) -> Any:
        return self.links[0] if self.links else None

    async def sent(self, within_s: float) -> None:
        assert within_s > 0

    async def cancel(self, execution_no: int) -> None:
        self.cancelled.append(execution_no)

    @property
    def running(self) -> set[int]:
        return {work.claim.execution_no for work in self.work}

    def claim_of(self, execution_no: int) -> Claim | None:
        found = [work.claim for work in self.work if work.claim.execution_no == execution_no]
        return found[0] if found else None

    async def next(self, *, keep: bool = False) -> Work:
        """The oldest attempt that is to be made; ``keep``: it goes on."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.work:
                self.news.clear()
                await self.news.wait()
        return self.work[0] if keep else self.work.pop(0)


class AttendedEngine:
    """``engine`` with its ``dispatcher``; ``pool`` is the test's hand, ``folder`` the data
    directory, ``bodies_bytes`` the room for long bodies that run."""

    def __init__(
        self,
        store: SqliteStore,
        bulletin: Bulletin | None = None,
        nodes: Nodes | None = None,
        *,
        folder: Path,
        chest: KeyChest | None = None,
        keyring: Keyring | None = None,
        bodies_bytes: int = RUNNING_LIMIT_BYTES,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.folder, self.waiters, self.defects = folder, Waiters(), 0
        known = load_settings({"data_dir": str(folder), **(settings or {})}, {}, None)
        keyring = keyring or Keyring(DataKeys.derived(bytes(32)))
        connections = Connections(store.catalog, keyring, known)
        self.store, self.pool, self.clock = store, Attended(), SystemClock()
        definitions, pool = Definitions(store.catalog), cast("Pool", self.pool)
        self.traffic = Traffic(store.figures, store.journal, store.jobs, self.clock.now_us)
        self.dispatcher = Dispatcher(
            store.journal,
            definitions,
            connections,
            waiters=self.waiters,
            clock=self.clock,
            bulletin=bulletin or store.bulletin,
            told=ExecutionLog(known),
            running_limit_bytes=bodies_bytes,
        )
        publications = Publications(store.catalog, definitions, connections.lookup)
        self.parts = Parts(
            settings=known,
            clock=self.clock,
            chest=chest or KeyChest(bytes(32), store.catalog, None),
            keyring=keyring,
            catalog=store.catalog,
            history=store.history,
            journal=store.journal,
            bulk=store.bulk,
            people=store.people,
            alerts=store.alerts,
            definitions=definitions,
            connections=connections,
            waiters=self.waiters,
            pool=pool,
            dispatcher=self.dispatcher,
            questions=Questions(pool, publications.find, connections.load),
            publications=publications,
            public=PublicAddress("http://127.0.0.1:8080", "127.0.0.1", 8080),
            console="http://127.0.0.1:8081",
            figures=store.figures,
            traffic=self.traffic,
            bulletin=bulletin or store.bulletin,
            jobs=store.jobs,
            nodes=nodes or store.nodes,
            archive=_archive(known),
        )
        self.dispatcher.use(pool, self._defect, self.traffic)
        self.engine = Engine(self.parts)
        store.journal.listen(self.dispatcher.claimed, lambda _error: None)

    async def successor(self, *, slots: int = 10) -> AttendedEngine:
        """Another one on the same store, in whose memory is nothing; claims go to it now."""
        other = AttendedEngine(self.store, folder=self.folder)
        await other.engine.connections_changed("test")
        other.dispatcher.capacity(slots)
        return other

    def _defect(self) -> None:
        self.defects += 1

    async def publish(
        self, *, workflow: dict[str, Any] | None, trigger: dict[str, Any] | None = None
    ) -> None:
        """The integration ``orders`` of the workspace ``test``."""
        document: dict[str, Any] = {
            "name": "orders",
            "trigger": {"authentication": [], **(trigger or {})},
        }
        if workflow is not None:
            document["workflow"] = {"python": "work:run", **workflow}
        await self.store.catalog.ensure_workspace("test")
        await self.store.catalog.publish(
            "test",
            document,
            rules=TriggerRules(10, 3, "continue", None, None),
            managed_by="console",
            actor="ada",
        )
        await self.engine.refresh_routes()

    def call(self, *, body: bytes = b"{}", query: bytes = b"", **more: Any) -> Told:
        """Make a call."""
        caller = Told()
        route = self.engine.routes.find("test", "orders")
        assert route is not None
        request = Request("POST", "/test/orders", query, [])
        self.engine.accept(Call(route, request, body, "shop", **more), caller)
        return caller

    async def accepted(self, **more: Any) -> Acceptance:
        """Make a call that is accepted."""
        acceptance = await self.call(**more).acceptance_or_refusal()
        assert isinstance(acceptance, Acceptance), acceptance
        return acceptance

    def end(self, work: Work, failure: Failure | None = None, **more: Any) -> None:
        """An attempt is over."""
        response = DONE if failure is None else None
        claim = work.claim
        outcome = frames.Outcome(claim.execution_no, claim.epoch, response, failure, **more)
        self.dispatcher.ended(claim, outcome)

    async def state(self, acceptance: Acceptance) -> State:
        """Of the message's latest execution."""
        status = await self.engine.status(acceptance.message_id)
        assert status is not None
        return status.state


@asynccontextmanager
async def attended_engine(
    folder: Path,
    *,
    slots: int = 10,
    bulletin: Bulletin | None = None,
    nodes: Nodes | None = None,
    **more: Any,
) -> AsyncIterator[AttendedEngine]:
    """On a store in the folder; all that was begun has ended afterwards. ``more``: as
    ``AttendedEngine`` takes it."""
    path = folder / "firesteel.db"
    copy_empty_store(path)
    store = await open_store(path)
    attended = AttendedEngine(store, bulletin, nodes, folder=folder, **more)
    attended.dispatcher.capacity(slots)
    try:
        yield attended
        await asyncio.wait_for(attended.dispatcher.flush(), PATIENCE_S)
    finally:
        await store.close()


def _archive(settings: Settings) -> ArchiveWriter:
    return ArchiveWriter(
        settings.archive_folder,
        node="",
        by_default=False,
        reserve_bytes=lambda _total: 0,
        now_us=lambda: 0,
    )
