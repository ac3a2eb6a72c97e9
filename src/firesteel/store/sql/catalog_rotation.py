"""Rotation of API keys: a new secret under the same label, the old one taken for a while."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import case, delete, or_, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import ApiKey, KeyOwner, NewApiKey
from firesteel.store.schema import api_key
from firesteel.store.sql.catalog_keys import (
    check_free,
    forget_replaced,
    insert_key,
    labelled,
    owned_by,
    subject_of,
)
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.catalog_secrets import check_one_consumer
from firesteel.store.sql.queries import execute, fetch_all

REMEMBERED = 5
"""Replaced keys of a label that stay known, so that a file which still declares the secret of one
does not bring it back."""


def rotate(
    change: Change, owner: KeyOwner, label: str, key: NewApiKey, old_until_us: int
) -> ApiKey:
    """Raises CallerError ``unknown_key``, ``secret_taken``."""
    connection = change.connection
    subject = subject_of(connection, owner)
    old = labelled(connection, owner, label)
    check_free(connection, owner, key, old)
    check_one_consumer(connection, owner, key)
    _refuse_own(old, key)
    forget_replaced(connection, old, key.digest)
    _end_by(change, owner, label, old_until_us)
    row = update(api_key).where(api_key.c.no == old.key_no)
    execute(connection, row.values(replaced_at_us=change.now_us))
    _forget_oldest(change, owner, label)
    until = datetime.fromtimestamp(old_until_us / 1e6, UTC).isoformat(timespec="seconds")
    change.note("key.rotate", subject, f"label {label}, the old secret until {until}")
    return insert_key(change, owner, key)


def end_overlap(change: Change, owner: KeyOwner, label: str) -> int:
    """Raises CallerError ``unknown_key``."""
    subject = subject_of(change.connection, owner)
    labelled(change.connection, owner, label)
    c = api_key.c
    row = update(api_key).where(owned_by(owner), c.label == label, c.replaced_at_us.is_not(None))
    still_taken = row.where(or_(c.expires_at_us.is_(None), c.expires_at_us > change.now_us))
    ended = execute(change.connection, still_taken.values(expires_at_us=change.now_us)).rowcount
    if ended:
        change.note("key.end_overlap", subject, f"label {label}")
    return ended


def _refuse_own(old: ApiKey, key: NewApiKey) -> None:
    if old.digest == key.digest:
        raise CallerError("that is the key's secret already", code="secret_taken")


def _end_by(change: Change, owner: KeyOwner, label: str, until_us: int) -> None:
    """All keys of the label are taken until then at most."""
    c = api_key.c
    sooner = case((c.expires_at_us < until_us, c.expires_at_us), else_=until_us)
    row = update(api_key).where(owned_by(owner), c.label == label)
    execute(change.connection, row.values(expires_at_us=sooner))


def _forget_oldest(change: Change, owner: KeyOwner, label: str) -> None:
    c = api_key.c
    replaced = select(c.no).where(owned_by(owner), c.label == label, c.replaced_at_us.is_not(None))
    latest_first = replaced.order_by(c.replaced_at_us.desc(), c.no.desc())
    numbers = [row[0] for row in fetch_all(change.connection, latest_first)][REMEMBERED:]
    if numbers:
        execute(change.connection, delete(api_key).where(c.no.in_(numbers)))
