"""What ``migrate-store`` refuses before it does anything."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from firesteel.cli.app import run
from firesteel.cli.moving_shown import _Bar, _Lines, _progress
from firesteel.cli.output import Output
from firesteel.engine.key_chest import KeyChest
from firesteel.model.encryption_key import written_key
from firesteel.store.sqlite.store import open_store

NOWHERE = "postgresql://firesteel:the-password@127.0.0.1:9/firesteel"
KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRESTEEL_DATABASE_URL", "FIRESTEEL_ENCRYPTION_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The store of a node that has the key ``KEY``."""

    async def make() -> None:
        store = await open_store(tmp_path / "firesteel.db")
        await KeyChest.open(store.catalog, setting=KEY, data_dir=tmp_path, now_us=lambda: 0)
        await store.close()

    asyncio.run(make())
    return tmp_path / "firesteel.db"


@pytest.mark.parametrize(
    "given",
    [
        ("--from", "postgresql://db/firesteel", "--to", NOWHERE),
        ("--from", "firesteel.db", "--to", NOWHERE),
        ("--from", "sqlite:///firesteel.db", "--to", "sqlite:///other.db"),
        ("--from", "sqlite:///firesteel.db"),
        ("--to", NOWHERE),
    ],
)
def test_addresses_of_other_things_are_usage_errors(
    given: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate-store", *given]) == 2
    assert "the-password" not in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named_by_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", f"sqlite:///{tmp_path}/none.db", "--to", NOWHERE, "--json"]
    assert run(["migrate-store", *arguments]) == 1
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "store_not_found"
    assert list(tmp_path.iterdir()) == []


def test_another_encryption_key_is_refused_wherever_it_is_given(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = file.with_name("encryption.key")
    key_file.touch(0o600)
    key_file.write_text(written_key(OTHER_KEY))
    assert run(["migrate-store", "--from", f"sqlite:///{file}", "--to", NOWHERE]) == 1
    monkeypatch.setenv("FIRESTEEL_DATABASE_URL", NOWHERE)
    monkeypatch.setenv("FIRESTEEL_ENCRYPTION_KEY", written_key(OTHER_KEY))
    key_file.write_text(written_key(KEY))
    assert run(["migrate-store", "--from", f"sqlite:///{file}"]) == 1
    shown = capsys.readouterr().err
    assert shown.count("[wrong_encryption_key]") == 2
    assert written_key(OTHER_KEY) not in shown


def test_a_database_that_does_not_answer_is_told_with_what_to_do_next(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["migrate-store", "--from", f"sqlite:///{file}", "--to", NOWHERE]) == 1
    shown = capsys.readouterr().err
    assert "[store_unavailable]" in shown
    assert "goes on where it stopped" in shown
    assert "could not be checked" in shown
    assert "the-password" not in shown


def test_progress_is_told_in_lines_by_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines(Output())
    lines.begun({"message": 2_000, "token": 0}, {}, resumed=False)
    lines.copied("message", 1_000)
    lines.copied("message", 2_000)
    lines.copied("token", 0)
    lines.comparing()
    lines.begun({"message": 2_000}, {"message": 1_000}, resumed=True)
    assert capsys.readouterr().err.splitlines() == [
        "moving 2,000 rows",
        "message: 1,000 of 2,000",
        "message: 2,000 of 2,000",
        "comparing both sides",
        "going on: 1,000 of 2,000 rows are there",
    ]


def test_progress_is_one_bar_over_all_rows_on_a_terminal() -> None:
    with _progress() as progress:
        bar = _Bar(progress)
        bar.begun({"message": 2_000, "payload": 2_000}, {"message": 500}, resumed=True)
        bar.copied("message", 2_000)
        bar.copied("payload", 1_000)
        (task,) = progress.tasks
        assert (task.completed, task.total, task.description) == (3_000, 4_000, "payload")
        bar.comparing()
