"""P24: long bodies that come in at the same time lie on disk, and cost little memory however many
they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node
from tests.support.processes import memory_bytes, peak_memory_bytes
from tests.support.raw_http import RawConnection, request

MIB = 1024**2
CALLERS = {"quick": 16, "full": 20, "soak": 20}
BODY_BYTES = {"quick": 20 * MIB, "full": 50 * MIB, "soak": 50 * MIB}
# One trigger may have half of it.
ON_DISK = {"quick": "1GiB", "full": "2GiB", "soak": "2GiB"}
ROUNDS = {"quick": 1, "full": 5, "soak": 50}
MEMORY_BYTES = 512 * MIB
# Beside the bound of 64 MiB for bodies that are read back: what the store needs for one.
GROWTH_BYTES = 256 * MIB
PIECE = bytes(range(256)) * 1024
# Of each body the end, which goes out slowly until all are there, and how much of it in a second.
LAST_BYTES = 256 * 1024
DRIP_BYTES = 4096


@dataclass(slots=True)
class Uploads:
    """``let``: how many callers were let send their body; ``told``: the answers to them."""

    let: int = 0
    told: list[int] = field(default_factory=list)


@contextmanager
def keeping(folder: Path, **environment: str) -> Iterator[RunningNode]:
    """A node that keeps long messages, and runs others of them."""
    project = ProjectFolder(folder / "project")
    project.module("work", "from firesteel import workflow\n\n@workflow\ndef nothing(input): ...\n")
    trigger = {"max_body": "100MiB"}
    project.integration({"name": "Keep", "trigger": trigger})
    project.integration({"name": "Run", "trigger": trigger, "workflow": {"python": "work:nothing"}})
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", project.path, **environment) as node:
        yield node


async def upload(node: RunningNode, name: str, *, callers: int, size_bytes: int) -> Uploads:
    """All of them send their bodies at once; nobody ends before everybody is nearly there, and who
    waits for the others goes on slowly."""
    port = urlsplit(node.public_url).port
    assert port is not None
    found = Uploads()
    everybody = asyncio.Barrier(callers)

    async def send(connection: RawConnection, left_bytes: int) -> int:
        """The status of the answer."""
        while left_bytes > LAST_BYTES:
            await connection.send(PIECE[: left_bytes - LAST_BYTES])
            left_bytes -= min(len(PIECE), left_bytes - LAST_BYTES)
        waiting = asyncio.create_task(everybody.wait())
        while not waiting.done() and left_bytes > DRIP_BYTES:
            await asyncio.wait([waiting], timeout=1.0)
            await connection.send(PIECE[:DRIP_BYTES])
            left_bytes -= DRIP_BYTES
        await waiting
        await connection.send(PIECE[:left_bytes])
        return (await connection.answer()).status

    async def call() -> None:
        head = request(
            "POST",
            f"/test/{name}",
            content_length=str(size_bytes),
            x_api_key=KEY,
            expect="100-continue",
        )
        async with await RawConnection.open(port) as connection:
            if (await connection.call(head)).status == 100:
                found.let += 1
                try:
                    found.told.append(await send(connection, size_bytes))
                except ConnectionError:
                    found.told.append(503)
                    await everybody.abort()

    await asyncio.gather(*(call() for _ in range(callers)), return_exceptions=True)
    return found


def test_p24_long_bodies_that_come_in_at_once_do_not_fill_the_memory(
    size: Size, tmp_path: Path, report: Report
) -> None:
    settings = {"FIRESTEEL_DISK_RESERVE": "1MiB", "FIRESTEEL_BODIES_ON_DISK": ON_DISK[size]}
    with keeping(tmp_path, **settings) as node:
        first_bytes = memory_bytes(node.engine_pid)
        for name, what in (("Keep", "kept"), ("Run", "run")):
            told = note(node, name, size)
            title = f"{CALLERS[size]} callers at once with {BODY_BYTES[size] // MIB} MiB, {what}"
            report.row("P24", title, acknowledged=CALLERS[size] * ROUNDS[size], note=told)
            if name == "Keep":  # what runs is in memory again on its way to its worker
                peak_bytes = peak_memory_bytes(node.engine_pid)
        with_running_bytes = peak_memory_bytes(node.engine_pid)
    assert peak_bytes - first_bytes < GROWTH_BYTES
    if size != "quick":
        assert with_running_bytes < MEMORY_BYTES


def note(node: RunningNode, name: str, size: Size) -> str:
    """Upload in rounds; what that took."""
    before_bytes, began = memory_bytes(node.engine_pid), time.monotonic()
    for _ in range(ROUNDS[size]):
        found = asyncio.run(upload(node, name, callers=CALLERS[size], size_bytes=BODY_BYTES[size]))
        assert found.told == [202] * CALLERS[size]
    took_s = time.monotonic() - began
    return (
        f"engine {before_bytes // MIB} MiB before, {peak_memory_bytes(node.engine_pid) // MIB} at "
        f"most, {memory_bytes(node.engine_pid) // MIB} after; {took_s:.0f} s"
    )


def test_p24_fails_when_long_bodies_are_held_in_memory(tmp_path: Path, report: Report) -> None:
    with keeping(tmp_path, **dict([planted("bodies_held_in_memory")])) as node:
        callers = CALLERS["quick"]
        told = asyncio.run(upload(node, "Keep", callers=callers, size_bytes=BODY_BYTES["quick"]))
    found = told.told.count(202) < callers
    report.defect("P24", "bodies_held_in_memory", found=found)
    assert found
