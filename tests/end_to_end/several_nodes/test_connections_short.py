"""The database has too few connections for a node: callers are told at once, at the start and
later, and all goes on by itself when there is room."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest

from firesteel.store.postgresql.store import NEEDED
from tests.conftest import Size
from tests.support.cluster import Cluster, Member, new_key
from tests.support.node import KEY, WAIT_S, ProjectFolder, wait_until
from tests.support.postgres import Postgres

WITHIN_S = 5.0
SLOTS = 12
# A node that has lost its lease begins anew, and must tell callers meanwhile too.
SHORT_S = 25.0


@dataclass
class Room:
    """How many connections the role ``app`` may have to the database of its name."""

    server: Postgres

    def __post_init__(self) -> None:
        self.administer("CREATE ROLE app LOGIN PASSWORD 'app'")
        self.administer("CREATE DATABASE app OWNER app")

    @property
    def url(self) -> str:
        return f"postgresql://app:app@127.0.0.1:{self.server.port}/app"

    def administer(self, statement: str) -> None:
        plain = self.server.url().replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement.encode())

    def limit(self, connections: int) -> None:
        """-1: as many as the server has."""
        self.administer(f"ALTER ROLE app CONNECTION LIMIT {connections}")

    def end_all(self) -> None:
        """End the connections that there are."""
        self.administer(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"
        )

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Others have all connections that the server has for its users."""
        with contextlib.ExitStack() as others:
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    others.enter_context(psycopg.connect(self.url))
            yield


@dataclass
class Doors:
    """Both ports of a node, asked in turn; ``slowest_s``: the longest wait for an answer."""

    member: Member
    slowest_s: float = 0.0

    def ask(self) -> list[int]:
        """What a call, a page, the state of health and the REST API answer now; each answers."""
        admin = f"http://127.0.0.1:{self.member.environment['FIRESTEEL_ADMIN_PORT']}"
        return [
            self._ask(f"{self.member.url}/test/Who", "POST"),
            self._ask(f"{admin}/sign-in"),
            self._ask(f"{admin}/health/ready"),
            self._ask(f"{admin}/api/v1/openapi.json"),
        ]

    def _ask(self, url: str, method: str = "GET") -> int:
        began_s = time.monotonic()
        answer = httpx2.request(method, url, headers={"x-api-key": KEY}, timeout=WAIT_S)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
        if answer.status_code == 503 and "/health/" not in url:
            assert answer.headers["retry-after"]
        return answer.status_code

    def wait(self, *wanted: int) -> None:
        wait_until(lambda: self.ask() == list(wanted))


@pytest.fixture
def room() -> Iterator[Room]:
    with Postgres.started(settings=(f"max_connections={SLOTS}",)) as server:
        yield Room(server)


@pytest.fixture
def member(room: Room, tmp_path: Path) -> Iterator[Member]:
    """A node that does not run yet."""
    project = ProjectFolder(tmp_path / "project")
    steps = [{"name": "one", "map": "{% 1 %}"}]
    waits = {"request_response": {"timeout": "10s"}}
    project.integration({"name": "Who", "trigger": waits, "workflow": {"steps": steps}})
    cluster = Cluster(tmp_path, project.path, {"FIRESTEEL_DATABASE_URL": room.url})
    admin = cluster.add("admin").port
    node = cluster.add(
        "node",
        FIRESTEEL_ADMIN_PORT=str(admin),
        FIRESTEEL_ENCRYPTION_KEY=new_key(),
        FIRESTEEL_WORKERS="1",
    )
    try:
        yield node
    except BaseException:
        cluster.print_output()
        raise
    finally:
        cluster.stop()


def until_listening(member: Member) -> None:
    def listening() -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return bool(httpx2.get(f"{member.url}/-/health", timeout=WAIT_S).status_code)
        return False

    wait_until(listening)


def stay(doors: Doors, seconds: float) -> None:
    """Ask on, so long."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        doors.ask()


@pytest.mark.parametrize("limit", [2, NEEDED - 1])
def test_p04_a_node_that_starts_without_room_for_its_connections_tells_callers_so(
    room: Room, member: Member, limit: int, size: Size
) -> None:
    room.limit(limit)
    member.launch()
    until_listening(member)
    doors = Doors(member)
    doors.wait(503, 503, 503, 503)
    wait_until(lambda: "too many connections" in member.running.said())
    stay(doors, 0.0 if size == "quick" else SHORT_S)

    room.limit(-1)
    doors.wait(200, 200, 200, 200)
    said = member.running.said()
    (line,) = [one for one in said.splitlines() if "too many connections" in one]
    assert f"{NEEDED} are needed" in line
    assert "exit code" not in said
    if size != "quick":
        assert doors.slowest_s < WITHIN_S


def test_p04_a_node_that_starts_while_others_have_all_connections_tells_callers_so(
    room: Room, member: Member
) -> None:
    with room.taken():
        member.launch()
        until_listening(member)
        doors = Doors(member)
        doors.wait(503, 503, 503, 503)
    doors.wait(200, 200, 200, 200)
    assert "exit code" not in member.running.said()


def test_a_node_runs_with_the_connections_that_it_needs(room: Room, member: Member) -> None:
    room.limit(NEEDED)
    member.start()
    doors = Doors(member)
    for _ in range(3):
        doors.wait(200, 200, 200, 200)


def test_p04_a_node_that_loses_its_connections_and_gets_no_others_tells_callers_so(
    room: Room, member: Member, size: Size
) -> None:
    member.start()
    doors = Doors(member)
    doors.wait(200, 200, 200, 200)
    room.limit(2)
    room.end_all()
    wait_until(lambda: doors.ask()[0] == 503)
    stay(doors, 0.0 if size == "quick" else SHORT_S)

    room.limit(-1)
    doors.wait(200, 200, 200, 200)
    if size != "quick":
        assert doors.slowest_s < WITHIN_S
