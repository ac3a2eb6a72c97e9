"""The pause of everything: calls are accepted, and nothing is run until a person says so.

It stands in the store, as the setting ``PAUSE_SETTING``, so that all nodes on it and every later
start of them keep to it (docs/decisions/0059).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

PAUSE_SETTING = "pause"
INTERRUPTED_LISTED = 1000


class Interrupted(msgspec.Struct, frozen=True):
    """An execution that was running when the store was left; it may have done a part of its
    work."""

    workspace: str
    integration: str
    lane_key: str | None
    message_id: str
    received_at: datetime


class Pause(msgspec.Struct, frozen=True):
    """``restored_from``: the name of the back-up whose restoring began it, else empty. ``start``:
    the life of the supervisor that asked for it (``serve --paused``), else empty; the same life
    asks once. ``over``: everything goes on. ``interrupted``: at most ``INTERRUPTED_LISTED`` of the
    ``interrupted_count`` that were running before the first start; None until a node has looked."""

    since: datetime
    by: str
    why: str = ""
    restored_from: str = ""
    start: str = ""
    over: bool = False
    interrupted: list[Interrupted] | None = None
    interrupted_count: int = 0

    def text(self) -> str:
        """As the store keeps it."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str | None) -> Pause | None:
        """None where there never was one."""
        return None if text is None else msgspec.json.decode(text, type=cls)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What of an integration has not ended. ``oldest_received_at_us``: of what waits, and what
    runs."""

    workspace: str
    integration: str
    waiting: int
    running: int
    oldest_received_at_us: int
