"""What every test shares: the size of the run and the real parts that tests are run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from firesteel.store.migrations.postgresql import migrate
from firesteel.store.postgresql.connection import Address
from tests.fault.report import report, show
from tests.fault.resuming import Resuming, add_options
from tests.support.http_server import HttpServer
from tests.support.postgres import Postgres

__all__ = ["report"]

Size = Literal["quick", "full", "soak"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--size",
        choices=["quick", "full", "soak"],
        default="quick",
        help="quick: a few minutes in all; full: the figures of the promises; soak: ten times that",
    )
    parser.addoption(
        "--postgres",
        metavar="FOLDER",
        help="the programs (initdb, postgres) of another release of PostgreSQL than the wheel's",
    )
    parser.addoption("--report", metavar="FILE", help="write the table of promises, as Markdown")
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    chosen: str | None = config.getoption("--postgres")
    Postgres.chosen = Path(chosen) if chosen else None
    file = config.getoption("--gathered")
    if file is not None:
        config.pluginmanager.register(Resuming(Path(file), config), "resuming")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table of promises, where the run was a full one."""
    resuming = config.pluginmanager.get_plugin("resuming")
    show(terminalreporter, config, resuming.gathered if resuming else None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked ``full`` in the quick size, and say so in pytest's closing line."""
    if config.getoption("--size") != "quick":
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Size:
    """The size of this run: a test reads from it how many calls, kills or examples it makes."""
    chosen: Size = request.config.getoption("--size")
    return chosen


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL server of this test process's own, or of the one that it was forked off;
    see tests/support/postgres.py."""
    if Postgres.shared is not None:
        yield Postgres.shared
        return
    with Postgres.started() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database for one test."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> Iterator[str]:
    """The name of a database with a store's tables, from which others are copied."""
    if postgres.template:
        yield postgres.template
        return
    with postgres.database() as url:
        migrate(Address(url))
        yield url.rpartition("/")[2]


@pytest.fixture
def store_url(postgres: Postgres, migrated_database: str) -> Iterator[str]:
    """The URL of a new store on PostgreSQL, made and empty, for one test."""
    with postgres.database(template=migrated_database) as url:
        yield url


@pytest.fixture
def http_server() -> Iterator[HttpServer]:
    """A running HTTP server that this test tells what to answer."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory for a node of this test."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    return directory
