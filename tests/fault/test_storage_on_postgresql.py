"""P25 and P34 on PostgreSQL: a database that is full takes no calls and loses none; a purge goes
in small transactions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.conftest import Size
from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.fault.test_disk_full import health
from tests.fault.test_purging import A_FEW_DOZEN, WHEN_TOLD
from tests.support.cluster import new_key
from tests.support.node import RunningNode, running_node, wait_until
from tests.support.postgres import Postgres

FILLS = {"quick": 1, "full": 50, "soak": 200}
OLD = 120
OLD_US = 40 * 86_400 * 1_000_000
DOCUMENT = {"name": "Kept", "trigger": {"authentication": []}}
# What a server whose disk is full says, of the tables that each call and each lease write.
FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE UPDATE ON session FOR EACH ROW EXECUTE FUNCTION full_disk();
"""
ROOM = "DROP FUNCTION full_disk CASCADE"
# How many executions each transaction lets go of.
NOTED = """
CREATE TABLE gone (number bigint);
CREATE FUNCTION note_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gone VALUES (NEW.purged - OLD.purged);
    RETURN NULL;
END $$;
CREATE TRIGGER note_gone AFTER UPDATE OF purged ON integration
    FOR EACH ROW EXECUTE FUNCTION note_gone();
"""


@pytest.fixture
def database(postgres: Postgres, migrated_database: str) -> Iterator[str]:
    with postgres.database(template=migrated_database) as url:
        yield url


def run(url: str, statements: str) -> list[tuple[int, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statements.encode())
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def node_on(url: str, folder: Path, **environment: str) -> Iterator[RunningNode]:
    given = {"FIRESTEEL_DATABASE_URL": url, "FIRESTEEL_ENCRYPTION_KEY": new_key()}
    with running_node(folder / "data", **given, **environment) as node:
        node.admin("PUT", "/workspaces/test/integrations/Kept", json=DOCUMENT)
        yield node


def filled(node: RunningNode, url: str) -> tuple[set[int], set[str]]:
    """Statuses while the database is full, and the ids of what was accepted around it."""
    accepted = {node.call("Kept", json={}).json()["id"]}
    run(url, FULL)
    answers = [node.call("Kept", json={}) for _ in range(3)]
    wait_until(lambda: health(node.public_url) == "store_unavailable")
    answers += [node.call("Kept", json={}) for _ in range(3)]
    assert all("retry-after" in answer.headers for answer in answers)
    run(url, ROOM)
    wait_until(lambda: health(node.public_url) == "")
    accepted.add(_accepted(node))
    return {answer.status_code for answer in answers}, accepted


def _accepted(node: RunningNode) -> str:
    def call() -> str:
        with contextlib.suppress(httpx2.HTTPError):
            answer = node.call("Kept", json={})
            return str(answer.json()["id"]) if answer.status_code == 202 else ""
        return ""

    return str(wait_until(call))


def test_p25_a_full_database_takes_no_calls_and_has_all_it_took(
    size: Size, database: str, tmp_path: Path, report: Report
) -> None:
    statuses: set[int] = set()
    accepted: set[str] = set()
    with node_on(database, tmp_path) as node:
        for _ in range(FILLS[size]):
            refused, taken = filled(node, database)
            statuses |= refused
            accepted |= taken
        stored = {str(row[0]) for row in run(database, "SELECT id FROM message")}
    lost = accepted - stored
    report.row(
        "P25",
        "PostgreSQL's disk full",
        cycles=FILLS[size],
        acknowledged=len(accepted),
        lost=len(lost),
    )
    assert statuses == {503}
    assert stored == accepted


def most_at_once(url: str, folder: Path, *defects: str) -> int:
    """Executions that one transaction lets go of, at most."""
    sources = together(folder / "joined", WHEN_TOLD, *(PLANTED / name for name in defects))
    given = dict([sources, ("PURGE", str(folder / "purge"))])
    with node_on(url, folder, **given) as node:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: node.call("Kept", json={}), range(OLD)))
        run(url, f"UPDATE message SET received_at_us = received_at_us - {OLD_US}")
        run(url, f"UPDATE execution SET settled_at_us = settled_at_us - {OLD_US}")
        run(url, NOTED)
        (folder / "purge").touch()
        wait_until(lambda: run(url, "SELECT count(*) FROM message") == [(0,)])
        ((most, total),) = run(url, "SELECT max(number), sum(number)::bigint FROM gone")
    assert total == OLD
    return most


def test_p34_a_purge_on_postgresql_goes_in_small_transactions(
    database: str, tmp_path: Path, report: Report
) -> None:
    most = most_at_once(database, tmp_path)
    report.row("P34", "PostgreSQL, transaction by transaction", cycles=OLD, note=f"{most} at most")
    assert 0 < most <= A_FEW_DOZEN


def test_p34_fails_on_postgresql_when_all_goes_at_once(
    database: str, tmp_path: Path, report: Report
) -> None:
    most = most_at_once(database, tmp_path, "purged_in_one_go")
    report.defect("P34", "purged_in_one_go", found=most > A_FEW_DOZEN)
    assert most > A_FEW_DOZEN
