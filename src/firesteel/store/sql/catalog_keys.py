"""API keys of triggers and of consumers: what runs inside a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import ApiKey, KeyChanges, KeyOwner, NewApiKey, OfConsumer
from firesteel.store.schema import (
    CURRENT_KEY,
    NOT_REMOVED,
    api_key,
    consumer,
    integration,
    workspace,
)
from firesteel.store.sql.catalog_audit import refuse_changed_since
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.catalog_secrets import check_one_consumer
from firesteel.store.sql.database import Connection
from firesteel.store.sql.functions import greatest
from firesteel.store.sql.queries import execute, fetch_all, fetch_one, insert_numbered


def keys(connection: Connection, owner: KeyOwner | None) -> list[ApiKey]:
    """The keys of an owner, or all, in the order in which they were added."""
    found = _keys().order_by(api_key.c.no)
    if owner is not None:
        found = found.where(owned_by(owner))
    return [ApiKey(*row) for row in fetch_all(connection, found)]


def add_key(change: Change, owner: KeyOwner, key: NewApiKey) -> ApiKey:
    """Raises CallerError ``unknown_integration``, ``unknown_consumer``, ``label_taken``,
    ``secret_taken``."""
    subject = subject_of(change.connection, owner)
    check_free(change.connection, owner, key)
    check_one_consumer(change.connection, owner, key)
    added = insert_key(change, owner, key)
    change.note("key.add", subject, f"label {key.label}")
    return added


def change_key(change: Change, owner: KeyOwner, label: str, key: NewApiKey) -> ApiKey:
    """Raises CallerError ``unknown_key``, ``label_taken``, ``secret_taken``."""
    subject = subject_of(change.connection, owner)
    old = labelled(change.connection, owner, label)
    check_free(change.connection, owner, key, old)
    check_one_consumer(change.connection, owner, key)
    forget_replaced(change.connection, old, key.digest)
    replaced = update(api_key).where(owned_by(owner), api_key.c.label == label)
    if key.label != label:
        execute(change.connection, replaced.values(label=key.label))
    row = update(api_key).where(api_key.c.no == old.key_no)
    execute(change.connection, row.values(**_columns(key)))
    change.note("key.change", subject, _difference(old, key))
    return _key(change.connection, old.key_no)


def delete_key(change: Change, owner: KeyOwner, label: str) -> None:
    """Raises CallerError ``unknown_key``."""
    subject = subject_of(change.connection, owner)
    labelled(change.connection, owner, label)
    execute(change.connection, delete(api_key).where(owned_by(owner), api_key.c.label == label))
    change.note("key.delete", subject, f"label {label}")


def change_keys(change: Change, trigger_no: int, changes: KeyChanges) -> None:
    """Raises CallerError ``unknown_key``, ``label_taken``, ``secret_taken``,
    ``changed_meanwhile``."""
    subject = subject_of(change.connection, trigger_no)
    refuse_changed_since(change, changes.since, "key", subject)
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


# --- what rotation uses too ---------------------------------------------------------------------


def owned_by(owner: KeyOwner) -> ColumnElement[bool]:
    """The owner's keys, replaced ones too."""
    if isinstance(owner, OfConsumer):
        return api_key.c.consumer_no == owner.consumer_no
    return api_key.c.trigger_no == owner


def insert_key(change: Change, owner: KeyOwner, key: NewApiKey) -> ApiKey:
    """A new row, of which everything has been checked."""
    of_consumer = isinstance(owner, OfConsumer)
    column = api_key.c.consumer_no if of_consumer else api_key.c.trigger_no
    owner_no = owner.consumer_no if isinstance(owner, OfConsumer) else owner
    row = insert(api_key).values(
        {column.name: owner_no, "created_at_us": change.now_us, **_columns(key)}
    )
    return _key(change.connection, insert_numbered(change.connection, row))


def labelled(connection: Connection, owner: KeyOwner, label: str) -> ApiKey:
    """The current key of that label."""
    found = _keys().where(owned_by(owner), CURRENT_KEY, api_key.c.label == label)
    row = fetch_one(connection, found)
    if row is None:
        whose = "consumer" if isinstance(owner, OfConsumer) else "trigger"
        raise CallerError(f"the {whose} has no API key of that label", code="unknown_key")
    return ApiKey(*row)


def check_free(
    connection: Connection, owner: KeyOwner, key: NewApiKey, old: ApiKey | None = None
) -> None:
    """``old``: the key that becomes this one, or is replaced by it; it may take back a secret that
    was replaced under its label."""
    c = api_key.c
    others = select(c.no).where(owned_by(owner), c.no != (old.key_no if old else 0))
    whose = "consumer" if isinstance(owner, OfConsumer) else "trigger"
    if fetch_one(connection, others.where(CURRENT_KEY, c.label == key.label)):
        raise CallerError(f"the {whose} has an API key of that label", code="label_taken")
    if old is not None:
        others = others.where(CURRENT_KEY | (c.label != old.label))
    if fetch_one(connection, others.where(c.digest == key.digest)):
        raise CallerError(f"the {whose} has an API key with that secret", code="secret_taken")


def forget_replaced(connection: Connection, current: ApiKey, digest: bytes) -> None:
    """Drop the replaced key of the label that has the secret, which the label is about to get."""
    c = api_key.c
    row = delete(api_key).where(owned_by(current.owner), c.label == current.label)
    execute(connection, row.where(c.replaced_at_us.is_not(None), c.digest == digest))


def subject_of(connection: Connection, owner: KeyOwner) -> str:
    """How the audit log names the owner. Raises CallerError ``unknown_integration``,
    ``unknown_consumer``."""
    if isinstance(owner, OfConsumer):
        found = (
            select(workspace.c.name, consumer.c.name)
            .join(workspace, consumer.c.workspace_no == workspace.c.no)
            .where(consumer.c.no == owner.consumer_no)
        )
        row = fetch_one(connection, found)
        if row is None:
            raise CallerError("there is no such consumer", code="unknown_consumer")
        return f"{row[0]}/consumers/{row[1]}"
    found = (
        select(workspace.c.name, integration.c.name)
        .join(workspace, integration.c.workspace_no == workspace.c.no)
        .where(integration.c.no == owner, NOT_REMOVED)
    )
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError("there is no such integration", code="unknown_integration")
    return f"{row[0]}/{row[1]}"


def _keys() -> Select[Any]:
    c = api_key.c
    return select(
        c.no,
        c.trigger_no,
        c.consumer_no,
        c.label,
        c.digest,
        c.prefix,
        c.sealed,
        c.created_at_us,
        c.expires_at_us,
        c.last_used_at_us,
        c.replaced_at_us,
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


def _let_go_of_secret(connection: Connection, trigger_no: int, key: NewApiKey) -> None:
    """Free the secret that the key is about to lose, for another key of the same change."""
    old = labelled(connection, trigger_no, key.label)
    if old.digest != key.digest:
        nobodys = b"changing %d" % old.key_no
        execute(
            connection, update(api_key).where(api_key.c.no == old.key_no).values(digest=nobodys)
        )


def _difference(old: ApiKey, new: NewApiKey) -> str:
    parts = [f"label {old.label}"]
    if new.label != old.label:
        parts.append(f"now {new.label}")
    if new.digest != old.digest:
        parts.append("secret replaced")
    if new.expires_at_us != old.expires_at_us:
        parts.append("expiry changed")
    return ", ".join(parts)
