"""What is told of nodes: who is down, only where it was seen so for a while; what each has noted of
itself; in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from firesteel.engine.agreement import MOST_S, TOLD_S, Agreement
from firesteel.engine.alerts.conditions import Condition, Conditions
from firesteel.engine.alerts.facts import NOT_YET
from firesteel.engine.alerts.gathering import State, compare_facts
from firesteel.engine.alerts.of_nodes import (
    DOWN_S,
    EXPECTED_S,
    LOOKS_S,
    SETTLES_S,
    NodeFacts,
)
from firesteel.engine.alerts.wording import Writer
from firesteel.engine.clock import SystemClock
from firesteel.engine.housekeeping import Housekeeper
from firesteel.errors import OperatorError
from firesteel.model.alert import AlertItem
from firesteel.model.alerts import (
    DEFAULT_RULES,
    OF_NODES,
    AlertRule,
    Event,
    check_alerts_document,
)
from firesteel.store.catalog import TriggerRules
from firesteel.store.nodes import NoNodes, SeenNode
from firesteel.store.purging import Purging
from tests.support.attended_engine import AttendedEngine, attended_engine
from tests.unit.engine.test_housekeeping import Elsewhere, housekeeper

MIB = 1024**2
LOW = AlertItem(free_bytes=50 * MIB, reserve_bytes=100 * MIB, refusing=True)


class Seen(NoNodes):
    """Nodes as the test says."""

    def __init__(self) -> None:
        self.silent_s: dict[str, float | None] = {}
        self.begun_s = 1000.0
        self.said: dict[str, Purging] = {}
        self.ago_s = 0.0

    async def seen(self) -> list[SeenNode]:
        return [SeenNode(*one, self.begun_s) for one in self.silent_s.items()]

    async def noted(self) -> dict[str, Purging]:
        return self.said

    async def had_turn(self) -> None:
        self.ago_s = 0.0

    async def turn_ago_s(self) -> float:
        return self.ago_s


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def node(tmp_path: Path, seen: Seen) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path, nodes=seen) as made:
        yield made


@pytest.fixture
def now(node: AttendedEngine, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock, to be set."""
    clock = [1000.0]
    monkeypatch.setattr(node.clock, "steady_s", lambda: clock[0])
    node.engine.agreement = Agreement(node.parts)  # begins then
    return clock


def facts(node: AttendedEngine) -> NodeFacts:
    return NodeFacts(node.parts, Conditions(node.parts.catalog, ""), node.engine.agreement)


async def down(looking: NodeFacts) -> list[str]:
    """Those that are to be told."""
    found = await looking.look({"node_down"})
    return [fact.subject for _, fact in found if fact.degree >= 0]


