"""Does what a page of the documentation says, from its first line to its last, on a real node.

A block under a paragraph that ends with a file's name and a colon (``Write `orders.py`:``) is
written to that file. In a ``console`` block, lines that begin with ``$`` are run in bash, and what
they print must be what stands below: a line ``...`` stands for any lines, ``...`` within a line for
any text. ``firesteel dev``, ``serve`` and ``demo`` go on in the background until the page's end, or
until ``migrate-store``, before which the reader stops the node.
Blocks in other languages are for the reader.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.markdown import Block, blocks
from tests.support.node import wait_until

# What the reader of a page has: a project of `firesteel init`, and mostly a running node.
PROJECT = (
    "firesteel init my-integrations",
    "cd my-integrations",
    "echo 'workspace = \"acme\"' > firesteel.toml",
)
NODE = (*PROJECT, "firesteel dev")
COMMAND_S = 60.0
SHOWN_S = 20.0
_FILE = re.compile(r".*`([\w./-]+\.(?:py|yaml|toml|txt|json|sql|conf))`:", re.DOTALL)
_EXPORTED = re.compile(r"export (\w+)=([\w:/@.%+-]+)")
_ASSIGNED = re.compile(r"(\w+)=\$\((.*)\)")
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
_LAST_LINES = {"demo": "Ctrl-C stops", "dev": "  changes are published", "serve": "  Data"}
# What only shows how things stand is asked again until it shows what the page says.
_SHOWS = re.compile(
    r"firesteel (?:messages (?:list|show)|lanes list|key list|status|archive list"
    r"|alert (?:sent|list))\b[^|]*$"
)
_ID = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass
class Walkthrough:
    """``folder``: where the page's reader is. ``replaced``: texts of the page that stand for
    something else here, such as the address of another system. ``before``: commands that bring
    about what the page begins with. ``programs``: the folder of ``firesteel``."""

    page: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[str] = ()
    programs: Path = Path(sys.executable).parent
    _variables: dict[str, str] = field(default_factory=dict)
    _node: subprocess.Popen[str] | None = None
    _publishes: bool = False
    _reader: threading.Thread | None = None
    _printed: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Everything, in order; AssertionError where the page is wrong."""
        try:
            self.begin()
            self.read(self.page)
        finally:
            self.stop()

    def begin(self) -> None:
        """Bring about what pages begin with."""
        for command in self.before:
            self._do(command, "", "before the page")

    def read(self, page: Path) -> None:
        """Do what one page says; the node that runs stays for the next one."""
        try:
            for block in blocks(page):
                file = _file_of(block)
                if file is not None:
                    self._write(file, block.text)
                elif block.language == "console":
                    for command, expected in _commands(block):
                        self._do(command, expected, str(block))
        except BaseException:
            print("".join(self._printed))  # noqa: T201  # for the report of a test that failed
            raise

    def tidy(self) -> None:
        """Take away what the last page has written, but for the project that all begin with.

        A database is emptied, for the node's workers have it open.
        """
        kept = {"firesteel.toml", "connections.yaml", "integrations", "workflows", "tests"}
        for path in self.folder.iterdir():
            if path.suffix == ".db":
                _empty(path)
            elif path.name not in kept and not path.name.startswith("."):
                _remove(path)
        for folder in ("integrations", "workflows", "tests"):
            for path in (self.folder / folder).iterdir():
                if path.stem not in ("hello", "test_hello"):
                    _remove(path)
        self._variables.clear()

    def stop(self) -> None:
        """End the node, if one runs."""
        if self._node is not None:
            self._node.terminate()
            self._node.wait(COMMAND_S)
            self._node = None
        if self._reader is not None:
            self._reader.join(COMMAND_S)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(text))
        if self._node is not None and self._publishes:
            wait_until(lambda: self._bash("firesteel diff --exit-code").returncode == 0)

    def _do(self, command: str, expected: str, place: str) -> None:
        if command.startswith("cd "):
            self.folder /= command[3:]
            return
        if re.match(r"firesteel (?:demo|dev|serve)\b", command):
            self._start(command)
            assert_printed(expected, "".join(self._printed), place)
            return
        if command.startswith("firesteel migrate-store"):
            self.stop()
        exported = _EXPORTED.fullmatch(command)
        if exported:
            self._variables[exported[1]] = self._here(exported[2])
            return
        assigned = _ASSIGNED.fullmatch(command)
        done = self._bash(assigned[2] if assigned else command)
        if assigned:
            assert done.returncode == 0, f"{place}: {command}\n{done.stdout}"
            self._variables[assigned[1]] = done.stdout.rstrip("\n")
        elif expected:
            if _SHOWS.match(command) and not is_printed(expected, done.stdout):
                done = self._until_printed(command, expected)
            assert_printed(expected, done.stdout, f"{place}: {command}")
        else:
            assert done.returncode == 0, f"{place}: {command}\n{done.stdout}"

    def _until_printed(self, command: str, expected: str) -> subprocess.CompletedProcess[str]:
        """The same command, run again until it prints what is expected or the time is over."""
        deadline = time.monotonic() + SHOWN_S
        while True:
            done = self._bash(command)
            if is_printed(expected, done.stdout) or time.monotonic() > deadline:
                return done

    def _bash(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", self._here(command)],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )

    def _start(self, command: str) -> None:
        self.stop()
        self._printed.clear()
        self._publishes = command.split()[1] == "dev"
        self._node = subprocess.Popen(
            ["bash", "-c", f"exec {self._here(command)}"],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready = threading.Event()
        last_line = _LAST_LINES[command.split()[1]]
        self._reader = threading.Thread(target=self._read, args=(self._node, ready, last_line))
        self._reader.start()
        assert ready.wait(COMMAND_S), "".join(self._printed)

    def _read(self, node: subprocess.Popen[str], ready: threading.Event, last_line: str) -> None:
        assert node.stdout is not None
        with node.stdout:
            for line in node.stdout:
                self._printed.append(line)
                # The last line of the block that says where everything is.
                if line.startswith(last_line):
                    ready.set()

    def _here(self, text: str) -> str:
        for written, meant in self.replaced.items():
            text = text.replace(written, meant)
        for port, written in (("Public", "127.0.0.1:8080"), ("Admin", "127.0.0.1:8081")):
            found = re.search(rf"{port} +https?://(127\.0\.0\.1:\d+)", "".join(self._printed))
            text = text.replace(written, found[1]) if found else text
        return text

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FIRESTEEL_", "PYTEST_"))
        }
        folders = dict.fromkeys([str(self.programs), str(Path(sys.executable).parent)])
        path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
        settings = {
            "FIRESTEEL_PORT": "0",
            "FIRESTEEL_ADMIN_PORT": "0",
            "FIRESTEEL_WORKERS": "2",
            "FIRESTEEL_DISK_RESERVE": "0B",
        }
        return {**kept, "PATH": path, **settings, **self.environment, **self._variables}


def _empty(database: Path) -> None:
    """But for the markers of ``once``: a worker makes their table at its first use only."""
    with closing(sqlite3.connect(database)) as opened, opened:
        rows = opened.execute(
            "select type, name from sqlite_master where type in ('table', 'view')"
        )
        for kind, name in [row for row in rows if row[1] != "firesteel_steps"]:
            opened.execute(f'drop {kind} "{name}"')


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def assert_printed(expected: str, printed: str, place: str) -> None:
    """A command printed what the page shows."""
    assert is_printed(expected, printed), f"{place}\n{expected}--- printed\n{printed}"


def is_printed(expected: str, printed: str) -> bool:
    """Whether it is the same but for addresses, ids and what ``...`` stands for; more may come."""
    pattern = ""
    for line in _same(expected).splitlines():
        parts = [re.escape(part) for part in line.split("...")]
        pattern += r"(?:.*\n)*?" if line == "..." else ".*".join(parts) + r"\s*\n"
    shown = "".join(f"{line.rstrip()}\n" for line in _same(printed).splitlines())
    return re.fullmatch(pattern + r"(?:.*\n)*", shown) is not None


def _same(text: str) -> str:
    return _ID.sub("<id>", _ADDRESS.sub("<address>", text))


def _file_of(block: Block) -> str | None:
    """The file that a block is written to: named at the end of the paragraph before it."""
    if block.language in ("console", "sh"):
        return None
    above = block.path.read_text().splitlines()[: block.line - 1]
    paragraph = "\n".join(above).rstrip("\n").rpartition("\n\n")[2]
    match = _FILE.fullmatch(paragraph)
    return match[1] if match else None


def _commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command with what stands below it; a backslash continues a line."""
    command, expected = "", ""
    for line in block.text.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], ""
        else:
            expected += f"{line}\n"
    if command:
        yield command, expected
