"""A store that is moved from SQLite to PostgreSQL is the same store."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from firesteel.errors import OperatorError
from firesteel.store.moving import move as moving
from firesteel.store.moving.marker import Progress
from firesteel.store.moving.move import SidesDiffer
from firesteel.store.postgresql.store import open_store as open_postgresql
from firesteel.store.schema import metadata
from firesteel.store.sqlite.store import open_store
from tests.support.full_store import CHECK, apart, full_store
from tests.support.moved import (
    Watch,
    as_recovered,
    asked,
    assert_same,
    copied,
    in_postgresql,
    in_the_file,
    moved,
)

WEEK_US = 7 * 86_400 * 1_000_000
MINUTE_US = 60 * 1_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with everything in it, whose clock was a week ahead; not to be written to."""
    file = tmp_path_factory.mktemp("made") / "firesteel.db"
    full_store(file, ahead_us=WEEK_US)
    return file


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    """A copy for one test."""
    return copied(made, tmp_path / "source")


def code_of(caught: pytest.ExceptionInfo[OperatorError]) -> str:
    return caught.value.code


def progress_of(url: str, name: str = "moved_from") -> Progress:
    value = asked(url, f"SELECT value FROM setting WHERE name = '{name}'")
    return msgspec.json.decode(value, type=Progress)


# --- what is there ---


def test_the_store_that_is_moved_has_rows_in_every_table(file: Path) -> None:
    assert [name for name, rows in in_the_file(file).items() if not rows] == []


def test_every_row_is_as_the_next_engine_on_the_file_would_have_found_it(
    file: Path, postgres_url: str, tmp_path: Path
) -> None:
    """Bodies, texts with any characters, places in lanes; what ran is taken over as it would be."""
    done = moved(file, postgres_url)
    assert done.interrupted == 56
    shift_us = progress_of(postgres_url).shift_us
    assert_same(in_postgresql(postgres_url), as_recovered(file, tmp_path / "recovered"), shift_us)


def test_each_trigger_knows_how_much_waits_and_that_nothing_runs(
    file: Path, postgres_url: str
) -> None:
    moved(file, postgres_url)
    wrong = (
        "SELECT count(*) FROM integration i WHERE running <> 0 OR touched_by IS NOT NULL OR waiting"
        " <> (SELECT count(*) FROM execution WHERE trigger_no = i.no AND state = 'waiting')"
    )
    assert asked(postgres_url, wrong) == 0
    assert asked(postgres_url, "SELECT sum(waiting) FROM integration") > 250
    assert asked(postgres_url, "SELECT count(*) FROM session") == 0


def test_p32_what_is_due_and_when_windows_end_is_told_by_the_database_s_clock(
    file: Path, postgres_url: str
) -> None:
    """The file's clock was a week ahead; an hour before it is due is an hour before it is due."""
    moved(file, postgres_url)
    now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    for table, column in (("execution", "due_at_us"), ("idempotency", "expires_at_us")):
        for which in ("min", "max"):
            left = f"SELECT {which}({column}) - {now} FROM {table}"
            assert abs(asked(postgres_url, left) - 3600 * 1_000_000) < 5 * MINUTE_US
    since = f"SELECT {now} - min(first_started_at_us) FROM execution"
    assert abs(asked(postgres_url, since)) < 5 * MINUTE_US


def test_settings_of_the_file_s_own_stay_there(file: Path, postgres_url: str) -> None:
    moved(file, postgres_url)
    names = asked(postgres_url, "SELECT string_agg(name, ' ' ORDER BY name) FROM setting")
    assert "steady_clock" not in names
    assert {"workspace", "encryption_check", "retention_clock"} <= set(names.split())
    check = "SELECT value FROM setting WHERE name = 'encryption_check'"
    assert asked(postgres_url, check) == CHECK


def test_numbers_go_on_behind_those_that_are_there(file: Path, postgres_url: str) -> None:
    """Also behind those that the last engine has only reserved: none is ever given twice."""
    moved(file, postgres_url)
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or table.name == "session":
            continue
        counter = f"pg_get_serial_sequence('\"{table.name}\"', '{column.name}')"
        highest = asked(postgres_url, f'SELECT max({column.name}) FROM "{table.name}"')
        assert asked(postgres_url, f"SELECT nextval({counter})") == highest + 1
    with closing(sqlite3.connect(file)) as connection:
        (reserved,) = connection.execute("SELECT max(last_no) FROM session").fetchone()
    assert reserved >= 10_000
    assert asked(postgres_url, "SELECT nextval('number_block')") * 1000 > reserved


