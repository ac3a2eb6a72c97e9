"""API keys on SQLite: what runs inside a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import ApiKey, KeyChanges, NewApiKey
from firesteel.store.schema import NOT_REMOVED, api_key, integration, workspace
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.database import Connection
from firesteel.store.sql.functions import greatest
from firesteel.store.sql.queries import execute, fetch_all, fetch_one, insert_numbered


def keys(connection: Connection, trigger_no: int | None) -> list[ApiKey]:
    """The keys of a trigger, or all, in the order in which they were added."""
    found = _keys().order_by(api_key.c.no)
    if trigger_no is not None:
        found = found.where(api_key.c.trigger_no == trigger_no)
    return [ApiKey(*row) for row in fetch_all(connection, found)]


def add_key(change: Change, trigger_no: int, key: NewApiKey) -> ApiKey:
    """Raises CallerError ``unknown_integration``, ``label_taken``, ``secret_taken``."""
    subject = _subject(change.connection, trigger_no)
    _check_free(change.connection, trigger_no, key, except_no=0)
    row = insert(api_key).values(
        trigger_no=trigger_no, created_at_us=change.now_us, **_columns(key)
    )
    key_no = insert_numbered(change.connection, row)
    change.note("key.add", subject, f"label {key.label}")
    return _key(change.connection, key_no)


def change_key(change: Change, trigger_no: int, label: str, key: NewApiKey) -> ApiKey:
    """Raises CallerError ``unknown_key``, ``label_taken``, ``secret_taken``."""
    subject = _subject(change.connection, trigger_no)
    old = _labelled(change.connection, trigger_no, label)
    _check_free(change.connection, trigger_no, key, except_no=old.key_no)
    row = update(api_key).where(api_key.c.no == old.key_no)
    execute(change.connection, row.values(**_columns(key)))
    change.note("key.change", subject, _difference(old, key))
    return _key(change.connection, old.key_no)


def delete_key(change: Change, trigger_no: int, label: str) -> None:
    """Raises CallerError ``unknown_key``."""
    subject = _subject(change.connection, trigger_no)
    old = _labelled(change.connection, trigger_no, label)
    execute(change.connection, delete(api_key).where(api_key.c.no == old.key_no))
    change.note("key.delete", subject, f"label {label}")


def change_keys(change: Change, trigger_no: int, changes: KeyChanges) -> None:
    """Raises CallerError ``unknown_key``, ``label_taken``, ``secret_taken``."""
    for label in changes.removed:
        delete_key(change, trigger_no, label)
    for key in changes.changed:
        _let_go_of_secret(change.connection, trigger_no, key)
    for key in changes.changed:
        change_key(change, trigger_no, key.label, key)
    for key in changes.added:
        add_key(change, trigger_no, key)


def touch_keys(connection: Connection, used: dict[int, int]) -> None:
    """Write last uses; a later one stands."""
    for key_no, used_at_us in used.items():
        latest = greatest(func.coalesce(api_key.c.last_used_at_us, 0), used_at_us)
        row = update(api_key).where(api_key.c.no == key_no)
        execute(connection, row.values(last_used_at_us=latest))


def _keys() -> Select[Any]:
    c = api_key.c
    return select(
        c.no,
        c.trigger_no,
        c.label,
        c.digest,
        c.prefix,
        c.sealed,
        c.created_at_us,
        c.expires_at_us,
        c.last_used_at_us,
    )


def _columns(key: NewApiKey) -> dict[str, Any]:
    return {
        "label": key.label,
        "digest": key.digest,
        "prefix": key.prefix,
        "sealed": key.sealed,
        "expires_at_us": key.expires_at_us,
    }


def _key(connection: Connection, key_no: int) -> ApiKey:
    (row,) = fetch_all(connection, _keys().where(api_key.c.no == key_no))
    return ApiKey(*row)


def _labelled(connection: Connection, trigger_no: int, label: str) -> ApiKey:
    found = _keys().where(api_key.c.trigger_no == trigger_no, api_key.c.label == label)
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError("the trigger has no API key of that label", code="unknown_key")
    return ApiKey(*row)


def _let_go_of_secret(connection: Connection, trigger_no: int, key: NewApiKey) -> None:
    """Free the secret that the key is about to lose, for another key of the same change."""
    old = _labelled(connection, trigger_no, key.label)
    if old.digest != key.digest:
        nobodys = b"changing %d" % old.key_no
        execute(
            connection, update(api_key).where(api_key.c.no == old.key_no).values(digest=nobodys)
        )


def _check_free(connection: Connection, trigger_no: int, key: NewApiKey, *, except_no: int) -> None:
    c = api_key.c
    others = select(c.no).where(c.trigger_no == trigger_no, c.no != except_no)
    if fetch_one(connection, others.where(c.label == key.label)):
        raise CallerError("the trigger has an API key of that label", code="label_taken")
    if fetch_one(connection, others.where(c.digest == key.digest)):
        raise CallerError("the trigger has an API key with that secret", code="secret_taken")


def _subject(connection: Connection, trigger_no: int) -> str:
    found = (
        select(workspace.c.name, integration.c.name)
        .join(workspace, integration.c.workspace_no == workspace.c.no)
        .where(integration.c.no == trigger_no, NOT_REMOVED)
    )
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError("there is no such integration", code="unknown_integration")
    return f"{row[0]}/{row[1]}"


def _difference(old: ApiKey, new: NewApiKey) -> str:
    parts = [f"label {old.label}"]
    if new.label != old.label:
        parts.append(f"now {new.label}")
    if new.digest != old.digest:
        parts.append("secret replaced")
    if new.expires_at_us != old.expires_at_us:
        parts.append("expiry changed")
    return ", ".join(parts)
