"""P12: a trigger that is flooded with messages, bodies and callers takes from no other what it
needs: that is accepted, started and answered all the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.fault.stores import DEFECTS_ON, STORES, kept_on
from tests.fault.stores import told as told_on
from tests.support.node import KEY, POLL_S, WAIT_S, ProjectFolder, RunningNode, running_node
from tests.support.raw_http import Answer, RawConnection, request

PATIENT = Path(__file__).parent / "patient_deadlines"
MIB = 1024**2
WAITING = 200
LONG_BYTES, SHORT_BYTES = 10 * MIB, 900 * 1024
# More than all the room could hold.
AT_MOST = 60
# A body on disk has less than this in memory while nothing of it is being written.
UNWRITTEN_BYTES = 64 * 1024
HELD = re.compile(r'^firesteel_held_body_bytes\{where="(\w+)"\} (\S+)$', re.MULTILINE)
LIMITS = {
    "FIRESTEEL_BODIES_IN_FLIGHT": "8MiB",
    "FIRESTEEL_BODIES_ON_DISK": "100MiB",
    "FIRESTEEL_DISK_RESERVE": "1MiB",
    "FIRESTEEL_MAX_CONNECTIONS": "40",
    "FIRESTEEL_WORKERS": "1",
    "FIRESTEEL_WORKER_SLOTS": "4",
    "FIRESTEEL_SHUTDOWN_TIMEOUT": "1s",  # what runs does not end
}
WORK = """
import asyncio
from firesteel import workflow

@workflow
async def stand(input):
    await asyncio.sleep(3600)

@workflow
async def answer(input):
    return "done"
"""


@contextmanager
def shared(folder: Path, *defects: Path, **environment: str) -> Iterator[RunningNode]:
    """A node with little room, and all the time; executions of ``Flooded`` do not end."""
    environment.update([together(folder / "site", PATIENT, *defects)])
    project = ProjectFolder(folder / "project")
    project.module("work", WORK)
    trigger = {"request_response": {"timeout": "15m"}, "max_body": "20MiB"}
    for name, function, concurrency in (("Flooded", "stand", 100), ("Other", "answer", 10)):
        project.integration(
            {
                "name": name,
                "trigger": {**trigger, "concurrency": concurrency},
                "workflow": {"python": f"work:{function}", "timeout": "1h"},
            }
        )
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", project.path, **LIMITS, **environment) as node:
        yield node


class Flood:
    """All that it is let have, it keeps."""

    def __init__(self, node: RunningNode) -> None:
        self._node = node
        port = urlsplit(node.public_url).port
        assert port is not None
        self._port = port
        self._kept: list[RawConnection] = []

    async def messages(self) -> None:
        """So many wait, and take every slot that they can have."""
        call = request("POST", "/test/Flooded", b"{}", x_api_key=KEY, prefer="respond-async")
        async with await RawConnection.open(self._port) as connection:
            for _ in range(WAITING):
                assert (await connection.call(call)).status == 202

    async def bodies(self, size_bytes: int) -> None:
        """Bodies that come in and do not end, until one is refused: one after the other, since of
        those that are under way together more are let in than there is room for."""
        for _ in range(AT_MOST):
            connection = await RawConnection.open(self._port)
            self._kept.append(connection)
            before = await self._held()
            if (await self._begin(connection, "Flooded", size_bytes)).status != 100:
                return
            await connection.send(bytes(size_bytes - 1))
            await self._until_held(before, size_bytes - 1)
        raise AssertionError("all of them are taken")

    async def _until_held(self, before: dict[str, int], more_bytes: int) -> None:
        """Until the node holds so much more, and nothing of it is being written."""
        on_disk = more_bytes > MIB
        async with asyncio.timeout(WAIT_S):
            while True:
                held = await self._held()
                more = {where: held[where] - before[where] for where in held}
                if on_disk and more["disk"] == more_bytes and more["memory"] < UNWRITTEN_BYTES:
                    return
                if not on_disk and more == {"memory": more_bytes, "disk": 0}:
                    return
                await asyncio.sleep(POLL_S)

    async def _held(self) -> dict[str, int]:
        """Bytes of bodies that the node holds, by where they lie."""
        url = f"{self._node.address['admin_url']}/metrics"
        scrape = await asyncio.to_thread(self._node.client.get, url)
        return {where: int(float(text)) for where, text in HELD.findall(scrape.text)}

    async def callers(self) -> None:
        """Callers that wait for a response, until one is refused at once."""
        for _ in range(AT_MOST):
            connection = await RawConnection.open(self._port)
            self._kept.append(connection)
            await connection.send(request("POST", "/test/Flooded", b"{}", x_api_key=KEY))
            answered = asyncio.create_task(connection.answer())
            beside = asyncio.create_task(self._tell_time())
            await asyncio.wait([answered, beside], return_when=asyncio.FIRST_COMPLETED)
            await beside
            if answered.done():
                assert answered.result().status == 503
                return
            answered.cancel()
        raise AssertionError("all of them wait")

    async def _tell_time(self) -> None:
        """A call is begun, or refused, before one that comes after it is answered."""
        async with await RawConnection.open(self._port) as connection:
            await connection.call(request("GET", "/-/health"))

    async def other(self, size_bytes: int) -> tuple[int, bytes]:
        """What a caller of the other trigger is told."""
        async with await RawConnection.open(self._port) as connection:
            answer = await self._begin(connection, "Other", size_bytes)
            if answer.status == 100:
                await connection.send(bytes(size_bytes))
                answer = await connection.answer()
            return answer.status, answer.body

    async def _begin(self, connection: RawConnection, name: str, size_bytes: int) -> Answer:
        known = {"x_api_key": KEY, "content_length": str(size_bytes), "expect": "100-continue"}
        return await connection.call(request("POST", f"/test/{name}", **known))

    def close(self) -> None:
        for connection in self._kept:
            connection.close()


async def told_beside_a_flood(node: RunningNode) -> dict[str, list[tuple[int, bytes]]]:
    """What callers of the other trigger are told, by what the first one is flooded with."""
    flood, told = Flood(node), {}

    async def others() -> list[tuple[int, bytes]]:
        return [await flood.other(size) for size in (2, 100 * 1024, 2 * MIB)]

    try:
        await flood.messages()
        told["waiting messages"] = await others()
        await flood.bodies(LONG_BYTES)
        told["long bodies"] = await others()
        await flood.bodies(SHORT_BYTES)
        told["bodies in memory"] = await others()
        await flood.callers()
        told["callers"] = await others()
    finally:
        flood.close()
    return told


@pytest.mark.parametrize("store", STORES)
def test_p12_a_flooded_trigger_leaves_the_others_what_they_need(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with kept_on(store, request) as environment, shared(tmp_path, **dict(environment)) as node:
        told = asyncio.run(told_beside_a_flood(node))
    count = sum(len(answers) for answers in told.values())
    report.row(
        "P12", told_on("one trigger flooded", store), acknowledged=count, note=", ".join(told)
    )
    assert told == {name: [(200, b"done")] * 3 for name in told}


@pytest.mark.parametrize("store", DEFECTS_ON)
def test_p12_fails_when_whoever_comes_first_may_take_all(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with (
        kept_on(store, request) as environment,
        shared(tmp_path, PLANTED / "shares_ignored", **dict(environment)) as node,
    ):
        told = asyncio.run(told_beside_a_flood(node))
    found = [name for name, answers in told.items() if answers != [(200, b"done")] * 3]
    report.defect("P12", told_on("shares_ignored", store), found=len(found) == 3)
    assert found == ["long bodies", "bodies in memory", "callers"]