def test_the_file_and_its_log_are_left_as_they_were(file: Path, postgres_url: str) -> None:
    parts = (file, file.with_name(f"{file.name}-wal"))
    before = [(part.read_bytes(), part.stat().st_mtime_ns) for part in parts]
    moved(file, postgres_url)
    assert [(part.read_bytes(), part.stat().st_mtime_ns) for part in parts] == before


def test_a_store_of_an_older_release_is_moved_as_its_rows_are(
    tmp_path: Path, postgres_url: str
) -> None:
    file = tmp_path / "firesteel.db"
    made_by_the_first_release(file)
    done = moved(file, postgres_url)
    assert [table.rows for table in done.figures.tables if table.name == "workspace"] == [1]
    assert asked(postgres_url, "SELECT name FROM workspace") == "t37ed"


def made_by_the_first_release(file: Path) -> None:
    from alembic import command
    from sqlalchemy import create_engine, text

    from firesteel.store.migrations import configuration

    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        connection.execute(text("INSERT INTO workspace (name, created_at_us) VALUES ('t37ed', 1)"))
    engine.dispose()


# --- going on ---


def test_a_move_goes_on_behind_the_last_chunk_wherever_it_was_ended(
    file: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "CHUNK_ROWS", 100)

    class Ended(Exception):
        pass

    class Ending(Watch):
        def copied(self, table: str, rows: int) -> None:
            super().copied(table, rows)
            if rows:
                raise Ended

    runs = 0
    for runs in range(1, 100):
        watch = Ending()
        try:
            done = moved(file, postgres_url, watch)
            break
        except Ended:
            assert watch.resumed == (runs > 1)
            assert sum(watch.there.values()) < sum(
                progress_of(postgres_url, "moving").copied.values()
            )
    assert runs > len(metadata.tables)
    # What goes along of settings: workspace, encryption_check, retention_clock, alerts_since.
    assert done.rows == sum(len(rows) for rows in in_the_file(file).values()) + 4
    assert in_postgresql(postgres_url)["payload"] == in_the_file(file)["payload"]


def test_a_move_that_is_done_is_compared_again_as_long_as_no_node_has_worked_with_it(
    file: Path, postgres_url: str
) -> None:
    first = moved(file, postgres_url)
    watch = Watch()
    assert moved(file, postgres_url, watch) == first
    assert watch.told == []
    asked(postgres_url, "INSERT INTO session (started_at_us, lease_until_us) VALUES (1, 2)")
    with pytest.raises(OperatorError) as caught:
        moved(file, postgres_url)
    assert code_of(caught) == "move_done"


def test_bodies_of_a_mebibyte_are_moved_in_chunks_of_a_few(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "CHUNK_BYTES", 3 * 1024 * 1024)
    file = tmp_path / "firesteel.db"
    full_store(file, messages=1, big=8)
    watch = Watch()
    moved(file, postgres_url, watch)
    assert len([rows for table, rows in watch.told if table == "payload"]) >= 3


# --- what is refused ---


async def test_a_file_that_an_engine_works_with_is_refused(file: Path, postgres_url: str) -> None:
    store = await open_store(file)
    try:
        with pytest.raises(OperatorError, match="another engine is running") as caught:
            await asyncio.to_thread(moved, file, postgres_url)
        assert code_of(caught) == "store_in_use"
    finally:
        await store.close()


def test_an_engine_cannot_start_on_a_file_that_is_being_moved(
    file: Path, postgres_url: str
) -> None:
    refused: list[str] = []

    def start() -> None:
        with pytest.raises(OperatorError) as caught:
            apart(open_store(file))
        refused.append(code_of(caught))

    moved(file, postgres_url, Watch(at_end=start))
    assert refused == ["store_in_use"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "store_not_found"), (b"", "store_unreadable"), (b"text" * 999, "store_unreadable")],
)
def test_a_file_that_holds_no_store_is_refused(
    tmp_path: Path, postgres_url: str, content: bytes | None, code: str
) -> None:
    file = tmp_path / "firesteel.db"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(OperatorError) as caught:
        moved(file, postgres_url)
    assert code_of(caught) == code


def test_a_file_of_a_newer_release_is_refused(file: Path, postgres_url: str) -> None:
    in_file(file, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OperatorError) as caught:
        moved(file, postgres_url)
    assert code_of(caught) == "store_newer"


