"""Every release of PostgreSQL that this machine has beside the wheel's: Debian keeps them apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firesteel.model.execution import State
from firesteel.store.figures import Tally
from firesteel.store.history import MessageFilter
from firesteel.store.postgresql import safety
from firesteel.store.postgresql.store import open_store
from tests.support.hand import Hand
from tests.support.postgres import Postgres

FOLDERS = {
    int(folder.parent.name): folder
    for folder in Path("/usr/lib/postgresql").glob("*/bin")
    if folder.parent.name.isdigit() and (folder / "initdb").exists()
}
SUPPORTED = {no: folder for no, folder in FOLDERS.items() if no >= safety.OLDEST_SERVER}


@pytest.fixture(scope="module", params=sorted(SUPPORTED) or [None])
def other_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param is None:
        pytest.skip("no other PostgreSQL is installed")
    with Postgres.started(installed=SUPPORTED[request.param]) as server, server.database() as url:
        yield url


async def test_a_store_works_on_every_release_that_is_installed(other_url: str) -> None:
    node, other = await open_store(other_url, node="a"), await open_store(other_url, node="b")
    try:
        hand = Hand(node.journal, node.catalog)
        trigger_no = await hand.trigger("orders")
        accepted = await hand.accept_many(20, trigger_no, "a lane\0")
        for _ in accepted:
            (claim,) = await hand.taken()
            assert await hand.settle(claim)
        page = await other.history.messages(MessageFilter(state=State.SUCCEEDED))
        assert [one.sequence for one in page] == [*range(20, 0, -1)]
        assert {one.lane_key for one in page} == {"a lane\0"}
        assert len(await other.history.responses([one.execution_no for one in accepted])) == 20
        found = await other.history.scan(MessageFilter(), "body", rows=50, seconds=5)
        assert len(found.matches) == 20
        await other.figures.add(1, {trigger_no: Tally(accepted=20)})
        assert await other.history.purge(default_history_s=-1.0) == 20
        counts = await node.journal.counts(trigger_no)
        assert (counts.accepted, counts.purged, counts.terminal) == (20, 20, 0)
    finally:
        await other.close()
        await node.close()
