"""A standby of a test's PostgreSQL: made by pg_basebackup, fed by streaming replication.

It runs as the servers of tests/support/postgres.py do, with a port of its own. ``promote`` makes it
the server that takes writes; the former primary must have ended before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.support.node import wait_until
from tests.support.postgres import USER, Postgres

MADE_IN_S = 60.0


@contextlib.contextmanager
def standby_of(primary: Postgres, name: str) -> Iterator[Postgres]:
    """A server that receives what the primary writes, which knows it by ``name``; gone with its
    data at the end."""
    base = Path(tempfile.mkdtemp(prefix="standby-", dir=primary.base.parent))
    base.chmod(0o755)
    if primary.user:
        os.chown(base, primary.user, primary.user)
    try:
        _copy(primary, base / "data", name)
        server = Postgres(base, primary.programs, primary.user, primary.password)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(base)


def wait_for(primary: Postgres, *names: str) -> None:
    """From now on each commit of the primary waits until one of these standbys has flushed it.
    Returns when there is one to wait for. As ``ALTER SYSTEM`` does, only on this server."""
    execute(primary, f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({', '.join(names)})'")
    execute(primary, "SELECT pg_reload_conf()")
    state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"
    wait_until(lambda: execute(primary, state)[0][0] == len(names))


def promote(standby: Postgres) -> None:
    """Let it take writes; returns when it does."""
    execute(standby, "SELECT pg_promote(true, 60)")


def execute(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    """The rows of one statement, over a connection of its own."""
    plain = server.url().replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _copy(primary: Postgres, data: Path, name: str) -> None:
    source = f"host=127.0.0.1 port={primary.port} user={USER} application_name={name}"
    source = f"{source} password={primary.password}"
    command = ("pg_basebackup", "--dbname", source)
    options = ("--pgdata", str(data), "--checkpoint=fast", "--no-sync")
    made = subprocess.run(
        primary._launch(*command, *options),
        cwd=data.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=MADE_IN_S,
    )
    if made.returncode != 0:
        raise RuntimeError(f"pg_basebackup made no copy:\n{made.stderr}")
    # Written here: pg_basebackup of a later release would name options that the server's own
    # release does not know.
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = '{source}'\n")
    (data / "standby.signal").touch()
    if primary.user:
        os.chown(data / "standby.signal", primary.user, primary.user)
