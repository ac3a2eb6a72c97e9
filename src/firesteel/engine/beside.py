"""What lives beside an integration's document: the API keys of its trigger, and the grants of
consumers. A publication brings them in line with what the document declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from firesteel.engine.api_keys import ROTATIONS
from firesteel.engine.checking import consumer_pointer, key_pointer
from firesteel.model.document import InvalidDocument
from firesteel.model.fault import unplaced_fault
from firesteel.store.catalog import OfConsumer

if TYPE_CHECKING:
    from firesteel.engine.api_keys import ApiKeys, KeyChange
    from firesteel.engine.checking import Checked
    from firesteel.engine.consumers import Consumers, GrantChange
    from firesteel.model.fault import Fault
    from firesteel.store.catalog import ApiKey, PublishedIntegration

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """Before a publication: the trigger's keys, replaced ones too, and by name the consumers that
    it is or will be granted to, with theirs. ``since``: the last entry of the audit log before all
    that was looked at."""

    keys: list[ApiKey]
    consumers: dict[str, list[ApiKey]]
    since: int


class Beside:
    """Used by the Publisher."""

    def __init__(self, keys: ApiKeys, consumers: Consumers) -> None:
        self._keys = keys
        self._consumers = consumers

    async def held(
        self, workspace: str, checked: Checked, current: PublishedIntegration | None
    ) -> Held:
        """What there is beside the document that is published now."""
        since = await self._keys.last_entry()
        names = set(checked.consumers.values())
        own = []
        if current is not None:
            names |= set(await self._consumers.granted(current.trigger_no))
            own = await self._keys.every(current.trigger_no)
        known = await self._consumers.known(workspace)
        there = {name: known[name] for name in sorted(names) if name in known}
        return Held(
            own,
            {name: await self._keys.every(OfConsumer(no)) for name, no in there.items()},
            since,
        )

    async def as_others_left_it(
        self, checked: Checked, current: PublishedIntegration, held: Held, actor: str
    ) -> Checked:
        """Without the declared keys and grants that are not what is declared because somebody else
        than ``actor`` made them so."""
        left = await self._left_keys(checked, current, held, actor)
        keys = [key for key in checked.keys if key.label not in left]
        granted = await self._consumers.granted(current.trigger_no)
        consumers = {}
        for place, name in checked.consumers.items():
            by = None
            if name not in granted:
                by = await self._consumers.taken_away_by(current.workspace, name, current.name)
            if by is None or by == actor:
                consumers[place] = name
            else:
                log.warning("grant_left", integration=current.name, consumer=name, by=by)
        return replace(checked, keys=keys, consumers=consumers)

    async def _left_keys(
        self, checked: Checked, current: PublishedIntegration, held: Held, actor: str
    ) -> set[str]:
        plan = self._keys.plan(held.keys, checked.keys, prune=False)
        other = [change.label for change in plan if change.act in ("added", "changed")]
        if not other:
            return set()
        last = await self._keys.last_actors(f"{current.workspace}/{current.name}", other)
        left = {label: by for label, by in last.items() if by != actor}
        for label, by in sorted(left.items()):
            _tell_left(current, label, by)
        return set(left)

    def warnings(self, checked: Checked, held: Held) -> list[Fault]:
        """Of secrets in the document that rotation has replaced, and of consumers without keys."""
        replaced = self._keys.replaced_secrets(held.keys, checked.keys)
        detail = "the secret was replaced by a rotation, and is not brought back"
        found = [
            unplaced_fault(key_pointer(key.index), "key_value_replaced", detail)
            for key in checked.keys
            if key.label in replaced
        ]
        for place, name in checked.consumers.items():
            if not held.consumers.get(name):
                text = f"the consumer {name} has no API key yet"
                pointer = consumer_pointer(place)
                found.append(unplaced_fault(pointer, "consumer_without_key", text))
        return found

    def refuse_taken_secrets(self, checked: Checked, held: Held, *, prune: bool) -> None:
        """The same secret for two names on one trigger would make two consumers one."""
        labels = {key.label for key in checked.keys}
        holders = {} if prune else {k.digest: k.label for k in held.keys if k.label not in labels}
        declared = {name: place for place, name in checked.consumers.items()}
        faults = []
        for name, keys in held.consumers.items():
            if prune and name not in declared:
                continue
            for key in keys:
                holder = holders.setdefault(key.digest, name)
                if holder != name and name in declared:
                    pointer = consumer_pointer(declared[name])
                    faults.append(_same_secret(pointer, holder, name))
        for wanted in checked.keys:
            if wanted.secret is not None:
                holder = holders.setdefault(self._keys.digest(wanted.secret), wanted.label)
                if holder != wanted.label:
                    faults.append(_same_secret(key_pointer(wanted.index), holder, wanted.label))
        if faults:
            raise InvalidDocument(faults)

    async def plan(
        self,
        workspace: str,
        checked: Checked,
        current: PublishedIntegration | None,
        held: Held,
        *,
        prune: bool,
    ) -> tuple[list[KeyChange], list[GrantChange]]:
        """What ``bring_in_line`` would do."""
        trigger_no = current.trigger_no if current else None
        names = list(checked.consumers.values())
        return (
            self._keys.plan(held.keys, checked.keys, prune=prune),
            await self._consumers.plan(workspace, trigger_no, names, prune=prune),
        )

    async def bring_in_line(
        self,
        published: PublishedIntegration,
        checked: Checked,
        *,
        prune: bool,
        actor: str,
        since: int | None,
    ) -> tuple[list[KeyChange], list[GrantChange]]:
        """Make keys and grants those of the document; undeclared ones are kept unless ``prune``.
        ``since``, of a start: the log names the keys whose declared secrets were replaced. Raises
        CallerError ``changed_meanwhile`` where anybody else has changed what is to be changed since
        that entry of the audit log; what has been done by then stays."""
        trigger_no = published.trigger_no
        keys = await self._keys.bring_in_line(
            trigger_no, checked.keys, prune=prune, actor=actor, since=since
        )
        names = list(checked.consumers.values())
        grants = await self._consumers.bring_in_line(
            published.workspace, trigger_no, names, prune=prune, actor=actor, since=since
        )
        if since is not None:
            await self._tell_replaced(published, checked)
        return keys, grants

    async def _tell_replaced(self, published: PublishedIntegration, checked: Checked) -> None:
        """Looked at behind the write: a rotation in the meantime makes a declared key one that
        nothing is to be changed of."""
        every = await self._keys.every(published.trigger_no)
        labels = sorted(self._keys.replaced_secrets(every, checked.keys))
        if labels:
            subject = f"{published.workspace}/{published.name}"
            by = await self._keys.last_actors(subject, labels, ROTATIONS)
            for label in labels:
                _tell_left(published, label, by.get(label, "somebody"))


def _tell_left(integration: PublishedIntegration, label: str, by: str) -> None:
    log.warning("api_key_left", integration=integration.name, label=label, by=by)


def _same_secret(pointer: str, holder: str, name: str) -> Fault:
    detail = f"the API keys {holder} and {name} have the same secret"
    return unplaced_fault(pointer, "not_unique", detail)