def in_file(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO workspace (name, created_at_us) VALUES ('other', 1)",
        "INSERT INTO setting (name, value) VALUES ('workspace', 'other')",
        "INSERT INTO session (started_at_us, lease_until_us) VALUES (1, 2)",
    ],
)
def test_a_database_with_anything_in_it_is_refused_and_left_as_it_was(
    file: Path, postgres_url: str, statement: str
) -> None:
    from firesteel.store.migrations.postgresql import migrate
    from firesteel.store.postgresql.connection import Address

    migrate(Address(postgres_url))
    asked(postgres_url, statement)
    before = in_postgresql(postgres_url)
    with pytest.raises(OperatorError) as caught:
        moved(file, postgres_url)
    assert code_of(caught) == "store_not_empty"
    assert in_postgresql(postgres_url) == before


def test_a_half_done_move_is_refused_to_another_store_and_to_a_source_that_was_worked_with(
    file: Path, postgres_url: str, tmp_path: Path
) -> None:
    end_at_once(file, postgres_url)
    other = copied(file, tmp_path / "other")
    in_file(other, "UPDATE setting SET value = 'bb' WHERE name = 'encryption_check'")
    with pytest.raises(OperatorError) as caught:
        moved(other, postgres_url)
    assert code_of(caught) == "store_not_empty"
    in_file(file, "INSERT INTO session (started_at_us, lease_until_us) VALUES (5, 6)")
    with pytest.raises(OperatorError) as caught:
        moved(file, postgres_url)
    assert code_of(caught) == "move_source_changed"


def end_at_once(file: Path, url: str) -> None:
    """A move that ends when all rows are there and nothing is compared yet."""

    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moved(file, url, Watch(at_end=end))


async def test_nodes_are_refused_until_all_is_there_and_compared(
    file: Path, postgres_url: str
) -> None:
    await asyncio.to_thread(end_at_once, file, postgres_url)
    with pytest.raises(OperatorError, match="migrate-store") as caught:
        await open_postgresql(postgres_url)
    assert code_of(caught) == "store_half_moved"
    await asyncio.to_thread(moved, file, postgres_url)
    store = await open_postgresql(postgres_url)
    try:
        assert [one.name for one in await store.catalog.integrations()] == [
            *("bodies", "held", "keyed", "many", "ordered", "orders")
        ]
    finally:
        await store.close()


def test_two_moves_into_one_database_are_refused_to_the_later_one(
    file: Path, postgres_url: str, tmp_path: Path
) -> None:
    other = copied(file, tmp_path / "other")
    refused: list[str] = []

    def begin() -> None:
        with pytest.raises(OperatorError) as caught:
            moved(other, postgres_url)
        refused.append(code_of(caught))

    moved(file, postgres_url, Watch(at_end=begin))
    assert refused == ["move_in_progress"]


# --- what is compared ---

PLANTED = {
    "a message is lost": "DELETE FROM message WHERE no = 100",
    "a body is lost": "DELETE FROM payload WHERE message_no = 100",
    "a body is cut": "UPDATE payload SET body = substr(body, 2) WHERE message_no = 30",
    "an execution is lost": "DELETE FROM execution WHERE no = 100",
    "a state is another": "UPDATE execution SET state = 'skipped', turn = false WHERE no = 100",
    "one is not raised": "UPDATE execution SET epoch = epoch - 1 WHERE no = 335",
    "a turn is lost": "UPDATE execution SET turn = false WHERE no = 335",
    "a place is another": "UPDATE execution SET position = 1 WHERE no = 2",
    "a lane is lost": "UPDATE execution SET lane_key = NULL WHERE no = 2",
    "a number is another": "UPDATE execution SET no = 99999, run = 2 WHERE no = 100",
    "the last sequence is another": "UPDATE integration SET last_sequence = 1 WHERE no = 1",
    "an attempt is lost": "DELETE FROM attempt WHERE execution_no = 335",
    "something is due earlier": "UPDATE execution SET due_at_us = 1 WHERE due_at_us > 1",
    "a flag is another": 'UPDATE "user" SET sees_payloads = NOT sees_payloads',
    "a setting is lost": "DELETE FROM setting WHERE name = 'workspace'",
    "a key is lost": "DELETE FROM idempotency WHERE execution_no = 27",
    "there is one more": "INSERT INTO workspace (no, name, created_at_us) VALUES (9, 'one', 1)",
}


@pytest.mark.parametrize("statement", PLANTED.values(), ids=PLANTED.keys())
def test_any_difference_is_found_and_the_move_is_not_done(
    file: Path, postgres_url: str, statement: str
) -> None:
    with pytest.raises(SidesDiffer) as caught:
        moved(file, postgres_url, Watch(at_end=lambda: asked(postgres_url, statement)))
    assert code_of(caught) == "move_differs"
    assert progress_of(postgres_url, "moving").table == ""
    with pytest.raises(SidesDiffer):
        moved(file, postgres_url)
