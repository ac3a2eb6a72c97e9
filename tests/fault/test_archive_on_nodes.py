"""Two nodes archive what one database lets go, into one folder: one at a time as they do, and both
at once as they may for a moment (decision 0060)."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from firesteel.store.archive.reading import Wanted, find
from tests.conftest import Size
from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.fault.test_archive import DOCUMENT, HASTY
from tests.support.cluster import Cluster, Member, new_key
from tests.support.node import RunningNode, until_ready, wait_until
from tests.support.postgres import Postgres

ALL_JOBS = Path(__file__).parent / "jobs_of_all"
ROUNDS = {"quick": 1, "full": 50, "soak": 500}
CALLS = 40


@contextlib.contextmanager
def two_nodes(folder: Path, postgres: Postgres, *changed: Path) -> Iterator[list[Member]]:
    """On one new database and one archive; messages go 3.6 s after they have ended."""
    (folder / "project" / "integrations").mkdir(parents=True)
    with postgres.database() as url:
        environment = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_ARCHIVE_DIR": str(folder / "archive"),
            **dict([together(folder / "joined", HASTY, *changed)]),
        }
        cluster = Cluster(folder, folder / "project", environment)
        members = [cluster.add(name) for name in ("a", "b")]
        try:
            cluster.start()
            put = "/workspaces/test/integrations/Kept"
            members[0].running.admin("PUT", put, json=DOCUMENT)
            wait_until(lambda: all(calls(member.running, 1) for member in members))
            yield members
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()


def calls(node: RunningNode, count: int = CALLS) -> set[str]:
    """The ids of so many messages; none where the node does not know the trigger yet."""
    answers = [node.call("Kept", json={"n": n}) for n in range(count)]
    return {answer.json()["id"] for answer in answers if answer.status_code == 202}


def ids(folder: Path) -> Counter[str]:
    """How often each message is found in the archive."""
    return Counter(record["id"] for record in find(folder / "archive", Wanted()))


def kept(node: RunningNode) -> int:
    """Messages that are still in the store."""
    items = node.admin("GET", "/workspaces/test/messages", params={"limit": 200})["items"]
    return len(items)


@pytest.mark.parametrize("changed", [(), (ALL_JOBS,)], ids=["one at a time", "both at once"])
def test_what_two_nodes_let_go_is_in_their_archive_once_each(
    changed: tuple[Path, ...], postgres: Postgres, tmp_path: Path, size: Size, report: Report
) -> None:
    """In every round one of them is killed while it may be archiving, and started again."""
    sent: set[str] = set()
    with two_nodes(tmp_path, postgres, *changed) as members:
        for number in range(ROUNDS[size]):
            struck, other = members[number % 2], members[1 - number % 2]
            before = len(ids(tmp_path))
            sent |= calls(struck.running) | calls(other.running)
            wait_until(lambda before=before: len(ids(tmp_path)) > before)
            struck.kill()
            wait_until(lambda other=other: kept(other.running) == 0)
            struck.launch()
            until_ready(struck.running)
        found = ids(tmp_path)
    lost, doubled = sent - found.keys(), [one for one, times in found.items() if times > 1]
    what = f"two nodes archive, {'both at once' if changed else 'one at a time'}"
    report.row(
        "0060",
        what,
        cycles=ROUNDS[size],
        acknowledged=len(sent),
        lost=len(lost),
        doubled=len(doubled),
    )
    assert (lost, doubled) == (set(), [])


def test_it_fails_on_nodes_when_messages_go_before_they_are_archived(
    postgres: Postgres, tmp_path: Path, report: Report
) -> None:
    with two_nodes(tmp_path, postgres, PLANTED / "purged_before_archived") as members:
        sent = calls(members[0].running)
        wait_until(lambda: kept(members[0].running) == 0)
        for member in members:
            member.kill()
        lost = sent - ids(tmp_path).keys()
    report.defect("0060", "purged_before_archived, several nodes", found=bool(lost))
    assert lost
