"""The catalog in SQL.

Each change is one transaction, its audit entry included; rules are checked before the first row is
written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import insert, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import (
    EVERYTHING,
    ApiKey,
    AuditEntry,
    AuditFilter,
    Consumer,
    Draft,
    Grant,
    Kept,
    KeyChanges,
    KeyOwner,
    ManagedBy,
    NewApiKey,
    PublishedIntegration,
    Resealed,
    SealedValue,
    StoredConnection,
    TriggerRules,
    Version,
)
from firesteel.store.schema import setting, workspace
from firesteel.store.sql import (
    catalog_connections,
    catalog_consumers,
    catalog_drafts,
    catalog_integrations,
    catalog_keys,
    catalog_rotation,
    catalog_sealed,
    catalog_workspaces,
)
from firesteel.store.sql.catalog_audit import entries
from firesteel.store.sql.catalog_connections import NewConnection
from firesteel.store.sql.catalog_integrations import Publication
from firesteel.store.sql.catalog_rows import Change, trigger_no
from firesteel.store.sql.changes import Changes
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, Connection, Database
from firesteel.store.sql.queries import execute, fetch_all, fetch_one


class SqlCatalog:
    """The Catalog port. ``rules_changed(trigger_no)`` is called inside the transaction that
    changed the trigger's row."""

    def __init__(
        self,
        database: Database,
        *,
        clocks: Clocks,
        rules_changed: Callable[[int], None],
    ) -> None:
        self._database = database
        self._clocks = clocks
        self._changes = Changes(database, clocks)
        self._rules_changed = rules_changed

    # --- settings and workspaces ----------------------------------------------------------------

    async def setting(self, name: str) -> str | None:
        value = select(setting.c.value).where(setting.c.name == name)
        row = await self._database.read(lambda connection: fetch_one(connection, value))
        return None if row is None else str(row[0])

    async def put_setting(self, name: str, value: str) -> None:
        def work(connection: Connection) -> None:
            own = update(setting).where(setting.c.name == name).values(value=value)
            if not execute(connection, own).rowcount:
                execute(connection, insert(setting).values(name=name, value=value))

        await self._database.write(work)

    async def ensure_setting(self, name: str, value: str) -> str:
        def work(connection: Connection) -> None:
            row = connection.dialect.insert(setting).values(name=name, value=value)
            execute(connection, row.on_conflict_do_nothing())

        await self._database.write(work)
        return await self.setting(name) or value

    async def exchange_setting(  # noqa: PLR0913  # all but three are named at the call
        self, name: str, before: str, after: str, *, actor: str, action: str, detail: str
    ) -> None:
        def work(change: Change) -> None:
            own = update(setting).where(setting.c.name == name, setting.c.value == before)
            if not execute(change.connection, own.values(value=after)).rowcount:
                raise CallerError("somebody else has changed it", code="changed_meanwhile")
            change.note(action, "node", detail)

        await self._changes.run(actor, work)

    async def sealed_values(self) -> list[SealedValue]:
        return await self._database.read(catalog_sealed.sealed_values)

    async def reseal(self, values: Sequence[Resealed]) -> int:
        return await self._database.write(
            lambda connection: catalog_sealed.reseal(connection, values)
        )

    async def workspaces(self) -> list[str]:
        names = select(workspace.c.name).order_by(workspace.c.name)
        return [
            row[0]
            for row in await self._database.read(lambda connection: fetch_all(connection, names))
        ]

    async def ensure_workspace(self, name: str) -> None:
        named = {"name": name, "created_at_us": self._clocks.wall_us()}

        def work(connection: Connection) -> None:
            row = connection.dialect.insert(workspace).values(**named)
            execute(connection, row.on_conflict_do_nothing())

        await self._database.write(work)

    async def kept(self, workspace: str) -> Kept:
        return await self._database.read(partial(catalog_workspaces.kept, name=workspace))

    async def set_kept(self, workspace: str, kept: Kept, actor: str) -> None:
        await self._changes.run(
            actor, lambda change: catalog_workspaces.set_kept(change, workspace, kept)
        )

    # --- integrations ---------------------------------------------------------------------------

    async def integrations(self, workspace: str | None = None) -> list[PublishedIntegration]:
        return await self._database.read(
            lambda connection: catalog_integrations.published(connection, workspace)
        )

    async def integration(self, workspace: str, name: str) -> PublishedIntegration | None:
        found = await self._database.read(
            lambda connection: catalog_integrations.published(connection, workspace, name)
        )
        return found[0] if found else None

    async def publish(  # noqa: PLR0913  # all but two are named at the call
        self,
        workspace: str,
        document: dict[str, Any],
        *,
        rules: TriggerRules,
        managed_by: ManagedBy,
        actor: str,
        expect_version: int | None = None,
        draft_revision: int | None = None,
    ) -> tuple[PublishedIntegration, bool]:
        publication = Publication(
            workspace, document, rules, managed_by, expect_version, draft_revision
        )

        def work(change: Change) -> tuple[PublishedIntegration, bool]:
            number, changed = catalog_integrations.publish(change, publication)
            if changed:
                self._rules_changed(number)
            (own,) = catalog_integrations.published(change.connection, workspace, publication.name)
            return own, changed

        return await self._changes.run(actor, work)

    async def set_enabled(self, workspace: str, name: str, enabled: bool, actor: str) -> None:
        await self._changes.run(
            actor,
            lambda change: catalog_integrations.set_enabled(change, workspace, name, enabled),
        )

    async def remove(self, workspace: str, name: str, actor: str) -> None:
        def work(change: Change) -> None:
            number = trigger_no(change.connection, workspace, name)
            catalog_integrations.remove(change, workspace, name)
            self._rules_changed(number)

        await self._changes.run(actor, work)

    async def versions(self, workspace: str, name: str) -> list[Version]:
        return await self._database.read(
            lambda connection: catalog_integrations.versions(connection, workspace, name)
        )

    async def version(self, version_no: int) -> Version | None:
        return await self._database.read(
            lambda connection: catalog_integrations.version_of_no(connection, version_no)
        )

    # --- drafts ---------------------------------------------------------------------------------

    async def drafts(self, workspace: str) -> list[Draft]:
        return await self._database.read(
            lambda connection: catalog_drafts.drafts(connection, workspace)
        )

    async def draft(self, workspace: str, name: str) -> Draft | None:
        found = await self._database.read(
            lambda connection: catalog_drafts.drafts(connection, workspace, name)
        )
        return found[0] if found else None

    async def put_draft(  # noqa: PLR0913  # all but three are named at the call
        self,
        workspace: str,
        name: str,
        document: dict[str, Any],
        *,
        base_version: int,
        actor: str,
        expect_revision: int | None = None,
    ) -> Draft:
        new = catalog_drafts.NewDraft(workspace, name, document, base_version, expect_revision)
        return await self._changes.run(actor, lambda change: catalog_drafts.put(change, new))

    async def delete_draft(
        self, workspace: str, name: str, actor: str, expect_revision: int | None = None
    ) -> None:
        def work(change: Change) -> None:
            catalog_drafts.discard(change, workspace, name, expect_revision)

        await self._changes.run(actor, work)

    # --- keys -----------------------------------------------------------------------------------

    async def keys(self, owner: KeyOwner | None = None) -> list[ApiKey]:
        return await self._database.read(lambda connection: catalog_keys.keys(connection, owner))

    async def add_key(self, owner: KeyOwner, key: NewApiKey, actor: str) -> ApiKey:
        return await self._changes.run(
            actor, lambda change: catalog_keys.add_key(change, owner, key)
        )

    async def change_key(
        self, owner: KeyOwner, label: str, change: NewApiKey, actor: str
    ) -> ApiKey:
        return await self._changes.run(
            actor, lambda begun: catalog_keys.change_key(begun, owner, label, change)
        )

    async def rotate_key(
        self, owner: KeyOwner, label: str, key: NewApiKey, *, old_until_us: int, actor: str
    ) -> ApiKey:
        return await self._changes.run(
            actor, lambda change: catalog_rotation.rotate(change, owner, label, key, old_until_us)
        )

    async def end_overlap(self, owner: KeyOwner, label: str, actor: str) -> int:
        return await self._changes.run(
            actor, lambda change: catalog_rotation.end_overlap(change, owner, label)
        )

    async def delete_key(self, owner: KeyOwner, label: str, actor: str) -> None:
        await self._changes.run(actor, lambda change: catalog_keys.delete_key(change, owner, label))

    async def change_keys(self, trigger_no: int, changes: KeyChanges, actor: str) -> None:
        await self._changes.run(
            actor, lambda change: catalog_keys.change_keys(change, trigger_no, changes)
        )

    async def touch_keys(self, used: dict[int, int]) -> None:
        await self._database.write(lambda connection: catalog_keys.touch_keys(connection, used))

    # --- consumers ------------------------------------------------------------------------------

    async def consumers(self, workspace: str | None = None) -> list[Consumer]:
        return await self._database.read(
            lambda connection: catalog_consumers.consumers(connection, workspace)
        )

    async def add_consumer(self, workspace: str, name: str, actor: str) -> Consumer:
        return await self._changes.run(
            actor, lambda change: catalog_consumers.add(change, workspace, name)
        )

    async def rename_consumer(
        self, workspace: str, name: str, new_name: str, actor: str
    ) -> Consumer:
        return await self._changes.run(
            actor, lambda change: catalog_consumers.rename(change, workspace, name, new_name)
        )

    async def delete_consumer(self, workspace: str, name: str, actor: str) -> None:
        await self._changes.run(
            actor, lambda change: catalog_consumers.remove(change, workspace, name)
        )

    async def grants(self) -> list[Grant]:
        return await self._database.read(catalog_consumers.grants)

    async def grant(
        self,
        trigger_no: int,
        names: Sequence[str],
        actor: str,
        *,
        make: bool = False,
        since: int | None = None,
    ) -> list[str]:
        work = partial(
            catalog_consumers.grant, trigger_no=trigger_no, names=names, make=make, since=since
        )
        return await self._changes.run(actor, work)

    async def revoke(self, trigger_no: int, names: Sequence[str], actor: str) -> list[str]:
        return await self._changes.run(
            actor, lambda change: catalog_consumers.revoke(change, trigger_no, names)
        )

    # --- connections and secrets ----------------------------------------------------------------

    async def connections(self, workspace: str) -> list[StoredConnection]:
        return await self._database.read(
            lambda connection: catalog_connections.connections(connection, workspace)
        )

    async def put_connection(
        self,
        workspace: str,
        name: str,
        document: dict[str, Any],
        *,
        managed_by: ManagedBy,
        actor: str,
    ) -> bool:
        new = NewConnection(workspace, name, document, managed_by)
        return await self._changes.run(
            actor, lambda change: catalog_connections.put_connection(change, new)
        )

    async def delete_connection(self, workspace: str, name: str, actor: str) -> None:
        await self._changes.run(
            actor, lambda change: catalog_connections.delete_connection(change, workspace, name)
        )

    async def secrets(self, workspace: str) -> dict[str, bytes]:
        return await self._database.read(
            lambda connection: catalog_connections.secrets(connection, workspace)
        )

    async def put_secret(self, workspace: str, name: str, sealed: bytes, actor: str) -> None:
        await self._changes.run(
            actor, lambda change: catalog_connections.put_secret(change, workspace, name, sealed)
        )

    async def delete_secret(self, workspace: str, name: str, actor: str) -> None:
        await self._changes.run(
            actor, lambda change: catalog_connections.delete_secret(change, workspace, name)
        )

    # --- audit ----------------------------------------------------------------------------------

    async def note(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        await self._changes.run(actor, lambda change: change.note(action, subject, detail))

    async def audit(self, wanted: AuditFilter = EVERYTHING) -> Sequence[AuditEntry]:
        return await self._database.read(
            lambda connection: entries(connection, wanted), timeout_s=LONG_READ_TIMEOUT_S
        )
