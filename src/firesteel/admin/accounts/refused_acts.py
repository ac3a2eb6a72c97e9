"""Acts that were refused (403), in the audit log: who, what was missing, where, whence.

Whoever is refused could fill the store with that. So the first one is written before it is
answered; the same again within a minute is counted, and written as one entry; and of one actor no
more than ``TOLD_IN_AN_HOUR`` different ones are told in an hour, the others as their number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from firesteel.errors import OutcomeUnknown, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.store.people import People

TOLD_IN_AN_HOUR: Final = 30
MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class RefusedAct:
    """``route``: method and pattern, with nothing of what was sent; ``lacks``: the right that was
    missing, or why else it was refused."""

    route: str
    lacks: str


@dataclass(slots=True)
class _Minute:
    """The same act again; ``address``: whence it came last."""

    began_s: float
    address: str
    times: int = 0


@dataclass(slots=True)
class _Hour:
    """Of one actor."""

    began_s: float
    told: int = 0
    untold: int = 0
    minutes: dict[RefusedAct, _Minute] = field(default_factory=dict)


class RefusedActs:
    """In memory, of each actor at most ``TOLD_IN_AN_HOUR`` acts; there are as many actors as users
    and tokens. ``now_s`` is a monotonic clock."""

    def __init__(self, people: People, now_s: Callable[[], float]) -> None:
        self._people = people
        self._now_s = now_s
        self._hours: dict[str, _Hour] = {}

    async def add(self, actor: str, act: RefusedAct, address: str) -> None:
        """An act that is refused now. A store that takes nothing is told later."""
        hour = self._hours.setdefault(actor, _Hour(self._now_s()))
        minute = hour.minutes.get(act)
        if minute is not None:
            minute.times += 1
            minute.address = address
        elif hour.told >= TOLD_IN_AN_HOUR:
            hour.untold += 1
        else:
            hour.told += 1
            minute = hour.minutes[act] = _Minute(self._now_s(), address)
            if not await self._written(actor, act.route, f"{act.lacks}, from {address}"):
                minute.times += 1

    async def write_counted(self) -> None:
        """Write what was counted in minutes and hours that are over; called by the clock."""
        now_s = self._now_s()
        for actor, hour in list(self._hours.items()):
            for act, minute in list(hour.minutes.items()):
                if now_s - minute.began_s >= MINUTE_S:
                    await self._end_minute(actor, hour, act)
            if now_s - hour.began_s >= HOUR_S and not hour.minutes:
                await self._end_hour(actor)

    async def _end_minute(self, actor: str, hour: _Hour, act: RefusedAct) -> None:
        minute = hour.minutes.pop(act)
        if not minute.times:
            return
        detail = f"{act.lacks}, {minute.times:,} more within a minute, the last from"
        if not await self._written(actor, act.route, f"{detail} {minute.address}"):
            later = hour.minutes.setdefault(act, minute)
            if later is not minute:
                later.times += minute.times

    async def _end_hour(self, actor: str) -> None:
        hour = self._hours.pop(actor)
        if not hour.untold:
            return
        if not await self._written(actor, "others", f"{hour.untold:,} more within an hour"):
            later = self._hours.setdefault(actor, hour)
            if later is not hour:
                later.untold += hour.untold

    async def _written(self, actor: str, subject: str, detail: str) -> bool:
        try:
            await self._people.refuse_act(actor, subject, detail)
        except (StoreUnavailable, OutcomeUnknown):
            return False
        return True
