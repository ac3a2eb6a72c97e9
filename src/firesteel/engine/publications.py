"""Takes over what is published: routes for the gateway, plans for the dispatcher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from firesteel.engine.api_keys import current_digest
from firesteel.engine.route import Route, RouteKey, Routes, compile_route
from firesteel.engine.trigger_secrets import needs_secrets, resolved_secrets
from firesteel.model.authentication import claim_names_consumer
from firesteel.model.document import InvalidDocument, parse_document
from firesteel.model.held_keys import asks_for_keys
from firesteel.model.named_functions import named_functions
from firesteel.store.catalog import Version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from firesteel.engine.definitions import Definitions, Plan
    from firesteel.engine.keyring import Keyring, Ring
    from firesteel.model.integration import Integration
    from firesteel.store.catalog import ApiKey, Catalog, Consumer, PublishedIntegration

    Lookup = Callable[[str], Awaitable[Callable[[str], str | None]]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BesideVersion:
    """What a route is made of beside its version; as in ``Route``."""

    keys: Mapping[bytes, RouteKey]
    secrets: Mapping[str, str]
    consumers: frozenset[str]


class Publications:
    """Reads the catalog; what has not changed since the last time is not compiled again.
    ``lookup(workspace)`` gives the values of its ``${NAME}``."""

    def __init__(self, catalog: Catalog, definitions: Definitions, lookup: Lookup) -> None:
        self._catalog = catalog
        self._definitions = definitions
        self._lookup = lookup
        self._compiled: dict[int, Route] = {}
        self._named: dict[int, list[str]] = {}
        self._unread: set[int] = set()

    async def routes(self, keyring: Keyring) -> tuple[Routes, Ring]:
        """The routes that the catalog says now, and the data keys that their digests are of."""
        published = await self._catalog.integrations()
        found = await self._catalog.keys()
        ring = await keyring.latest()  # after the keys: it knows whatever has sealed them
        consumers = await self._catalog.consumers()
        keys = await self._opening(found, ring, consumers)
        secrets = await self._secrets(published)
        routes, newer = [], set()
        for item in published:
            beside = BesideVersion(
                keys.get(item.trigger_no, {}) if asks_for_keys(item.document) else {},
                secrets.get(item.trigger_no, {}),
                _not_to_be_claimed(item, consumers),
            )
            try:
                routes.append(self._route(item, beside))
            except InvalidDocument:
                # What was published is valid, so a node of a newer release has published it.
                newer.add((item.workspace, item.name))
                if item.version_no not in self._unread:
                    log.error("document_of_a_newer_release", name=item.name, version=item.version)
                    self._unread.add(item.version_no)
        self._compiled = {route.trigger_no: route for route in routes}
        self._named = {item.version_no: self._functions_of(item) for item in published}
        return Routes(routes, newer), ring

    @property
    def functions(self) -> frozenset[str]:
        """The Python functions that the published documents of ``routes`` name."""
        return frozenset(chain.from_iterable(self._named.values()))

    async def find(self, workspace: str, name: str) -> Plan | None:
        """The published plan of an integration, for ``call`` steps; None where there is none."""
        item = await self._catalog.integration(workspace, name)
        return None if item is None else self._plan(item)

    async def _secrets(
        self, published: Sequence[PublishedIntegration]
    ) -> dict[int, Mapping[str, str]]:
        """The secrets of the triggers that refer to any, by trigger."""
        lookups: dict[str, Callable[[str], str | None]] = {}
        found: dict[int, Mapping[str, str]] = {}
        for item in published:
            if needs_secrets(item.document):
                if item.workspace not in lookups:
                    lookups[item.workspace] = await self._lookup(item.workspace)
                found[item.trigger_no] = resolved_secrets(item.document, lookups[item.workspace])
        return found

    async def _opening(
        self, keys: Sequence[ApiKey], ring: Ring, known_consumers: Sequence[Consumer]
    ) -> dict[int, dict[bytes, RouteKey]]:
        """What opens each trigger, by digest: the keys of the consumers that are granted it, and
        its own."""
        own: dict[int, dict[bytes, RouteKey]] = {}
        consumers: dict[int, dict[bytes, RouteKey]] = {}
        names = {item.consumer_no: item.name for item in known_consumers}
        for key in keys:
            digest = current_digest(key, ring)
            if key.trigger_no is not None:
                known = own.setdefault(key.trigger_no, {})
                known[digest] = RouteKey(key.key_no, key.label, key.expires_at_us)
            elif key.consumer_no in names:
                known = consumers.setdefault(key.consumer_no, {})
                label = names[key.consumer_no]
                known[digest] = RouteKey(key.key_no, label, key.expires_at_us)
        opened: dict[int, dict[bytes, RouteKey]] = {}
        for grant in await self._catalog.grants():
            opened.setdefault(grant.trigger_no, {}).update(consumers.get(grant.consumer_no, {}))
        for trigger_no, known in own.items():
            opened.setdefault(trigger_no, {}).update(known)
        return opened

    def _functions_of(self, item: PublishedIntegration) -> list[str]:
        known = self._named.get(item.version_no)
        return [name for _, name in named_functions(item.document)] if known is None else known

    def _plan(self, item: PublishedIntegration, integration: Integration | None = None) -> Plan:
        known = self._definitions.known(item.version_no)
        if known is not None:
            return known
        version = Version(
            item.version_no,
            item.version,
            item.trigger_no,
            item.workspace,
            item.published_at_us,
            item.published_by,
            item.document,
        )
        return self._definitions.add(version, integration)

    def _route(self, item: PublishedIntegration, beside: BesideVersion) -> Route:
        old = self._compiled.get(item.trigger_no)
        same_version = old is not None and old.version_no == item.version_no
        if (
            old is not None
            and same_version
            and old.enabled == item.enabled
            and BesideVersion(old.keys, old.secrets, old.consumers) == beside
        ):
            return old
        integration = (
            old.integration if old is not None and same_version else parse_document(item.document)
        )
        self._plan(item, integration)
        route = compile_route(
            integration,
            numbers=(item.trigger_no, item.version_no, item.version),
            workspace=item.workspace,
            enabled=item.enabled,
            keys=beside.keys,
        )
        return replace(route, secrets=beside.secrets, consumers=beside.consumers)


def _not_to_be_claimed(item: PublishedIntegration, consumers: Sequence[Consumer]) -> frozenset[str]:
    """Whose names no claim of a token may give: their messages are theirs, whether they have a key,
    a grant, or neither any more."""
    if not claim_names_consumer(item.document):
        return frozenset()
    return frozenset(known.name for known in consumers if known.workspace == item.workspace)
