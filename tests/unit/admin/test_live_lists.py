"""A live list ends with the session that watches it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from firesteel.admin.access import ALL_RIGHTS, Access
from firesteel.admin.resources import finding
from firesteel.engine.live import Feed
from firesteel.store.history import MessageFilter

Still = Callable[[], Awaitable[Access | None]]


async def told(still: Still | None, seconds: float = 0.3) -> list[str]:
    """What a reader of a list in which nothing changes is told."""
    feed = Feed()
    engine: Any = None
    watch = finding.Watch(engine, MessageFilter(), feed.listen(lambda _no: True), still)
    events = [event async for event in watch.events(seconds, came_back=False)]
    assert not feed.open
    return events


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "HEARTBEAT_S", 0.01)


@pytest.mark.parametrize("access", [None, Access("ada", frozenset({"operate"}))])
async def test_it_ends_when_who_watches_is_let_in_no_more(access: Access | None) -> None:
    asked = 0

    async def still() -> Access | None:
        nonlocal asked
        asked += 1
        return Access("ada", ALL_RIGHTS) if asked < 3 else access

    events = await told(still, seconds=600)
    assert asked == 3
    assert events[-1].startswith("event: end")
    assert events.count(": still here\n\n") >= 2


async def test_it_goes_on_for_its_time_while_who_watches_is_let_in() -> None:
    async def still() -> Access | None:
        return Access("ada", ALL_RIGHTS)

    events = await told(still)
    assert events[-1].startswith("event: end")
    assert (await told(None))[-1].startswith("event: end")
