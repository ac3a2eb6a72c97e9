"""One secret means one consumer: on a trigger, and among the consumers of a workspace.

A consumer's name and the label of a trigger's own key may be the same, and then are one party
(docs/decisions/0036): only that party may have one secret in both places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from firesteel.errors import CallerError
from firesteel.store.catalog import KeyOwner, NewApiKey, OfConsumer
from firesteel.store.schema import api_key, consumer, consumer_grant
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import fetch_all, fetch_one

_OF_ANOTHER = "the secret is another consumer's"


def check_one_consumer(connection: Connection, owner: KeyOwner, key: NewApiKey) -> None:
    """Raises CallerError ``secret_taken`` where the secret would let two consumers in."""
    if isinstance(owner, OfConsumer):
        own = _consumer(connection, owner.consumer_no)
        others = select(api_key.c.no).join(consumer, api_key.c.consumer_no == consumer.c.no)
        others = others.where(consumer.c.workspace_no == own[0], api_key.c.digest == key.digest)
        _refuse(connection, others.where(consumer.c.no != owner.consumer_no))
        granted = select(consumer_grant.c.trigger_no).where(
            consumer_grant.c.consumer_no == owner.consumer_no
        )
        triggers = [int(row[0]) for row in fetch_all(connection, granted)]
        check_triggers(connection, own[1], [key.digest], triggers)
        return
    granted_keys = (
        select(api_key.c.no)
        .join(consumer, api_key.c.consumer_no == consumer.c.no)
        .join(consumer_grant, consumer_grant.c.consumer_no == consumer.c.no)
        .where(consumer_grant.c.trigger_no == owner, consumer.c.name != key.label)
        .where(api_key.c.digest == key.digest)
    )
    _refuse(connection, granted_keys)


def check_triggers(
    connection: Connection, name: str, digests: Sequence[bytes], triggers: Sequence[int]
) -> None:
    """Raises CallerError ``secret_taken`` where one of the triggers has one of the secrets for
    another name than this consumer's."""
    if digests and triggers:
        c = api_key.c
        others = select(c.no).where(c.trigger_no.in_(triggers), c.digest.in_(digests))
        _refuse(connection, others.where(c.label != name))


def _consumer(connection: Connection, consumer_no: int) -> tuple[Any, ...]:
    """Number of its workspace, name."""
    found = select(consumer.c.workspace_no, consumer.c.name).where(consumer.c.no == consumer_no)
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError("there is no such consumer", code="unknown_consumer")
    return row


def _refuse(connection: Connection, others: Select[Any]) -> None:
    if fetch_one(connection, others.limit(1)):
        raise CallerError(_OF_ANOTHER, code="secret_taken")
