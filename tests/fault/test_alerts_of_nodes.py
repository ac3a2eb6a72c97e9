"""Whoever is to be told of nodes is told of one that is down, of a disk that is nearly full and of
an archive that takes nothing; once, and that it is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.fault.test_disk_full import PLENTY, SMALL_DISK
from tests.support.cluster import Cluster, Member, new_key
from tests.support.http_server import HttpServer, Reply
from tests.support.node import RunningNode, running_node, wait_until
from tests.support.postgres import Postgres

MIB = 1024**2
SUPPORT = Path(__file__).parents[1] / "support"
HASTY = (SUPPORT / "hasty_alerts", SUPPORT / "hasty_retention")
SHORT_LEASE = Path(__file__).parent / "short_lease"
KEPT = {
    "name": "Kept",
    "trigger": {"authentication": []},
    "retention": {"history": "1h", "archive": True},
}
FOUND_S = 6.0


def told(sink: HttpServer, rule: str) -> list[tuple[str, str]]:
    """Types and titles of what the webhook was told by a rule, each alert once, in order."""
    alerts = {item.json["id"]: item.json for item in sink.received if item.path == "/hook"}
    return [
        (alert["type"].removeprefix("alert."), alert["data"]["title"])
        for alert in alerts.values()
        if alert["data"]["rule"] == rule
    ]


def put_alerts(node: RunningNode, sink: HttpServer) -> None:
    """The default rules, over a webhook; those of nodes gather nothing."""
    sink.reply("/hook", Reply(204))
    rules = {
        name: {"event": event, "group": "1s"}
        for name, event in (
            ("nodes", "node_down"),
            ("disk", "storage_low"),
            ("archive", "archive_failed"),
        )
    }
    document = {"channels": {"hook": {"webhook": f"{sink.url}/hook"}}, "rules": rules}
    node.admin("PUT", "/workspaces/test/alerts", json=document)


@pytest.fixture
def sink() -> Iterator[HttpServer]:
    with HttpServer.started() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a store."""
    if request.param == "sqlite":
        return {}
    url = request.getfixturevalue("postgres_url")
    return {"FIRESTEEL_DATABASE_URL": url, "FIRESTEEL_ENCRYPTION_KEY": new_key()}


@contextlib.contextmanager
def node_with(folder: Path, store: dict[str, str], *defects: str) -> Iterator[RunningNode]:
    """A node on a disk that is as full as the file ``free`` says."""
    (folder / "free").write_text(PLENTY)
    planted = (PLANTED / name for name in defects)
    sources = together(folder / "joined", SMALL_DISK, *HASTY, *planted)
    given = {
        "DISK_FREE": str(folder / "free"),
        "FIRESTEEL_DISK_RESERVE": "100MiB",
        "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
        "FIRESTEEL_WORKERS": "1",
        **dict([sources]),
        **store,
    }
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", **given) as node:
        yield node


def test_p25_a_disk_that_is_nearly_full_is_told_again_below_its_reserve_and_that_it_has_room(
    tmp_path: Path, store: dict[str, str], sink: HttpServer
) -> None:
    with node_with(tmp_path, store) as node:
        put_alerts(node, sink)
        free = tmp_path / "free"
        free.write_text(str(150 * MIB))
        wait_until(lambda: len(told(sink, "disk")) == 1)
        free.write_text(str(50 * MIB))
        wait_until(lambda: len(told(sink, "disk")) == 2)
        free.write_text(PLENTY)
        near, low, over = wait_until(lambda: told(sink, "disk")[2:] and told(sink, "disk"))
    assert (near[0], "150 MiB left, and its reserve of 100 MiB is near" in near[1]) == (
        *("firing", True),
    )
    assert (low[0], "50 MiB left, its reserve is 100 MiB" in low[1]) == ("firing", True)
    assert low[1].endswith("calls are refused") == (not store)
    assert (over[0], over[1].endswith("has room again")) == ("resolved", True)


