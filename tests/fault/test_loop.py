"""P27: no request within its limits holds the event loop for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.conftest import Size
from tests.fault.defects import PLANTED, together
from tests.fault.heavy_requests import (
    Heavy,
    fill,
    heavy_admin_requests,
    heavy_requests,
    long_bodies,
    shows_message,
)
from tests.fault.report import Report
from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.raw_http import RawConnection, request

WATCH = Path(__file__).parent / "loop_watch"
TRIES = {"quick": 1, "full": 3, "soak": 10}
HELD_S = 0.1


@dataclass(frozen=True, slots=True)
class Watched:
    """A node whose event loop tells how late it is; ``lines``: the file in which it does."""

    node: RunningNode
    lines: Path

    async def send(self, heavy: Heavy) -> set[int]:
        """The statuses of the answers, all of which must come."""
        port = urlsplit(self.node.address["admin_url" if heavy.admin else "public_url"]).port
        assert port is not None
        async with await RawConnection.open(port) as connection:
            sending = asyncio.create_task(connection.send(heavy.data))
            told = {(await connection.answer()).status for _ in range(heavy.answers)}
            with contextlib.suppress(ConnectionError):  # it may be answered before all was sent
                await sending
            # By then the loop has come by again, and has written what it had to.
            for _ in range(3):
                await connection.call(
                    request("GET", "/health/live" if heavy.admin else "/-/health")
                )
                await asyncio.sleep(0.01)
        return told

    def message(self, body: bytes) -> str:
        """The id of a message with that body."""
        answer = self.node.call("Plain", content=body)
        return str(answer.headers["firesteel-message-id"])

    def held_s(self, heavy: Heavy, *, whatever: bool = False) -> tuple[float, float]:
        """For how long the request held the loop at once, and with how much processor time;
        ``whatever``: the answer may be any."""
        before = self.lines.stat().st_size if self.lines.exists() else 0
        answered = asyncio.run(self.send(heavy))
        assert whatever or answered == {heavy.status}, heavy.name
        with self.lines.open() as file:
            file.seek(before)
            late = [tuple(map(float, line.split())) for line in file]
        return max((s for s, _ in late), default=0.0), max((s for _, s in late), default=0.0)


@contextmanager
def watched(folder: Path, *defects: Path) -> Iterator[Watched]:
    """``defects``: what is planted beside the watch."""
    project = ProjectFolder(folder / "project")
    fill(project)
    (folder / "data").mkdir(mode=0o700)
    lines = folder / "late"
    lines.touch()
    environment = {
        **dict([together(folder / "site", WATCH, *defects)]),
        "LOOP_WATCH": str(lines),
        "FIRESTEEL_TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8",
        "FIRESTEEL_DISK_RESERVE": "1MiB",
        "SIGNED": "what signs",
    }
    with running_node(folder / "data", project.path, **environment) as node:
        yield Watched(node, lines)


def judge(worst: dict[str, tuple[float, float]], what: str, report: Report) -> None:
    """Report who held the loop longest, and that nobody did for too long. Of each: seconds on the
    clock and of processor time."""
    name = max(worst, key=lambda name: worst[name])
    held_s, used_s = worst[name]
    note = f"{held_s * 1e3:.0f} ms at most ({used_s * 1e3:.0f} ms of processor time): {name}"
    report.row("P27", f"{len(worst)} {what}", note=note)
    assert {name: took for name, took in worst.items() if took[0] > HELD_S} == {}


def test_p27_no_request_within_its_limits_holds_the_event_loop(
    size: Size, tmp_path: Path, report: Report
) -> None:
    worst: dict[str, tuple[float, float]] = {}
    with watched(tmp_path) as node:
        for heavy in heavy_requests():
            # The least of several: a machine that does other work makes any loop late.
            worst[heavy.name] = min(node.held_s(heavy) for _ in range(TRIES[size]))
    if size != "quick":
        judge(worst, "kinds of heavy requests", report)


def test_p27_no_request_of_the_admin_port_holds_the_event_loop(
    size: Size, tmp_path: Path, report: Report
) -> None:
    worst: dict[str, tuple[float, float]] = {}
    with watched(tmp_path) as node:
        node.node.admin("GET", "/me")  # REST API and console are loaded with their first request
        node.node.client.get(node.node.address["admin_url"] + "/sign-in")
        for heavy in heavy_admin_requests(node.node.address["token"]):
            worst[heavy.name] = min(node.held_s(heavy) for _ in range(TRIES[size]))
    if size != "quick":
        judge(worst, "kinds of heavy requests to the admin port", report)


def test_p27_nobody_who_looks_at_a_message_holds_the_event_loop(
    size: Size, tmp_path: Path, report: Report
) -> None:
    worst: dict[str, tuple[float, float]] = {}
    with watched(tmp_path) as node:
        token = node.node.address["token"]
        for name, body in long_bodies(whole=size != "quick"):
            for heavy in shows_message(token, node.message(body), name):
                node.node.admin("GET", "/me")
                worst[heavy.name] = min(node.held_s(heavy) for _ in range(TRIES[size]))
    if size != "quick":
        judge(worst, "looks at messages of 100 MiB", report)


def test_p27_fails_when_a_long_payload_is_made_into_one_text(
    tmp_path: Path, report: Report
) -> None:
    name = "text of escapes"
    body = dict(long_bodies(whole=True))[name]
    with watched(tmp_path, PLANTED / "payloads_shown_in_one_piece") as node:
        node.node.admin("GET", "/me")
        heavy = shows_message(node.node.address["token"], node.message(body), name)[0]
        found = node.held_s(heavy)[0] > HELD_S
    report.defect("P27", "payloads_shown_in_one_piece", found=found)
    assert found


def test_p27_fails_when_bodies_of_the_admin_port_are_parsed_unmeasured(
    tmp_path: Path, report: Report
) -> None:
    with watched(tmp_path, PLANTED / "admin_bodies_unmeasured") as node:
        node.node.admin("GET", "/me")
        token = node.node.address["token"]
        heavy = next(one for one in heavy_admin_requests(token) if one.name == "empty lists")
        found = node.held_s(heavy, whatever=True)[0] > HELD_S
    report.defect("P27", "admin_bodies_unmeasured", found=found)
    assert found


def test_p27_fails_when_long_bodies_are_parsed_in_the_loop(tmp_path: Path, report: Report) -> None:
    heavy = next(one for one in heavy_requests() if one.name == "16 MiB of JSON, checked")
    with watched(tmp_path, PLANTED / "bodies_parsed_in_the_loop") as node:
        found = node.held_s(heavy)[0] > HELD_S
    report.defect("P27", "bodies_parsed_in_the_loop", found=found)
    assert found
