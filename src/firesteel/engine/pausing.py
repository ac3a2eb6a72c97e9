"""The pause of everything: begun by a restored store, by ``serve --paused`` or by a person, and
ended by a person alone. Calls are accepted meanwhile; what runs when it begins ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import structlog

from firesteel.store.bulletin import CatalogChanged
from firesteel.store.pause import PAUSE_SETTING, Pause

if TYPE_CHECKING:
    from firesteel.engine.parts import Parts
    from firesteel.store.journal import Actor
    from firesteel.store.pause import Unfinished

_START = "serve --paused"

log = structlog.get_logger(__name__)


class Pausing:
    """What the store says of it, kept to by this node's dispatcher. ``now``: the pause that
    holds; None where everything goes on."""

    def __init__(self, parts: Parts) -> None:
        self._catalog = parts.catalog
        self._history = parts.history
        self._dispatcher = parts.dispatcher
        self._bulletin = parts.bulletin
        self._clock = parts.clock
        self.now: Pause | None = None

    async def begin(self, start: str) -> None:
        """Before anything is taken over from the sessions before: find out whether this store is
        paused, and what of it was running. ``start``: the life of the supervisor that asks for a
        pause; empty: none is asked for."""
        before, stored = await self._read()
        if start and (stored is None or stored.start != start):
            begun = Pause(self._time(), by=_START, start=start)
            await self._change(before, begun, by=_START, action="node.pause", detail="")
        await self.look()
        if self.now is not None and self.now.interrupted is None:
            await self._note_interrupted(self.now)
        if self.now is not None:
            await self._tell(self.now)

    async def look(self) -> None:
        """Keep to what the store says now; another node may have changed it."""
        _, stored = await self._read()
        self.now = None if stored is None or stored.over else stored
        self._dispatcher.hold(self.now is not None)

    async def pause(self, actor: Actor) -> None:
        """Start nothing more, on no node. Nothing happens where it is so already."""
        before, stored = await self._read()
        if stored is None or stored.over:
            begun = Pause(
                self._time(),
                by=actor.name,
                why=actor.why,
                interrupted=[],
                start="" if stored is None else stored.start,
            )
            await self._change(before, begun, by=actor.name, action="node.pause", detail=actor.why)
        await self.look()

    async def resume(self, actor: Actor) -> None:
        """Let everything go on, on all nodes. Nothing happens where it does already."""
        before, stored = await self._read()
        if stored is not None and not stored.over:
            over = msgspec.structs.replace(stored, over=True)
            await self._change(before, over, by=actor.name, action="node.resume", detail=actor.why)
        await self.look()

    async def unfinished(self) -> list[Unfinished]:
        """What would run, by integration."""
        return await self._history.unfinished()

    # inside

    async def _read(self) -> tuple[str | None, Pause | None]:
        text = await self._catalog.setting(PAUSE_SETTING)
        return text, Pause.parse(text)

    async def _change(
        self, before: str | None, after: Pause, *, by: str, action: str, detail: str
    ) -> None:
        """Raises CallerError ``changed_meanwhile``."""
        if before is None:
            none = msgspec.structs.replace(after, over=True)
            before = await self._catalog.ensure_setting(PAUSE_SETTING, none.text())
        await self._catalog.exchange_setting(
            PAUSE_SETTING, before, after.text(), actor=by, action=action, detail=detail
        )
        self._bulletin.tell(CatalogChanged())

    async def _note_interrupted(self, pause: Pause) -> None:
        """Only now can it be seen: a moment later all of it waits again."""
        count, interrupted = await self._history.interrupted()
        noted = msgspec.structs.replace(pause, interrupted=interrupted, interrupted_count=count)
        action = "store.restore" if pause.restored_from else "node.paused"
        await self._change(
            pause.text(), noted, by=pause.by, action=action, detail=pause.restored_from
        )
        self.now = noted

    async def _tell(self, pause: Pause) -> None:
        """In the log, for who looks there first."""
        found = await self.unfinished()
        log.warning(
            "paused",
            since=pause.since.isoformat(),
            restored_from=pause.restored_from or None,
            would_run=sum(item.waiting + item.running for item in found),
            were_running=pause.interrupted_count,
            by_integration={
                f"{item.workspace}/{item.integration}": item.waiting + item.running
                for item in found
            },
            go_on_with="firesteel resume",
        )

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)
