"""An alert as it is told: what webhooks are sent, and what mails and chats are written from.

It holds names, numbers, times, codes and message ids. It holds no payload, no text of an error, no
lane key and no caller: it leaves the house by ways that others read (docs/decisions/0058).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from firesteel.model.alerts import Event

AlertType = Literal["alert.firing", "alert.resolved", "alert.test"]


class FirstFailure(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first of the failures that an item counts. ``step``: where it failed."""

    message: str
    code: str
    at: str
    step: str | None = None


class AlertItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is told of one integration, of one key, or of one node. ``count``: failed executions,
    from ``since`` to ``until``, ``within_s`` seconds. ``paused``: the whole integration is;
    ``lanes``: that stand still, of which ``stopped`` at a failed execution. ``waiting_s``: the age
    of the oldest message. ``expires``: the key's last day; ``expired``: it is over. ``node``: its
    name among those that share the store; ``since``: its last sign of life. ``free_bytes``: on its
    disk and in the store's file; ``refusing``: it takes no calls for that. ``why``: what its system
    said."""

    integration: str | None = None
    consumer: str | None = None
    key: str | None = None
    count: int = 0
    since: str | None = None
    until: str | None = None
    within_s: int = 0
    first: FirstFailure | None = None
    paused: bool = False
    lanes: int = 0
    stopped: int = 0
    waiting_s: int = 0
    expires: str | None = None
    expired: bool = False
    node: str | None = None
    free_bytes: int = 0
    reserve_bytes: int = 0
    refusing: bool = False
    why: str | None = None
    url: str | None = None


class AlertData(msgspec.Struct, frozen=True, omit_defaults=True):
    """``title``: all of it in one line; ``lines``: a sentence for each item; ``more``: items that
    are left out."""

    workspace: str
    rule: str
    event: Event | None
    title: str
    lines: list[str]
    items: list[AlertItem]
    url: str
    more: int = 0


class Alert(msgspec.Struct, frozen=True):
    """In the form of Standard Webhooks; ``id`` stays the same where it is sent again."""

    id: str
    type: AlertType
    timestamp: str
    data: AlertData


def encode_alert(alert: Alert) -> str:
    """As JSON."""
    return msgspec.json.encode(alert).decode()


def decode_alert(content: str | bytes) -> Alert:
    """What ``encode_alert`` encoded."""
    return msgspec.json.decode(content, type=Alert)


def alert_text(alert: Alert) -> str:
    """The title, the sentences and the address, as mails and chats have it."""
    data = alert.data
    lines = [data.title, "", *data.lines] if data.lines else [data.title]
    if data.more:
        lines.append(f"and {data.more} more")
    return "\n".join([*lines, "", data.url])
