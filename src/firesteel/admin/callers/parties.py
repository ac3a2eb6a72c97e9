"""Who calls a workspace's triggers: its consumers, and the labels of triggers' own API keys. Of one
name, both are one party (docs/decisions/0036)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from firesteel.store.catalog import ApiKey, Catalog, Consumer, PublishedIntegration


@dataclass(slots=True)
class Party:
    """``consumer`` None: it is only a label. ``keys`` are the consumer's own, replaced ones too;
    ``granted``: the triggers that these open, and since when; ``labelled``: triggers that have a
    key of this label, and that key."""

    name: str
    consumer: Consumer | None = None
    keys: list[ApiKey] = field(default_factory=list)
    granted: list[tuple[PublishedIntegration, int]] = field(default_factory=list)
    labelled: list[tuple[PublishedIntegration, ApiKey]] = field(default_factory=list)


async def parties(catalog: Catalog, workspace: str) -> list[Party]:
    """All of the workspace, by name; what belongs to one by integration."""
    triggers = {item.trigger_no: item for item in await catalog.integrations(workspace)}
    own = {item.consumer_no: item for item in await catalog.consumers(workspace)}
    found = {item.name: Party(item.name, item) for item in own.values()}
    for key in await catalog.keys():
        if key.trigger_no in triggers:
            labelled = found.setdefault(key.label, Party(key.label)).labelled
            labelled.append((triggers[key.trigger_no], key))
        elif key.consumer_no in own:
            found[own[key.consumer_no].name].keys.append(key)
    for grant in await catalog.grants():
        if grant.consumer_no in own and grant.trigger_no in triggers:
            granted = found[own[grant.consumer_no].name].granted
            granted.append((triggers[grant.trigger_no], grant.granted_at_us))
    for item in found.values():
        item.keys.sort(key=lambda key: key.label)
        item.granted.sort(key=lambda pair: pair[0].name)
        item.labelled.sort(key=lambda pair: pair[0].name)
    return [found[name] for name in sorted(found)]


async def party(catalog: Catalog, workspace: str, name: str) -> Party:
    """The one of that name. Raises CallerError ``unknown_consumer``."""
    for item in await parties(catalog, workspace):
        if item.name == name:
            return item
    raise CallerError(
        f"the workspace {workspace} has no consumer {name}, and no API key of that label",
        code="unknown_consumer",
    )
