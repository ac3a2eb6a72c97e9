"""Three nodes on one PostgreSQL, for a soak: a gateway, a worker, and one that is both."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

from tests.fault.defects import together
from tests.fault.nodes import Nodes, Setting
from tests.fault.short_lease import LEASE_S, SHORT_LEASE
from tests.fault.test_restore_postgresql import plain, tool
from tests.fault.witness import Witness
from tests.soak.on_sqlite import HOUR_S, SHORTER
from tests.soak.place import Act, Place, moment, until_asked
from tests.support.cluster import Member, Role
from tests.support.node import RunningNode, until_ready
from tests.support.postgres import Postgres

ROLES: tuple[Role, ...] = ("gateway", "worker", "all")
GONE_S = 5.0
PAUSE_S = 2 * LEASE_S
CONNECT_S = 5


class SeveralNodes(Place):
    """Their lease is three seconds, so that it is outlived often."""

    name = "PostgreSQL"
    pauses_past_the_lease = True
    server: Postgres

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls, folder: Path, *, hour_s: float, defects: tuple[Path, ...] = ()
    ) -> Iterator[Place]:
        """New nodes on a server of their own; ``hour_s``, ``defects``: as for one node."""
        folder.mkdir(parents=True)
        shorter = () if hour_s >= HOUR_S else SHORTER
        sources = together(folder / "changed", SHORT_LEASE, *shorter, *defects)
        with (
            Postgres.started() as server,
            Witness.started(folder / "effects.jsonl") as witness,
        ):
            environment = (
                sources,
                ("HOUR_S", str(hour_s)),
                ("FIRESTEEL_ARCHIVE_DIR", str(folder / "archive")),
                *witness.environment().items(),
            )
            setting = Setting(server.url(), ROLES, environment)
            with Nodes.started(folder, setting) as nodes:
                place = cls(folder, witness, nodes)
                place.server = server
                yield place

    def storm(self) -> Mapping[str, Act]:
        return {
            "node killed": self._kill,
            "worker killed": self._kill_worker,
            "node paused": self._pause,
            "node started anew": self._start_anew,
            "database killed": self._kill_database,
            "encryption key changed": self._rotate,
            **self.calm(),
        }

    def calm(self) -> Mapping[str, Act]:
        return {
            "version published": self.publish,
            "backed up": self.back_up,
            "statistics of the database made": self._analyse,
        }

    def processes(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for member in self._nodes.members:
            node = member.node
            if node is None:
                continue
            found |= dict.fromkeys(member.pids(), "worker")
            found |= {node.process.pid: "supervisor", node.engine_pid: "engine"}
        return found

    def store_bytes(self) -> int:
        with psycopg.connect(plain(self.server.url()), connect_timeout=CONNECT_S) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])

    def node(self) -> RunningNode:
        return next(m.running for m in self._nodes.cluster.gateways() if m.alive and not m.paused)

    @property
    def _nodes(self) -> Nodes:
        assert isinstance(self.service, Nodes)
        return self.service

    def _missing(self, copy: Path, before: set[str]) -> set[str]:
        """As an operator does it: PostgreSQL's own tools."""
        url = plain(self.server.url())
        tool(self.server, "pg_dump", "--format=custom", f"--file={copy}", url)
        told = subprocess.run(
            [self.server.programs / "pg_restore", "--data-only", "--table=message", "-f-", copy],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return {message for message in before if message not in told}

    def _analyse(self, _: random.Random) -> None:
        """What autovacuum does by and by, at once."""
        with psycopg.connect(plain(self.server.url()), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def _kill(self, chance: random.Random) -> None:
        node = chance.choice(self._nodes.members)
        node.kill()
        moment(chance, PAUSE_S)
        node.start()

    def _kill_worker(self, chance: random.Random) -> None:
        node = chance.choice([m for m in self._nodes.members if m.role != "gateway"])
        node.kill_workers()

    def _pause(self, chance: random.Random) -> None:
        """Perhaps past its lease."""
        node = chance.choice(self._nodes.members)
        node.pause()
        try:
            moment(chance, PAUSE_S)
        finally:
            node.go_on()

    def _start_anew(self, chance: random.Random) -> None:
        """Stopped in order, and started again."""
        self._restart(chance.choice(self._nodes.members))

    def _restart(self, node: Member) -> None:
        node.stop()
        node.launch()
        until_ready(node.running)

    def _kill_database(self, chance: random.Random) -> None:
        self.server.kill()
        moment(chance, GONE_S)
        self.server.start()

    def _rotate(self, _: random.Random) -> None:
        """The next key is made, each node gets it and starts anew, the one before is let go."""
        given: list[str] = []
        until_asked(
            lambda: given.append(self.node().admin("POST", "/encryption/rotate")["next_key"])
        )
        for member in self._nodes.members:
            member.environment["FIRESTEEL_ENCRYPTION_KEY"] = given[-1]
            self._restart(member)
        until_asked(lambda: self.node().admin("POST", "/encryption/finish"))
