"""Alerts in words, with the console's address of what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import msgspec

from firesteel.model.alert import Alert, AlertData, AlertItem, AlertType
from firesteel.model.alerts import OF_NODES
from firesteel.model.times import rfc3339

if TYPE_CHECKING:
    from firesteel.engine.clock import Clock
    from firesteel.model.alerts import Event

ITEMS_MOST: Final = 20
_MIB: Final = 1024**2
_HOURS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


class Writer:
    """``console``: the address by which people reach the console, without a slash at its end."""

    def __init__(self, console: str, clock: Clock) -> None:
        self._console = console.rstrip("/")
        self._clock = clock

    def alert(
        self,
        place: tuple[str, str, Event],
        items: Sequence[AlertItem],
        *,
        resolved: bool = False,
    ) -> Alert:
        """``place``: workspace, rule and event."""
        workspace, rule, event = place
        lines = [_sentence(event, item, resolved=resolved) for item in items]
        # What one sentence says is the title; of several it is how many.
        title = lines[0] if len(items) == 1 else _summary(event, items, resolved=resolved)
        shown = [msgspec.structs.replace(i, url=self._url(workspace, event, i)) for i in items]
        data = AlertData(
            workspace=workspace,
            rule=rule,
            event=event,
            title=f"{'Resolved: ' if resolved else ''}{title}",
            lines=_told(event, items, lines)[:ITEMS_MOST],
            items=shown[:ITEMS_MOST],
            url=shown[0].url or "" if len(items) == 1 else self._page(workspace, event),
            more=max(len(items) - ITEMS_MOST, 0),
        )
        return self._made("alert.resolved" if resolved else "alert.firing", data)

    def test(self, workspace: str, channel: str) -> Alert:
        """An alert that says that alerts arrive."""
        data = AlertData(
            workspace=workspace,
            rule="",
            event=None,
            title=f"Test: alerts of the workspace {workspace} arrive by the channel {channel}",
            lines=[],
            items=[],
            url=f"{self._console}/w/{quote(workspace, safe='')}/alerts",
        )
        return self._made("alert.test", data)

    def _made(self, kind: AlertType, data: AlertData) -> Alert:
        return Alert(f"alert_{self._clock.new_id()}", kind, rfc3339(self._clock.now_us()), data)

    def _page(self, workspace: str, event: Event, **query: str) -> str:
        if event in OF_NODES:
            return f"{self._console}/{'workers' if event == 'node_down' else 'storage'}"
        pages = {
            "execution_failed": "failed",
            "lane_paused": "lanes",
            "oldest_waiting": "messages",
            "key_expires": "consumers",
        }
        asked = {"state": "waiting", **query} if event == "oldest_waiting" else query
        tail = f"?{urlencode(asked)}" if asked else ""
        return f"{self._console}/w/{quote(workspace, safe='')}/{pages[event]}{tail}"

    def _url(self, workspace: str, event: Event, item: AlertItem) -> str:
        if event in OF_NODES:
            return self._page(workspace, event)
        if event != "key_expires":
            return self._page(workspace, event, integration=item.integration or "")
        base = f"{self._console}/w/{quote(workspace, safe='')}"
        if item.consumer is not None:
            return f"{base}/consumers/{quote(item.consumer, safe='')}"
        return f"{base}/integrations/{quote(item.integration or '', safe='')}"


def duration(seconds: float) -> str:
    """``10 minutes``, ``2 hours``: the largest unit that says it well."""
    for unit, size in _HOURS:
        number = round(seconds / size)
        if number >= 2 or size == 1:
            return f"{number} {unit if number != 1 else unit[:-1]}"
    raise AssertionError


def _told(event: Event, items: Sequence[AlertItem], lines: list[str]) -> list[str]:
    """The sentences below the title; of one item only what the title does not say."""
    if event == "execution_failed" and len(items) == 1:
        return [_first(items[0])]
    if event == "execution_failed":
        return [f"{line}: {_first(item)}" for item, line in zip(items, lines, strict=True)]
    return lines if len(items) > 1 else []


def _sentence(event: Event, item: AlertItem, *, resolved: bool) -> str:
    name = item.integration or ""
    if event == "execution_failed":
        if item.count == 1:
            return f"{name} failed: {item.first.code if item.first else ''}"
        span = f" in {duration(item.within_s)}" if item.within_s else ""
        return f"{item.count} failures of {name}{span}"
    if event == "lane_paused":
        return f"{name} goes on" if resolved else _paused(name, item)
    if event == "oldest_waiting":
        if resolved:
            return f"no message of {name} waits that long any more"
        return f"the oldest message of {name} has waited for {duration(item.waiting_s)}"
    if event in OF_NODES:
        return _of_node(event, item, resolved=resolved)
    owner = f"the consumer {item.consumer}" if item.consumer is not None else name
    if resolved:
        return f"the API key {item.key} of {owner} was renewed or removed"
    verb = "has expired on" if item.expired else "expires on"
    return f"the API key {item.key} of {owner} {verb} {item.expires}"


def _of_node(event: Event, item: AlertItem, *, resolved: bool) -> str:
    if event == "node_down":
        if resolved:
            return f"the node {item.node} is back"
        return f"the node {item.node} is down: its last sign of life was at {item.since}"
    of = "" if item.node is None else f" of the node {item.node}"
    if event == "storage_low":
        return f"the disk{of} has room again" if resolved else _low(of, item)
    if item.since is not None:
        return _waits(item, resolved=resolved)
    if resolved:
        return f"the archive{of} is written to again"
    return f"nothing that is to be archived is purged{of and f' by{of[3:]}'}: {item.why}"


def _waits(item: AlertItem, *, resolved: bool) -> str:
    if resolved:
        return f"the node {item.node} purges again"
    return (
        f"nothing is purged since {item.since}: that is left to the node {item.node}, which "
        "archives by its settings and does not do it"
    )


def _low(of: str, item: AlertItem) -> str:
    left, reserve = _size(item.free_bytes), _size(item.reserve_bytes)
    if item.refusing:
        return f"the disk{of} has {left} left, its reserve is {reserve}: calls are refused"
    if item.free_bytes < item.reserve_bytes:
        return f"the disk{of} has {left} left, its reserve is {reserve}"
    return f"the disk{of} has {left} left, and its reserve of {reserve} is near"


def _size(size_bytes: int) -> str:
    mib = size_bytes / _MIB
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def _paused(name: str, item: AlertItem) -> str:
    parts = [f"{name} is paused"] if item.paused else []
    held = item.lanes - item.stopped
    for number, why in ((item.stopped, "stopped at a failed message"), (held, "paused")):
        if number:
            lanes = "a lane" if number == 1 else f"{number} lanes"
            verb = "is" if number == 1 else "are"
            parts.append(f"{lanes} of {name} {verb} {why}")
    return "; ".join(parts)


def _first(item: AlertItem) -> str:
    first = item.first
    if first is None:
        return ""
    at = f" in the step {first.step}" if first.step else ""
    which = "the message" if item.count == 1 else "the first: message"
    return f"{which} {first.message}, {first.code}{at}, at {first.at}"


def _summary(event: Event, items: Sequence[AlertItem], *, resolved: bool) -> str:
    number = len(items)
    if event == "execution_failed":
        return f"{sum(item.count for item in items)} failures of {number} integrations"
    if event == "lane_paused":
        return f"{number} integrations {'go on' if resolved else 'stand still'}"
    if event == "oldest_waiting":
        if resolved:
            return f"messages of {number} integrations wait that long no more"
        return f"messages of {number} integrations have waited too long"
    if event in OF_NODES:
        return _of_nodes(event, number, resolved=resolved)
    return f"{number} API keys {'were renewed or removed' if resolved else 'expire'}"


def _of_nodes(event: Event, number: int, *, resolved: bool) -> str:
    if event == "node_down":
        return f"{number} nodes are {'back' if resolved else 'down'}"
    if event == "storage_low":
        return f"the disks of {number} nodes {'have room again' if resolved else 'are nearly full'}"
    if resolved:
        return f"the archives of {number} nodes are written to again"
    return f"the archives of {number} nodes cannot be written to"
