"""The versions that messages were accepted under, as they are run: read once, kept in memory."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.engine.link import Definition
from firesteel.errors import InternalError
from firesteel.model.document import parse_document
from firesteel.model.integration import Retry
from firesteel.model.retry import attempt_timeout_s, give_up_after_s

if TYPE_CHECKING:
    from firesteel.model.integration import Integration
    from firesteel.store.catalog import Catalog, Version

LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """A version with the figures by which its attempts are run and retried. Of its document only
    the text that workers get is kept: as a model it is ten times as long, and after a year of
    publications there are many."""

    definition: Definition
    name: str
    version: int
    retry: Retry
    timeout_s: float
    give_up_after_s: float


class Definitions:
    """Plans by version number; the least recently used go first."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._plans: OrderedDict[int, Plan] = OrderedDict()

    def known(self, version_no: int) -> Plan | None:
        """The plan, if it is in memory: whoever asks uses it."""
        plan = self._plans.get(version_no)
        if plan is not None:
            self._plans.move_to_end(version_no)
        return plan

    async def load(self, version_no: int) -> Plan:
        """The plan, from the catalog if need be. Raises InternalError for an unknown version: a
        message's version is never deleted before the message."""
        plan = self.known(version_no)
        if plan is None:
            version = await self._catalog.version(version_no)
            if version is None:
                raise InternalError(f"version {version_no} is not in the catalog")
            plan = self.add(version)
        return plan

    def add(self, version: Version, integration: Integration | None = None) -> Plan:
        """Keep a version that was just read or published; ``integration``: its document, where
        it has been read already."""
        plan = _plan(version, integration or parse_document(version.document))
        self._plans[version.version_no] = plan
        self._plans.move_to_end(version.version_no)
        if len(self._plans) > LIMIT:
            self._plans.popitem(last=False)
        return plan


def _plan(version: Version, integration: Integration) -> Plan:
    workflow = integration.workflow
    return Plan(
        definition=Definition(
            version.version_no,
            version.trigger_no,
            version.workspace,
            json.dumps(version.document, ensure_ascii=False).encode(),
        ),
        name=integration.name,
        version=version.version,
        retry=workflow.retry if workflow else Retry(),
        timeout_s=attempt_timeout_s(integration),
        give_up_after_s=give_up_after_s(integration),
    )
