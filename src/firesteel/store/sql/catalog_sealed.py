"""Everything that is kept sealed, whatever it belongs to: read, and sealed anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, select, update

from firesteel.store.catalog import Resealed, SealedValue
from firesteel.store.schema import api_key, secret
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_all, fetch_one

_OF_TRIGGER, _OF_CONSUMER = api_key.c.trigger_no, api_key.c.consumer_no


def sealed_values(connection: Connection) -> list[SealedValue]:
    """All of them."""
    return [
        *(SealedValue("api_key", *row) for row in fetch_all(connection, _keys(_OF_TRIGGER))),
        *(SealedValue("consumer_key", *row) for row in fetch_all(connection, _keys(_OF_CONSUMER))),
        *(SealedValue("secret", *row) for row in fetch_all(connection, _secrets())),
    ]


def reseal(connection: Connection, values: Sequence[Resealed]) -> int:
    """Put what was sealed anew in the place of what it was made of; how many were. One that has
    changed meanwhile stays, and so does a key whose secret another key of its owner has now."""
    return sum(_put(connection, item) for item in values)


def _put(connection: Connection, item: Resealed) -> bool:
    old = item.value
    if old.kind == "secret":
        place = _secret_at(old)
        row: dict[str, Any] = {"sealed": item.sealed}
        return bool(execute(connection, update(secret).where(place).values(**row)).rowcount)
    c = api_key.c
    owner_no = _OF_TRIGGER if old.kind == "api_key" else _OF_CONSUMER
    of_owner = owner_no == old.owner_no
    if fetch_one(connection, select(c.no).where(of_owner, c.digest == item.digest)):
        return False
    place = and_(of_owner, c.label == old.name, c.sealed == old.sealed)
    row = {"sealed": item.sealed, "digest": item.digest}
    return bool(execute(connection, update(api_key).where(place).values(**row)).rowcount)


def _keys(owner_no: Column[Any]) -> Select[Any]:
    """Replaced ones too, which are still taken."""
    c = api_key.c
    return select(owner_no, c.label, c.sealed).where(owner_no.is_not(None)).order_by(c.no)


def _secrets() -> Select[Any]:
    c = secret.c
    return select(c.workspace_no, c.name, c.sealed).order_by(c.workspace_no, c.name)


def _secret_at(old: SealedValue) -> ColumnElement[bool]:
    c = secret.c
    return and_(c.workspace_no == old.owner_no, c.name == old.name, c.sealed == old.sealed)
