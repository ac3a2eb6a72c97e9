"""Consumers and their grants: what runs inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import Consumer, Grant
from firesteel.store.schema import (
    NOT_REMOVED,
    api_key,
    consumer,
    consumer_grant,
    integration,
    workspace,
)
from firesteel.store.sql.catalog_audit import refuse_changed_since
from firesteel.store.sql.catalog_rows import Change, workspace_no
from firesteel.store.sql.catalog_secrets import check_triggers
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_all, fetch_one, insert_numbered


def consumers(connection: Connection, workspace_name: str | None) -> list[Consumer]:
    """Of one workspace or all, by workspace and name."""
    found = _consumers().order_by(workspace.c.name, consumer.c.name)
    if workspace_name is not None:
        found = found.where(workspace.c.name == workspace_name)
    return [Consumer(*row) for row in fetch_all(connection, found)]


def grants(connection: Connection) -> list[Grant]:
    """All grants, in the order in which they were given."""
    c = consumer_grant.c
    rows = select(c.consumer_no, c.trigger_no, c.granted_at_us)
    in_order = rows.order_by(c.granted_at_us, c.consumer_no, c.trigger_no)
    return [Grant(*row) for row in fetch_all(connection, in_order)]


def add(change: Change, workspace_name: str, name: str) -> Consumer:
    """Raises CallerError ``unknown_workspace``, ``name_taken``."""
    own = workspace_no(change.connection, workspace_name)
    _check_name(change.connection, own, name)
    row = {"workspace_no": own, "name": name, "created_at_us": change.now_us}
    number = insert_numbered(change.connection, insert(consumer).values(**row))
    change.note("consumer.add", _subject(workspace_name, name))
    return Consumer(number, workspace_name, name, change.now_us)


def rename(change: Change, workspace_name: str, name: str, new_name: str) -> Consumer:
    """Raises CallerError ``unknown_consumer``, ``name_taken``, ``secret_taken``."""
    own = find(change.connection, workspace_name, name)
    if new_name == name:
        return own
    _check_name(change.connection, workspace_no(change.connection, workspace_name), new_name)
    c = consumer_grant.c
    granted = select(c.trigger_no).where(c.consumer_no == own.consumer_no)
    triggers = [row[0] for row in fetch_all(change.connection, granted)]
    check_triggers(change.connection, new_name, _digests(change, own), triggers)
    row = update(consumer).where(consumer.c.no == own.consumer_no)
    execute(change.connection, row.values(name=new_name))
    change.note("consumer.rename", _subject(workspace_name, name), f"now {new_name}")
    return Consumer(own.consumer_no, workspace_name, new_name, own.created_at_us)


def remove(change: Change, workspace_name: str, name: str) -> None:
    """Raises CallerError ``unknown_consumer``."""
    own = find(change.connection, workspace_name, name)
    for table in (api_key, consumer_grant):
        execute(change.connection, delete(table).where(table.c.consumer_no == own.consumer_no))
    execute(change.connection, delete(consumer).where(consumer.c.no == own.consumer_no))
    change.note("consumer.delete", _subject(workspace_name, name))


def grant(
    change: Change, trigger_no: int, names: Sequence[str], *, make: bool, since: int | None
) -> list[str]:
    """Raises CallerError ``unknown_integration``, ``unknown_consumer``, ``secret_taken``,
    ``changed_meanwhile``."""
    workspace_name, integration_name = _trigger(change.connection, trigger_no)
    granted = []
    for name in dict.fromkeys(names):
        refuse_changed_since(change, since, "consumer", _subject(workspace_name, name))
        own = _found(change.connection, workspace_name, name)
        if own is None and make:
            own = add(change, workspace_name, name)
        if own is None:
            raise _unknown(name)
        check_triggers(change.connection, name, _digests(change, own), [trigger_no])
        row = change.connection.dialect.insert(consumer_grant).values(
            consumer_no=own.consumer_no, trigger_no=trigger_no, granted_at_us=change.now_us
        )
        if execute(change.connection, row.on_conflict_do_nothing()).rowcount:
            change.note("consumer.grant", _subject(workspace_name, name), integration_name)
            granted.append(name)
    return granted


def revoke(change: Change, trigger_no: int, names: Sequence[str]) -> list[str]:
    """Raises CallerError ``unknown_integration``, ``unknown_consumer``."""
    workspace_name, integration_name = _trigger(change.connection, trigger_no)
    revoked = []
    for name in dict.fromkeys(names):
        own = find(change.connection, workspace_name, name)
        c = consumer_grant.c
        row = delete(consumer_grant).where(
            c.consumer_no == own.consumer_no, c.trigger_no == trigger_no
        )
        if execute(change.connection, row).rowcount:
            change.note("consumer.revoke", _subject(workspace_name, name), integration_name)
            revoked.append(name)
    return revoked


def find(connection: Connection, workspace_name: str, name: str) -> Consumer:
    """Raises CallerError ``unknown_workspace``, ``unknown_consumer``."""
    own = _found(connection, workspace_name, name)
    if own is None:
        workspace_no(connection, workspace_name)
        raise _unknown(name)
    return own


def _found(connection: Connection, workspace_name: str, name: str) -> Consumer | None:
    found = _consumers().where(workspace.c.name == workspace_name, consumer.c.name == name)
    row = fetch_one(connection, found)
    return None if row is None else Consumer(*row)


def _consumers() -> Select[Any]:
    c = consumer.c
    return select(c.no, workspace.c.name, c.name, c.created_at_us).join(
        workspace, c.workspace_no == workspace.c.no
    )


def _check_name(connection: Connection, own: int, name: str) -> None:
    c = consumer.c
    if fetch_one(connection, select(c.no).where(c.workspace_no == own, c.name == name)):
        raise CallerError(f"the workspace has a consumer {name}", code="name_taken")


def _digests(change: Change, own: Consumer) -> list[bytes]:
    found = select(api_key.c.digest).where(api_key.c.consumer_no == own.consumer_no)
    return [bytes(row[0]) for row in fetch_all(change.connection, found)]


def _trigger(connection: Connection, trigger_no: int) -> tuple[str, str]:
    found = (
        select(workspace.c.name, integration.c.name)
        .join(workspace, integration.c.workspace_no == workspace.c.no)
        .where(integration.c.no == trigger_no, NOT_REMOVED)
    )
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError("there is no such integration", code="unknown_integration")
    return str(row[0]), str(row[1])


def _subject(workspace_name: str, name: str) -> str:
    return f"{workspace_name}/consumers/{name}"


def _unknown(name: str) -> CallerError:
    return CallerError(f"the workspace has no consumer {name}", code="unknown_consumer")
