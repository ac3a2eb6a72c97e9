"""Integrations, their versions and their switch on SQLite: what runs inside a transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import ManagedBy, PublishedIntegration, TriggerRules, Version
from firesteel.store.schema import (
    NOT_REMOVED,
    api_key,
    consumer_grant,
    integration,
    version,
    workspace,
)
from firesteel.store.sql import catalog_drafts
from firesteel.store.sql.catalog_rows import Change, to_text, trigger_no, workspace_no
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_all, fetch_one, insert_numbered


@dataclass(frozen=True, slots=True)
class Publication:
    """What ``Catalog.publish`` was called with."""

    workspace: str
    document: dict[str, Any]
    rules: TriggerRules
    managed_by: ManagedBy
    expect_version: int | None
    draft_revision: int | None = None

    @property
    def name(self) -> str:
        return str(self.document["name"])

    @property
    def enabled(self) -> bool:
        return bool(self.document.get("enabled", True))

    def stored(self) -> str:
        """The document without the switch."""
        return to_text({key: value for key, value in self.document.items() if key != "enabled"})

    def row(self) -> dict[str, Any]:
        """The integration's row as this publication wants it, but for its version."""
        rules = self.rules
        return {
            "enabled": self.enabled,
            "managed_by": self.managed_by,
            "concurrency": rules.concurrency,
            "max_waiting": rules.max_waiting,
            "lane_limit": rules.lane_limit,
            "on_failure": rules.on_failure,
            "history_s": None if rules.history_s is None else round(rules.history_s),
            "payloads_s": None if rules.payloads_s is None else round(rules.payloads_s),
            "archive": rules.archive,
        }


def published(
    connection: Connection, workspace_name: str | None = None, name: str | None = None
) -> list[PublishedIntegration]:
    """Integrations that are not removed, by workspace and name."""
    found = _published()
    if workspace_name is not None:
        found = found.where(workspace.c.name == workspace_name)
    if name is not None:
        found = found.where(integration.c.name == name)
    return [_integration(row) for row in fetch_all(connection, found)]


def versions(connection: Connection, workspace_name: str, name: str) -> list[Version]:
    """All versions of an integration, latest first."""
    number = trigger_no(connection, workspace_name, name)
    found = _versions().where(version.c.trigger_no == number).order_by(version.c.number.desc())
    return [_version(row) for row in fetch_all(connection, found)]


def version_of_no(connection: Connection, version_no: int) -> Version | None:
    """A version of any integration, a removed one too."""
    row = fetch_one(connection, _versions().where(version.c.no == version_no))
    return None if row is None else _version(row)


def publish(change: Change, publication: Publication) -> tuple[int, bool]:
    """The trigger's number, and whether anything changed."""
    own = workspace_no(change.connection, publication.workspace)
    current = _current(change.connection, own, publication.name)
    _check_expected(publication.expect_version, current)
    if publication.draft_revision is not None:
        catalog_drafts.check_revision(
            change, publication.workspace, publication.name, publication.draft_revision
        )
        catalog_drafts.drop(change, publication.workspace, publication.name)
    if current is None:
        number = _create(change, own, publication)
        _add_version(change, number, publication, 1)
        return number, True
    if current.document != publication.stored():
        _add_version(change, current.trigger_no, publication, current.version + 1)
    elif current.row == publication.row():
        return current.trigger_no, False
    row = update(integration).where(integration.c.no == current.trigger_no)
    execute(change.connection, row.values(**publication.row()))
    _note_switch(change, current, publication)
    return current.trigger_no, True


def set_enabled(change: Change, workspace_name: str, name: str, enabled: bool) -> None:
    """Switch a trigger on or off; nothing where it stands so."""
    number = trigger_no(change.connection, workspace_name, name)
    row = update(integration).where(integration.c.no == number, integration.c.enabled != enabled)
    if execute(change.connection, row.values(enabled=enabled)).rowcount:
        change.note(f"integration.{'enable' if enabled else 'disable'}", f"{workspace_name}/{name}")


def remove(change: Change, workspace_name: str, name: str) -> None:
    """Free the name; the keys go at once, with their secrets, and the grants of consumers."""
    number = trigger_no(change.connection, workspace_name, name)
    for table in (api_key, consumer_grant):
        execute(change.connection, delete(table).where(table.c.trigger_no == number))
    row = update(integration).where(integration.c.no == number)
    execute(change.connection, row.values(removed_at_us=change.now_us, enabled=False))
    catalog_drafts.drop(change, workspace_name, name)
    change.note("integration.remove", f"{workspace_name}/{name}")


