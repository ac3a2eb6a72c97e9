"""Long bodies: on disk while they come in, whole and unchanged where they are wanted."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.gateway import body_file
from firesteel.gateway.app import Gateway
from firesteel.gateway.held_bodies import HeldBodies
from firesteel.gateway.server import Listener
from firesteel.gateway.spool import Spool
from firesteel.shares import Share
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import Served, bound_socket

MIB = 1024 * 1024
BODY = os.urandom(3 * MIB + 17)
PATH = "/t37ed/Take"


def spool_in(directory: Path) -> Spool:
    return Spool(directory, limit_bytes=8 * MIB, loads_limit_bytes=4 * MIB)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_in(tmp_path)


@pytest.fixture
async def served(engine: MemoryEngine, spool: Spool) -> AsyncIterator[Served]:
    """A gateway that keeps 8 MiB of bodies on disk, and reads 4 MiB of them back at once."""
    engine.publish({"name": "Take", "trigger": {"max_body": "6MiB"}})
    bound = bound_socket()
    gateway = Gateway(engine, bodies=HeldBodies(4 * MIB, spool))
    listener = Listener(gateway, [bound])
    await listener.start()
    yield Served(engine, gateway, listener, bound.getsockname()[1])
    await listener.stop(5.0)
    await until(lambda: spool.disk.held == spool.loads.room.held == gateway.bodies.memory.held == 0)


def chunked(body: bytes, size_bytes: int = 100_000) -> bytes:
    head = request("POST", PATH, transfer_encoding="chunked")
    pieces = [body[at : at + size_bytes] for at in range(0, len(body), size_bytes)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


async def begun(served: Served, size_bytes: int, sent_bytes: int) -> RawConnection:
    """A call whose body has come in part."""
    connection = await served.connect()
    data = request("POST", PATH, content_length=str(size_bytes), expect="100-continue")
    assert (await connection.call(data)).status == 100
    await connection.send(bytes(sent_bytes))
    return connection


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # threads and sockets tell nobody of it
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "data", [request("POST", PATH, BODY), chunked(BODY)], ids=["length", "chunked"]
)
async def test_a_long_body_arrives_as_it_was_sent(served: Served, data: bytes) -> None:
    small = request("POST", PATH, b"small")
    async with await served.connect() as connection:
        await connection.send(data + small + data)
        assert [(await connection.answer()).status for _ in range(3)] == [202, 202, 202]
    assert [call.body for call in served.engine.calls] == [BODY, b"small", BODY]


async def test_a_body_of_small_pieces_arrives_as_it_was_sent(served: Served) -> None:
    async with await served.connect() as connection:
        data = chunked(BODY, 997)
        for at in range(0, len(data), 30_011):
            await connection.send(data[at : at + 30_011])
        assert (await connection.answer()).status == 202
    assert served.engine.calls[0].body == BODY


async def test_its_bytes_lie_in_a_file_without_a_name_that_only_its_owner_may_read(
    served: Served, spool: Spool, tmp_path: Path
) -> None:
    opened = []
    original = spool.open
    spool.open = lambda: opened.append(original()) or opened[-1]  # type: ignore[method-assign, func-returns-value]
    connection = await begun(served, 5 * MIB, 4 * MIB)
    await until(lambda: spool.disk.held == 4 * MIB and not served.gateway.bodies.memory.held)
    found = os.fstat(opened[0])
    assert found.st_size == 4 * MIB
    assert (stat.S_IMODE(found.st_mode), found.st_nlink) == (0o600, 0)
    assert names_in(tmp_path) == []
    await connection.send(bytes(MIB))
    assert (await connection.answer()).status == 202
    connection.close()


async def test_a_body_in_which_something_is_redacted_is_never_on_disk(
    served: Served, spool: Spool
) -> None:
    document = {"trigger": {"max_body": "6MiB"}, "redact": ["body.card"], "name": "Pay"}
    served.engine.publish(document)
    spool.open = lambda: pytest.fail("it is")  # type: ignore[method-assign]
    body = b'{"card":"4111","padding":"%b"}' % (b"x" * 3 * MIB)
    answer = await served.call("POST", "/t37ed/Pay", body, content_type="text/plain")
    assert answer.status in (202, 400)
    assert spool.disk.held == 0


async def test_a_file_system_that_has_no_files_without_a_name_does_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    descriptor = spool_in(tmp_path).open()
    found = os.fstat(descriptor)
    assert (stat.S_IMODE(found.st_mode), found.st_nlink) == (0o600, 0)
    os.close(descriptor)


async def test_what_does_not_fit_on_disk_gets_503_before_it_is_read(
    served: Served, spool: Spool
) -> None:
    first = await begun(served, 5 * MIB, 4 * MIB)
    await until(lambda: spool.disk.held == 4 * MIB)
    async with await served.connect() as connection:
        head = request("POST", PATH, content_length=str(5 * MIB), expect="100-continue")
        answer = await connection.call(head)
        assert (answer.status, answer.code) == (503, "overloaded")
    async with await served.connect() as connection:
        assert (await connection.call(request("POST", PATH, b"small"))).status == 202
    first.close()


async def test_a_chunked_body_over_the_limit_is_413_as_soon_as_it_is(served: Served) -> None:
    async with await served.connect() as connection:
        await connection.send(chunked(bytes(7 * MIB)))
        assert (await connection.answer()).code == "body_too_large"
        assert await connection.rest() == b""
    assert served.engine.calls == []


async def test_a_caller_who_goes_leaves_nothing_on_disk(served: Served, spool: Spool) -> None:
    connection = await begun(served, 5 * MIB, 4 * MIB)
    await until(lambda: spool.disk.held == 4 * MIB)
    connection.close()
    await until(lambda: spool.disk.held == 0)
    assert served.engine.calls == []


def read_back(spool: Spool) -> tuple[Share, int]:
    """A body of another trigger, read back and not stored yet."""
    other = spool.loads.room.share_of(1000)
    counted: list[int] = []
    spool.loads.wait(other, 3 * MIB, lambda taken: counted.append(taken) is None)
    return other, counted[0]


async def test_bodies_are_read_back_one_after_the_other(served: Served, spool: Spool) -> None:
    """Two of 3 MiB do not fit into the 4 MiB that are read back at once."""
    other, counted = read_back(spool)
    async with await served.connect() as connection:
        await connection.send(request("POST", PATH, BODY))
        await until(lambda: spool.disk.held == len(BODY) and not served.gateway.bodies.memory.held)
        assert served.engine.calls == []
        spool.loads.give_back(other, counted)
        assert (await connection.answer()).status == 202


async def test_a_caller_who_goes_while_its_body_waits_starts_nothing(
    served: Served, spool: Spool
) -> None:
    other, counted = read_back(spool)
    connection = await served.connect()
    await connection.send(request("POST", PATH, BODY))
    await until(lambda: spool.disk.held == len(BODY))
    connection.close()
    await until(lambda: spool.disk.held == 0)
    spool.loads.give_back(other, counted)
    assert served.engine.calls == []


async def test_who_waits_for_too_long_to_be_read_back_gets_503(
    served: Served, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_file, "PATIENCE_S", 0.0)
    other, counted = read_back(spool)
    async with await served.connect() as connection:
        answer = await connection.call(request("POST", PATH, BODY))
        assert (answer.status, answer.code) == (503, "overloaded")
        assert (await connection.call(request("POST", PATH, b"small"))).status == 202
    spool.loads.give_back(other, counted)


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "no space"), "disk_full"), (OSError(5, "broken"), "store_unavailable")],
)
async def test_a_disk_that_takes_nothing_is_503(
    served: Served, spool: Spool, error: OSError, code: str
) -> None:
    def fail() -> int:
        raise error

    spool.open = fail  # type: ignore[method-assign]
    async with await served.connect() as connection:
        answer = await connection.call(request("POST", PATH, BODY))
        assert (answer.status, answer.code) == (503, code)
    assert served.engine.calls == []


async def test_a_long_body_under_an_idempotency_key_is_known_again(served: Served) -> None:
    async with await served.connect() as connection:
        body = bytes(5 * MIB)
        for expected in (None, "true"):
            answer = await connection.call(request("POST", PATH, body, idempotency_key="k"))
            assert answer.get("firesteel-duplicate") == expected
        other = request("POST", PATH, body[:-1] + b"x", idempotency_key="k")
        assert (await connection.call(other)).code == "idempotency_mismatch"
