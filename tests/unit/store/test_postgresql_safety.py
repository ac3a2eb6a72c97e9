"""P35 on PostgreSQL: a server that would lose what it committed is refused, with one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.postgresql import safety
from firesteel.store.postgresql.connection import Address, Session, connect
from firesteel.store.postgresql.safety import check_server
from tests.support.postgres import Postgres


def refusal(url: str) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        check_server(Address(url))
    assert "\n" not in caught.value.detail
    return caught.value


@pytest.fixture(scope="module")
def unsafe_server() -> Iterator[Postgres]:
    """A server of this module's own, since its settings are everybody's."""
    with Postgres.started() as server:
        yield server


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_p35_a_server_that_does_not_flush_is_refused(unsafe_server: Postgres, setting: str) -> None:
    check_server(Address(unsafe_server.url()))
    unsafe_server.stop()
    unsafe_server.start(f"{setting}=off")
    try:
        error = refusal(unsafe_server.url())
    finally:
        unsafe_server.stop()
        unsafe_server.start()
    assert error.code == "store_unsafe"
    assert setting in error.detail


@pytest.mark.parametrize("whose", ["ROLE firesteel", "DATABASE {database}"])
def test_p35_so_is_one_that_does_not_flush_for_this_user_or_database(
    postgres: Postgres, postgres_url: str, whose: str
) -> None:
    whose = whose.format(database=postgres_url.rpartition("/")[2])
    with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"ALTER {whose} SET synchronous_commit = off".encode())
        try:
            assert refusal(postgres_url).code == "store_unsafe"
        finally:
            connection.execute(f"ALTER {whose} RESET synchronous_commit".encode())
    check_server(Address(postgres_url))


def test_our_own_sessions_flush_whatever_the_server_would_do(postgres_url: str) -> None:
    url = f"{postgres_url}?options=-c%20synchronous_commit%3Dlocal"
    connection = connect(Address(url), Session(None))
    assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]
    connection.close()


def test_a_server_that_is_too_old_or_not_in_utf8_is_refused(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres._administer("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        error = refusal(postgres.url("latin"))
        assert (error.code, "LATIN1" in error.detail) == ("store_unsupported", True)
    finally:
        postgres._administer("DROP DATABASE latin")
    monkeypatch.setattr(safety, "OLDEST_SERVER", 99)
    error = refusal(postgres_url)
    assert (error.code, "too old" in error.detail) == ("store_unsupported", True)


def test_a_standby_is_waited_for(unsafe_server: Postgres) -> None:
    """It may be the one that writes in a moment; until then callers are told 503."""
    unsafe_server.stop()
    marker = Path(unsafe_server.base, "data", "standby.signal")
    marker.touch()
    try:
        unsafe_server.start()
        with pytest.raises(StoreUnavailable) as caught:
            check_server(Address(unsafe_server.url()))
        assert "standby" in caught.value.detail
    finally:
        unsafe_server.stop()
        marker.unlink()
        unsafe_server.start()


def test_a_url_that_is_none_is_refused_without_its_password(postgres_url: str) -> None:
    for url in ("postgresql://u:hunter2@h/d?colour=red", "postgresql://u:hunter2@[::1/d"):
        error = refusal(url)
        assert error.code == "settings_invalid"
        assert "hunter2" not in error.detail
        assert "hunter2" not in repr(Address(url))


def test_a_server_that_cannot_be_reached_is_unavailable_and_says_why(postgres: Postgres) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        check_server(Address("postgresql://firesteel@127.0.0.1:1/d"))
    assert "refused" in caught.value.detail


def test_one_that_does_not_let_the_node_in_is_refused_and_says_why(
    postgres: Postgres, postgres_url: str
) -> None:
    """To try again would end the same."""
    postgres._administer("CREATE ROLE nobody PASSWORD 'of no use'")
    try:
        for url, why in (
            (postgres.url("nowhere"), "does not exist"),
            (postgres_url.replace(postgres.password, "wrong"), "authentication failed"),
            (postgres_url.replace(f":{postgres.password}", ""), "no password"),
            (
                postgres_url.replace(f"firesteel:{postgres.password}", "nobody:of%20no%20use"),
                "not permitted to log in",
            ),
            (f"{postgres_url}?sslmode=require", "SSL was required"),
            (f"{postgres_url}?sslmode=maybe", "sslmode"),
        ):
            error = refusal(url)
            assert (error.code, why in error.detail) == ("store_refused", True), error.detail
            assert postgres.password not in error.detail
    finally:
        postgres._administer("DROP ROLE nobody")


def test_one_that_has_no_room_for_another_connection_is_waited_for(
    postgres: Postgres, postgres_url: str
) -> None:
    postgres._administer("CREATE ROLE many LOGIN PASSWORD 'too-many' CONNECTION LIMIT 0")
    try:
        with pytest.raises(StoreUnavailable) as caught:
            check_server(
                Address(postgres_url.replace(f"firesteel:{postgres.password}", "many:too-many"))
            )
        assert "too many connections" in caught.value.detail
    finally:
        postgres._administer("DROP ROLE many")
