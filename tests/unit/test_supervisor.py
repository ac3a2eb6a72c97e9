"""The supervisor's children."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from firesteel.settings import load_settings
from firesteel.supervisor import (
    FIRST_PAUSE_S,
    LEAVE_SIGNAL,
    LOST_STORE_EXIT_CODE,
    Child,
    Sockets,
    Supervisor,
)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("", ""),
    ],
)
def test_the_death_of_a_process_is_told_and_its_good_end_is_not(
    source: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    child = Child("worker", [sys.executable, "-c", source], dict(os.environ), ())
    child.start()
    assert child.process is not None
    child.process.wait(60)
    assert child.ended() is not None
    assert child.process is None
    said = capsys.readouterr().err
    assert told in said if told else said == ""


LISTENS = """
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
signal.pause()
"""


def test_an_engine_that_has_just_been_started_hears_later_that_the_node_leaves() -> None:
    held = frozenset({LEAVE_SIGNAL})
    child = Child("engine", [sys.executable, "-c", LISTENS], {**os.environ}, (), held)
    child.start()
    child.signal(LEAVE_SIGNAL)
    assert child.process is not None
    assert child.process.wait(60) == 7
    assert LEAVE_SIGNAL not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize(("code", "grows"), [(1, True), (LOST_STORE_EXIT_CODE, False)])
def test_the_pause_grows_but_for_an_engine_that_waits_for_its_store_itself(
    code: int, grows: bool
) -> None:
    child = Child("engine", [sys.executable, "-c", f"raise SystemExit({code})"], {**os.environ}, ())
    for _ in range(3):
        child.start()
        assert child.process is not None
        child.process.wait(60)
        assert child.ended() == code
    assert (child.pause_s > FIRST_PAUSE_S) == grows


def test_p44_workers_are_not_started_with_what_opens_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "FIRESTEEL_DATABASE_URL": f"sqlite:///{tmp_path}/store.db",
        "FIRESTEEL_ENCRYPTION_KEY": "A" * 43,
        "ERP_PASSWORD": "kept, for connections name it",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    ports = {"port": 0, "admin_port": 0, "workers": 1, "data_dir": tmp_path}
    settings = load_settings(ports, os.environ, None)
    sockets = Sockets.bind(settings)
    try:
        supervisor = Supervisor(settings, lambda _ready: None, sockets)
        (worker,) = supervisor.workers
        assert set(secrets) & set(worker.environment) == {"ERP_PASSWORD"}
        assert set(secrets) <= set(supervisor.engine.environment)
    finally:
        sockets.close()
