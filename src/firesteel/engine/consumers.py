"""Consumers of a workspace: parties that call with keys of their own, and the triggers that these
open.

What one trigger's key is to a trigger, a consumer is to many: it is given a key once, and granted
triggers. Grants live beside the documents, as keys do (docs/decisions/0036).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.last_acts import last_acts
from firesteel.errors import CallerError
from firesteel.model.api_key import check_consumer_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from firesteel.store.catalog import Catalog, Consumer

GrantAct = Literal["granted", "made", "kept", "revoked", "undeclared"]


@dataclass(frozen=True, slots=True)
class GrantChange:
    """What becomes of one grant of a trigger. ``made``: granted, and the consumer is new, without
    keys. ``undeclared``: not in the document, and kept."""

    consumer: str
    act: GrantAct


class Consumers:
    """Of all workspaces. Whoever changes one refreshes the engine's routes after it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def find(self, workspace: str, name: str) -> Consumer:
        """Raises CallerError ``unknown_workspace``, ``unknown_consumer``."""
        for consumer in await self._catalog.consumers(workspace):
            if consumer.name == name:
                return consumer
        await require_workspace(self._catalog, workspace)
        detail = f"the workspace {workspace} has no consumer {name}"
        raise CallerError(detail, code="unknown_consumer")

    async def known(self, workspace: str) -> dict[str, int]:
        """The numbers of the workspace's consumers by their names."""
        return {item.name: item.consumer_no for item in await self._catalog.consumers(workspace)}

    async def granted(self, trigger_no: int) -> list[str]:
        """The names of the consumers that are granted the trigger."""
        numbers = {
            item.consumer_no
            for item in await self._catalog.grants()
            if item.trigger_no == trigger_no
        }
        found = await self._catalog.consumers()
        return sorted(item.name for item in found if item.consumer_no in numbers)

    async def taken_away_by(self, workspace: str, name: str, integration: str) -> str | None:
        """Who took the consumer's grant of the trigger back, or deleted the consumer, where that is
        the last that the audit log tells of the two; somebody, where it tells too much."""
        subject = f"{workspace}/consumers/{name}"
        entries, more = await last_acts(self._catalog, "consumer", subject)
        for entry in entries:
            of_both = entry.detail == integration or entry.action == "consumer.delete"
            if of_both:
                return None if entry.action == "consumer.grant" else entry.actor
        return "somebody" if more else None

    async def add(self, workspace: str, name: str, actor: str) -> Consumer:
        """Raises CallerError ``name_taken``, ``name_invalid``."""
        return await self._catalog.add_consumer(workspace, check_consumer_name(name), actor)

    async def rename(self, workspace: str, name: str, new_name: str, actor: str) -> Consumer:
        """Raises CallerError ``unknown_consumer``, ``name_taken``, ``name_invalid``,
        ``secret_taken``."""
        check_consumer_name(new_name)
        return await self._catalog.rename_consumer(workspace, name, new_name, actor)

    async def plan(
        self, workspace: str, trigger_no: int | None, declared: Sequence[str], *, prune: bool
    ) -> list[GrantChange]:
        """What ``bring_in_line`` would do. ``trigger_no`` None: of a trigger to be."""
        known = await self.known(workspace)
        held = [] if trigger_no is None else await self.granted(trigger_no)
        changes = [GrantChange(name, _act(name, known, held)) for name in declared]
        rest: GrantAct = "revoked" if prune else "undeclared"
        return changes + [GrantChange(name, rest) for name in held if name not in declared]

    async def bring_in_line(  # noqa: PLR0913  # all but three are named at the call
        self,
        workspace: str,
        trigger_no: int,
        declared: Sequence[str],
        *,
        prune: bool,
        actor: str,
        since: int | None = None,
    ) -> list[GrantChange]:
        """Make the trigger's grants those of its document; undeclared ones are kept unless
        ``prune``. ``since``: as of ``ApiKeys.bring_in_line``."""
        plan = await self.plan(workspace, trigger_no, declared, prune=prune)
        wanted = [item.consumer for item in plan if item.act in ("granted", "made")]
        surplus = [item.consumer for item in plan if item.act == "revoked"]
        if wanted:
            await self._catalog.grant(trigger_no, wanted, actor, make=True, since=since)
        if surplus:
            await self._catalog.revoke(trigger_no, surplus, actor)
        return plan


def _act(name: str, known: Collection[str], held: Sequence[str]) -> GrantAct:
    if name in held:
        return "kept"
    return "granted" if name in known else "made"
