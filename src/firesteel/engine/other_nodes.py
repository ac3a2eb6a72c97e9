"""What the other nodes on the store do, as far as it concerns this one.

They tell it by the bulletin, which makes it fast; what they may not have told is looked for by the
clock. A caller that waits here for an execution that another node ran is answered from the store.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

import structlog

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.sparing import Sparing
from firesteel.store.bulletin import CancelAsked, CatalogChanged, Missed, Ready, Settled
from firesteel.store.journal import Actor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.store.bulletin import News

ANSWERS_S = 1.0
LISTS_S = 2.0
GATEWAYS_S = 5.0
CATALOG_S = 15.0
RETRY_S = 0.5

log = structlog.get_logger(__name__)
_sparing = Sparing()


class OtherNodes:
    """Works from ``start`` to ``stop``; used from the event loop's thread. ``on_wrong_key``: the
    store has an encryption key now that this node was not given."""

    def __init__(
        self, engine: Engine, parts: Parts, on_wrong_key: Callable[[OperatorError], None]
    ) -> None:
        self._engine = engine
        self._on_wrong_key = on_wrong_key
        self._parts = parts
        self._settled: set[int] = set()
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen and to look."""
        self._parts.waiters.look_for = self._look_for
        self._parts.bulletin.listen(self._hear)
        rounds = (self._answers, self._catalog, self._lists, self._gateways)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(_again_and_again(work), name=work.__name__) for work in rounds
        ]

    async def stop(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run_attempts(self) -> bool:
        """Whether another node is there that runs what was accepted. Raises StoreUnavailable."""
        living = await self._parts.nodes.living()
        able = [node for node in living if node.role != "gateway" and node.lease_s > 0]
        return any(node.name != self._parts.name for node in able)

    # inside

    def _hear(self, news: News) -> None:
        match news:
            case Settled():
                for execution_no in self._parts.waiters.ended(news.numbers):
                    self._look_for(execution_no)
            case CatalogChanged():
                self._changed.set()
            case Missed():
                self._changed.set()
                self._woken.set()
            case CancelAsked():
                actor = Actor(news.actor_name, news.why)
                self._parts.dispatcher.cancel_asked(news.execution_no, actor)
            case Ready():
                pass  # the journal's own
            case _:
                assert_never(news)

    def _look_for(self, execution_no: int) -> None:
        self._settled.add(execution_no)
        self._woken.set()

    async def _answers(self) -> None:
        """Answer those who wait for what has ended: of what others have told at once, of all else
        once in a while."""
        waiters = self._parts.waiters
        told = await _set_within(self._woken, ANSWERS_S)
        wanted, self._settled = self._settled, set()
        if not told or not wanted:
            wanted |= set(waiters.waited_for()) - self._parts.pool.running
        if not wanted:
            return
        for number, response in (await self._parts.history.responses(wanted)).items():
            for trigger_no, waited_s in waiters.waited(number):
                self._parts.traffic.answered(trigger_no, waited_s)
            waiters.answer(number, response)

    async def _catalog(self) -> None:
        """Take over what is published, and connections."""
        await _set_within(self._changed, CATALOG_S)
        try:
            await self._engine.pausing.look()
            await self._engine.refresh_routes()
            for workspace in self._parts.connections.loaded:
                await self._engine.connections_changed(workspace)
        except BaseException as error:
            if isinstance(error, OperatorError) and error.code == "wrong_encryption_key":
                self._on_wrong_key(error)
                return
            self._changed.set()
            raise

    async def _lists(self) -> None:
        """Lists that somebody watches here show what other nodes do; and a pause is kept to, also
        where nobody has told of it."""
        await asyncio.sleep(LISTS_S)
        await self._engine.pausing.look()
        if self._engine.feed.open:
            self._engine.feed.much_changed()

    async def _gateways(self) -> None:
        """Rates are shared out among the nodes that take calls."""
        living = await self._parts.nodes.living()
        taking = sum(node.role != "worker" and node.lease_s > 0 for node in living)
        self._engine.gateways = max(taking, 1)
        await asyncio.sleep(GATEWAYS_S)


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    """Whether it was set; it no longer is."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except StoreUnavailable:  # the log is told of it elsewhere
            await asyncio.sleep(RETRY_S)
        except Exception as error:  # noqa: BLE001  # the next round is due all the same
            if times := _sparing.times(work.__name__):
                told = {"error": type(error).__name__, "times": times}
                log.warning("round_failed", round=work.__name__, **told)
            await asyncio.sleep(RETRY_S)
