"""Without a credential nothing is answered but what is listed here (P43).

A bare ``firesteel demo`` is asked for every route that it has, on both ports, in every way in which
a path was made to look like another one elsewhere, by every method.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.node import RunningNode, launch, until_ready
from tests.support.path_mutations import MUTATIONS
from tests.support.processes import children
from tests.support.raw_http import Answer, RawConnection
from tests.support.routes import all_routes

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
CONNECTIONS = 8
# What may answer, by its path once decoded: this list is the promise.
OPEN = {
    "admin": {
        "/health/live",
        "/health/ready",
        "/metrics",
        "/api/v1/openapi.json",
        "/sign-in",
        "/welcome",
    },
    "public": {"/-/health"},
}
# Names that are there, so that what was let in would be answered.
NAMES = {
    "workspace": "demo",
    "name": "ItemPrice",
    "label": "demo",
    "number": "1",
    "step": "price",
}
PUBLIC = (
    "/-/health",
    "/demo/ItemPrice",
    "/demo/StockAtHand",
    "/demo/CreateCustomerRecord",
    "/demo/ReceiveWorkOrder",
    "/demo/ItemPrice/messages/{id}",
    "/demo/ItemPrice/messages/{id}/response",
    "/demo",
    "/",
)


class Door(NamedTuple):
    """One request; ``answers``: whether its path is one that may answer."""

    port: int
    method: str
    target: str
    answers: bool


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningNode]:
    yield from demo_node(tmp_path)


def demo_node(folder: Path, **environment: str) -> Iterator[RunningNode]:
    data = folder / "data"
    data.mkdir(mode=0o700)
    node = until_ready(launch(["demo"], data, **environment))
    try:
        yield node
    finally:
        node.stop()


def doors(node: RunningNode, size: Size) -> list[Door]:
    """Every route in every spelling: in the quick size by its own method and by GET, else by all.
    A path that is spelled in another way, but is an open one when decoded, may answer too."""
    sent = node.client.get(
        f"{node.public_url}/demo/ItemPrice?item=A-100", headers={"x-api-key": "demo-key"}
    )
    names = {**NAMES, "id": sent.headers["firesteel-message-id"]}
    address = node.address
    found = set()
    routes = [("admin", method, path) for method, path in all_routes()]
    routes += [("admin", "GET", path) for path in sorted(OPEN["admin"])]
    routes += [("public", method, path) for path in PUBLIC for method in ("GET", "POST")]
    for kind, method, path in routes:
        port = urlsplit(address[f"{kind}_url"]).port
        assert port is not None
        whole = re.sub(r"\{(\w+)\}", lambda match: names.get(match[1], "nothing"), path)
        methods = {method, "GET"} if size == "quick" else METHODS
        for mutated in (mutate(whole) for mutate in MUTATIONS.values()):
            meant = mutated.removeprefix("http://127.0.0.1").partition("?")[0]
            # The gateway's own health has one spelling; the admin port decodes a path once.
            answers = (unquote(meant) if kind == "admin" else meant) in OPEN[kind]
            found.update(Door(port, one, mutated, answers) for one in methods)
    return sorted(found)


async def opened(wanted: list[Door]) -> list[str]:
    """What was answered other than 401 and 404 and may not be."""
    turns = iter(wanted)
    found: list[str] = []

    async def caller() -> None:
        connections: dict[int, RawConnection] = {}
        for door in turns:
            if door.port not in connections:
                connections[door.port] = await RawConnection.open(door.port)
            answer = await asked(connections[door.port], door)
            if answer.get("connection") == "close":
                connections.pop(door.port).close()
            if answer.status not in (401, 404) and not door.answers:
                found.append(f"{door.method} {door.target} is {answer.status}: {answer.body!r:.80}")
        for connection in connections.values():
            connection.close()

    await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))
    return found


async def asked(connection: RawConnection, door: Door) -> Answer:
    head = f"{door.method} {door.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    await connection.send(head.encode("latin-1"))
    return await connection.answer(head=door.method == "HEAD")


def test_p43_without_a_credential_only_the_listed_routes_answer(
    demo: RunningNode, size: Size, report: Report
) -> None:
    wanted = doors(demo, size)
    open_ones = asyncio.run(opened(wanted))
    note = f"{len(all_routes()) + len(PUBLIC)} routes, {len(MUTATIONS)} spellings"
    report.row("P43", "requests without a credential", cycles=len(wanted), note=note)
    assert open_ones == []


def test_p43_what_is_listed_answers(demo: RunningNode) -> None:
    for kind, paths in OPEN.items():
        for path in paths:
            answer = demo.client.get(demo.address[f"{kind}_url"] + path)
            assert answer.status_code == 200 or path == "/welcome", path


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_p43_a_bare_demo_listens_on_two_ports_of_this_machine_alone(demo: RunningNode) -> None:
    wanted = {urlsplit(demo.address[f"{kind}_url"]).port for kind in ("public", "admin")}
    pids = {demo.process.pid, *children(demo.process.pid)}
    pids |= {child for pid in list(pids) for child in children(pid)}
    assert listening(pids) == {("0100007F", port) for port in wanted}
    assert demo.data_dir.stat().st_mode & 0o077 == 0


def listening(pids: set[int]) -> set[tuple[str, int]]:
    """Address (of IPv4 in hexadecimal) and port of every socket on which the processes listen."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            match = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            inodes.update(match.groups() if match else ())
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_rest, inode = line.split()[:10]
            if state == "0A" and inode in inodes:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found


def test_p43_fails_when_a_suffix_opens_the_door(tmp_path: Path, report: Report) -> None:
    name, value = planted("suffix_opens_the_door")
    found = []
    for node in demo_node(tmp_path, **{name: value}):
        wanted = [one for one in doors(node, "quick") if one.target.endswith("/openapi.json")]
        found = asyncio.run(opened(wanted))
    report.defect("P43", "suffix_opens_the_door", found=bool(found))
    assert found
