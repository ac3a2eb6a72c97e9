"""The engine: puts the parts together, runs them, and takes them down in good order.

The only module that names concrete parts. Loaded by the engine process (``engine_process``).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import secrets
import socket
import string
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from firesteel.admin.access import LOCAL
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.app import create_app
from firesteel.admin.bodies.length import body_limit
from firesteel.doors import LOST_STORE_GRACE_S, Doors, tls_files
from firesteel.engine.clock import SystemClock
from firesteel.engine.connections import Connections
from firesteel.engine.definitions import Definitions
from firesteel.engine.dispatch import Dispatcher
from firesteel.engine.engine import Engine
from firesteel.engine.execution_log import ExecutionLog
from firesteel.engine.housekeeping import Housekeeper
from firesteel.engine.key_chest import KeyChest
from firesteel.engine.keyring import Keyring
from firesteel.engine.other_nodes import OtherNodes
from firesteel.engine.parts import Parts
from firesteel.engine.pool import Pool
from firesteel.engine.publications import Publications
from firesteel.engine.publishing import Publisher
from firesteel.engine.questions import Questions
from firesteel.engine.traffic import Traffic
from firesteel.engine.waiters import Waiters
from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.gateway.app import Gateway
from firesteel.gateway.asgi import AsgiHandler
from firesteel.gateway.held_bodies import HeldBodies
from firesteel.gateway.open_files import open_files
from firesteel.gateway.spool import Spool
from firesteel.handover import Handover
from firesteel.node_name import NodeName
from firesteel.release import release
from firesteel.store.archive.writing import ArchiveWriter
from firesteel.store.sql.clock import boot_id
from firesteel.store.sqlite.safety import check_directory
from firesteel.store.sqlite.store import open_store as open_sqlite
from firesteel.supervisor import LOST_STORE_EXIT_CODE, SETUP_EXIT_CODE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from firesteel.settings import Settings
    from firesteel.store.store import Store

NODE_FILE = "node.json"
WORKSPACE_SETTING = "workspace"
LOCK_PATIENCE_S = 5.0
LOCK_RETRY_S = 0.05
STORE_RETRY_S = 0.5
FIRST_WORKER_S = 30.0
STOP_RESERVE_S = 5.0
FLUSH_GRACE_S = 1.0
SWITCH_S = 0.001
LISTENER_GRACE_S = 3.0
_IN_USE = frozenset({"store_in_use", "data_dir_in_use"})
ALONE_S = 30.0
ALONE_RETRY_S = 0.2

log = structlog.get_logger(__name__)


async def run_behind(
    doors: Doors, handover: Handover, stop: asyncio.Future[int], end: Callable[[int], None]
) -> int:
    """From the opening of the store until ``stop`` has the exit code, which ``end`` gives it; that
    code. Raises StoreUnavailable and OperatorError where it cannot start."""
    opening = asyncio.ensure_future(_open_store(handover.settings, doors))
    await _first(opening, stop)
    if not opening.done():
        opening.cancel()
        await doors.stop(LISTENER_GRACE_S)
        return await stop
    opened = opening.result()
    try:
        node = await Node.assemble(handover, opened, doors, end)
    except OperatorError:
        await opened.store.close()  # others would take it for a node until its lease has lapsed
        raise
    starting = asyncio.ensure_future(node.start())
    await _first(starting, stop)
    if starting.done() or stop.result() == 0:
        await starting
    code = await stop
    if code != LOST_STORE_EXIT_CODE:
        await node.stop()
        await opened.store.close()
    else:
        await node.give_up()
    return code


def _bodies(settings: Settings) -> HeldBodies:
    """Where bodies that come in are kept."""
    in_memory_bytes = settings.bodies_in_flight_bytes
    spool = Spool(
        settings.data_dir,
        limit_bytes=settings.bodies_on_disk_bytes,
        loads_limit_bytes=in_memory_bytes,
    )
    return HeldBodies(in_memory_bytes, spool)


def _archive(settings: Settings, name: str, now_us: Callable[[], int]) -> ArchiveWriter:
    """Where messages go before they are purged. Of the disk's reserve a part stays: the store has
    room again for what has gone from it."""
    reserve_bytes = settings.disk_reserve_bytes
    return ArchiveWriter(
        settings.archive_folder,
        node=name,
        by_default=settings.archive == "on",
        reserve_bytes=lambda total_bytes: min(reserve_bytes, total_bytes // 20) // 4,
        now_us=now_us,
    )


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Until one of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


class Node:
    """The running parts of one engine process."""

    def __init__(self, handover: Handover, engine: Engine, parts: Parts, doors: Doors) -> None:
        self._handover = handover
        self._settings = handover.settings
        self._engine = engine
        engine.leaving = lambda: doors.leaving
        self._parts = parts
        self._end: Callable[[int], None] = lambda _code: None
        self._accounts = Accounts(
            parts.people, parts.keyring, clock=parts.clock, settings=handover.settings
        )
        self._housekeeper = Housekeeper(
            engine,
            lambda: self._end(LOST_STORE_EXIT_CODE),
            write_uses=self._accounts.write_uses,
            parts=parts,
        )
        self._others = OtherNodes(engine, parts, self._set_up_wrongly) if parts.name else None
        self._publisher = Publisher(engine, parts)
        self._doors = doors
        self._admin_token = secrets.token_urlsafe(32)

    @classmethod
    async def assemble(
        cls, handover: Handover, opened: Opened, doors: Doors, end: Callable[[int], None]
    ) -> Node:
        """Wire everything; nothing runs yet."""
        store, settings, clock = opened.store, handover.settings, SystemClock()
        chest = await _open_chest(store, settings, clock)
        keyring = Keyring(await chest.keys(), chest.keys)
        definitions = Definitions(store.catalog)
        connections = Connections(store.catalog, keyring, settings)
        waiters = Waiters()
        traffic = Traffic(store.figures, store.journal, store.jobs, clock.now_us)
        dispatcher = Dispatcher(
            store.journal,
            definitions,
            connections,
            waiters=waiters,
            clock=clock,
            bulletin=store.bulletin,
            told=ExecutionLog(settings),
            running_limit_bytes=settings.bodies_running_bytes,
        )
        slots = settings.worker_slots if settings.runs_attempts else 0
        pool = Pool(dispatcher, token=handover.token, slots=slots)
        publications = Publications(store.catalog, definitions, connections.lookup)
        parts = Parts(
            settings=settings,
            clock=clock,
            chest=chest,
            keyring=keyring,
            catalog=store.catalog,
            history=store.history,
            journal=store.journal,
            bulk=store.bulk,
            people=store.people,
            alerts=store.alerts,
            definitions=definitions,
            connections=connections,
            waiters=waiters,
            pool=pool,
            dispatcher=dispatcher,
            questions=Questions(pool, publications.find, connections.load),
            publications=publications,
            public=doors.public,
            console=settings.admin_url or doors.addresses["admin_url"],
            figures=store.figures,
            traffic=traffic,
            bulletin=store.bulletin,
            jobs=store.jobs,
            nodes=store.nodes,
            archive=_archive(settings, opened.name, clock.now_us),
            name=opened.name,
        )
        dispatcher.use(pool, lambda: end(LOST_STORE_EXIT_CODE), traffic)
        dispatcher.answer_to = parts.questions.received
        node = cls(handover, Engine(parts), parts, doors)
        node._end = end
        return node

    async def start(self) -> None:
        """Recover, let workers join, publish the project, open the doors, say so. What is published
        already is served before the project is: after a crash callers wait for nothing else.
        Balancers are told to wait for the project. An engine that takes the place of one that died
        publishes nothing: a key deleted since, or a newer version, would be gone on all nodes."""
        parts, settings = self._parts, self._settings
        parts.journal.listen(parts.dispatcher.claimed, self._store_lost)
        await self._engine.pausing.begin(self._handover.paused)
        self._engine.meter.taken_over += await parts.journal.recover()
        self._engine.workspace = await self._own_workspace()
        await self._engine.agreement.note()
        if self._others is not None:
            self._others.start()  # before the catalog is read, or a change in between went unseen
        await self._engine.refresh_routes()
        self._housekeeper.tell_lease()
        await parts.pool.start(socket.socket(fileno=self._handover.workers_fd))
        await self._housekeeper.start()
        serving = any(True for _ in self._engine.routes)
        project_dir = None if self._handover.again else settings.project_dir
        self._engine.starting = project_dir is not None
        if serving:
            await self._open_doors()
        if project_dir is not None:
            # Documents are checked in a worker, and on a busy machine the first is slow to join.
            if parts.pool.free_link() is None:
                await parts.pool.wait_for_worker(FIRST_WORKER_S)
            async with self._alone("project"):
                await self._publisher.apply_project(project_dir, self._engine.workspace)
        self._engine.starting = False
        if not serving:
            await self._open_doors()
        await self._engine.bulk.go_on()
        await self._engine.key_rotation.go_on()
        share_the_interpreter()
        spare_the_collector()
        self._announce(await self._first_link())

    async def stop(self) -> None:
        """Accept no more, let what runs finish, hand back the rest, close the store (P28)."""
        parts = self._parts
        deadline = time.monotonic() + self._settings.shutdown_timeout_s - STOP_RESERVE_S
        self._engine.refusal = "node_stopping"
        if self._doors.leaving:  # who has called meanwhile was told not to keep its connection
            self._doors.end_idle()
        self._engine.feed.stop()
        await self._engine.bulk.stop()
        parts.dispatcher.stop_claiming()
        if await self._others_run():
            await parts.waiters.none(deadline - time.monotonic())
        else:
            for execution_no in set(parts.waiters.waited_for()) - parts.pool.running:
                parts.waiters.refuse(execution_no)
        await parts.pool.idle(deadline - time.monotonic())
        for claim in parts.pool.withdraw():
            parts.dispatcher.hand_back(claim)
        # A store that takes nothing must not keep the node: what it did not take, recovery finds.
        with contextlib.suppress(TimeoutError):
            left_s = max(deadline - time.monotonic(), FLUSH_GRACE_S)
            await asyncio.wait_for(parts.dispatcher.flush(), left_s)
        parts.waiters.stop()
        await self._doors.stop(LISTENER_GRACE_S)
        if self._others is not None:
            await self._others.stop()
        await self._housekeeper.stop()
        self._accounts.close()
        await parts.pool.stop()
        with contextlib.suppress(FileNotFoundError):
            (self._settings.data_dir / NODE_FILE).unlink()

    async def give_up(self) -> None:
        """The store is lost: tell all callers that are here, for the next engine knows them not."""
        self._engine.feed.stop()
        self._parts.waiters.stop()
        await self._doors.leave(LOST_STORE_GRACE_S)

    # inside

    def _store_lost(self, error: BaseException) -> None:
        log.critical("store_lost", error=type(error).__name__)
        self._engine.refusal = "store_unavailable"
        self._end(LOST_STORE_EXIT_CODE)

    def _set_up_wrongly(self, error: OperatorError) -> None:
        log.error("node_cannot_go_on", code=error.code, detail=error.detail)
        self._end(SETUP_EXIT_CODE)

    async def _own_workspace(self) -> str:
        """That of the settings; else that of the store's first node, whatever others were named
        since: a node that is named wrongly once moves no other one."""
        catalog = self._parts.catalog
        alphabet = string.ascii_lowercase + string.digits
        made = "".join(secrets.choice(alphabet) for _ in range(5))
        name = self._settings.workspace
        first = await catalog.ensure_setting(WORKSPACE_SETTING, name or made)
        if name not in (None, first) and name not in await catalog.workspaces():
            # Where another node still has that one, the project is published in both.
            log.warning("another_workspace", workspace=name, before=first)
        await catalog.ensure_workspace(name or first)
        return name or first

    @contextlib.asynccontextmanager
    async def _alone(self, job: str) -> AsyncIterator[None]:
        """Do something that nodes which start at once had better do one after the other; not for
        ever, since each of its steps is right whoever does it."""
        deadline = time.monotonic() + ALONE_S
        while True:
            async with self._parts.jobs.only_here(job) as mine:
                if mine or time.monotonic() > deadline:
                    yield
                    return
            await asyncio.sleep(ALONE_RETRY_S)

    async def _others_run(self) -> bool:
        """Whether another node can end what callers wait for here."""
        if self._others is None:
            return False
        with contextlib.suppress(StoreUnavailable):
            return await self._others.run_attempts()
        return True

    async def _open_doors(self) -> None:
        self._write_node_file()
        bodies = _bodies(self._settings)
        self._engine.meter.ports = self._doors.figures
        self._engine.meter.held_bodies = bodies.figures
        await self._doors.open(
            Gateway(
                self._engine,
                public_url=self._settings.public_url,
                bodies=bodies,
                calls_limit=open_files(self._settings.max_connections).public_connections,
                access_log=self._settings.access_log == "on",
            ),
            AsgiHandler(
                create_app(self._engine, self._publisher, self._accounts, token=self._admin_token),
                body_limit,
            ),
        )

    def _write_node_file(self) -> None:
        """By which the CLI finds the node: the token of a former engine opens nothing here."""
        node = {**self._described(), "token": self._admin_token, "pid": os.getpid()}
        tls = tls_files(self._settings)
        if tls is not None:
            node["certificate"] = str(tls.certificate)
        write_private(self._settings.data_dir / NODE_FILE, json.dumps(node))

    async def _first_link(self) -> dict[str, str]:
        """Where the first administrator comes in, while there is none. Callers do not wait for
        it: a store that takes nothing now is no reason not to start."""
        with contextlib.suppress(StoreUnavailable):
            link = await self._accounts.users.first_link(LOCAL)
            if link is not None:
                return {"sign_in_url": self._doors.addresses["admin_url"] + link.path}
        return {}

    def _announce(self, beside: dict[str, str]) -> None:
        """Tell the supervisor."""
        ready = {**self._described(), **beside}
        if self._engine.pausing.now is not None:
            ready["paused"] = "nothing is run until you say so: firesteel status, firesteel resume"
        os.write(self._handover.ready_fd, json.dumps(ready).encode() + b"\n")

    def _described(self) -> dict[str, str]:
        return {**self._doors.addresses, "workspace": self._engine.workspace}


async def _open_chest(store: Store, settings: Settings, clock: SystemClock) -> KeyChest:
    return await KeyChest.open(
        store.catalog,
        setting=settings.encryption_key,
        data_dir=settings.data_dir,
        now_us=clock.now_us,
    )


def share_the_interpreter() -> None:
    """Let the writer's thread have Python's lock back within a millisecond instead of five: it
    gives it away with every statement, and callers wait for its commits."""
    sys.setswitchinterval(SWITCH_S)


def spare_the_collector() -> None:
    """Keep what the start made out of Python's cyclic garbage collector: looking through all of it
    again and again would stop every call for tens of milliseconds (docs/decisions/0012)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@dataclass(frozen=True, slots=True)
