"""``make demo-cluster``: the demo on several nodes, of which any may be killed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.node import KEY, wait_until
from tests.support.processes import children, running, wait_gone

ROOT = Path(__file__).parents[3]
FOLDER = ".firesteel-demo-cluster"
COMMAND = [sys.executable, "-m", "scripts.demo_cluster"]
LAST_LINE = "Ctrl-C stops everything"
WAIT_S = 60.0


@dataclass
class Demo:
    """The running command, what it printed, and the process of each node by name."""

    process: subprocess.Popen[str]
    printed: str
    nodes: dict[str, int]

    def curl_lines(self) -> list[tuple[list[str], str]]:
        """The words of each line that the demo offers, and what it says of the answer."""
        found = re.findall(r"^(curl .*)\n  -> (.*)$", self.printed, re.MULTILINE)
        return [(shlex.split(line), answer) for line, answer in found]

    def price(self) -> int:
        """The status of a call for a price, on a connection of its own."""
        words, _ = self.curl_lines()[0]
        url = next(word for word in words if word.startswith("http"))
        key = next(word for word in words if word.startswith("x-api-key")).partition(": ")[2]
        try:
            return httpx2.get(url, headers={"x-api-key": key}, timeout=WAIT_S).status_code
        except httpx2.TransportError:
            return 0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DEMO_KEY": KEY, "NO_COLOR": "1"}
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith(LAST_LINE):
                    break
            printed = "".join(lines)
            table = re.findall(r"^  ((?:gateway|worker)-\d) +(\d+)", printed, re.MULTILINE)
            yield Demo(process, printed, {name: int(pid) for name, pid in table})
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_S)
    subprocess.run([*COMMAND, "--clean"], cwd=tmp_path, env=environment, check=True)
    assert not (tmp_path / FOLDER).exists()


def test_the_demo_on_several_nodes_answers_and_goes_on_when_one_is_killed(demo: Demo) -> None:
    assert sorted(demo.nodes) == ["gateway-1", "gateway-2", "worker-1", "worker-2"]
    for words, said in demo.curl_lines():
        shown = subprocess.run([*words, "-s"], check=True, capture_output=True, text=True).stdout
        if "..." not in said:
            assert json.loads(shown) == json.loads(said.partition(" ")[2])
        assert json.loads(shown)
    for name in ("gateway-1", "worker-2"):
        os.kill(demo.nodes[name], signal.SIGKILL)
        wait_until(lambda: demo.price() == 200)
    begun = children(demo.process.pid)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(WAIT_S) == 0
    wait_gone(begun)
    assert not running(set(demo.nodes.values()))


def test_a_port_that_is_taken_is_named_with_the_way_to_another_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "FIRESTEEL_PORT": port}
        told = subprocess.run(
            COMMAND, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert told.returncode == 1
    assert f"port {port} cannot be had" in told.stdout
    assert "FIRESTEEL_PORT" in told.stdout
    assert not (tmp_path / FOLDER).exists()
