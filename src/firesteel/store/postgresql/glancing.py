"""The database at a glance, and how its server is set up; it is only read."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import psycopg

from firesteel.errors import OperatorError
from firesteel.store.glance import Glance, glance
from firesteel.store.migrations.postgresql import revision
from firesteel.store.postgresql.clock import steady_us
from firesteel.store.postgresql.connection import Address, Session, connect
from firesteel.store.postgresql.safety import check_server
from firesteel.store.postgresql.store import NEEDED
from firesteel.store.schema import metadata

NEWEST_KNOWN = 18
"""The newest release of PostgreSQL that Firesteel is tested with."""

NEEDED_CONNECTIONS = NEEDED
_ASK_S = 5.0

_ASKED = """
SELECT current_setting('server_version_num')::INTEGER / 10000,
    current_setting('max_connections')::INTEGER
        - current_setting('superuser_reserved_connections')::INTEGER,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') - 1,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    has_schema_privilege(current_schema(), 'CREATE'),
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
    inet_server_addr() IS NULL OR inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1',
    (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT
"""

# Of a store of an earlier release some tables are not there yet.
_MAY_WORK = """
SELECT coalesce(bool_and(has_table_privilege(pg_class.oid, needed)), true)
FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed
WHERE relnamespace = to_regnamespace(current_schema())
    AND relkind = 'r' AND relname = ANY(?::TEXT[])
"""


@dataclass(frozen=True, slots=True)
class ServerGlance:
    """``usable``: connections that users may have, ``used``: those of others. ``may_work``: the
    role has its rights on our tables; ``may_make``: it may make tables. ``now_us``: the database's
    clock; ``steady_us``: that of the nodes."""

    store: Glance
    version: int
    usable: int
    used: int
    superuser: bool
    may_make: bool
    encrypted: bool
    near: bool
    now_us: int
    steady_us: int
    may_work: bool


def look_at_server(url: str) -> ServerGlance:
    """Raises what ``check_server`` raises, and OperatorError ``store_unreadable``."""
    address = Address(url, "doctor")
    check_server(address)
    with closing(connect(address, Session(_ASK_S, flushed=None))) as connection:
        try:
            row = connection.execute(_ASKED).fetchall()[0]
            found = revision(connection)
            (may_work,) = connection.execute(_MAY_WORK, (list(metadata.tables),)).fetchall()[0]
            seen = glance(connection, found) if may_work else Glance(found)
        except (psycopg.Error, ValueError) as error:
            raise OperatorError(
                "the database is not one that Firesteel can work with", code="store_unreadable"
            ) from error
    version, usable, used, superuser, may_make, encrypted, near, now_us = row
    return ServerGlance(
        seen,
        version,
        usable,
        used,
        bool(superuser),
        bool(may_make),
        bool(encrypted),
        bool(near),
        now_us,
        steady_us(now_us, seen.clock),
        may_work,
    )
