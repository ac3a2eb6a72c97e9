"""Nothing is purged that was not archived, whenever the engine is killed (decision 0060)."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from firesteel.store.archive.folder import files, kept
from firesteel.store.archive.reading import Wanted, find
from firesteel.store.archive.record import encoded
from tests.conftest import Size
from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.support.node import RunningNode, running_node, wait_until

HASTY = Path(__file__).parents[1] / "support" / "hasty_retention"
SOONER = Path(__file__).parent / "sooner_purges"
CYCLES = {"quick": 2, "full": 20, "soak": 100}
PARTS = [0, *(pytest.param(part, marks=pytest.mark.full) for part in range(1, 10))]
CALLS = 40
LATEST_S = 0.03
"""After the archive has grown: flushing it, deleting and the commit take about so long together."""
DOCUMENT = {
    "name": "Kept",
    "trigger": {"authentication": []},
    "retention": {"history": "1h", "archive": True},
}


def hasty(folder: Path, *changed: Path) -> tuple[str, str]:
    """Messages go 3.6 s after they have ended."""
    return together(folder / "joined", HASTY, *changed)


def call(node: RunningNode, count: int = CALLS) -> set[str]:
    return {node.call("Kept", json={"n": n}).json()["id"] for n in range(count)}


def stored(node: RunningNode) -> set[str]:
    found: set[str] = set()
    query: dict[str, str | int] = {"limit": 200}
    while True:
        page = node.admin("GET", "/workspaces/test/messages", params=query)
        found |= {item["id"] for item in page["items"]}
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


def archived(folder: Path) -> set[str]:
    return {record["id"] for record in find(folder / "data" / "archive", Wanted())}


def size_bytes(folder: Path) -> int:
    """Of the archive now, whole or not."""
    return sum(one.path.stat().st_size for one in files(folder / "data" / "archive"))


def torn(folder: Path) -> bool:
    """Whether a file of the archive ends within a frame."""
    return any(
        one.path.stat().st_size > max((frame.end for frame in one.frames()), default=0)
        for one in files(folder / "data" / "archive")
    )


def records(folder: Path) -> int:
    """How many the archive has; a message that was archived twice counts twice."""
    return sum(one.messages for one in kept(folder / "data" / "archive"))


@pytest.mark.parametrize("part", PARTS)
def test_killed_at_any_moment_of_a_purge_no_message_is_in_neither_place(
    part: int, size: Size, tmp_path: Path, report: Report
) -> None:
    """Ten parts make up the 200 kills of a full run: each as soon as the archive grows, or while
    that is flushed and its messages are deleted. What is in neither place stays so to the end."""
    chance = random.Random(60 + part)
    sent: set[str] = set()
    cut_off = 0
    environment = dict([hasty(tmp_path, SOONER)])
    with running_node(tmp_path / "data", **environment, FIRESTEEL_WORKERS="1") as node:
        node.admin("PUT", "/workspaces/test/integrations/Kept", json=DOCUMENT)
        for _ in range(CYCLES[size]):
            sent |= call(node)
            before = size_bytes(tmp_path)
            sent |= call(node, 1)  # it goes later than this, and lets the archive grow
            wait_until(lambda before=before: size_bytes(tmp_path) > before, every_s=0.0005)
            time.sleep(chance.choice((0.0, chance.random() * LATEST_S)))
            pid = node.engine_pid
            node.kill_engine()
            cut_off += torn(tmp_path)
            wait_until(lambda pid=pid: node.engine_pid != pid)
            node.wait_ready()
        wait_until(lambda: not stored(node))
        found = archived(tmp_path)
    twice = records(tmp_path) - len(found)
    lost = sent - found
    report.row(
        "0060",
        "killed in purges",
        cycles=CYCLES[size],
        acknowledged=len(sent),
        lost=len(lost),
        note=f"{cut_off} frames torn, {twice} messages archived twice: killed between the two",
    )
    assert lost == set()


def test_it_fails_when_messages_go_before_they_are_archived(tmp_path: Path, report: Report) -> None:
    environment = hasty(tmp_path, SOONER, PLANTED / "purged_before_archived")
    with running_node(tmp_path / "data", **dict([environment])) as node:
        node.admin("PUT", "/workspaces/test/integrations/Kept", json=DOCUMENT)
        sent = call(node)
        wait_until(lambda: not stored(node))
        node.kill_engine()
        lost = sent - archived(tmp_path)
    report.defect("0060", "purged_before_archived", found=bool(lost))
    assert lost


def test_an_archive_that_takes_nothing_is_a_metric_and_nothing_is_purged(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "archive").write_text("no folder")
    with running_node(tmp_path / "data", **dict([hasty(tmp_path)])) as node:
        node.admin("PUT", "/workspaces/test/integrations/Kept", json=DOCUMENT)
        sent = call(node)
        wait_until(lambda: failing(node) == "1.0")
        assert stored(node) == sent
        (tmp_path / "data" / "archive").unlink()
        wait_until(lambda: failing(node) == "0.0")
        wait_until(lambda: not stored(node))
    assert archived(tmp_path) == sent


def failing(node: RunningNode) -> str:
    """What the metric says; "" where there is none."""
    text = node.client.get(f"{node.address['admin_url']}/metrics").text
    found = [line for line in text.splitlines() if line.startswith("firesteel_archive_failing ")]
    return found[0].split()[1] if found else ""


CANARIES = (
    "key-canary-0123456789",
    "cookie-canary",
    "bearer-canary",
    "iban-canary",
    "session-canary",
)


def test_p44_an_archive_holds_no_credential_and_nothing_that_is_redacted(tmp_path: Path) -> None:
    key, cookie, bearer, iban, session = CANARIES
    document = {
        **DOCUMENT,
        "trigger": {"authentication": [{"api_key": {"label": "tester", "value": key}}]},
        "redact": ["body.iban", "x-session"],
        "workflow": {"steps": [{"name": "seen", "map": "{% input.body %}"}]},
    }
    with running_node(tmp_path / "data", **dict([hasty(tmp_path)])) as node:
        node.admin("PUT", "/workspaces/test/integrations/Kept", json=document)
        headers = {"x-api-key": key, "cookie": cookie, "x-session": session}
        headers["proxy-authorization"] = f"Bearer {bearer}"
        body = {"item": "A-100", "iban": iban}
        assert node.call("Kept", headers=headers, json=body).status_code == 202
        wait_until(lambda: archived(tmp_path))
    (record,) = find(tmp_path / "data" / "archive", Wanted())
    line = encoded(record).decode()
    assert "A-100" in line
    assert [canary for canary in CANARIES if canary in line] == []
