"""P36, P37: nodes are killed, paused and cut from their database, and the database is killed."""

from __future__ import annotations

import contextlib
import random
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import Size
from tests.fault import namespaces
from tests.fault.checker import check
from tests.fault.defects import planted, together
from tests.fault.history import Call, History, latest
from tests.fault.loader import Loader
from tests.fault.namespaces import Networks
from tests.fault.nodes import ClusterScene, Setting
from tests.fault.nodes_nemesis import NodesNemesis, NodeStrike
from tests.fault.report import Report
from tests.fault.scene import STEPS
from tests.fault.short_lease import LEASE_S, SHORT_LEASE
from tests.support.postgres import Postgres

TRIGGERS = ("Ordered", "Concurrent", "Answered")
RATE_PER_S = 60.0
SEED = 20_360
REST_S = 300.0
CYCLES = {"quick": 2, "full": 10, "soak": 100}
PARTS = [0, *(pytest.param(part, marks=pytest.mark.full) for part in range(1, 20))]
LONGEST_S = {"quick": 1.5 * LEASE_S, "full": 3 * LEASE_S, "soak": 3 * LEASE_S}
DATABASE_KILLS = {"quick": 2, "full": 10, "soak": 100}
MOST_KILLS_OF_A_DEFECT = 20
DATABASE_GONE_S = {"quick": 1.0, "full": 6.0, "soak": 10.0}
# Kills find commits under way: nearly always one, where nothing else is of interest.
SLOW_COMMITS = ("commit_delay=20000", "commit_siblings=0")
SLOWEST_COMMITS = ("commit_delay=100000", "commit_siblings=0")
ANSWERED_S = 5.0
BACK_S = 10.0


def seed_of(size: Size) -> int:
    seed = SEED if size == "quick" else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    return seed


def struck(
    url: str, folder: Path, strikes: Sequence[NodeStrike], cycles: int, size: Size
) -> tuple[History, list[Call]]:
    """What happened, and the calls to nodes that were cut. Where one is cut there are namespaces,
    and then ``url`` is not used: PostgreSQL must be within their reach."""
    with contextlib.ExitStack() as stack:
        inside, host, there = [], "127.0.0.1", ""
        if "node cut" in strikes:
            networks = stack.enter_context(Networks.made())
            inside = [stack.enter_context(networks.namespace()) for _ in range(2)]
            server = stack.enter_context(Postgres.started(networks.database))
            url, there, host = server.url(), server.url(host=networks.database), networks.callers
        lease = together(folder / "lease", SHORT_LEASE)
        setting = Setting(url, environment=(lease,), namespaces=inside, there=there)
        scene = stack.enter_context(ClusterScene.of(folder, setting, host=host))
        loader = Loader(scene.service, TRIGGERS, RATE_PER_S, scene.recorder)
        nemesis = NodesNemesis(
            scene.service, scene.recorder, seed_of(size), LONGEST_S[size], inside
        )
        with loader.running():
            nemesis.strike(cycles, strikes)
        return whole_history(scene, nemesis), nemesis.probes


def whole_history(scene: ClusterScene, nemesis: NodesNemesis) -> History:
    """When nothing waits and nothing runs any more."""
    scene.service.wait_at_rest(REST_S)
    return History(
        scene.recorder.calls(),
        scene.witness.effects(),
        (*nemesis.endings, *scene.service.endings()),
        STEPS,
        tuple(scene.service.balances()),
        paused=True,
    )


def ends(history: History) -> set[str]:
    return {ending.state for ending in latest(history.endings).values()}


@pytest.mark.parametrize("part", PARTS)
def test_p36_nodes_may_be_killed_and_paused_past_their_lease(
    part: int, postgres_url: str, tmp_path: Path, size: Size, report: Report
) -> None:
    """Ten parts make up the 200 strikes of a full run."""
    strikes: tuple[NodeStrike, ...] = ("node paused", "node killed")
    history, _ = struck(postgres_url, tmp_path, strikes, CYCLES[size], size)
    what = "whole nodes killed and paused, three nodes"
    report.history("P36", what, cycles=CYCLES[size], history=history)
    assert check(history) == []
    assert ends(history) == {"succeeded"}