async def test_a_node_is_told_when_it_was_down_at_each_look_for_a_while(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    looking = facts(node)
    seen.silent_s = {"a": None, "b": 20.0}
    assert await down(looking) == []
    now[0] += DOWN_S / 2
    assert await down(looking) == []
    now[0] += DOWN_S / 2
    assert await down(looking) == ["b"]
    assert not looking.is_over("node_down", AlertItem(node="b"))
    seen.silent_s = {"a": None, "b": None}
    assert await down(looking) == []
    assert looking.is_over("node_down", AlertItem(node="b"))


async def test_a_node_that_begins_to_watch_tells_nobody_again_and_ends_nothing(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    rule, state, told = AlertRule(event="node_down"), State("node_down"), []

    async def round_of(watcher: NodeFacts) -> None:
        found = {fact.subject: fact for _, fact in await watcher.look({"node_down"})}
        told.append(compare_facts(state, rule, found, int(now[0] * 1e6), silenced=False))
        now[0] += LOOKS_S

    seen.silent_s = {"a": None, "b": 20.0}
    first, second = facts(node), facts(node)
    for watcher in (first, first, second, first, second):
        await round_of(watcher)
    assert [[item.node for item in one.firing] for one in told] == [[], ["b"], [], [], []]
    assert not any(one.resolved for one in told)
    seen.silent_s = {"a": None, "b": None}
    await round_of(second)
    assert [item.node for item in told[-1].resolved] == ["b"]


async def test_looks_between_which_the_store_was_away_do_not_belong_together(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    looking = facts(node)
    seen.silent_s = {"b": 20.0}
    await down(looking)
    now[0] += LOOKS_S + 1
    assert await down(looking) == []
    now[0] += DOWN_S
    assert await down(looking) == ["b"]


async def test_a_node_that_is_not_expected_any_more_is_not_told_and_not_told_to_be_back(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    looking = facts(node)
    seen.silent_s = {"b": EXPECTED_S + 1}
    await down(looking)
    now[0] += DOWN_S
    assert await down(looking) == []
    seen.silent_s = {}
    assert not looking.is_over("node_down", AlertItem(node="b"))


async def test_what_a_node_has_noted_outlives_it_and_is_read_by_the_one_that_watches(
    node: AttendedEngine, seen: Seen
) -> None:
    catalog = node.parts.catalog
    first = Conditions(catalog, "b")
    first.note("storage_low", Condition(0, LOW))
    first.note("storage_low", Condition(0, AlertItem(free_bytes=1)))  # as bad as before
    await first.write()
    seen.silent_s = {"b": None}
    looking = facts(node)
    ((event, fact),) = await looking.look(OF_NODES)
    assert (event, fact.subject, fact.item) == ("storage_low", "b", LOW)
    assert await looking.look({"archive_failed"}) == []
    again = Conditions(catalog, "b")
    await again.write()  # nothing was looked at yet
    assert len(await looking.look(OF_NODES)) == 1
    again.note("storage_low", None)
    await again.write()
    assert await looking.look(OF_NODES) == []
    assert looking.is_over("storage_low", LOW)


async def test_what_a_node_wrote_before_it_began_anew_is_neither_told_nor_over(
    node: AttendedEngine, seen: Seen
) -> None:
    before = Conditions(node.parts.catalog, "b")
    before.note("storage_low", Condition(1, LOW))
    await before.write()
    seen.silent_s, seen.begun_s = {"b": None}, 3.0
    rule, state = AlertRule(event="storage_low", group_s=1.0), State("storage_low")

    async def told() -> tuple[int, int]:
        found = {fact.subject: fact for _, fact in await facts(node).look({"storage_low"})}
        said = compare_facts(state, rule, found, 1, silenced=False)
        return len(said.firing), len(said.resolved)

    assert await told() == (0, 0)
    seen.begun_s = SETTLES_S
    assert await told() == (1, 0)
    seen.begun_s = 3.0
    assert await told() == (0, 0)
    seen.begun_s = SETTLES_S
    assert await told() == (0, 0)


async def test_a_disk_at_the_edge_is_told_once(node: AttendedEngine) -> None:
    keeper, degrees = housekeeper(node), []
    for hundredths in (201, 199, 215, 219, 99, 105, 99, 111, 219, 221, 201, 199):
        keeper._note_disk(hundredths * MIB, 100 * MIB, refusing=False)
        noted = keeper._conditions._noted["storage_low"]
        degrees.append(None if noted is None else noted.degree)
    assert degrees == [None, 0, 0, 0, 1, 1, 1, 0, 0, None, None, 0]


ARCHIVED = {
    "name": "Kept",
    "trigger": {"authentication": []},
    "retention": {"history": "1h", "archive": True},
}


async def archived_integration(node: AttendedEngine, *, archive: bool = True) -> None:
    await node.store.catalog.ensure_workspace("test")
    rules = TriggerRules(10, 3, "continue", 3600.0, None, archive=archive)
    given = {"rules": rules, "managed_by": "console", "actor": "ada"}
    document = {**ARCHIVED, "retention": {"history": "1h", "archive": archive}}
    await node.store.catalog.publish("test", document, **given)  # type: ignore[arg-type]


async def condition(keeper: Housekeeper) -> Condition | None:
    """What stands in the store of the archive, behind a round of retention."""
    await keeper._retention()
    await keeper._conditions.write()
    return (await keeper._conditions.of("")).get("archive_failed")


async def failing_archive(node: AttendedEngine) -> Path:
    """What is in the way of the archive that has just failed; a round goes by only where there is
    something to purge."""
    await archived_integration(node)
    folder = node.parts.archive.folder
    folder.write_text("no folder")
    with pytest.raises(OperatorError):
        await node.parts.archive.finish()
    assert node.parts.archive.fault
    return folder


async def test_an_archive_that_takes_nothing_is_told_until_it_can_be_written_to(
    node: AttendedEngine,
) -> None:
    """Also while another node purges, so that this one has nothing to write."""
    folder = await failing_archive(node)
    keeper = housekeeper(node)
    for mine in (True, False, True):
        if not mine:
            keeper._jobs = Elsewhere()  # type: ignore[assignment]  # as the port says
        found = await condition(keeper)
        assert found is not None
        assert "File exists" in (found.item.why or "")
    folder.unlink()
    assert await condition(keeper) is None
    left = [path.name for path in folder.iterdir()]
    assert (node.parts.archive.fault, left) == ("", [".lock"])


async def test_what_the_engine_before_found_of_its_archive_stands_until_it_is_tried(
    node: AttendedEngine,
) -> None:
    folder = await failing_archive(node)
    assert await condition(housekeeper(node)) is not None
    node.parts.archive.forget_fault()  # as a new engine begins
    assert await condition(housekeeper(node)) is not None
    folder.unlink()
    node.parts.archive.forget_fault()
    assert await condition(housekeeper(node)) is None


async def test_an_archive_that_nothing_goes_to_any_more_fails_no_more(
    node: AttendedEngine,
) -> None:
    await failing_archive(node)
    keeper = housekeeper(node)
    assert await condition(keeper) is not None
    await archived_integration(node, archive=False)
    assert await condition(keeper) is None
    assert node.parts.archive.fault == ""


async def test_purging_that_waits_for_a_node_is_told_and_ends_after_a_day(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    agreement, looking = node.engine.agreement, facts(node)

    logged: list[str] = []

    async def told() -> tuple[str, list[tuple[str | None, int]]]:
        """Whom purging is left to, and what the watching node finds."""
        for _ in range(2):
            with capture_logs() as lines:
                await agreement.note()
            logged.extend(line["event"] for line in lines if line.get("node") == "a")
        found = await looking.look({"archive_failed"})
        return (await agreement.agreed()).left_to, [(f.item.node, f.degree) for _, f in found]

    def passes(seconds: float) -> None:
        now[0] += seconds
        seen.ago_s += seconds

    archives = Purging(30, archive=True, archive_dir="")
    seen.said = {"a": archives}
    seen.ago_s = 10 * MOST_S  # all nodes were stopped
    assert await told() == ("a", [("a", NOT_YET)])
    passes(TOLD_S)
    assert await told() == ("a", [("a", 0)])
    passes(MOST_S)
    assert await told() == ("", [("a", 0)])
    assert (await agreement.agreed()).given_up == "a"
    seen.ago_s = 0.0  # it has purged
    assert await told() == ("a", [])
    seen.said = {}
    assert await told() == ("", [])
    assert [event for event in logged if event.startswith("purging")] == [
        *("purging_waits", "purging_without_archive", "purging_goes_on")
    ]


async def test_who_purges_in_vain_place_of_another_does_not_have_its_turn(
    node: AttendedEngine, seen: Seen, now: list[float]
) -> None:
    seen.said = {"a": Purging(30, archive=True, archive_dir="")}
    keeper = housekeeper(node)
    now[0] += 2 * MOST_S
    seen.ago_s = 2 * MOST_S
    await keeper._retention()
    assert seen.ago_s == 2 * MOST_S
    seen.said = {}
    await keeper._retention()
    assert seen.ago_s == 0.0


@pytest.mark.parametrize(
    ("event", "item", "firing", "resolved"),
    [
        (
            "node_down",
            AlertItem(node="n2", since="2026-11-30T11:41:51Z"),
            "the node n2 is down: its last sign of life was at 2026-11-30T11:41:51Z",
            "the node n2 is back",
        ),
        (
            "storage_low",
            LOW,
            "the disk has 50 MiB left, its reserve is 100 MiB: calls are refused",
            "the disk has room again",
        ),
        (
            "storage_low",
            AlertItem(node="n2", free_bytes=1843 * MIB, reserve_bytes=1024 * MIB),
            "the disk of the node n2 has 1.8 GiB left, and its reserve of 1.0 GiB is near",
            "the disk of the node n2 has room again",
        ),
        (
            "archive_failed",
            AlertItem(node="n2", since="2026-11-30T11:41:51Z"),
            (
                "nothing is purged since 2026-11-30T11:41:51Z: that is left to the node n2, which "
                "archives by its settings and does not do it"
            ),
            "the node n2 purges again",
        ),
        (
            "archive_failed",
            AlertItem(node="n2", why="its disk is nearly full"),
            "nothing that is to be archived is purged by the node n2: its disk is nearly full",
            "the archive of the node n2 is written to again",
        ),
    ],
)
def test_what_is_told_of_nodes_is_one_sentence(
    event: Event, item: AlertItem, firing: str, resolved: str
) -> None:
    writer = Writer("https://console.example.com/", SystemClock())
    alert = writer.alert(("shop", "rule", event), [item])
    over = writer.alert(("shop", "rule", event), [item], resolved=True)
    assert (alert.data.title, over.data.title) == (firing, f"Resolved: {resolved}")
    page = "workers" if event == "node_down" else "storage"
    assert alert.data.url == f"https://console.example.com/{page}"
    two = [item, item]
    several = writer.alert(("shop", "rule", event), two)
    assert (several.data.lines, "2" in several.data.title) == ([firing, firing], True)
    assert "2" in writer.alert(("shop", "rule", event), two, resolved=True).data.title


def test_a_rule_of_nodes_names_no_integrations_and_all_have_a_rule_by_default() -> None:
    rule = {"event": "node_down", "integrations": ["Orders"]}
    result = check_alerts_document({"channels": {}, "rules": {"nodes": rule}})
    assert [(fault.pointer, fault.code) for fault in result.faults] == [
        ("/rules/nodes/integrations", "not_allowed")
    ]
    assert {rule.event for rule in DEFAULT_RULES.values()} >= OF_NODES
