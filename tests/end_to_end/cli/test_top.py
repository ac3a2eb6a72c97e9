"""``firesteel top``: what a node does, live on a terminal and once into a pipe."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from termios import ECHO, TIOCSWINSZ, tcgetattr

import pytest

from tests.end_to_end.cli.conftest import CommandLine
from tests.support.node import RunningNode, wait_until

_LINES, _COLUMNS = 40, 140
_TERM_S = 60.0


class Terminal:
    """A command on a terminal of its own; ``shown`` is everything that it has written."""

    def __init__(self, *words: str, data_dir: str) -> None:
        self.master, self.slave = pty.openpty()
        ioctl(self.slave, TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        self.before = tcgetattr(self.slave)
        environment = {**os.environ, "FIRESTEEL_DATA_DIR": data_dir, "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firesteel", *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment,
        )
        self.shown = ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        while True:
            try:
                self.shown += os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:  # the terminal is closed
                return

    def press(self, key: str) -> None:
        os.write(self.master, key.encode())

    def until(self, pattern: str, since: int = 0) -> str:
        """The text that fits, as soon as it is shown."""

        def found() -> re.Match[str] | None:
            ended = self.process.poll() not in (None, 0)
            assert not ended, f"it ended with {self.process.returncode}: {self.shown}"
            return re.search(pattern, self.shown[since:])

        match: re.Match[str] = wait_until(found)
        return match.group()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(_TERM_S)
        os.close(self.slave)
        os.close(self.master)
        self._reading.join()


@contextlib.contextmanager
def terminal(*words: str, data_dir: str) -> Iterator[Terminal]:
    shown = Terminal(*words, data_dir=data_dir)
    try:
        yield shown
    finally:
        shown.close()


@pytest.fixture
def busy(node: RunningNode) -> Iterator[RunningNode]:
    """A node that is called all the time."""
    stop = threading.Event()

    def call() -> None:
        while not stop.wait(0.05):
            node.call("Orders", json={"customer_no": "m", "order_no": "m"})

    calling = threading.Thread(target=call)
    calling.start()
    try:
        yield node
    finally:
        stop.set()
        calling.join()


def test_into_a_pipe_one_picture_is_printed_without_colours(
    cli: CommandLine, busy: RunningNode
) -> None:
    assert cli("top", "--interval", "0.5", "--sort", "name") == 0, cli.err
    assert "\x1b" not in cli.out
    lines = cli.out.splitlines()
    assert re.match(r"firesteel \S+ \S+ +accepting", lines[0])
    (titles,) = [line for line in lines if line.startswith("integration v")]
    assert titles.split()[2:6] == ["calls/s", "refused/s", "ended/s", "failed/s"]
    (orders,) = [line for line in lines if line.startswith("Orders ")]
    assert float(orders.split()[1]) > 0


def test_as_json_rates_and_states_are_told_for_machines(
    cli: CommandLine, busy: RunningNode
) -> None:
    told = cli.json("top", "--interval", "0.5")
    assert told["node"]["calls"] > 0
    assert told["node"]["accept_p99_s"] > 0
    assert told["node"]["workers"] >= 1
    by_name = {one["integration"]: one for one in told["integrations"]}
    assert by_name["Orders"]["calls"] > 0
    assert by_name["Echo"]["calls"] == 0


def test_on_a_terminal_it_goes_on_sorts_by_keys_and_leaves_the_terminal_as_it_was(
    busy: RunningNode,
) -> None:
    with terminal("top", "-i", "0.3", data_dir=str(busy.data_dir)) as shown:
        shown.until("calls/s v")
        shown.until("q ends, s sorts")
        assert not tcgetattr(shown.slave)[3] & ECHO
        since = len(shown.shown)
        shown.press("w")
        shown.until("waiting v", since)
        since = len(shown.shown)
        shown.press("s")
        shown.until("oldest v", since)
        since = len(shown.shown)
        shown.until("accepting", since)
        shown.press("q")
        assert shown.process.wait(_TERM_S) == 0
        assert tcgetattr(shown.slave) == shown.before
        shown.until(re.escape("\x1b[?1049l"))


def test_without_a_node_it_says_so_and_ends(cli: CommandLine, tmp_path: Path) -> None:
    assert cli("top", "--data-dir", tmp_path) == 3
    assert "no node runs" in cli.err
    assert cli.out == ""
