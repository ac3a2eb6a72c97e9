"""Who calls a workspace's triggers: its consumers, and the labels of triggers' own API keys and of
their other ways to authenticate. Of one name, all are one party (docs/decisions/0036)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from firesteel.errors import CallerError
from firesteel.model.findings import items, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firesteel.store.catalog import ApiKey, Catalog, Consumer, PublishedIntegration

WayKind = Literal["signature", "basic", "jwt", "client_certificate"]


@dataclass(slots=True)
class Party:
    """``consumer`` None: it is only a label. ``keys`` are the consumer's own, replaced ones too;
    ``granted``: the triggers that these open, and since when; ``labelled``: triggers that have a
    key of this label, and that key; ``ways``: triggers with another way of this label, and its
    kind."""

    name: str
    consumer: Consumer | None = None
    keys: list[ApiKey] = field(default_factory=list)
    granted: list[tuple[PublishedIntegration, int]] = field(default_factory=list)
    labelled: list[tuple[PublishedIntegration, ApiKey]] = field(default_factory=list)
    ways: list[tuple[PublishedIntegration, WayKind]] = field(default_factory=list)


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
    for trigger in triggers.values():
        for kind, label in _ways(trigger):
            found.setdefault(label, Party(label)).ways.append((trigger, kind))
    for item in found.values():
        item.keys.sort(key=lambda key: key.label)
        item.granted.sort(key=lambda pair: pair[0].name)
        item.labelled.sort(key=lambda pair: pair[0].name)
        item.ways.sort(key=lambda pair: (pair[0].name, pair[1]))
    return [found[name] for name in sorted(found)]


async def party(catalog: Catalog, workspace: str, name: str) -> Party:
    """The one of that name. Raises CallerError ``unknown_consumer``."""
    for item in await parties(catalog, workspace):
        if item.name == name:
            return item
    raise CallerError(
        f"the workspace {workspace} has no consumer {name}, and nothing of that label lets calls "
        "in",
        code="unknown_consumer",
    )


def _ways(trigger: PublishedIntegration) -> Iterator[tuple[WayKind, str]]:
    """Kind and label of its ways that are no keys; not of tokens of which a claim says who calls:
    that may be anybody."""
    authentication = items(mapping(trigger.document.get("trigger")).get("authentication"))
    for kind in get_args(WayKind):
        for item in authentication:
            way = mapping(mapping(item).get(kind))
            if "label" in way and way.get("consumer") is None:
                yield kind, str(way["label"])
