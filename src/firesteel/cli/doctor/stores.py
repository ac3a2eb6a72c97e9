"""Checks of the store: its file or its database, and the form of its tables."""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import TYPE_CHECKING

from firesteel.cli.doctor.finding import Case, Finding, fault, ok, warning
from firesteel.errors import OperatorError
from firesteel.store.migrations import HEAD, known_revisions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from firesteel.store.postgresql.glancing import ServerGlance

OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING, which the store's statements use."""

_CLOCK_S = 2.0
_REMEDIES = {
    "driver_missing": "pip install 'firesteel[postgresql]'",
    "store_refused": "correct database_url, or grant the role its rights",
    "store_unsafe": "switch it on in postgresql.conf, and reload the server",
    "store_unsupported": "move the database to a newer server with the encoding UTF8",
    "store_unavailable": "start the server, correct database_url, or allow more connections",
    "settings_invalid": "correct database_url",
}


def store(case: Case) -> Iterator[Finding]:
    """Whichever the settings name."""
    path = case.settings.store_path
    if path is None:
        yield from _database(case)
    else:
        yield from _file(case, path)


def _file(case: Case, path: Path) -> Iterator[Finding]:
    from firesteel.store.sqlite.glancing import look_at_file

    version = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        remedy = "run a Python with a newer SQLite"
        yield fault("sqlite", f"{version} is too old", remedy)
    else:
        yield ok("sqlite", f"{version}, Python {sys.version.split()[0]}")
    if not path.exists():
        yield ok("store", f"{path} is not there yet: the first start makes it")
        return
    try:
        seen = look_at_file(path, thoroughly=not case.runs)
    except OperatorError as error:
        remedy = "run as the node's user; a damaged file: `firesteel restore` of a back-up"
        yield fault("store", f"{path}: {error.detail} [{error.code}]", remedy)
        return
    case.store = seen.store
    says = f"{path}: journal {seen.journal_mode}, pages of {seen.page_bytes} bytes"
    if seen.whole is False:
        yield fault("store", f"{path} is damaged", "`firesteel restore` of the last back-up")
    elif seen.whole:
        yield ok("store", f"{says}; its pages are whole")
    else:
        yield ok("store", f"{says}; its pages are looked at when no node runs")
    yield from _schema(case, "`firesteel restore` of a back-up of before, or")


def _schema(case: Case, way_back: str) -> Iterator[Finding]:
    found = case.store.revision if case.store else None
    if found is None:
        yield ok("schema", "there are no tables yet: the first start makes them")
    elif found == HEAD:
        yield ok("schema", f"{found}, this release's")
    elif found in known_revisions():
        says = f"{found} is of an earlier release; the next start brings it to {HEAD}"
        yield warning("schema", says, "make a back-up before: there is no way back without one")
    else:
        says = f"{found} is of a newer release: this one works with {HEAD}"
        yield fault("schema", says, f"{way_back} install the release that wrote it")


def _database(case: Case) -> Iterator[Finding]:
    try:
        from firesteel.store.postgresql.glancing import look_at_server

        seen = look_at_server(case.settings.database_url or "")
    except OperatorError as error:
        remedy = _REMEDIES.get(error.code, "look at the server and its log")
        yield fault("store", f"{error.detail} [{error.code}]", remedy)
        return
    case.store = seen.store
    yield from server(seen)
    yield from _schema(case, "a dump of before, or")
    yield from clocks_apart(seen.now_us - time.time_ns() // 1000)
    yield from other_nodes(case, seen)


def server(seen: ServerGlance) -> Iterator[Finding]:
    """What a server that lets us in is like."""
    from firesteel.store.postgresql.glancing import NEEDED_CONNECTIONS, NEWEST_KNOWN

    says = f"PostgreSQL {seen.version}: fsync, full_page_writes and synchronous_commit are on"
    if seen.version > NEWEST_KNOWN:
        remedy = f"the newest that Firesteel is tested with is {NEWEST_KNOWN}"
        yield warning("store", says, remedy)
    else:
        yield ok("store", says)
    left = seen.usable - seen.used
    says = f"{left} of {seen.usable} connections are free; a node needs {NEEDED_CONNECTIONS}"
    if left < NEEDED_CONNECTIONS:
        yield warning("database_limit", says, "raise max_connections, or put PgBouncer between")
    else:
        yield ok("database_limit", says)
    yield from _role(seen)
    if not (seen.encrypted or seen.near):
        remedy = "add ?sslmode=verify-full to database_url, and TLS to the server"
        yield warning("database_tls", "the connection to the server is in clear", remedy)


def other_nodes(case: Case, seen: ServerGlance) -> Iterator[Finding]:
    """What is purged and archived must not depend on which node has the turn."""
    from firesteel.store.purging import Purging, noted

    own = Purging.by(case.settings)
    others = noted(seen.store.noted, seen.steady_us)
    differing = {name: own.differs(said) for name, said in sorted(others.items())}
    for name, names in differing.items():
        if names:
            says = f"{name} was started with another {' and another '.join(names)} than is set here"
            yield warning("other_nodes", says, "give all nodes the same, and start them anew")
    if others and not any(differing.values()):
        number = "one node has" if len(others) == 1 else f"{len(others)} nodes have"
        says = f"{number} this retention_days, archive and archive_dir"
        yield ok("other_nodes", says)


def _role(seen: ServerGlance) -> Iterator[Finding]:
    if not seen.may_work:
        says = "the role may not read and write all of Firesteel's tables"
        yield fault("role", says, "let it own them: REASSIGN OWNED, or GRANT ALL ON ALL TABLES")
    elif seen.store.revision != HEAD and not seen.may_make:
        says = "the role may make no tables, which the next start has to"
        yield fault("role", says, "GRANT CREATE ON SCHEMA, or let a role start it that has it")
    elif seen.superuser:
        remedy = "make a role of its own that owns the database, without SUPERUSER"
        yield warning("role", "the role is a superuser, which a node does not need", remedy)
    else:
        yield ok("role", "has the rights that it needs, and is no superuser")


def clocks_apart(apart_us: int) -> Iterator[Finding]:
    """This machine's clock and the database's."""
    apart_s = abs(apart_us) / 1_000_000
    if apart_s > _CLOCK_S:
        says = f"this machine's clock and the database's are {apart_s:.1f} s apart"
        yield warning("database_clock", says, "let NTP set both machines' clocks")
    else:
        yield ok("database_clock", f"within {_CLOCK_S:.0f} s of this machine's")
