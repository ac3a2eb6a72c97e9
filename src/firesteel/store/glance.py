"""A store at a glance, without opening it as a node does: nothing is migrated, begun or written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firesteel.store.purging import NOTED_AS

if TYPE_CHECKING:
    from firesteel.store.sql.database import Connection

STEADY_CLOCK = "steady_clock"
_KEYS = ("data_keys", "encryption_check")


@dataclass(frozen=True, slots=True)
class Glance:
    """``revision``: of its tables; None where there are none. ``envelope``: what the encryption key
    must open; None where no node ever opened the store. ``secrets``: names alone. ``connections``:
    documents by name, with ``${NAME}`` unresolved. ``last_start_us``: when an engine last began.
    ``noted``: what ``store.purging.noted`` reads; ``clock``: what nodes have agreed on about the
    database's clock."""

    revision: str | None
    envelope: str | None = None
    secrets: frozenset[str] = frozenset()
    connections: dict[str, Any] = field(default_factory=dict, repr=False)
    last_start_us: int | None = None
    noted: tuple[tuple[str, str], ...] = ()
    clock: str | None = None


def glance(connection: Connection, revision: str | None) -> Glance:
    """Read what has stood in the tables since the first release. Raises the driver's errors."""
    if revision is None:
        return Glance(None)
    settings = {
        str(name): str(value)
        for name, value in connection.execute("SELECT name, value FROM setting").fetchall()
    }
    secrets = connection.execute("SELECT name FROM secret").fetchall()
    connections = connection.execute("SELECT name, document FROM connection").fetchall()
    (last_start_us,) = connection.execute("SELECT max(started_at_us) FROM session").fetchone()
    return Glance(
        revision,
        next((settings[name] for name in _KEYS if name in settings), None),
        frozenset(str(name) for (name,) in secrets),
        {str(name): json.loads(document) for name, document in connections},
        last_start_us,
        tuple(row for row in settings.items() if row[0].startswith(NOTED_AS)),
        settings.get(STEADY_CLOCK),
    )