def test_an_archive_that_takes_nothing_is_told_also_by_the_next_engine_once_and_that_it_does(
    tmp_path: Path, store: dict[str, str], sink: HttpServer
) -> None:
    with node_with(tmp_path, store) as node:
        (tmp_path / "data" / "archive").write_text("no folder")
        put_alerts(node, sink)
        node.admin("PUT", "/workspaces/test/integrations/Kept", json=KEPT)
        node.call("Kept", json={})
        ((kind, title),) = wait_until(lambda: told(sink, "archive"))
        assert (kind, "nothing that is to be archived is purged" in title) == ("firing", True)
        assert "File exists" in title
        node.kill_engine()
        node.wait_ready()
        (tmp_path / "data" / "archive").unlink()
        wait_until(lambda: len(told(sink, "archive")) == 2)
        _, over = told(sink, "archive")
    assert (over[0], over[1].endswith("is written to again")) == ("resolved", True)


def test_a_full_disk_that_is_not_told_is_found(
    tmp_path: Path, sink: HttpServer, report: Report
) -> None:
    defect = "conditions_kept_to_itself"
    with node_with(tmp_path, {}, defect) as node:
        put_alerts(node, sink)
        (tmp_path / "free").write_text("0")
        with pytest.raises(AssertionError, match="in vain"):
            wait_until(lambda: told(sink, "disk"), FOUND_S)
    report.defect("0075", defect, found=True)


@contextlib.contextmanager
def two_nodes(
    folder: Path, postgres: Postgres, template: str, *defects: str, **of_two: str
) -> Iterator[tuple[Member, Member]]:
    """Whose leases are short; both run. ``of_two``: settings that only the second has."""
    planted = (PLANTED / name for name in defects)
    sources = together(folder / "joined", SHORT_LEASE, *HASTY, *planted)
    with postgres.database(template=template) as url:
        environment: dict[str, Any] = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
            **dict([sources]),
        }
        (folder / "project" / "integrations").mkdir(parents=True)
        cluster = Cluster(folder, folder / "project", environment)
        members = cluster.add("one"), cluster.add("two", **of_two)
        try:
            cluster.start()
            yield members
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()


def told_of(sink: HttpServer, node: str) -> list[tuple[str, str]]:
    """The same of one node; on a busy machine short leases lapse by themselves."""
    return [(kind, title) for kind, title in told(sink, "nodes") if f"node {node} " in title]


def test_p36_a_node_that_was_killed_is_told_once_and_that_it_is_back(
    tmp_path: Path, postgres: Postgres, migrated_database: str, sink: HttpServer
) -> None:
    with two_nodes(tmp_path, postgres, migrated_database) as (one, two):
        put_alerts(one.running, sink)
        (name,) = [node["name"] for node in two.running.admin("GET", "/nodes") if node["answers"]]
        two.kill()
        wait_until(lambda: told_of(sink, name) and told_of(sink, name)[-1][0] == "firing")
        assert "is down: its last sign of life was at 20" in told_of(sink, name)[-1][1]
        two.start()
        wait_until(lambda: told_of(sink, name)[-1][0] == "resolved")
        everything = told_of(sink, name)
    assert everything[-1][1] == f"Resolved: the node {name} is back"
    kinds = [kind for kind, _ in everything]
    assert kinds == ["firing", "resolved"] * (len(kinds) // 2)


def test_a_node_for_which_purging_waits_is_told_and_that_it_purges_again(
    tmp_path: Path, postgres: Postgres, migrated_database: str, sink: HttpServer
) -> None:
    archives = {"FIRESTEEL_ARCHIVE": "on"}
    with two_nodes(tmp_path, postgres, migrated_database, **archives) as (one, two):
        put_alerts(one.running, sink)
        (name,) = [node["name"] for node in two.running.admin("GET", "/nodes") if node["answers"]]
        two.stop()
        ((kind, title),) = wait_until(lambda: told(sink, "archive"))
        assert (kind, f"that is left to the node {name}" in title) == ("firing", True)
        wait_until(lambda: "purging_waits" in one.running.said())
        two.start()
        _, over = wait_until(lambda: told(sink, "archive")[1:] and told(sink, "archive"))
        wait_until(lambda: "purging_goes_on" in one.running.said())
    assert over == ("resolved", f"Resolved: the node {name} purges again")


def test_a_node_that_is_down_and_not_told_is_found(
    tmp_path: Path, postgres: Postgres, migrated_database: str, sink: HttpServer, report: Report
) -> None:
    defect = "leases_not_looked_at"
    with two_nodes(tmp_path, postgres, migrated_database, defect) as (one, two):
        put_alerts(one.running, sink)
        two.kill()
        with pytest.raises(AssertionError, match="in vain"):
            wait_until(lambda: told(sink, "nodes"), FOUND_S)
    report.defect("0075", defect, found=True)