@namespaces.needed
@pytest.mark.parametrize("part", PARTS)
def test_p36_nodes_may_be_cut_from_the_database(
    part: int, tmp_path: Path, size: Size, report: Report
) -> None:
    """Ten parts make up the 200 cuts of a full run."""
    history, probes = struck("", tmp_path, ("node cut",), CYCLES[size], size)
    took_s = [call.answered_at - call.invoked_at for call in probes]
    told = Counter(str(call.status) for call in probes)
    note = f"calls to a node that is cut: {dict(told)}, answered after {max(took_s):.1f} s at most"
    what = "nodes cut from the database, three nodes"
    report.history("P36", what, cycles=CYCLES[size], history=history, note=note)
    assert check(history) == []
    assert ends(history) == {"succeeded"}
    assert told["503"] > 0
    if size != "quick":
        assert max(took_s) <= ANSWERED_S


@dataclass(frozen=True, slots=True)
class TwoNodes:
    """Who calls them, and what is done to their database."""

    scene: ClusterScene
    loader: Loader
    nemesis: NodesNemesis
    server: Postgres

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, folder: Path, size: Size, triggers: tuple[str, ...], *environment: tuple[str, str]
    ) -> Iterator[Self]:
        """Stopped at the end of the block. ``environment``: the switch of a defect."""
        commits = SLOWEST_COMMITS if environment else SLOW_COMMITS
        with Postgres.started(settings=commits) as server:
            setting = Setting(server.url(), ("all", "all"), environment)
            with ClusterScene.of(folder, setting) as scene:
                loader = Loader(scene.service, triggers, RATE_PER_S, scene.recorder)
                gone_s = DATABASE_GONE_S[size]
                nemesis = NodesNemesis(scene.service, scene.recorder, seed_of(size), gone_s)
                yield cls(scene, loader, nemesis, server)

    def kill_database(self, times: int) -> None:
        """So often, after some calls each time."""
        self.nemesis.strike_database(self.server, times)

    def miss_a_call(self) -> bool:
        """Whether one that was acknowledged is not stored."""
        calls = self.scene.recorder.calls()
        stored = {ending.message_id for ending in self.scene.service.endings()}
        return any(call.outcome == "ok" and call.message_id not in stored for call in calls)


@pytest.mark.parametrize("part", PARTS)
def test_p37_the_database_may_be_killed(
    part: int, tmp_path: Path, size: Size, report: Report
) -> None:
    """Ten parts make up the 200 kills of a full run."""
    with TwoNodes.started(tmp_path, size, TRIGGERS) as nodes:
        with nodes.loader.running():
            nodes.kill_database(DATABASE_KILLS[size])
        history, back_s = whole_history(nodes.scene, nodes.nemesis), nodes.nemesis.back_s
    note = f"calls again after {statistics.median(back_s):.1f} s as a rule, {max(back_s):.1f} s"
    report.history(
        "P37",
        "PostgreSQL killed, two nodes",
        cycles=len(back_s),
        history=history,
        note=f"{note} at most",
    )
    assert check(history) == []
    assert ends(history) == {"succeeded"}
    if size != "quick":
        assert max(back_s) <= BACK_S


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param("commits_not_flushed", marks=pytest.mark.full),
        "unknown_commit_taken_for_done",
    ],
)
def test_p37_fails_when(defect: str, tmp_path: Path, report: Report) -> None:
    """Nodes whose database has lost what they remember may never come to rest: what is missing is
    missing at once."""
    found, kills = False, 0
    two_nodes = TwoNodes.started(tmp_path, "quick", ("Recorded",), planted(defect))
    with two_nodes as nodes, nodes.loader.running():
        while not found and kills < MOST_KILLS_OF_A_DEFECT:
            nodes.kill_database(1)
            found, kills = nodes.miss_a_call(), kills + 1
    report.defect("P37", defect, found=found)
    assert found
