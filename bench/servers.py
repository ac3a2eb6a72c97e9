"""Starts what is measured: a Firesteel node in a folder of its own, and the bare server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = HERE / "project"
READY_S = 30.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def make_items(file: Path) -> None:
    """The database that an ``sql`` step asks: 10,000 items with their prices."""
    with closing(sqlite3.connect(file)) as items, items:
        items.execute("CREATE TABLE item (item_no TEXT PRIMARY KEY, price REAL)")
        rows = ((f"A-{number}", number / 100) for number in range(10_000))
        items.executemany("INSERT INTO item VALUES (?, ?)", rows)


class Server:
    """A process with a public URL that is ready when it answers."""

    def __init__(self, command: list[str], url: str, environment: dict[str, str]) -> None:
        self.url = url
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        )

    def wait_ready(self, path: str) -> float:
        """Seconds until it answered."""
        return wait_until_ready(self.url + path)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def wait_until_ready(url: str) -> float:
    """Seconds until somebody answered there."""
    began = time.monotonic()
    while time.monotonic() - began < READY_S:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return time.monotonic() - began
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"{url} did not answer within {READY_S:.0f} s")


def bare_server() -> Server:
    """Bare uvicorn that answers a constant after reading the body."""
    port = free_port()
    command = [sys.executable, str(HERE / "bare_server.py"), str(port)]
    server = Server(command, f"http://127.0.0.1:{port}", {})
    server.wait_ready("/")
    return server


@dataclass
class Node:
    """A Firesteel node with the benchmark's project."""

    server: Server
    folder: Path
    ready_s: float

    @classmethod
    def start(cls, folder: Path, **environment: str) -> Node:
        """A node in ``folder``; a second start goes on with its data. ``environment``: settings
        beside the usual, such as the database that it shares with others."""
        project = folder / "project"
        if not project.exists():
            shutil.copytree(PROJECT, project)
            make_items(folder / "items.db")
        port, admin_port = free_port(), free_port()
        command = [sys.executable, "-m", "firesteel", "serve", "--project", str(project)]
        settings = {
            "FIRESTEEL_PORT": str(port),
            "FIRESTEEL_ADMIN_PORT": str(admin_port),
            "FIRESTEEL_DATA_DIR": str(folder / "data"),
            "FIRESTEEL_LOG_LEVEL": "warning",
            "BENCH_ITEMS": str(folder / "items.db"),
            **environment,
        }
        server = Server(command, f"http://127.0.0.1:{port}", settings)
        if environment.get("FIRESTEEL_ROLE") == "worker":  # it has no public port
            return cls(
                server, folder, wait_until_ready(f"http://127.0.0.1:{admin_port}/health/ready")
            )
        return cls(server, folder, server.wait_ready("/-/health"))

    @property
    def address(self) -> dict[str, Any]:
        """What the node wrote about itself."""
        handed: dict[str, Any] = json.loads((self.folder / "data" / "node.json").read_text())
        return handed

    def admin(self, method: str, path: str, document: object = None) -> Any:
        """Call the REST API."""
        address = self.address
        request = urllib.request.Request(
            address["admin_url"] + "/api/v1" + path,
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Authorization": f"Bearer {address['token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def url(self, integration: str) -> str:
        """Where the integration is called."""
        return f"{self.server.url}/bench/{integration}"

    def control(self, act: str, integration: str) -> None:
        """``pause`` or ``resume`` a trigger."""
        self.admin("POST", f"/workspaces/bench/lanes/{act}", {"integration": integration})

    def backlog(self, integration: str) -> dict[str, int]:
        """Executions of a trigger that wait and that run, from the metrics."""
        with urllib.request.urlopen(self.address["admin_url"] + "/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        label = f'integration="{integration}"'
        return {
            state: int(float(line.split()[-1]))
            for state in ("waiting", "running")
            for line in lines
            if line.startswith(f"firesteel_executions_{state}{{") and label in line
        }

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.folder / "data" / "firesteel.db"

    def engine_memory_mib(self) -> float:
        """Resident memory of the engine process (Linux)."""
        status = Path(f"/proc/{self.address['pid']}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024

    def processor_s(self) -> float:
        """User and system seconds of all the node's processes so far (Linux)."""
        return processor_s_of(self.server.process.pid)


def processor_s_of(pid: int) -> float:
    """User and system seconds of a process and all its children so far, also of those that have
    ended (Linux)."""
    pids, total = [pid], 0
    for one in pids:
        children = Path(f"/proc/{one}/task/{one}/children").read_text()
        pids += [int(child) for child in children.split()]
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def settle(node: Node) -> None:
    """Wait until nothing waits or runs."""
    for name in ("Accept", "Respond", "Mapped", "Query"):
        wait_until_waiting(node, name, 0)


def wait_until_waiting(node: Node, integration: str, most: int) -> None:
    """Until at most so many messages wait or run."""
    while True:
        found = node.backlog(integration)
        if found["waiting"] + found["running"] <= most:
            return
        time.sleep(0.1)
