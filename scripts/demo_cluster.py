"""``make demo-cluster``: the demo on several nodes, all on this machine.

PostgreSQL, two gateways and two workers behind a plain TCP balancer, with the integrations of
``make demo``. It prints where everything is and how to kill a node; one that was killed is started
again after a while, as systemd or Kubernetes would. Everything is kept in the folder
``.firesteel-demo-cluster`` here, and a second run goes on with it; ``make demo-clean`` removes it.
Calls are taken on ``FIRESTEEL_PORT``, and the consoles on the four ports behind it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from firesteel.cli.demo import curl_lines, prepare
from firesteel.cli.output import painted
from tests.support.cluster import Cluster, Member, Role, balanced, free_port, new_key
from tests.support.postgres import USER, Postgres, base_folder, reachable

FOLDER = Path(".firesteel-demo-cluster")
NODES: tuple[tuple[str, Role], ...] = (
    ("gateway-1", "gateway"),
    ("gateway-2", "gateway"),
    ("worker-1", "worker"),
    ("worker-2", "worker"),
)
WORKSPACE = "demo"
DATABASE = "firesteel"
PORT = 8080
AGAIN_AFTER_S = 20.0
LOOK_EVERY_S = 0.2
LINE_S = 0.5


@dataclass
class DemoCluster:
    """Running nodes; ``port`` is the balancer's."""

    port: int
    cluster: Cluster
    postgres: Postgres
    sign_in: str = ""
    _told: threading.Event = field(default_factory=threading.Event)
    _ended_at: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, folder: Path, project: Path, port: int, environment: Mapping[str, str]
    ) -> Iterator[DemoCluster]:
        """All of it, ready; stopped in order at the end of the block. ``port``: of the balancer,
        the consoles are on the next ones; 0: free ones. ``environment``: of the nodes."""
        named, port = bool(port), port or free_port()
        with contextlib.ExitStack() as stack:
            postgres = stack.enter_context(Postgres.kept(_database_folder(folder)))
            settings = {
                "FIRESTEEL_DATABASE_URL": _database(postgres),
                "FIRESTEEL_ENCRYPTION_KEY": _encryption_key(folder),
                "FIRESTEEL_WORKSPACE": WORKSPACE,
                "FIRESTEEL_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "FIRESTEEL_LOG_LEVEL": "warning",
                "FIRESTEEL_SHUTDOWN_DELAY": "2s",
                **environment,
            }
            cluster = Cluster(folder, project, settings)
            for number, (name, role) in enumerate(NODES, 1):
                admin = port + number if named else free_port()
                cluster.add(name, role, FIRESTEEL_ADMIN_PORT=str(admin))
            stack.callback(cluster.stop)
            cluster.start()
            stack.enter_context(balanced(cluster.gateways(), port, tell=_say))
            demo = cls(port, cluster, postgres)
            for member in cluster.members.values():
                demo._hear(member)
            demo._told.wait(LINE_S)
            yield demo

    @property
    def url(self) -> str:
        """Where calls go."""
        return f"http://127.0.0.1:{self.port}"

    def tend(self) -> None:
        """Say which node has ended since the last look, and start those again that ended a while
        ago."""
        for name, member in self.cluster.members.items():
            if member.alive:
                continue
            if name not in self._ended_at:
                self._ended_at[name] = time.monotonic()
                _say(
                    f"{name} has ended; the others go on. It starts again in {AGAIN_AFTER_S:.0f} s"
                )
            elif time.monotonic() - self._ended_at[name] > AGAIN_AFTER_S:
                del self._ended_at[name]
                member.start()
                self._hear(member)
                _say(f"{name} runs again as process {member.running.process.pid}")

    def _hear(self, member: Member) -> None:
        """Keep what a node prints in its folder, for as long as it runs."""
        lines, log = member.running.lines, member.folder / "log"

        def copy() -> None:
            with log.open("a", encoding="utf-8") as file:
                while line := lines.get():
                    file.write(line)
                    file.flush()
                    if line.strip().startswith("Sign in"):
                        self.sign_in = line.split()[-1]
                        self._told.set()

        threading.Thread(target=copy, daemon=True).start()


def _database_folder(folder: Path) -> Path:
    """Where PostgreSQL keeps its data: where root runs this in a folder that nobody else may enter,
    that is another one, which a link names."""
    wanted = folder / "postgres"
    if wanted.is_symlink() and not wanted.exists():
        wanted.unlink()
    if os.geteuid() == 0 and not reachable(folder) and not wanted.exists():
        wanted.symlink_to(base_folder())
    wanted.mkdir(exist_ok=True)
    return wanted.resolve()


def _database(postgres: Postgres) -> str:
    """The URL of the cluster's database, which is made where it is not there yet."""
    plain = postgres.url().replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, (DATABASE,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    return postgres.url(DATABASE)


def _encryption_key(folder: Path) -> str:
    """The one key of all nodes, made at the first start."""
    file = folder / "encryption-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(new_key(), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def clean(folder: Path) -> None:
    """Remove everything that the demo has kept."""
    database = folder / "postgres"
    if database.is_symlink():
        shutil.rmtree(database.resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _print_ready(demo: DemoCluster) -> None:
    print(painted("The cluster is ready", "bold"))
    at = f"127.0.0.1:{demo.postgres.port}, user {USER}, database {DATABASE}"
    rows = [("Calls", f"{demo.url}/{WORKSPACE}/<integration>"), ("PostgreSQL", at)]
    if demo.sign_in:
        rows.append(("Sign in", demo.sign_in))
    for title, text in rows:
        print(f"  {title:<10} {text}")
    print(f"\n  {'Node':<10} {'Process':>8}  Console")
    for name, member in demo.cluster.members.items():
        node = member.running
        print(f"  {name:<10} {node.process.pid:>8}  {node.address['admin_url']}/")
    print()
    for line, answer in curl_lines(demo.url, WORKSPACE, os.environ["DEMO_KEY"]):
        print(f"{painted(line, 'bold')}\n  {painted('-> ' + answer, 'dim')}")
    first = next(iter(demo.cluster.members.values())).running.process.pid
    print(f"\nKill a node and go on calling: {painted(f'kill -9 {first}', 'bold')}")
    print("Its engine and workers end with it; what it was doing goes on elsewhere when its lease")
    print(f"of 15 s has lapsed, and it starts again after {AGAIN_AFTER_S:.0f} s.")
    print("\nCtrl-C stops everything; a second run goes on with the same data.", flush=True)


def _free(ports: Iterable[int]) -> bool:
    """Whether nobody listens on them; says which one is taken."""
    for port in ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            print(f"port {port} cannot be had: {error.strerror}; FIRESTEEL_PORT names another one")
            return False
    return True


def _stopped_by(number: int, _frame: object) -> None:
    raise SystemExit(0 if number == signal.SIGINT else 128 + number)


def main() -> int:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="demo-cluster", description=__doc__)
    port = int(os.environ.get("FIRESTEEL_PORT") or PORT)
    parser.add_argument("--port", type=int, default=port, help="of the balancer; 0: a free one")
    parser.add_argument("--clean", action="store_true", help="remove what the demo has kept")
    options = parser.parse_args()
    folder = FOLDER.absolute()
    if options.clean:
        clean(folder)
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopped_by)
    if options.port and not _free(range(options.port, options.port + len(NODES) + 1)):
        return 1
    project = prepare(folder)
    print("starting PostgreSQL, two gateways, two workers and a balancer", flush=True)
    with DemoCluster.started(folder, project, options.port, {}) as demo:
        _print_ready(demo)
        while True:
            demo.tend()
            time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
