"""A real node for tests: supervisor, engine and workers as processes, on ports of their own.

Projects are written as Python dictionaries; a JSON document is an integration file too.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

KEY = "test-key-0123456789abcdef"
START_S = 180.0
WAIT_S = 60.0
POLL_S = 0.01
AUTHENTICATION = [{"api_key": {"label": "tester", "value": KEY}}]


@dataclass
class ProjectFolder:
    """A project folder that a test fills."""

    path: Path

    def integration(self, document: Mapping[str, Any]) -> None:
        """Write an integration; one without a trigger gets an API key."""
        trigger = {"authentication": AUTHENTICATION, **document.get("trigger", {})}
        whole = {**document, "trigger": trigger}
        self._write(f"integrations/{document['name']}.yaml", json.dumps(whole, indent=2))

    def module(self, name: str, source: str) -> None:
        """Write a module of Python workflows."""
        self._write(f"workflows/{name}.py", source)

    def connections(self, document: Mapping[str, Any]) -> None:
        """Write connections.yaml."""
        self._write("connections.yaml", json.dumps(document))

    def _write(self, name: str, text: str) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@dataclass
class RunningNode:
    """A node that was started by ``start_node``; ``process`` is its supervisor."""

    process: subprocess.Popen[str]
    data_dir: Path
    lines: queue.SimpleQueue[str]
    output: list[str] = field(default_factory=list)
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=WAIT_S))

    @property
    def address(self) -> dict[str, Any]:
        """What the engine wrote about itself when it was ready."""
        described: dict[str, Any] = json.loads((self.data_dir / "node.json").read_text())
        return described

    @property
    def public_url(self) -> str:
        return str(self.address["public_url"])

    @property
    def engine_pid(self) -> int:
        return int(self.address["pid"])

    @property
    def worker_pids(self) -> list[int]:
        """Of the workers that have joined."""
        return [worker["pid"] for worker in self.admin("GET", "/workers")]

    def call(self, name: str, method: str = "POST", **request: Any) -> httpx2.Response:
        """Call a trigger of the workspace ``test`` with the test's key."""
        headers = {"x-api-key": KEY, **request.pop("headers", {})}
        url = f"{self.public_url}/test/{name}"
        return self.client.request(method, url, headers=headers, **request)

    def admin(self, method: str, path: str, **request: Any) -> Any:
        """Call the REST API; raises for anything but a 2xx."""
        address = self.address
        answer = self.client.request(
            method,
            f"{address['admin_url']}/api/v1{path}",
            headers={"Authorization": f"Bearer {address['token']}"},
            **request,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def status(self, answer: httpx2.Response) -> dict[str, Any]:
        """The state of the message that an answer names, by the public status route."""
        url = answer.request.url
        path = f"{url.path}/messages/{answer.headers['firesteel-message-id']}"
        found = self.client.get(f"{self.public_url}{path}", headers={"x-api-key": KEY})
        found.raise_for_status()
        described: dict[str, Any] = found.json()
        return described

    def until_settled(self, answer: httpx2.Response) -> dict[str, Any]:
        """Wait until the message has a terminal state."""
        terminal = ("succeeded", "failed", "cancelled", "skipped")
        settled: dict[str, Any] = wait_until(
            lambda: _if(self.status(answer), lambda status: status["state"] in terminal)
        )
        return settled

    def wait_ready(self) -> None:
        """Until the public port says that the node takes calls, after an engine was killed."""

        def healthy() -> bool:
            with contextlib.suppress(httpx2.HTTPError, OSError, ValueError):
                return self.client.get(f"{self.public_url}/-/health").status_code == 200
            return False

        wait_until(healthy)

    def kill_engine(self) -> None:
        os.kill(self.engine_pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the supervisor at once; its children follow by themselves."""
        self.process.kill()
        self.process.wait(WAIT_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        code = self.stop_process()
        self.client.close()
        return code

    def stop_process(self) -> int:
        """SIGTERM; the exit code. Calls that wait keep their connections."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)

    def said(self) -> str:
        """All that it has printed so far."""
        while not self.lines.empty():
            self.output.append(self.lines.get())
        return "".join(self.output)

    def print_output(self) -> None:
        """For the report of a test that failed."""
        print(self.said())  # noqa: T201


def launch_node(
    data_dir: Path, project: Path | None = None, *, within: Sequence[str] = (), **environment: str
) -> RunningNode:
    """Start ``firesteel serve``; it is not ready yet. ``within``: words before the command, such as
    those that enter a network namespace and become what comes after them."""
    words = ["serve"] if project is None else ["serve", "--project", str(project)]
    environment = {"FIRESTEEL_WORKSPACE": "test", **environment}
    return launch(words, data_dir, within=within, **environment)


def launch(
    words: list[str], data_dir: Path, *, within: Sequence[str] = (), **environment: str
) -> RunningNode:
    """Start a command of ``firesteel`` that runs a node; it is not ready yet."""
    settings = {
        "FIRESTEEL_PORT": "0",
        "FIRESTEEL_ADMIN_PORT": "0",
        "FIRESTEEL_DATA_DIR": str(data_dir),
        "FIRESTEEL_WORKERS": "2",
        "FIRESTEEL_DISK_RESERVE": "0B",
        **environment,
    }
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "firesteel", *words],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    return RunningNode(process, data_dir, lines)


def start_node(data_dir: Path, project: Path | None = None, **environment: str) -> RunningNode:
    """Start ``firesteel serve`` and wait until it says that it is ready; one that does not in time
    is ended."""
    return until_ready(launch_node(data_dir, project, **environment))


def until_ready(node: RunningNode) -> RunningNode:
    """The node, once it says that it is ready; one that does not in time is ended."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            line = node.lines.get(timeout=max(deadline - time.monotonic(), 0.1))
        except queue.Empty:
            node.kill()
            line = ""
        node.output.append(line)
        if "is ready" in line or '"event": "node_ready"' in line:
            return node
        if not line:
            raise AssertionError("the node did not start:\n" + "".join(node.output))


@contextlib.contextmanager
def running_node(
    data_dir: Path, project: Path | None = None, **environment: str
) -> Iterator[RunningNode]:
    """A node for the length of a block; what it printed is shown when the block fails."""
    node = start_node(data_dir, project, **environment)
    try:
        yield node
    except BaseException:
        node.print_output()
        raise
    finally:
        node.stop()


def wait_until(found: Any, timeout_s: float = WAIT_S, *, every_s: float = POLL_S) -> Any:
    """The first true value of ``found()``; fails when the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(every_s)


def _if(value: Any, condition: Any) -> Any:
    return value if condition(value) else None


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    """Everything that the node prints; "" at its end."""
    assert process.stdout is not None
    with process.stdout as stdout:
        for line in stdout:
            lines.put(line)
    lines.put("")
