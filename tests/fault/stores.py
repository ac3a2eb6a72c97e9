"""The stores that promises hold for: a node of a test has its store on one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.support.postgres import Postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"
STORES = (SQLITE, POSTGRESQL)
# A defect is hunted on SQLite by every `make test`, and on PostgreSQL in full size.
DEFECTS_ON = (SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.full))


@contextlib.contextmanager
def kept_on(store: str, request: pytest.FixtureRequest) -> Iterator[list[tuple[str, str]]]:
    """The environment of a node that keeps its messages on this store, new and empty."""
    if store == SQLITE:
        yield []
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database(template=request.getfixturevalue("migrated_database")) as url:
        yield [("FIRESTEEL_DATABASE_URL", url)]


def told(what: str, store: str) -> str:
    """What was done, as its row in the table of promises names it."""
    return f"{what}, on PostgreSQL" if store == POSTGRESQL else what
