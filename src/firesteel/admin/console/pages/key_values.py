"""What the list of an owner's API keys and its dialogs show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firesteel.admin.console.page import quoted
from firesteel.admin.resources.consumers import list_consumers
from firesteel.admin.resources.keys import list_keys

if TYPE_CHECKING:
    from firesteel.admin.access import Access
    from firesteel.engine.engine import Engine
    from firesteel.engine.owned_keys import KeysOf
    from firesteel.engine.publishing import Publisher

OVERLAPS: Final = (
    ("604800", "7 days"),
    ("2592000", "30 days"),
    ("86400", "1 day"),
    ("3600", "1 hour"),
    ("0", "not at all"),
)
"""How long a replaced secret may be taken, in seconds and in words."""


@dataclass(frozen=True, slots=True)
class ShownOwner:
    """Whose keys are shown. ``to``: the address below which its acts are; ``add`` that of adding
    one."""

    kind: str
    name: str
    to: str
    add: str


async def key_values(
    owner: KeysOf, engine: Engine, publisher: Publisher, access: Access
) -> dict[str, Any]:
    """``keys``, ``other_keys`` of other triggers by what a form sends for them, and places for
    what an act has to say."""
    others = [
        (f"{trigger.integration}/{consumer.label}", f"{consumer.label} of {trigger.integration}")
        for consumer in await list_consumers(owner.workspace, engine, access)
        for trigger in consumer.triggers
        if owner.kind == "consumer" or trigger.integration != owner.name
    ]
    folder, add = ("consumers", "/add") if owner.kind == "consumer" else ("integrations", "")
    to = f"/w/{quoted(owner.workspace)}/{folder}/{quoted(owner.name)}/keys"
    return {
        "owner": ShownOwner(owner.kind, owner.name, to, add),
        "keys": await list_keys(owner, engine, publisher, access),
        "other_keys": sorted(others, key=lambda pair: pair[1].lower()),
        "overlaps": OVERLAPS,
        "added": None,
        "revealed": None,
        "key_fault": "",
        "key_form": {},
        "key_dialog": "",
    }
