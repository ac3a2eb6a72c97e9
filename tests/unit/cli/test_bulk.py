"""``firesteel messages bulk`` watches an act that goes on without it: for how long, and what it
says when it stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from firesteel.cli import bulk
from firesteel.cli.app import run
from tests.support.http_server import HttpServer, Reply
from tests.support.node import WAIT_S, wait_until

BULK = "/api/v1/workspaces/test/bulk"
COMMAND = ("messages", "bulk", "replay", "--workspace", "test", "--yes")


def act(done: int, state: str = "running") -> Reply:
    return Reply.json({"number": 7, "state": state, "done": done, "passed_over": 0})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """In the place of a node on which a bulk act runs."""
    with HttpServer.started() as server:
        monkeypatch.setenv("FIRESTEEL_URL", server.url)
        monkeypatch.setenv("FIRESTEEL_TOKEN", "token")
        server.reply(f"{BULK}/count", Reply.json({"count": 9, "more": False, "until": "9"}))
        server.reply(BULK, act(0))
        yield server


def test_who_stops_watching_a_bulk_act_is_told_that_it_goes_on(server: HttpServer) -> None:
    server.reply(f"{BULK}/7", act(1))
    command = [sys.executable, "-m", "firesteel", *COMMAND]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as watching:
        wait_until(lambda: any(sent.path == f"{BULK}/7" for sent in server.received))
        watching.send_signal(signal.SIGINT)
        _, told = watching.communicate(timeout=WAIT_S)
    assert watching.returncode == 1
    assert b"bulk act 7 is watched no more, and goes on" in told
    assert b"Traceback" not in told


def test_who_stops_while_a_bulk_act_begins_is_told_that_it_may_have(server: HttpServer) -> None:
    answered = threading.Event()
    begun = {"number": 7, "state": "running", "done": 0, "passed_over": 0}
    server.reply(BULK, Reply.json(begun, gate=answered))
    command = [sys.executable, "-m", "firesteel", *COMMAND]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as beginning:
        wait_until(lambda: any(sent.path == BULK for sent in server.received))
        beginning.send_signal(signal.SIGINT)
        _, told = beginning.communicate(timeout=WAIT_S)
        answered.set()
    assert beginning.returncode == 1
    assert b"the act may have begun" in told
    assert b"Traceback" not in told


def test_a_bulk_act_without_progress_is_watched_for_a_bounded_time(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk, "PATIENCE_S", 0.0)
    server.reply(f"{BULK}/7", act(1), act(2), act(2))
    assert run(list(COMMAND)) == 1
    assert "bulk act 7 has done nothing for" in capsys.readouterr().err
    assert sum(sent.path == f"{BULK}/7" for sent in server.received) == 3


def test_a_bulk_act_is_watched_to_its_end(
    server: HttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.reply(f"{BULK}/7", act(5), act(9, "done"))
    assert run(list(COMMAND)) == 0
    assert "9 executions replayed" in capsys.readouterr().out
