"""The house itself: the real parts that tests run against, and the gate's own tools."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from http.client import RemoteDisconnected
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import psycopg
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.support.http_server import HttpServer, Reply
from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[2]


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    """The rows of one statement, over a connection of its own."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


def test_postgres_is_version_18_and_durable(postgres_url: str) -> None:
    assert str(ask(postgres_url, "SHOW server_version")[0][0]).startswith("18.")
    assert ask(postgres_url, "SHOW fsync") == [("on",)]
    assert ask(postgres_url, "SHOW synchronous_commit") == [("on",)]


def test_postgres_refuses_a_wrong_password(postgres: Postgres) -> None:
    wrong = postgres.url().replace("+psycopg", "").replace(postgres.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_each_test_has_an_empty_database_of_its_own(postgres: Postgres) -> None:
    with postgres.database() as first, postgres.database() as second:
        ask(first, "CREATE TABLE only_here (no int)")
        assert ask(second, "SELECT to_regclass('only_here')") == [(None,)]


def test_several_postgres_servers_run_at_once_and_leave_nothing(postgres: Postgres) -> None:
    with Postgres.started() as other:
        assert other.port != postgres.port
        assert ask(other.url(), "SELECT 1") == ask(postgres.url(), "SELECT 1") == [(1,)]
        base = other.base
    assert not base.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", other.port)) != 0


def test_a_killed_postgres_keeps_what_was_committed_and_returns_on_its_port() -> None:
    with Postgres.started() as server:
        url = server.url()
        ask(url, "CREATE TABLE kept (no int)")
        ask(url, "INSERT INTO kept VALUES (7)")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url.replace("+psycopg", ""))
        server.start()
        assert server.url() == url
        assert ask(url, "SELECT no FROM kept") == [(7,)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_postgres_ends_with_a_killed_test_process() -> None:
    script = (
        "from tests.support.postgres import Postgres\n"
        "with Postgres.started() as server:\n"
        "    print(server._process.pid, server.base, flush=True)\n"
        "    input()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        pid, base = holder.stdout.readline().split()
        watch = os.pidfd_open(int(pid))
        holder.kill()
    try:
        select_ready(watch)
    finally:
        os.close(watch)
        subprocess.run(["rm", "-rf", base], check=True)


def select_ready(descriptor: int) -> None:
    """Wait until the process behind a pidfd has ended."""
    ready, _, _ = select.select([descriptor], [], [], 30)
    assert ready, "PostgreSQL outlived the process that had started it"


def test_the_http_server_answers_in_turn_and_keeps_what_it_received(
    http_server: HttpServer,
) -> None:
    http_server.reply("/orders", Reply(503), Reply.json({"no": 7}, status=201))
    request = urllib.request.Request(
        f"{http_server.url}/orders?x=1", data=b'{"a": 1}', headers={"X-Event": "e1"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 503
    refused.value.close()
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert (answer.status, answer.read()) == (201, b'{"no": 7}')
    first, second = http_server.received
    assert (first.method, first.path, first.query) == ("POST", "/orders", "x=1")
    assert second.json == {"a": 1}
    assert second.header("x-event") == "e1"


def test_the_http_server_drops_and_holds_connections(http_server: HttpServer) -> None:
    http_server.reply("/drop", Reply(drop=True))
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        urllib.request.urlopen(f"{http_server.url}/drop", timeout=60)

    gate = threading.Event()
    http_server.reply("/slow", Reply(gate=gate, body=b"late"))
    answers: list[bytes] = []

    def call() -> None:
        with urllib.request.urlopen(f"{http_server.url}/slow", timeout=60) as answer:
            answers.append(answer.read())

    caller = threading.Thread(target=call)
    caller.start()
    http_server.wait_for(2)
    assert answers == []
    gate.set()
    caller.join()
    assert answers == [b"late"]


def run_tool(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / name), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_gate_finds_dead_links_and_headings(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(
        "# A title, `coded`\n"
        "[good](#a-title-coded) [good](../README.md#top) [web](https://example.com/x)\n"
        "[gone](b.md) [no heading](#nowhere)\n"
        "```\n[not a link](in-code.md)\n```\n"
        "and `[nor](this.md)`\n"
    )
    (tmp_path / "README.md").write_text("# Top\n[a](docs/a.md)\n")
    result = run_tool("check_links.py", tmp_path)
    assert result.returncode == 1
    assert "a.md:3: no such file: b.md" in result.stdout
    assert "a.md:3: no such heading: #nowhere" in result.stdout
    assert "2 dead" in result.stdout


def test_the_gate_finds_long_functions_and_files(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    body = "    pass\n"
    (tmp_path / "src" / "long.py").write_text(f"def good():\n{body * 59}def bad():\n{body * 60}")
    (tmp_path / "src" / "longer.py").write_text("x = 1\n" * 601)
    result = run_tool("check_sizes.py", tmp_path)
    assert result.returncode == 1
    assert "long.py:61: bad has 61 lines" in result.stdout
    assert "longer.py:1: 601 lines" in result.stdout
    assert "2 too long" in result.stdout


@pytest.mark.parametrize("file", ["run.txt", "postgresql.txt", "otel.txt", "build.txt", "dev.txt"])
def test_lock_files_have_hashes_and_name_no_index(file: str) -> None:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert wanted
    assert all("==" in line and line.endswith("\\") for line in wanted)
    assert not [line for line in lines if "://" in line or line.lstrip().startswith("--index")]


def test_make_names_its_commands() -> None:
    result = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory"],
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
    )
    for target in ("setup", "demo", "check", "test", "test-faults", "bench", "soak", "lock"):
        assert f"make {target} " in result.stdout


def test_make_says_which_python_it_needs() -> None:
    result = subprocess.run(
        ["sh", str(ROOT / "scripts" / "find_python.sh")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHON": "/bin/false"},
    )
    assert result.returncode == 1
    assert "is not a Python 3.11" in result.stderr


def declared(*, extras: bool) -> set[str]:
    """The packages that an installation takes along, with those of the extras or without."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = [wanted for extra in project["optional-dependencies"].values() for wanted in extra]
    wanted = project["dependencies"] + (optional if extras else [])
    return {canonicalize_name(Requirement(one).name) for one in wanted}


def imported() -> set[str]:
    """The top names that modules of the package import, but their own."""
    graph = grimp.build_graph("firesteel", include_external_packages=True)
    ours = [name for name in graph.modules if name.partition(".")[0] == "firesteel"]
    names = {name for module in ours for name in graph.find_modules_directly_imported_by(module)}
    known = sys.stdlib_module_names | {"firesteel", "compression"}  # the last from Python 3.14 on
    return {name.partition(".")[0] for name in names} - known


def test_every_package_that_is_imported_is_a_declared_dependency() -> None:
    packages, distributions = imported(), packages_distributions()
    needed = {
        canonicalize_name(distributions[package][0])
        for package in packages
        if package in distributions
    }
    needed.discard("pydantic-core")  # pydantic's own core, of the one version that fits it
    assert needed - declared(extras=True) == set()
    assert packages - set(distributions) == set()


def test_every_declared_dependency_is_imported() -> None:
    distributions = packages_distributions()
    used = {canonicalize_name(name) for package in imported() for name in distributions[package]}
    assert declared(extras=False) - used == set()