@dataclass(frozen=True, slots=True)
class _Current:
    trigger_no: int
    version: int
    document: str
    row: dict[str, Any]


def _current(connection: Connection, own: int, name: str) -> _Current | None:
    c = integration.c
    rules = (
        *(c.concurrency, c.max_waiting, c.lane_limit),
        *(c.on_failure, c.history_s, c.payloads_s, c.archive),
    )
    found = (
        select(c.no, version.c.number, version.c.document, c.enabled, c.managed_by, *rules)
        .join(version, c.published_version_no == version.c.no)
        .where(c.workspace_no == own, c.name == name, NOT_REMOVED)
    )
    row = fetch_one(connection, found)
    if row is None:
        return None
    names = (
        *("managed_by", "concurrency", "max_waiting", "lane_limit"),
        *("on_failure", "history_s", "payloads_s", "archive"),
    )
    kept = {"enabled": bool(row[3]), **dict(zip(names, row[4:], strict=True))}
    return _Current(row[0], row[1], row[2], kept)


def _check_expected(expected: int | None, current: _Current | None) -> None:
    if expected is not None and expected != (0 if current is None else current.version):
        raise CallerError(
            "the integration has another version than this change is based on",
            code="changed_meanwhile",
        )


def _create(change: Change, own: int, publication: Publication) -> int:
    row = insert(integration).values(
        workspace_no=own,
        name=publication.name,
        created_at_us=change.now_us,
        **publication.row(),
    )
    return insert_numbered(change.connection, row)


def _add_version(change: Change, number: int, publication: Publication, counted: int) -> None:
    row = insert(version).values(
        trigger_no=number,
        number=counted,
        document=publication.stored(),
        published_at_us=change.now_us,
        published_by=change.actor,
    )
    version_no = insert_numbered(change.connection, row)
    own = update(integration).where(integration.c.no == number)
    execute(change.connection, own.values(published_version_no=version_no))
    subject = f"{publication.workspace}/{publication.name}"
    change.note("integration.publish", subject, f"version {counted}")


def _note_switch(change: Change, current: _Current, publication: Publication) -> None:
    subject = f"{publication.workspace}/{publication.name}"
    if current.row["enabled"] != publication.enabled:
        change.note(f"integration.{'enable' if publication.enabled else 'disable'}", subject)
    if current.row["managed_by"] != publication.managed_by:
        change.note("integration.manage", subject, f"managed by {publication.managed_by}")


def _published() -> Select[Any]:
    c = integration.c
    published_by = (version.c.published_at_us, version.c.published_by, version.c.document)
    return (
        select(c.no, workspace.c.name, c.name, c.enabled, c.managed_by, version.c.no)
        .add_columns(version.c.number, *published_by)
        .join(workspace, c.workspace_no == workspace.c.no)
        .join(version, c.published_version_no == version.c.no)
        .where(NOT_REMOVED)
        .order_by(workspace.c.name, c.name)
    )


def _integration(row: tuple[Any, ...]) -> PublishedIntegration:
    enabled = bool(row[3])
    return PublishedIntegration(
        trigger_no=row[0],
        workspace=row[1],
        name=row[2],
        enabled=enabled,
        managed_by=row[4],
        version_no=row[5],
        version=row[6],
        published_at_us=row[7],
        published_by=row[8],
        document=_with_switch(json.loads(row[9]), enabled),
    )


def _with_switch(document: dict[str, Any], enabled: bool) -> dict[str, Any]:
    """``enabled: false`` at its usual place, behind name and description."""
    if enabled:
        return document
    head: dict[str, Any] = {
        key: document[key] for key in ("name", "description") if key in document
    }
    return {**head, "enabled": False, **document}


def _versions() -> Select[Any]:
    c = version.c
    return (
        select(c.no, c.number, c.trigger_no, workspace.c.name, c.published_at_us, c.published_by)
        .add_columns(c.document)
        .join(integration, c.trigger_no == integration.c.no)
        .join(workspace, integration.c.workspace_no == workspace.c.no)
    )


def _version(row: tuple[Any, ...]) -> Version:
    return Version(
        version_no=row[0],
        version=row[1],
        trigger_no=row[2],
        workspace=row[3],
        published_at_us=row[4],
        published_by=row[5],
        document=json.loads(row[6]),
    )
