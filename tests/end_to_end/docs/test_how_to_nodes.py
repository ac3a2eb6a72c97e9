"""How-tos that start nodes themselves do what they say, command by command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.markdown import DOCS
from tests.support.moved import asked
from tests.support.nginx import free_port, needs_nginx
from tests.support.walkthrough import NODE, PROJECT, Walkthrough

# The others share a node: test_how_to.py.
ON_THEIR_OWN = (
    "archive-and-read-back",
    "back-up",
    "be-told-of-failures",
    "behind-caddy",
    "behind-nginx",
    "check-an-installation",
    "day-two",
    "migrate-to-postgresql",
    "run-with-https",
    "test-a-workflow",
    "watch-a-node",
)


def walk(
    name: str,
    folder: Path,
    before: Sequence[str] = NODE,
    *,
    replaced: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    assert name in ON_THEIR_OWN
    page = DOCS / "how-to" / f"{name}.md"
    Walkthrough(page, folder, environment or {}, replaced or {}, before).run()


def test_a_node_runs_with_https_as_the_page_says(tmp_path: Path) -> None:
    walk("run-with-https", tmp_path, PROJECT)


@needs_nginx
def test_a_node_runs_behind_nginx_as_the_page_says(tmp_path: Path) -> None:
    walk_behind_a_proxy("nginx", tmp_path)


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")
def test_a_node_runs_behind_caddy_as_the_page_says(tmp_path: Path) -> None:
    walk_behind_a_proxy("caddy", tmp_path)


def walk_behind_a_proxy(proxy: str, folder: Path) -> None:
    """On ports that are free; the node tells the proxy's address as its own."""
    port = free_port()
    replaced = {"127.0.0.1:8080": f"127.0.0.1:{port}"}
    replaced |= {written: str(free_port()) for written in ("9443", "9081")}
    with stopped_at_the_end(folder / "my-integrations" / f"{proxy}.pid"):
        walk(
            f"behind-{proxy}",
            folder,
            PROJECT,
            replaced=replaced,
            environment={"FIRESTEEL_PORT": str(port)},
        )


def test_a_node_is_run_for_days_as_the_page_says(tmp_path: Path) -> None:
    with stopped_at_the_end(tmp_path / "my-integrations" / "receiver.pid"):
        walk("day-two", tmp_path, PROJECT, replaced={"9099": str(free_port())})


@contextlib.contextmanager
def stopped_at_the_end(pid: Path) -> Iterator[None]:
    """What a page starts beside the node does not outlive a page that is wrong."""
    try:
        yield
    finally:
        if pid.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGTERM)


def test_an_installation_is_checked_as_the_page_says(tmp_path: Path) -> None:
    walk("check-an-installation", tmp_path, PROJECT)


def test_messages_are_archived_and_read_back_as_the_page_says(tmp_path: Path) -> None:
    """An hour is 3.6 seconds here."""
    hasty = Path(__file__).parents[2] / "support" / "hasty_retention"
    walk("archive-and-read-back", tmp_path, environment={"PYTHONPATH": str(hasty)})


def test_failures_are_told_as_the_page_says(tmp_path: Path) -> None:
    with HttpServer.started() as chat:
        chat.reply("/hooks/T0", Reply(200, b"ok"))
        walk(
            "be-told-of-failures",
            tmp_path,
            replaced={"https://chat.example.com": chat.url},
            environment={"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"},
        )
        posts = [item.json["text"] for item in chat.received]
    assert [text.partition("\n")[0] for text in posts] == [
        "Test: alerts of the workspace acme arrive by the channel chat",
        "Approve failed: permanent_error",
    ]
    assert "no customer 7" not in posts[1]


def test_a_back_up_is_made_and_restored_as_the_page_says(tmp_path: Path) -> None:
    walk("back-up", tmp_path, (*NODE, "firesteel send hello --key me"))


def test_a_node_is_watched_as_the_page_says(tmp_path: Path) -> None:
    walk("watch-a-node", tmp_path)


def test_a_workflow_is_tested_as_the_page_says(tmp_path: Path) -> None:
    walk("test-a-workflow", tmp_path, PROJECT)


def test_a_store_is_moved_to_postgresql_as_the_page_says(tmp_path: Path, postgres_url: str) -> None:
    written = "postgresql://firesteel:the-password@db.example.com/firesteel"
    walk(
        "migrate-to-postgresql",
        tmp_path,
        (*NODE, "firesteel send hello --key me"),
        replaced={written: postgres_url},
    )
    assert asked(postgres_url, "SELECT count(*) FROM session") == 1
