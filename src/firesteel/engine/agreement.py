"""What nodes on one store agree on where their own settings differ: what is purged, and by whom.

Retention is one node's at a time, and does what that node was started with. So that nothing goes
that another node would have kept, or archived before, the longest retention holds, and where any
node archives only those that do have the turn (docs/decisions/0072). One that has it and does
nothing is told, and waited for no longer than a day (docs/decisions/0077).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from firesteel.model.times import rfc3339
from firesteel.store.purging import Purging

if TYPE_CHECKING:
    from firesteel.engine.parts import Parts

TOLD_S: Final = 900.0
"""Purging that waits so long for a node is told."""
MOST_S: Final = 86_400.0
"""So long it waits."""
TURN_S: Final = 30.0
"""Who has the turn says so this often."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds on all nodes where neither an integration nor its workspace says anything else.
    ``left_to``: a node that archives, where this one does not and so leaves it what is to be
    purged; else empty. ``given_up``: the node that was waited for in vain, where this one purges
    in its place."""

    retention_days: int
    archive: bool
    left_to: str
    given_up: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """What is to be purged waits for a node that archives by its settings. ``since_us``: when a
    node that may last purged, by the wall clock; ``waited_s``: how long this engine has seen it
    so."""

    node: str
    since_us: int
    waited_s: float

    @property
    def long(self) -> bool:
        """Whether it is to be told."""
        return self.waited_s >= TOLD_S


class Agreement:
    """Used from the event loop's thread."""

    def __init__(self, parts: Parts) -> None:
        self.own = Purging.by(parts.settings)
        self._name = parts.name
        self._nodes = parts.nodes
        self._clock = parts.clock
        self._begun_s = parts.clock.steady_s()
        self._turn_s: float | None = None
        self._told: dict[str, list[str]] = {}
        self._told_wait = ("", "")

    async def note(self) -> None:
        """Tell the other nodes, and the log where one of them has other settings or lets purging
        wait; to be called at the start and then once a minute. Raises StoreUnavailable."""
        await self._nodes.note(self.own)
        differing = await self.differing()
        for node, settings in differing.items():
            if self._told.get(node) != settings:
                log.warning("node_settings_differ", node=node, settings=settings)
        self._told = differing
        if not self.own.archive:
            self._tell_wait(await self.wait())

    async def differing(self) -> dict[str, list[str]]:
        """By node, its settings that are not this one's. Raises StoreUnavailable."""
        others = await self._others()
        found = {name: self.own.differs(said) for name, said in others.items()}
        return {name: settings for name, settings in found.items() if settings}

    async def agreed(self) -> Agreed:
        """Raises StoreUnavailable."""
        others = await self._others()
        archiving = [name for name, said in others.items() if said.archive]
        left_to = archiving[0] if archiving and not self.own.archive else ""
        in_vain = left_to != "" and await self._waited_s() > MOST_S
        return Agreed(
            max([self.own.retention_days, *(one.retention_days for one in others.values())]),
            self.own.archive or bool(archiving),
            "" if in_vain else left_to,
            left_to if in_vain else "",
        )

    async def had_turn(self) -> None:
        """This node purges, and may. Raises StoreUnavailable."""
        now_s = self._clock.steady_s()
        if self._turn_s is None or now_s - self._turn_s >= TURN_S:
            await self._nodes.had_turn()
            self._turn_s = now_s

    async def wait(self) -> Wait | None:
        """None: no node archives, or one that does has purged lately. Raises StoreUnavailable."""
        noted = await self._nodes.noted()
        archiving = sorted(name for name, said in noted.items() if said.archive)
        ago_s = await self._nodes.turn_ago_s() if archiving else 0.0
        if ago_s < TOLD_S:
            return None
        since_us = self._clock.now_us() - int(ago_s * 1e6)
        return Wait(archiving[0], since_us, min(ago_s, self._here_s()))

    # inside

    def _here_s(self) -> float:
        return self._clock.steady_s() - self._begun_s

    async def _waited_s(self) -> float:
        """Where all nodes were stopped for days, those that archive have their time all the
        same."""
        here_s = self._here_s()
        return 0.0 if here_s < TOLD_S else min(await self._nodes.turn_ago_s(), here_s)

    def _tell_wait(self, wait: Wait | None) -> None:
        """Once when it is long, when it was too long, and when it is over."""
        if wait is not None and not wait.long:
            return
        told = self._told_wait
        self._told_wait = ("", "")
        if wait is not None:
            self._told_wait = (wait.node, "long" if wait.waited_s <= MOST_S else "too long")
        if told == self._told_wait:
            return
        if wait is None:
            log.warning("purging_goes_on", node=told[0])
        elif wait.waited_s <= MOST_S:
            log.warning("purging_waits", node=wait.node, since=rfc3339(wait.since_us))
        else:
            log.warning("purging_without_archive", node=wait.node, since=rfc3339(wait.since_us))

    async def _others(self) -> dict[str, Purging]:
        """In the order of their names."""
        noted = await self._nodes.noted()
        return {name: noted[name] for name in sorted(noted) if name != self._name}