class Opened:
    """``name``: this node's among those that share the store; empty where none can."""

    store: Store
    name: str = ""


async def _open_store(settings: Settings, doors: Doors) -> Opened:
    """The store; a former engine that is still dying keeps its lock for a moment. While it cannot
    be opened, for its disk fails or is full or its database is gone, callers are told so, and it is
    tried again (P04)."""
    deadline = time.monotonic() + LOCK_PATIENCE_S
    told = ""
    name: NodeName | None = None
    while True:
        try:
            check_directory(settings.data_dir)
            if settings.store_path is not None:
                return Opened(await open_sqlite(settings.store_path, boot=boot_id()))
            name = name or NodeName.take(settings.data_dir, boot=boot_id())
            return Opened(await _open_postgresql(settings, name.text), name.text)
        except StoreUnavailable as error:
            if error.detail != told:
                log.error("store_cannot_be_opened", detail=error.detail)
                told = error.detail
            await doors.refuse()
            await asyncio.sleep(STORE_RETRY_S)
        except OperatorError as error:
            if error.code not in _IN_USE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOCK_RETRY_S)


async def _open_postgresql(settings: Settings, name: str) -> Store:
    """Imported here: its driver is an extra, and a node on SQLite starts without it."""
    from firesteel.store.postgresql.store import open_store as open_postgresql

    return await open_postgresql(
        settings.database_url or "",
        node=name,
        role=settings.role,
        version=release(),
    )


def write_private(path: Path, text: str) -> None:
    """A file that only this user may read; it appears whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)
