"""What an archive gets of messages that are about to go: read beside the writer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from firesteel.store.history import Going
from firesteel.store.schema import message, search
from firesteel.store.sql.database import Connection
from firesteel.store.sql.message_rows import details
from firesteel.store.sql.queries import fetch_all


def going(connection: Connection, message_nos: Sequence[int]) -> list[Going]:
    """Those of the messages that are there, with everything that is kept of them."""
    named = select(message.c.no, message.c.id).where(message.c.no.in_(message_nos))
    values: dict[int, dict[str, str]] = {}
    s = search.c
    found = select(s.message_no, s.name, s.value).where(s.message_no.in_(message_nos))
    for number, name, value in fetch_all(connection, found):
        values.setdefault(number, {})[name] = value
    read = [
        (details(connection, message_id), values.get(number, {}))
        for number, message_id in fetch_all(connection, named.order_by(message.c.no))
    ]
    return [Going(executions, of_message) for executions, of_message in read if executions]
