"""What the list of a trigger's API keys and its dialogs show."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final

from firesteel.admin.resources.consumers import list_consumers
from firesteel.admin.resources.keys import list_keys

if TYPE_CHECKING:
    from firesteel.admin.access import Access
    from firesteel.admin.console.draft import Editing
    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher

OVERLAPS: Final = (
    ("604800", "7 days"),
    ("2592000", "30 days"),
    ("86400", "1 day"),
    ("3600", "1 hour"),
    ("0", "not at all"),
)
"""How long a replaced secret may be taken, in seconds and in words."""


async def key_values(
    editing: Editing, engine: Engine, publisher: Publisher, access: Access
) -> dict[str, Any]:
    """``keys`` with the end of their last day, ``other_keys`` of other triggers by what a form
    sends for them, and places for what an act has to say."""
    keys = await list_keys(editing.workspace, editing.name, engine, publisher, access)
    now = datetime.fromtimestamp(engine.now_us() / 1e6, UTC)
    others = [
        (f"{trigger.integration}/{consumer.label}", f"{consumer.label} of {trigger.integration}")
        for consumer in await list_consumers(editing.workspace, engine, access)
        for trigger in consumer.triggers
        if trigger.integration != editing.name
    ]
    return {
        "keys": [(key, _is_over(key.expires, now)) for key in keys],
        "other_keys": sorted(others, key=lambda pair: pair[1].lower()),
        "overlaps": OVERLAPS,
        "added": None,
        "revealed": None,
        "key_fault": "",
        "key_form": {},
        "key_dialog": "",
    }


def _is_over(expires: Any, now: datetime) -> bool:
    return expires is not None and now > datetime.combine(expires, time.max, UTC)
