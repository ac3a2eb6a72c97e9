"""The database goes and comes back: callers are told at once, and everything goes on by itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.conftest import Size
from tests.end_to_end.several_nodes.conftest import Place, fill, refused
from tests.fault.report import Report
from tests.support.cluster import Cluster, Member, new_key
from tests.support.http_server import HttpServer
from tests.support.node import WAIT_S, ProjectFolder, launch_node, until_ready, wait_until
from tests.support.postgres import Postgres
from tests.support.scrape import scrape

WITHIN_S = 5.0
SLOW_LOADING = Path(__file__).parents[2] / "support" / "slow_loading"


@pytest.fixture
def server() -> Iterator[Postgres]:
    with Postgres.started() as started:
        yield started


@pytest.fixture
def place(server: Postgres, http_server: HttpServer, tmp_path: Path) -> Iterator[Place]:
    """A gateway and a worker on a server of their own."""
    fill(ProjectFolder(tmp_path / "project"), http_server)
    environment = {
        "FIRESTEEL_DATABASE_URL": server.url(),
        "FIRESTEEL_ENCRYPTION_KEY": new_key(),
        "FIRESTEEL_WORKERS": "1",
        "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
        "SINK": http_server.url,
        "TOKEN": "any",
    }
    cluster = Cluster(tmp_path, tmp_path / "project", environment)
    cluster.add("gateway", "gateway")
    cluster.add("worker", "worker")
    try:
        cluster.start()
        yield Place(cluster, http_server)
    except BaseException:
        cluster.print_output()
        raise
    finally:
        cluster.stop()


def ready(member: Member) -> int:
    url = f"{member.running.address['admin_url']}/health/ready"
    return member.running.client.get(url).status_code


def healthy(member: Member) -> int:
    return member.running.client.get(f"{member.url}/-/health").status_code


def test_p04_p33_calls_get_503_while_the_database_is_gone_and_all_goes_on_when_it_is_back(
    place: Place, server: Postgres, gate: threading.Event, size: Size, report: Report
) -> None:
    gateway, worker = place.gateway, place.worker
    engines = [gateway.running.engine_pid, worker.running.engine_pid]
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(gateway.running.call, "Held", json={})
        wait_until(lambda: place.sink.received)
        server.stop()
        gone = time.monotonic()

        refused = gateway.running.call("Who", json={})
        took_s = time.monotonic() - gone
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert refused.json()["type"] in (
            "urn:firesteel:store_unavailable",
            "urn:firesteel:outcome_unknown",
        )
        for member in (gateway, worker):
            wait_until(lambda m=member: ready(m) == 503)
        wait_until(lambda: healthy(gateway) == 503)
        red_s = time.monotonic() - gone
        told = scrape(gateway.running)
        assert told.value("store_available") == told.value("accepting") == 0
        assert told.value("refusing", reason="store_unavailable") == 1
        gate.set()  # what runs ends, and its outcome waits for the database

        server.start()
        back = time.monotonic()
        wait_until(lambda: healthy(gateway) == 200)
        for member in (gateway, worker):
            wait_until(lambda m=member: ready(m) == 200)
        green_s = time.monotonic() - back
        assert waits.result().status_code == 200
        wait_until(lambda: gateway.running.call("Who", json={}).status_code == 200)
        served_s = time.monotonic() - back
    assert [gateway.running.engine_pid, worker.running.engine_pid] == engines
    note = f"503 after {took_s:.1f} s, red {red_s:.1f}, green {green_s:.1f}, served {served_s:.1f}"
    report.row("P33", "the database of several nodes stopped", cycles=1, note=note)
    if size != "quick":
        assert max(took_s, red_s, green_s) < WITHIN_S


def test_a_node_whose_database_is_not_there_yet_says_so_and_starts_when_it_is(
    server: Postgres, tmp_path: Path
) -> None:
    environment = {
        "FIRESTEEL_DATABASE_URL": server.url(),
        "FIRESTEEL_ENCRYPTION_KEY": new_key(),
        "FIRESTEEL_WORKERS": "1",
    }
    (tmp_path / "project").mkdir()
    cluster = Cluster(tmp_path, tmp_path / "project", environment)
    early = cluster.add("early")
    server.stop()
    early.launch()

    def told() -> bool:
        try:
            return httpx2.get(f"{early.url}/test/Any").status_code == 503
        except httpx2.TransportError:
            return False

    try:
        wait_until(told)
        server.start()
        wait_until(lambda: httpx2.get(f"{early.url}/-/health").status_code == 200)
    finally:
        early.stop()


def test_p36_a_node_that_starts_answers_while_its_database_says_nothing(tmp_path: Path) -> None:
    """Callers are told before the node itself has given up its first try."""
    (tmp_path / "project").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(WAIT_S)
        port = silent.getsockname()[1]
        environment = {
            "FIRESTEEL_DATABASE_URL": f"postgresql://firesteel@127.0.0.1:{port}/firesteel",
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
        }
        node = Cluster(tmp_path, tmp_path / "project", environment).add("cut")
        node.launch()
        told = node.node
        assert told is not None
        try:
            tried, _ = silent.accept()
            with tried:
                assert httpx2.get(f"{node.url}/test/Any", timeout=WAIT_S).status_code == 503
                assert "store_cannot_be_opened" not in told.said()
        finally:
            node.stop()


def test_p36_a_node_that_is_long_in_loading_says_so_and_then_takes_calls(
    server: Postgres, tmp_path: Path
) -> None:
    """On a busy machine that takes many seconds, and another node may have time for the call."""
    ProjectFolder(tmp_path / "project").integration({"name": "Recorded"})
    loaded = tmp_path / "loaded"
    environment = {
        "FIRESTEEL_DATABASE_URL": server.url(),
        "FIRESTEEL_ENCRYPTION_KEY": new_key(),
        "FIRESTEEL_WORKERS": "1",
        "PYTHONPATH": str(SLOW_LOADING),
        "LOADED_WHEN": str(loaded),
    }
    node = Cluster(tmp_path, tmp_path / "project", environment).add("slow")

    def call() -> httpx2.Response | None:
        try:
            return httpx2.post(f"{node.url}/test/Recorded", timeout=WAIT_S)
        except httpx2.ConnectError:  # nothing is bound yet
            return None

    node.launch()
    try:
        refusal = wait_until(call)
        assert refusal.status_code == 503
        assert refusal.json()["type"] == "urn:firesteel:store_unavailable"
        assert int(refusal.headers["retry-after"]) > 0
        loaded.touch()
        until_ready(node.running)
        assert node.running.call("Recorded").status_code == 202
    finally:
        node.stop()


def test_p35_an_unsafe_database_is_refused_with_one_clear_line(
    server: Postgres, data_dir: Path
) -> None:
    plain = server.url().replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(b"ALTER ROLE firesteel SET synchronous_commit = off")
    node = launch_node(data_dir, FIRESTEEL_DATABASE_URL=server.url())
    said = refused(node)
    (line,) = [one for one in said.splitlines() if "store_unsafe" in one]
    assert "synchronous_commit" in line
    assert server.password not in said


def test_p35_a_database_that_comes_back_or_is_reloaded_unsafe_gets_no_calls_until_it_is_safe(
    place: Place, server: Postgres
) -> None:
    gateway = place.gateway
    engine = gateway.running.engine_pid
    server.stop()
    server.start("fsync=off")
    wait_until(lambda: reason(gateway) == "store_unsafe")
    assert healthy(gateway) == 503
    refused = gateway.running.call("Who", json={})
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:firesteel:store_unsafe")
    assert refused.headers["retry-after"]
    server.stop()
    server.start()
    wait_until(lambda: gateway.running.call("Who", json={"n": 1}).status_code == 200)
    wait_until(lambda: reason(gateway) is None)
    assert gateway.running.engine_pid == engine
    (line,) = [one for one in gateway.running.said().splitlines() if "store_unsafe" in one]
    assert "fsync" in line

    with psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True) as operator:
        operator.execute("ALTER SYSTEM SET fsync = off")
        operator.execute("SELECT pg_reload_conf()")
        wait_until(lambda: reason(gateway) == "store_unsafe")
        refused = gateway.running.call("Who", json={})
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:firesteel:store_unsafe")
        operator.execute("ALTER SYSTEM RESET fsync")
        operator.execute("SELECT pg_reload_conf()")
    wait_until(lambda: gateway.running.call("Who", json={"n": 2}).status_code == 200)
    assert gateway.running.engine_pid == engine


def reason(member: Member) -> str | None:
    """Why it is not ready."""
    url = f"{member.running.address['admin_url']}/health/ready"
    why: str | None = member.running.client.get(url).json()["reason"]
    return why


def test_a_node_that_the_database_does_not_let_in_ends_with_one_clear_line(
    server: Postgres, data_dir: Path
) -> None:
    url = server.url().replace(server.password, "hunter2-no-more")
    said = refused(launch_node(data_dir, FIRESTEEL_DATABASE_URL=url))
    (line,) = [one for one in said.splitlines() if "store_refused" in one]
    assert "authentication failed" in line
    assert "hunter2" not in said
