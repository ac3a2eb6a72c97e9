"""Nodes of which one archives and another does not: nothing goes that one of them would keep."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from firesteel.store.archive.reading import Wanted, find
from tests.support.cluster import Cluster, Member, new_key
from tests.support.node import RunningNode, wait_until
from tests.support.postgres import Postgres

HASTY = Path(__file__).parents[2] / "support" / "hasty_retention"
CALLS = 20
OVER_S = 5.0
"""Longer than the hour of the document, which is 3.6 s there, and a few rounds of retention."""
DOCUMENT = {"name": "Kept", "trigger": {"authentication": []}, "retention": {"history": "1h"}}


@pytest.fixture
def cluster(postgres: Postgres, migrated_database: str, tmp_path: Path) -> Iterator[Cluster]:
    """``plain`` is ready and has no archive; ``archiver``, which has one, does not run yet."""
    (tmp_path / "project").mkdir()
    with postgres.database(template=migrated_database) as url:
        environment = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "PYTHONPATH": str(HASTY),
        }
        cluster = Cluster(tmp_path, tmp_path / "project", environment)
        try:
            cluster.add("plain").start()
            cluster.add("archiver", FIRESTEEL_ARCHIVE="on", FIRESTEEL_RETENTION_DAYS="60")
            yield cluster
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()


def called(node: RunningNode) -> set[str]:
    return {node.call("Kept", json={"n": n}).json()["id"] for n in range(CALLS)}


def stored(node: RunningNode) -> list[dict[str, str]]:
    path = "/workspaces/test/messages"
    items: list[dict[str, str]] = node.admin("GET", path, params={"limit": 200})["items"]
    return items


def are_over(node: RunningNode) -> bool:
    """Whether the youngest message that is stored had gone, if somebody had purged it."""
    youngest = max(datetime.fromisoformat(item["received_at"]) for item in stored(node))
    return time.time() - youngest.timestamp() > OVER_S


def archived(archiver: Member) -> set[str]:
    return {record["id"] for record in find(archiver.folder / "data" / "archive", Wanted())}


def told_of(node: RunningNode, name: str) -> bool:
    """Whether its log warns of that other node."""
    lines = node.said().splitlines()
    return any("node_settings_differ" in line and name in line for line in lines)


def test_what_one_node_archives_no_other_purges_also_while_that_one_is_gone(
    cluster: Cluster,
) -> None:
    plain, archiver = cluster.members["plain"].running, cluster.members["archiver"]
    plain.admin("PUT", "/workspaces/test/integrations/Kept", json=DOCUMENT)
    archiver.start()
    sent = called(plain)
    wait_until(lambda: not stored(plain))
    assert archived(archiver) == sent

    archiver.stop()
    more = called(plain)
    wait_until(lambda: are_over(plain))
    assert {item["id"] for item in stored(plain)} == more
    archiver.start()
    wait_until(lambda: not stored(plain))
    assert archived(archiver) == sent | more


def test_other_settings_are_told_by_log_list_of_nodes_and_storage(cluster: Cluster) -> None:
    plain, archiver = cluster.members["plain"].running, cluster.members["archiver"]
    assert plain.admin("GET", "/storage")["purged_by"] is None
    archiver.start()
    other = archiver.running
    of_plain, of_other = (str(node.admin("GET", "/node")["name"]) for node in (plain, other))
    for node in (plain, other):
        (shown,) = [one for one in node.admin("GET", "/nodes") if not one["answers"]]
        assert shown["differs"] == ["retention_days", "archive"]
        storage = node.admin("GET", "/storage")
        assert (storage["retention_days"], storage["archive"]["by_default"]) == (60, True)
        assert storage["purged_by"] == (of_other if node is plain else None)
    for node, name in ((other, of_plain), (plain, of_other)):
        wait_until(lambda node=node, name=name: told_of(node, name))
